"""Who talks to the git host: the account's personal access token, or nobody in particular."""

from __future__ import annotations

import base64
import binascii
import hmac

from ..cloud import Cloud


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
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise BadCredentialsError from None
        candidates = [password, user]
    elif scheme.lower() in ("token", "bearer"):
        candidates = [value.strip()]
    else:
        raise BadCredentialsError
    expected = cloud.account.github_token.encode()
    if any(hmac.compare_digest(one.encode(), expected) for one in candidates):
        return cloud.account.github_owner
    raise BadCredentialsError
