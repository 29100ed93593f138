"""Who may do what with a vault's secrets: by access policy, or by role where the vault says so."""

from __future__ import annotations

import ipaddress

from ..cloud import Cloud
from ..errors import CloudError
from ..principals import VAULT, Principal, TokenError
from ..request_values import bearer_token
from ..resource_types import VAULT_TYPE
from ..store import Resource

_ARM = "797f4846-ba00-4fd7-ba43-dac1f8f63013"  # the application id of Azure Resource Manager
_ADDRESS = ipaddress.ip_address("127.0.0.1")  # from where everybody asks
_DATA_ACTIONS = {  # learn.microsoft.com, Key Vault data actions
    "get": "getSecret/action",
    "get deleted": "readMetadata/action",  # it shows no value
    "list": "readMetadata/action",
    "set": "setSecret/action",
    "update": "update/action",
    "delete": "delete",
    "recover": "recover/action",
    "purge": "purge/action",
    "backup": "backup/action",
    "restore": "restore/action",
}
_OF_POLICIES = {"get deleted": "get", "update": "set"}  # an access policy knows fewer permissions


def authenticate(cloud: Cloud, authorization: str | None) -> Principal:
    """The caller that a bearer token for vaults proves. Raises 401 with the challenge."""
    challenge = {
        "WWW-Authenticate": 'Bearer authorization="https://login.microsoftonline.com/'
        f'{cloud.account.tenant_id}", resource="https://vault.azure.net"'
    }
    token = bearer_token(authorization)
    if not token:
        raise CloudError(
            401,
            "Unauthorized",
            "AKV10000: Request is missing a Bearer or PoP token.",
            headers=challenge,
        )
    try:
        return cloud.principals.verify(token, VAULT)
    except TokenError as error:
        number = {
            "InvalidAuthenticationTokenAudience": "AKV10022: Invalid audience.",
            "ExpiredAuthenticationToken": "AKV10015: The token is expired.",
        }.get(error.code, "AKV10016: The token's signature or issuer is not valid.")
        raise CloudError(
            401, "Unauthorized", f"{number} {error.message}", headers=challenge
        ) from None


def vault_of(cloud: Cloud, name: str) -> Resource:
    """The vault of that name. Raises 404: a real vault's name would not resolve either."""
    found = cloud.store.find(type=VAULT_TYPE, name=name)
    if not found:
        raise CloudError(
            404,
            "VaultNotFound",
            f"There is no vault '{name}'. Check its name, create it, or recover it if it was "
            "deleted.",
        )
    return found[0]


def check(
    cloud: Cloud, vault: Resource, principal: Principal, permission: str, secret: str | None
) -> None:
    """Raise 403 Forbidden, in Key Vault's words, unless ``principal`` may, from this machine."""
    caller = f"appid={principal.app_id};oid={principal.object_id};iss={cloud.principals.issuer}"
    place = f"{vault.name};location={vault.body['location']}"
    _check_network(vault, caller, place)
    if vault.properties["enableRbacAuthorization"]:
        action = f"{VAULT_TYPE}/secrets/{_DATA_ACTIONS[permission]}"
        scope = vault.id + (f"/secrets/{secret}" if secret else "")
        if cloud.permissions.allowed(principal.object_id, action, scope, data=True):
            return
        raise CloudError(
            403,
            "Forbidden",
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny "
            "assignments or role definitions were changed recently, please observe propagation "
            f"time.\r\nCaller: {caller}\r\nAction: '{action}'\r\nResource: '{scope.lower()}'\r\n"
            f"Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\n"
            f"Vault: {place}\r\n",
            headers={"innererror": "ForbiddenByRbac"},
        )
    permission = _OF_POLICIES.get(permission, permission)
    for policy in vault.properties["accessPolicies"]:
        if policy.get("applicationId"):
            continue  # of an application on behalf of a user: there are none
        if policy["objectId"].lower() == principal.object_id.lower():
            held = {str(one).lower() for one in policy["permissions"].get("secrets") or []}
            # "all" has everything but purge (Key Vault access policy reference)
            if permission in held or ("all" in held and permission != "purge"):
                return
    raise CloudError(
        403,
        "Forbidden",
        f"The user, group or application '{caller}' does not have secrets {permission} permission "
        f"on key vault '{place}'. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125287",
        headers={"innererror": "AccessDenied"},
    )


def check_template(cloud: Cloud, vault: Resource) -> None:
    """Raise 403 Forbidden unless Azure Resource Manager may read secrets for a deployment.

    It is a trusted service, which networks that may not ask do not stop, unless the vault says so.
    """
    tenant = cloud.account.tenant_id
    caller = f"name=ARM;tid={tenant};appid={_ARM};iss={cloud.principals.issuer}"
    place = f"{vault.name};location={vault.body['location']}"
    if not vault.properties.get("enabledForTemplateDeployment"):
        raise CloudError(
            403,
            "Forbidden",
            f"Access denied to first party service.\r\nCaller: {caller}\r\nVault: {place}",
            headers={"innererror": "AccessDenied"},
        )
    if (vault.properties.get("networkAcls") or {}).get("bypass") == "None":
        _check_network(vault, caller, place)


def _check_network(vault: Resource, caller: str, place: str) -> None:
    """Raise 403 where the vault may not be asked from here: every client is on loopback."""
    if vault.properties.get("publicNetworkAccess") == "Disabled":
        raise CloudError(
            403,
            "Forbidden",
            "Public network access is disabled and request is not from a trusted service nor via "
            f"an approved private link.\r\nCaller: {caller}\r\nVault: {place}",
            headers={"innererror": "ForbiddenByConnection"},
        )
    rules = vault.properties.get("networkAcls") or {}
    if rules.get("defaultAction") != "Deny":
        return
    if not any(_ADDRESS in ipaddress.ip_network(one["value"]) for one in rules["ipRules"]):
        raise CloudError(
            403,
            "Forbidden",
            "Client address is not authorized and caller is not a trusted service.\r\nClient "
            f"address: {_ADDRESS}\r\nCaller: {caller}\r\nVault: {place}",
            headers={"innererror": "ForbiddenByFirewall"},
        )
