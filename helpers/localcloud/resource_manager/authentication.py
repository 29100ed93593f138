"""Who sends a request to Azure Resource Manager: the bearer token says it."""

from __future__ import annotations

from ..cloud import Cloud
from ..errors import CloudError
from ..principals import MANAGEMENT, Principal, TokenError
from ..request_values import bearer_token


def authenticate(cloud: Cloud, authorization: str | None) -> Principal:
    """The caller that a bearer token proves. Raises 401 as ARM words it."""
    challenge = {
        "WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/'
        f'{cloud.account.tenant_id}", error="invalid_token", '
        'error_description="The access token is missing or invalid."'
    }
    token = bearer_token(authorization)
    if not token:
        raise CloudError(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
            headers=challenge,
        )
    try:
        return cloud.principals.verify(token, MANAGEMENT)
    except TokenError as error:
        raise CloudError(401, error.code, error.message, headers=challenge) from None
