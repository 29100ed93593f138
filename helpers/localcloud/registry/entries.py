"""What a registry remembers of a repository, a manifest or a tag: its times and its locks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..store import decoded, readable

ATTRIBUTES = ("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled")


@dataclass(frozen=True)
class Entry:
    """A row that can be locked: a repository, a manifest (``name`` is its digest) or a tag."""

    name: str
    digest: str
    created: float
    updated: float
    attributes: dict[str, bool]
    media_type: str = ""
    size: int = 0
    subject: str = field(default="")


def entries_of(rows: Iterable[sqlite3.Row], name: str) -> list[Entry]:
    """What the rows of a table hold; ``name`` is the column that names them."""
    key = dict.fromkeys(("registry", "repository", name))
    return readable("image of registry", tuple(key), rows, lambda row: _entry(row, row[name]))


def _entry(row: sqlite3.Row, name: str) -> Entry:
    keys = row.keys()
    return Entry(
        name,
        row["digest"] if "digest" in keys else "",
        row["created"],
        row["updated"],
        {**dict.fromkeys(ATTRIBUTES, True), **decoded(row, "attributes")},
        row["media_type"] if "media_type" in keys else "",
        row["size"] if "size" in keys else 0,
        row["subject"] if "subject" in keys else "",
    )
