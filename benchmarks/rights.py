"""What a request costs, and a page of assignments, with 10,000 role assignments in the store."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from .clouds import manager, registry
from .report import Figure, compared, median
from .sides import Side, Started, each

ASSIGNMENTS = 10_000
_TYPE = "Microsoft.Authorization/roleAssignments"
_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """The medians of a request before and after, and of a page, for each side."""
    before, after, pages = zip(*each(sides, folder, _measure), strict=True)
    many = f"of {ASSIGNMENTS} role assignments"
    return [
        compared("a request, one role assignment", before, "ms", note="median of 100"),
        compared(f"… with {ASSIGNMENTS}", after, "ms", 10, "median of 100"),
        compared(f"a page {many}", pages, "ms", 500, "median of 5"),
    ]


def _measure(started: Started) -> tuple[float, float, float]:
    http, group = manager(started.running)
    url = registry(http, group, "rights")

    def ask() -> None:
        http.get(url, timeout=60).raise_for_status()

    def page() -> None:
        answer = http.get(f"{group}/providers/{_TYPE}", timeout=60)
        answer.raise_for_status()

    before = median(ask, 100) * 1000
    scope = url.removeprefix("https://management.azure.com")
    _fill(Path(started.running.home), started.running.account.object_id, scope)
    after = median(ask, 100) * 1000
    return before, after, median(page, 5) * 1000


def _fill(home: Path, object_id: str, scope: str) -> None:
    """Half of them are the caller's own, at other scopes; half are of others at the registry."""
    rows = []
    for number in range(ASSIGNMENTS):
        own = number % 2 == 0
        place = f"{scope}/tasks/task{number}" if own else scope
        name = str(uuid.uuid4())
        properties = {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{_READER}",
            "principalId": object_id if own else str(uuid.uuid4()),
            "scope": place,
        }
        one = f"{place}/providers/{_TYPE}/{name}"
        body = json.dumps({"properties": properties})
        rows.append((one.lower(), one, _TYPE, name, "", "", body, "{}", float(number), 0.0))
    with closing(sqlite3.connect(home / "state.db", timeout=60)) as connection, connection:
        connection.executemany("INSERT INTO resources VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
