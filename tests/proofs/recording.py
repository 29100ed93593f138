"""What real clients have called while the suite ran: recorded by each test, compared at the end.

Every local cloud of a test writes its requests into one file; a test that has passed proves the
operations that were answered with success meanwhile, for the clients that called them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.front_door.request_log import VARIABLE
from helpers.tutorial import ROOT

from .clients import client
from .operations import Operation, Operations

PROVEN = ROOT / "docs" / "coverage.json"
SEEN = ROOT / "build" / "proofs.json"
Proofs = dict[Operation, dict[str, str]]  # by operation and client: a module of tests
_UNPREDICTABLE = ("operationstatuses/", "operationresults/", "operations/")
_CHOOSING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf")  # options of pytest


class Recording:
    """The plugin of a process that runs tests: what they show is added to ``proofs``."""

    def __init__(self, file: Path, proofs: Proofs) -> None:
        os.environ[VARIABLE] = str(file)
        self._file = file
        self._read = 0
        self._operations = Operations()
        self._proofs = proofs

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Who has called what during a test."""
        try:
            return (yield)
        finally:
            module = str(item.path.relative_to(ROOT))
            for line in self._new():
                self._add(json.loads(line), module)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker tells what its tests have shown."""
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["proofs"] = dump(self._proofs)

    def _new(self) -> list[bytes]:
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()  # it is being written
        self._read += sum(map(len, lines))
        return lines

    def _add(self, request: dict[str, Any], module: str) -> None:
        name = client(*(request.get(one, "") for one in ("agent", "sdk", "user")))
        if name is None or request["status"] >= 400:
            return
        operation = self._operations.of(request)
        if operation is not None:
            add(self._proofs, operation, name, module)


def add(proofs: Proofs, operation: Operation, name: str, module: str) -> None:
    """Of several modules that prove the same, the first one is named."""
    by_client = proofs.setdefault(operation, {})
    by_client[name] = min(by_client.get(name, module), module)


def dump(proofs: Proofs) -> list[dict[str, Any]]:
    """Proofs as they are stored."""
    return [
        {
            "service": operation.service,
            "method": operation.method,
            "path": operation.path,
            "clients": dict(sorted(proofs[operation].items())),
        }
        for operation in sorted(proofs)
    ]


def load(stored: list[dict[str, Any]]) -> Proofs:
    """What :func:`dump` has stored."""
    return {Operation(one["service"], one["method"], one["path"]): one["clients"] for one in stored}


def lost(proven: Proofs, seen: Proofs) -> list[str]:
    """What was proven once and is not any more, a line for each.

    Nothing is expected of a client that this machine has not got, and nothing of what is only
    asked while an operation still goes on.
    """
    there = {name for clients in seen.values() for name in clients}
    return [
        f"{operation.service}: {operation.method} {operation.path} by {name} (was in {module})"
        for operation, clients in sorted(proven.items())
        if not any(word in operation.path.lower() for word in _UNPREDICTABLE)
        for name, module in clients.items()
        if name in there and name not in seen.get(operation, {})
    ]


class Comparison:
    """The plugin of the process that the others report to: what all of them add to ``seen``."""

    def __init__(self, seen: Proofs) -> None:
        self._seen = seen
        self._lost: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """What one worker has seen."""
        stored = getattr(node, "workeroutput", {}).get("proofs", [])
        for operation, clients in load(stored).items():
            for name, module in clients.items():
                add(self._seen, operation, name, module)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """After the whole suite: store what it has shown; it is red when something was lost."""
        config = session.config
        chosen = any(config.getoption(one, None) for one in _CHOOSING)
        if chosen or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
            return
        SEEN.parent.mkdir(exist_ok=True)
        SEEN.write_text(json.dumps(dump(self._seen), indent=1))
        if exitstatus:
            return
        self._lost = lost(load(json.loads(PROVEN.read_text())["operations"]), self._seen)
        if self._lost:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was lost."""
        if self._lost:
            terminalreporter.section("docs/coverage.md claims what no test of this run has shown")
            for line in self._lost:
                terminalreporter.line(line)
            terminalreporter.line("Where that is right: python -m tests.proofs")
