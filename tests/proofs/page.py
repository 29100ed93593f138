"""docs/coverage.md: what the local cloud answers, and which client has shown it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from .commands import GROUPS, Outcome, Version
from .operations import MANAGER, SERVICES, Operation
from .reasons import REASONS
from .recording import Proofs

_SCOPE = re.compile(r"/subscriptions/\{subscription\}(?:/resourceGroups/\{group\})?/providers/")
_INTRODUCTION = """\
# What the local cloud answers

Every operation of every service, found where it is registered. A client stands beside an operation when a
test called it with that client, over a socket, and was answered with success; the link leads to the test (the
first one, where several do). `none` means that tests call the operation by plain HTTP only; the last table
tells why. The suite is red when it no longer shows what stands here.

This page tells what is answered; what of an answer differs from Azure's, and what is refused, is in
[README](../README.md#how-local-differs). {azure}

`python -m tests.proofs` writes it, after a whole run of the suite; `python -m tests.proofs az` asks every
command of az again."""
_NEVER = "None of this has been verified on a real Azure subscription yet."
_WORDS = {
    Outcome.WORKS: "works",
    Outcome.LACKING: "says that it is not there",
    Outcome.WRONG: "wrong",
    Outcome.UNTRIED: "not tried",
}


def page(operations: Iterable[Operation], proofs: Proofs, az: Sequence[Version], azure: str) -> str:
    """The whole page; ``azure`` is the date on which it was verified there, '' for never."""
    verified = f"Verified on a real Azure subscription on {azure}." if azure else _NEVER
    by_service = {one: list(found) for one, found in groupby(operations, lambda o: o.service)}
    parts = [_INTRODUCTION.format(azure=verified), *_commands(az)]
    for service in SERVICES:
        parts += [f"## {service}", *_tables(service, by_service.get(service, []), proofs)]
    parts += ["## Operations without a client", _reasons()]
    return "\n\n".join(parts) + "\n"


def _tables(service: str, operations: list[Operation], proofs: Proofs) -> Iterator[str]:
    if service != MANAGER:
        yield _table(operations, proofs)
        return
    for kind, found in groupby(sorted(operations, key=_by_kind), _kind):
        yield f"### {kind}"
        yield _table(list(found), proofs)


def _table(operations: list[Operation], proofs: Proofs) -> str:
    rows = ["| Operation | Shown by |", "|---|---|"]
    for one in operations:
        clients = proofs.get(one, {})
        shown = ", ".join(f"[{name}](../{test})" for name, test in sorted(clients.items()))
        path = _SCOPE.sub("…/", one.path, count=1)
        rows.append(f"| `{one.method} {path}` | {shown or 'none'} |")
    return "\n".join(rows)


def _reasons() -> str:
    rows = ["| Operation | Why no client shows it |", "|---|---|"]
    for one, why in sorted(REASONS.items()):
        rows.append(f"| {one.service}: `{one.method} {one.path}` | {why} |")
    return "\n".join(rows)


def _kind(operation: Operation) -> str:
    """The provider and the first type of an operation of Resource Manager."""
    _, _, rest = operation.path.rpartition("/providers/")
    words = rest.split("/")
    named = len(words) > 1 and not words[0].startswith("{")
    return f"{words[0]}/{words[1]}" if named and not words[1].startswith("{") else "Resources"


def _by_kind(operation: Operation) -> tuple[str, str, str]:
    return _kind(operation), operation.path, operation.method


def _commands(az: Sequence[Version]) -> Iterator[str]:
    yield "## Commands of az"
    words = ", ".join(_WORDS.values())
    yield f"How many commands of each group, by version of az: {words}."
    rows = [f"| Group | {' | '.join(one.name for one in az)} |", "|---|" + "---|" * len(az)]
    for group in (*GROUPS, ""):
        counts = [" / ".join(map(str, one.counts(group))) for one in az]
        rows.append(f"| {f'`az {group}`' if group else 'all'} | {' | '.join(counts)} |")
    yield "\n".join(rows)
    commands = sorted({command for one in az for command in one.outcomes})
    for kind in (Outcome.LACKING, Outcome.WRONG, Outcome.UNTRIED):
        named = []
        for command in commands:
            versions = [one.name for one in az if one.outcomes.get(command) == kind]
            if versions:
                alone = f" ({', '.join(versions)})" if len(versions) < len(az) else ""
                named.append(f"`{command}`{alone}")
        if named:
            yield f"{_WORDS[kind].capitalize()}: {', '.join(named)}."
