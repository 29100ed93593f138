"""Who talks to the git host: the account's personal access token, or nobody in particular."""

from __future__ import annotations

import hmac

from ..cloud import Cloud
from ..request_values import basic_credentials


class BadCredentialsError(Exception):
    """Credentials were sent, and they are wrong."""


def authenticate(cloud: Cloud, authorization: str | None) -> str | None:
    """The account that the header proves, None when there is no header.

    git sends the token as user name or as password, the REST API as ``token`` or ``Bearer``.
    Raises :class:`BadCredentialsError`.
    """
    if not authorization:
        return None
    scheme, _, value = authorization.partition(" ")
    pair = basic_credentials(authorization)
    if pair is not None:
        candidates = [*pair]
    elif scheme.lower() in ("token", "bearer"):
        candidates = [value.strip()]
    else:
        raise BadCredentialsError
    expected = cloud.account.github_token.encode()
    if any(hmac.compare_digest(one.encode(), expected) for one in candidates):
        return cloud.account.github_owner
    raise BadCredentialsError
