"""Every operation of the services, and every built-in role, has a row in the tables of tests/rights.

Whoever adds an operation says there which action it needs, by the documentation, and whom that allows.
"""

from __future__ import annotations

import pytest

from helpers.localcloud.built_in_roles import ROLES as BUILT_IN
from tests.rights import documented, test_registry, test_resource_manager, test_vault
from tests.rights.roles import ROLES

TABLES = {
    "tests/rights/documented.py": (
        [test_resource_manager.key(*route) for route in test_resource_manager.ROUTES],
        set(documented.OPERATIONS),
    ),
    "tests/rights/test_registry.py": (test_registry.ROUTES, set(test_registry.OPERATIONS)),
    "tests/rights/test_vault.py": (test_vault.ROUTES, set(test_vault.OPERATIONS)),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_operation_has_a_row_and_every_row_is_one(table: str) -> None:
    here, rows = TABLES[table]
    assert sorted(set(here) - rows) == [], f"operations without a row of OPERATIONS in {table}"
    assert sorted(rows - set(here)) == [], f"rows in {table} of operations that there are not"


def test_every_action_tells_its_roles_and_its_page() -> None:
    lacking = set(documented.OPERATIONS.values()) - set(documented.ACTIONS)
    assert not lacking, "actions without a row of ACTIONS in tests/rights/documented.py"
    for action in documented.ACTIONS.values():
        assert action.roles <= set(ROLES)
        assert action.page.startswith("https://learn.microsoft.com/")


def test_every_built_in_role_is_tried() -> None:
    assert {role.name for role in BUILT_IN} == set(ROLES.values())
    assert len({role.guid for role in BUILT_IN}) == len(BUILT_IN)
