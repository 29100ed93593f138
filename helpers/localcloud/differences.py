"""Where task files and builds deliberately differ from ACR Tasks: what README and the tests ask.

A difference stands here only when it is meant: a limit that the local cloud needs, or a refusal
that names what it lacks. The names of cases are those of tests/cases; each of them differs, or the
test of the cases is red.
"""

from __future__ import annotations

from dataclasses import dataclass

ENGINE = "engine"  # tests/cases/engine/cases.jsonl: task files, templates, dependency scans
CLASSIC = "classic"  # tests/cases/build/cases.jsonl: Docker's classic builder
BUILDKIT = "buildkit"  # tests/cases/build/buildkit.jsonl: the same with BuildKit


@dataclass(frozen=True)
class Difference:
    """One difference: its name, one sentence for readers, and the cases that show it."""

    name: str
    reason: str
    suite: str = ENGINE
    cases: tuple[str, ...] = ()


DIFFERENCES: tuple[Difference, ...] = ()


def cases_of(suite: str) -> dict[str, Difference]:
    """The cases of a suite that differ on purpose, by name."""
    return {name: one for one in DIFFERENCES if one.suite == suite for name in one.cases}
