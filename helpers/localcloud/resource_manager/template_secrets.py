"""Parameters of deployments that are secrets of a vault: Azure Resource Manager reads them itself.

Source: "Use Azure Key Vault to pass secure parameter value during deployment".
"""

from __future__ import annotations

from typing import Any

from ..cloud import Cloud
from ..errors import CloudError, status_name
from ..key_vault.reader import read_for_template
from ..principals import Principal
from ..resource_types import VAULT_TYPE
from .models import Model, read
from .routing import invalid

_ACTION = f"{VAULT_TYPE}/deploy/action"
_MORE = "Please see https://aka.ms/arm-keyvault for usage details."


class KeyVault(Model):
    """The vault, by its ARM id."""

    id: str | None = None


class SecretReference(Model):
    """A secret; without a version the newest."""

    key_vault: KeyVault | None = None
    secret_name: str | None = None
    secret_version: str | None = None


def secret_of(cloud: Cloud, principal: Principal, parameter: str, reference: Any) -> str:
    """The value of a parameter that is a ``reference``. Raises :class:`CloudError`.

    Whoever deploys needs no right to the secret itself, but to deploy with the vault, which must be
    enabled for that.
    """
    if not isinstance(reference, dict):
        raise invalid(f"The reference of the parameter '{parameter}' must be an object.")
    given = read(SecretReference, reference, "deployments")
    vault_id = given.key_vault.id if given.key_vault is not None else None
    if not vault_id or not given.secret_name:
        raise invalid(
            f"The reference of the parameter '{parameter}' needs 'keyVault.id' and 'secretName'."
        )
    vault = cloud.store.get(vault_id)
    if vault is None or vault.type != VAULT_TYPE:
        raise invalid(
            f"The specified KeyVault '{vault_id}' could not be found. {_MORE}",
            "KeyVaultParameterReferenceNotFound",
        )
    if not cloud.permissions.allowed(principal.object_id, _ACTION, vault.id):
        raise CloudError(
            403,
            "KeyVaultParameterReferenceAuthorizationFailed",
            f"The client '{principal.app_id}' with object id '{principal.object_id}' does not have "
            f"permission to perform action '{_ACTION}' on the specified KeyVault resource "
            f"'{vault.id}'. {_MORE}",
        )
    try:
        return read_for_template(cloud, vault, given.secret_name, given.secret_version or "")
    except CloudError as error:
        raise invalid(
            f"The secret of KeyVault parameter '{parameter}' cannot be retrieved. Http status code: "
            f"'{status_name(error.status)}'. Error message: '{error.message}'. {_MORE}",
            "KeyVaultParameterReferenceSecretRetrieveFailed",
        ) from None
