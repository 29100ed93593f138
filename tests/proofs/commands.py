"""Every command of the groups of az that the local cloud is for: does it work, and does it say so if not?"""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

from tests.az import Answer, AzProcess
from tests.conftest import LocalCloud

GROUPS = (
    *("account", "acr", "ad", "container", "deployment", "group", "identity"),
    *("keyvault", "lock", "provider", "resource", "role", "tag"),
)
MODULES = ("acr", "container", "keyvault", "role", "identity", "resource", "profile")
SCENARIO = Path(__file__).with_name("commands.txt")
RESULTS = Path(__file__).with_name("commands.json")
_EXPECTING, _REFUSED = " => ", "!"
_NAMED = re.compile(r"(?P<name>\w+) = (?P<command>.*)")
_LACKING = (
    "ocal cloud does not implement",
    "by the local cloud",
    "The local cloud has ",
    "The local cloud issues tokens for",
)
_SHOWN = 300  # characters of what a command has said


class Outcome(Enum):
    """What came of a command."""

    WORKS = "works"
    LACKING = "lacking"
    WRONG = "wrong"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Step:
    """A line of the scenario: a command, what it must say, whether Azure refuses it."""

    text: str
    expected: str
    refused: bool
    name: str  # of what it prints, for the steps after it

    def words(self, names: dict[str, str]) -> list[str]:
        """The command, with the names replaced."""
        return [Template(word).substitute(names) for word in shlex.split(self.text)]


@dataclass(frozen=True)
class Result:
    """The outcome of a command of az; what it said where that is not as expected."""

    command: str
    outcome: Outcome
    said: str = ""

    @staticmethod
    def of(stored: dict[str, str]) -> Result:
        """As it was stored."""
        return Result(stored["command"], Outcome(stored["outcome"]), stored.get("said", ""))

    def stored(self) -> dict[str, str]:
        """As it is stored."""
        said = {"said": self.said} if self.said else {}
        return {"command": self.command, "outcome": self.outcome.value, **said}


def scenario(text: str) -> list[Step]:
    """The steps of a scenario. Empty lines and those with # tell nothing."""
    lines = map(str.strip, text.splitlines())
    return [_step(line) for line in lines if line and not line.startswith("#")]


def _step(line: str) -> Step:
    match = _NAMED.fullmatch(line)
    name, line = match.groups() if match else ("", line)
    text, _, expected = line.partition(_EXPECTING)
    refused = expected.startswith(_REFUSED)
    return Step(text, expected.removeprefix(_REFUSED).strip(), refused, name)


def command_of(words: Sequence[str], commands: Iterable[str]) -> str:
    """The longest command that the words begin with, '' for none."""
    line = " ".join(words) + " "
    return max((one for one in commands if line.startswith(f"{one} ")), key=len, default="")


def outcome(step: Step, answer: Answer, names: dict[str, str]) -> Outcome:
    """What an answer of az means."""
    expected = Template(step.expected).substitute(names)
    said = f"{answer.output}\n{answer.error}"
    if answer.status and any(one in said for one in _LACKING):
        return Outcome.LACKING
    right = bool(answer.status) == step.refused and expected in said
    return Outcome.WORKS if right and "Traceback" not in said else Outcome.WRONG


def results(az: AzProcess, steps: Sequence[Step], names: dict[str, str]) -> dict[str, Any]:
    """Run the scenario; the version of az, and the outcome of every command of its groups.

    A command that several steps call works when all of them do.
    """
    table = az.table(GROUPS)
    order = list(Outcome)
    found: dict[str, Result] = {one: Result(one, Outcome.UNTRIED) for one in table["commands"]}
    for step in steps:
        words = step.words(names)
        answer = az.run(words)
        now = outcome(step, answer, names)
        print(f"{now.value:9}{step.text}", flush=True)
        said = ""
        if now == Outcome.WRONG:
            said = (answer.error or answer.output).strip()
            last = "\n".join(line[:_SHOWN] for line in said.splitlines()[-4:])
            print(textwrap.indent(last, " " * 9), flush=True)
            said = f"{step.text}: {said}"[:_SHOWN]
        if step.name:
            names = {**names, step.name: answer.output.strip()}
        command = command_of(words, found)
        if not command:
            continue
        before = found[command].outcome
        if before == Outcome.UNTRIED or order.index(now) > order.index(before):
            found[command] = Result(command, now, said)
    stored = [one.stored() for one in found.values()]
    return {"version": table["version"], "results": stored}


def groups(found: Iterable[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Results by the group of az that the command belongs to."""
    for group, some in groupby(found, lambda one: one.command.split()[0]):
        yield group, list(some)


def names(cloud: LocalCloud) -> dict[str, str]:
    """What the scenario's ``$names`` are in a cloud."""
    account = cloud.account
    return {
        "subscription": account.subscription_id,
        "tenant": account.tenant_id,
        "client": account.client_id,
        "secret": account.client_secret,
        "github": account.github_owner,
        "git_token": account.github_token,
        "proxy": cloud.proxy_url,
        "home": os.fspath(cloud.home),
    }
