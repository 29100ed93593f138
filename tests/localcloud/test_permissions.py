"""Whether a principal may do something: by the scopes of its assignments, found by an index."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.permissions import Permissions, scopes_above
from helpers.localcloud.resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from helpers.localcloud.store import Resource, Store

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GROUP = "/subscriptions/one/resourceGroups/Team"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/acme"
READ = "Microsoft.ContainerRegistry/registries/read"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state.db")
    yield made
    made.close()


def assign(store: Store, principal: str, scope: str, role: str = READER) -> Resource:
    name = str(uuid.uuid4())
    properties = {
        "roleDefinitionId": f"/subscriptions/one/providers/{DEFINITION_TYPE}/{role}",
        "principalId": principal,
        "scope": scope,
    }
    one = f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}"
    return store.put(Resource(one, ASSIGNMENT_TYPE, name, "", {"properties": properties}))


@pytest.mark.parametrize(
    ("granted", "asked", "allowed"),
    [
        (GROUP, GROUP, True),
        (GROUP, REGISTRY, True),
        (GROUP, f"{REGISTRY}/", True),
        (GROUP.upper(), REGISTRY.lower(), True),
        ("/subscriptions/one", REGISTRY, True),
        (REGISTRY, REGISTRY, True),
        (REGISTRY, f"{REGISTRY}/tasks/build", True),
        (REGISTRY, GROUP, False),
        (REGISTRY, f"{REGISTRY}2", False),
        (f"{GROUP}2", REGISTRY, False),
        ("/subscriptions/two", REGISTRY, False),
    ],
)
def test_an_assignment_counts_at_its_scope_and_below(
    store: Store, granted: str, asked: str, allowed: bool
) -> None:
    assign(store, "Ada", granted)
    permissions = Permissions(store)
    assert permissions.allowed("ada", READ, asked) is allowed
    assert not permissions.allowed("bob", READ, asked)
    assert permissions.any_role("ADA")
    assert not permissions.any_role("bob")


def test_the_scopes_above_end_with_the_scope_itself() -> None:
    assert scopes_above("/A/b/") == ["", "/a", "/a/b"]


def test_a_check_reads_no_assignment_of_others_nor_of_other_scopes(store: Store) -> None:
    """10,000 assignments: SQLite's plan is to search the index, by principal and by scope."""
    with store.transaction():
        for number in range(5000):
            assign(store, f"somebody-{number}", REGISTRY)
            assign(store, "ada", f"{REGISTRY}/tasks/task{number}")
    permissions = Permissions(store)
    assert not permissions.allowed("ada", READ, REGISTRY)
    assert permissions.allowed("ada", READ, f"{REGISTRY}/tasks/task4999")
    assert permissions.allowed("somebody-77", READ, REGISTRY)
    assert len(permissions.assignments("ada", scopes_above(f"{REGISTRY}/tasks/task7"))) == 1
    asked: list[str] = []
    with store.transaction() as connection:
        connection.set_trace_callback(asked.append)
        permissions.allowed("ada", READ, REGISTRY)
        permissions.any_role("ada")
        connection.set_trace_callback(None)
    selects = [sql for sql in asked if sql.startswith("SELECT")]
    assert len(selects) == 2
    for sql, columns in zip(selects, (2, 1), strict=True):
        plan = " ".join(row["detail"] for row in store.query(f"EXPLAIN QUERY PLAN {sql}"))
        assert f"USING INDEX role_assignments ({' AND '.join(['<expr>=?'] * columns)})" in plan


def test_an_assignment_that_is_damaged_gives_no_rights_and_stops_nobody(store: Store) -> None:
    for damage in ("{", "[]", '{"properties": {}}', '{"properties": {"principalId": "ada"}}'):
        broken = assign(store, "ada", GROUP)
        store.execute("UPDATE resources SET body=? WHERE key=?", (damage, broken.key))
    nothing = f'{{"properties": {{"principalId": "ada", "scope": "{GROUP}"}}}}'
    broken = assign(store, "ada", GROUP)
    store.execute("UPDATE resources SET body=? WHERE key=?", (nothing, broken.key))
    permissions = Permissions(store)
    assert not permissions.allowed("ada", READ, REGISTRY)
    assign(store, "ada", GROUP)
    assert permissions.allowed("ada", READ, REGISTRY)
