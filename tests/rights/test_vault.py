"""Every role and every permission of a policy at every operation of a vault, against the documentation.

The operations are those that the service has: tests/project/test_rights.py is red for one without a row.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from tests.conftest import LocalCloud
from tests.proofs.operations import VAULT, operations

from .people import NOBODY, People, Person
from .roles import ROLES, named

AUDIENCE = "https://vault.azure.net"
# Data actions: Azure/role-based-access-control/permissions/security; what each operation needs of an
# access policy: the REST reference of its operation ("This operation requires the secrets/get permission").
RBAC_PAGE = "https://learn.microsoft.com/azure/key-vault/general/rbac-guide"
POLICY_PAGE = "https://learn.microsoft.com/rest/api/keyvault/secrets"


class Row(NamedTuple):
    """The data action of Microsoft.KeyVault/vaults/secrets, and the permission of a policy."""

    action: str
    permission: str


OPERATIONS = {
    "GET /secrets": Row("readMetadata/action", "list"),
    "GET /secrets/*/versions": Row("readMetadata/action", "list"),
    "GET /secrets/*": Row("getSecret/action", "get"),
    "PUT /secrets/*": Row("setSecret/action", "set"),
    "PATCH /secrets/*": Row("update/action", "set"),
    "DELETE /secrets/*": Row("delete", "delete"),
    "GET /deletedsecrets": Row("readMetadata/action", "list"),
    "GET /deletedsecrets/*": Row("readMetadata/action", "get"),
    "POST /deletedsecrets/*/recover": Row("recover/action", "recover"),
    "DELETE /deletedsecrets/*": Row("purge/action", "purge"),
    "POST /secrets/*/backup": Row("backup/action", "backup"),
    "POST /secrets/restore": Row("restore/action", "restore"),
}
PERMISSIONS = (  # the REST reference of vaults, SecretPermissions
    *("all", "get", "list", "set", "delete", "backup", "restore", "recover", "purge"),
)
_EVERY = {row.action for row in OPERATIONS.values()}
BY_ROLE = {
    role: actions
    for roles, actions in (
        ("kva kvo", _EVERY),
        ("kvr", {"readMetadata/action"}),
        ("kvu kcu", {"getSecret/action", "readMetadata/action"}),
    )
    for role in named(roles)
}


ROUTES = [one.row for one in operations(VAULT)]


class Vaults(People):
    """A vault that goes by roles, and one by policies."""

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(cloud)
        self.names = {rbac: f"vault{uuid.uuid4().hex[:10]}" for rbac in (True, False)}
        for rbac, name in self.names.items():
            self.put(name, rbac, [])

    def put(self, name: str, rbac: bool, policies: list[tuple[Person, list[str]]]) -> None:
        tenant = self.cloud.account.tenant_id
        properties = {
            "tenantId": tenant,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": rbac,
            "accessPolicies": [
                {"tenantId": tenant, "objectId": one.object_id, "permissions": {"secrets": held}}
                for one, held in policies
            ],
        }
        answer = self.manage(
            "PUT",
            f"{self.group}/providers/Microsoft.KeyVault/vaults/{name}",
            {"location": "eastus", "properties": properties},
        )
        assert answer.status_code in (200, 201), answer.text

    def refused(self, name: str, person: Person) -> dict[str, str]:
        """The operations that are refused, and the words."""
        found = {}
        for operation in ROUTES:
            method, _, where = operation.partition(" ")
            answer = self.ask(
                method,
                f"https://{name}.vault.azure.net{where.replace('*', 'none')}",
                params={"api-version": "7.4"},
                json={"value": 1} if method == "PUT" else {} if method == "PATCH" else None,
                headers=self.bearer(person, AUDIENCE),
            )
            assert answer.status_code not in (401, 500, 501), answer.text
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "Forbidden"
                found[operation] = answer.json()["error"]["message"]
        return found


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[Vaults]:
    with closing(Vaults(local_cloud)) as made:
        yield made


@pytest.mark.parametrize("role", [*ROLES, NOBODY])
def test_a_role_allows_what_is_documented_and_nothing_else(world: Vaults, role: str) -> None:
    refused = world.refused(world.names[True], world.person(ROLES.get(role, NOBODY)))
    allowed = BY_ROLE.get(role, set())
    expected = {one for one, row in OPERATIONS.items() if row.action not in allowed}
    assert set(refused) == expected, RBAC_PAGE
    for operation, told in refused.items():
        action = f"Microsoft.KeyVault/vaults/secrets/{OPERATIONS[operation].action}"
        assert f"Action: '{action}'" in told


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_policy_allows_what_its_permission_says_and_nothing_else(
    world: Vaults, permission: str
) -> None:
    person, name = world.person(NOBODY), world.names[False]
    world.put(name, False, [(person, [permission])])
    refused = world.refused(name, person)
    held = {permission} if permission != "all" else set(PERMISSIONS) - {"purge"}
    expected = {one for one, row in OPERATIONS.items() if row.permission not in held}
    assert set(refused) == expected, POLICY_PAGE
    for operation, told in refused.items():
        needed = OPERATIONS[operation].permission
        assert f"does not have secrets {needed} permission on key vault '{name}" in told


def test_roles_count_for_nothing_where_policies_do_and_the_other_way_round(world: Vaults) -> None:
    officer = world.person(ROLES["kvo"])
    by_policy = world.names[False]
    world.put(by_policy, False, [])
    assert set(world.refused(by_policy, officer)) == set(OPERATIONS)
    nobody, by_role = world.person(NOBODY), world.names[True]
    world.put(by_role, True, [(nobody, ["all", "purge"])])
    assert set(world.refused(by_role, nobody)) == set(OPERATIONS)
