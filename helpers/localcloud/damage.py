"""What of the state is damaged at first sight: the quick part, for ``up`` and ``status``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from . import migrations
from .events import EVENTS


@dataclass(frozen=True)
class Finding:
    """Something that is damaged: what it is, what is wrong, and how it was repaired ("": not)."""

    what: str
    problem: str
    repaired: str = ""
    otherwise: str = "set aside, the rest goes on"  # what happens to it when it is not repaired

    def __str__(self) -> str:
        result = f"repaired: {self.repaired}" if self.repaired else self.otherwise
        return f"{self.what}: {self.problem} ({result})"


class Kind(NamedTuple):
    """A kind of record: its table, the columns that name one, those that hold a JSON object."""

    name: str
    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def broken(self) -> str:
        """The condition of SQL for a record that cannot be read."""
        return " OR ".join(
            f"CASE WHEN json_valid({one}) THEN json_type({one})<>'object' ELSE 1 END"
            for one in self.columns
        )

    def finding(self, row: sqlite3.Row, repaired: str = "") -> Finding:
        """What is told of such a record."""
        name = " ".join(str(row[column]) for column in self.key)
        return Finding(
            f"{self.name} {name}", f"{' or '.join(self.columns)} cannot be read", repaired
        )


KINDS = tuple(
    Kind(*one)
    for one in (
        ("resource", "resources", ("id",), ("body", "private")),
        ("run", "runs", ("key",), ("properties", "request")),
        ("repository", "registry_repositories", ("registry", "repository"), ("attributes",)),
        ("manifest", "registry_manifests", ("registry", "repository", "digest"), ("attributes",)),
        ("tag", "registry_tags", ("registry", "repository", "tag"), ("attributes",)),
        (
            "soft-deleted",
            "registry_deleted",
            ("kind", "registry", "repository", "name", "digest"),
            ("record",),
        ),
        ("secret", "secrets", ("vault", "name", "version"), ("tags",)),
        ("application", "applications", ("object_id",), ("properties",)),
        ("operation", "operations", ("id",), ("request",)),
    )
)


def glance(home: Path) -> list[Finding]:
    """Records that cannot be read, git repositories without content, events that were set aside.

    Reads only, beside a daemon too. Of a state that another version has written it tells nothing.
    """
    path = home / "state.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as state:
        state.row_factory = sqlite3.Row
        try:
            if migrations.version(state) != migrations.VERSION:
                return []
            return [*_records(state), *_git_repositories(state, home), *_events(state)]
        except sqlite3.DatabaseError as error:
            return [
                Finding(
                    "database state.db",
                    str(error),
                    otherwise="to begin anew: python -m helpers reset",
                )
            ]


def _records(state: sqlite3.Connection) -> Iterator[Finding]:
    for kind in KINDS:
        columns = ", ".join(kind.key)
        for row in state.execute(f"SELECT {columns} FROM {kind.table} WHERE {kind.broken}"):  # noqa: S608
            yield kind.finding(row)


def _git_repositories(state: sqlite3.Connection, home: Path) -> Iterator[Finding]:
    for row in state.execute("SELECT id, owner, name FROM git_repositories ORDER BY id"):
        if not (home / "git" / f"{row['id']}.git" / "HEAD").is_file():
            url = f"https://github.com/{row['owner']}/{row['name']}"
            yield Finding(f"git repository {url}", "its content is missing on the disk")


def _events(state: sqlite3.Connection) -> Iterator[Finding]:
    for row in state.execute("SELECT * FROM outbox_set_aside ORDER BY sequence, subscriber"):
        of = f" of {row['subscriber']}" if row["subscriber"] else ""
        yield Finding(f"event {row['sequence']} ({row['kind']}){of}", row["reason"])
    marks = ",".join("?" * len(EVENTS))
    names = [kind.__name__ for kind in EVENTS]
    unknown = f"SELECT sequence, kind FROM outbox WHERE kind NOT IN ({marks})"  # noqa: S608
    for row in state.execute(unknown, names):
        yield Finding(f"event {row['sequence']} ({row['kind']})", "this version does not know it")
