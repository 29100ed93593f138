"""Every command of the groups of az that the local cloud is for: does it work, and does it say so if not?"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from string import Template
from typing import Any

import trustme

from tests.az import NOT_LOADED, Answer, Az
from tests.conftest import LocalCloud
from tests.deployments.planning import group, registry, template

GROUPS = (
    *("account", "acr", "ad", "container", "deployment", "group", "identity"),
    *("keyvault", "lock", "provider", "resource", "role", "tag"),
)
SCENARIO = Path(__file__).with_name("commands.txt")
RESULTS = Path(__file__).with_name("commands.json")
_TABLE = Path(__file__).with_name("command_table.py")
_EXPECTING, _REFUSED, _MAIN = " => ", "!", "* "
_NAMED = re.compile(r"(?P<name>\w+) = (?P<command>.*)")
_LACKING = (
    "ocal cloud does not implement",
    "by the local cloud",
    "The local cloud has ",
    "The local cloud issues tokens for",
)
_TEMPLATES = {
    "template": template(registry("commandsfour", location="westeurope")),
    "group": template(group("two", "westeurope")),
}
_SECONDS = 180  # for one command
_USAGE = 2  # the exit status of az for words that it does not know
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
    main: bool  # whether it is of the walk that the suite goes with each az

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
    main = line.startswith(_MAIN)
    line = line.removeprefix(_MAIN)
    match = _NAMED.fullmatch(line)
    name, line = match.groups() if match else ("", line)
    text, _, expected = line.partition(_EXPECTING)
    refused = expected.startswith(_REFUSED)
    return Step(text, expected.removeprefix(_REFUSED).strip(), refused, name, main)


def command_of(words: Sequence[str], commands: Iterable[str]) -> str:
    """The longest command that the words begin with, '' for none."""
    line = " ".join(words) + " "
    return max((one for one in commands if line.startswith(f"{one} ")), key=len, default="")


def is_of(step: Step, commands: Iterable[str]) -> bool:
    """Whether a version of az with these commands of its groups has that of the step.

    What it does not have, it looks for in other places, for half a minute.
    """
    words = shlex.split(step.text)
    return words[0] not in GROUPS or bool(command_of(words, commands))


def outcome(step: Step, answer: Answer, names: dict[str, str]) -> Outcome:
    """What an answer of az means. A step with words that this version does not know tries nothing."""
    expected = Template(step.expected).substitute(names)
    said = f"{answer.output}\n{answer.error}"
    if answer.status and any(one in said for one in _LACKING):
        return Outcome.LACKING
    if answer.status == _USAGE and not step.refused:
        return Outcome.UNTRIED
    right = bool(answer.status) == step.refused and expected in said
    return Outcome.WORKS if right and "Traceback" not in said else Outcome.WRONG


def asking(cloud: LocalCloud, folder: Path, program: str | None) -> Az:
    """An az for steps of the scenario, in a folder with the files that they name."""
    for name, document in _TEMPLATES.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "source").mkdir()
    (folder / "source" / "one.txt").write_text("one")
    authority = trustme.CA(key_type=trustme.KeyType.RSA)  # as security domains need
    (folder / "key.pem").write_bytes(authority.private_key_pem.bytes())
    (folder / "certificate.pem").write_bytes(authority.cert_pem.bytes())
    return Az(cloud, folder / "azure", program, cwd=folder, seconds=_SECONDS)


def run(
    az: Az, steps: Iterable[Step], names: dict[str, str]
) -> Iterator[tuple[Step, Outcome, str]]:
    """Run steps one after the other: what became of each, and what az said where that is wrong."""
    for step in steps:
        answer = az.answer(*step.words(names))
        now = outcome(step, answer, names)
        wrong = now == Outcome.WRONG
        yield step, now, (answer.error or answer.output).strip() if wrong else ""
        if step.name:
            names = {**names, step.name: answer.output.strip()}


def results(az: Az, steps: Iterable[Step], names: dict[str, str]) -> dict[str, Any]:
    """Run the scenario; the version of az, and the outcome of every command of its groups.

    A command that several steps call works when all of them do.
    """
    table = _table(az)
    order = list(Outcome)
    found: dict[str, Result] = {one: Result(one, Outcome.UNTRIED) for one in table["commands"]}
    for step, now, said in run(az, [one for one in steps if is_of(one, found)], names):
        last = "\n".join(line[:_SHOWN] for line in said.splitlines()[-4:])
        told = f"{table['version']} {now.value:9}{step.text}\n{textwrap.indent(last, ' ' * 9)}"
        print(told.strip(), flush=True)
        command = command_of(shlex.split(step.text), found)
        before = found[command].outcome if command else now
        worse = before == Outcome.UNTRIED or order.index(now) > order.index(before)
        if worse and now != Outcome.UNTRIED:
            found[command] = Result(command, now, said and f"{step.text}: {said}"[:_SHOWN])
    stored = [one.stored() for one in found.values()]
    return {"version": table["version"], "results": stored}


def _table(az: Az) -> Any:
    """The ``version`` of an az, and all ``commands`` of its groups."""
    assert az.program is not None
    done = subprocess.run(
        # -I: tests/ is not searched, which has a package azure of its own.
        [Path(az.program).with_name("python"), "-I", "-W", "ignore", _TABLE, *GROUPS],
        env=az.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert NOT_LOADED not in done.stderr, done.stderr
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Version:
    """A version of az, and the outcomes of its commands by their names."""

    name: str
    outcomes: dict[str, Outcome]

    def counts(self, group: str = "") -> list[int]:
        """How many commands of a group of az, or of all, had each outcome."""
        found = [
            one
            for command, one in self.outcomes.items()
            if not group or command.split()[0] == group
        ]
        return [found.count(one) for one in Outcome]


def stored() -> list[Version]:
    """What was found out of each version, the oldest first."""
    return [
        Version(
            one["version"],
            {found.command: found.outcome for found in map(Result.of, one["results"])},
        )
        for one in json.loads(RESULTS.read_text())
    ]


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
