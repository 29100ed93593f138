"""How a command of the az stand-in is made known: its name, its options, what it does."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..errors import UsageError
from .arguments import Parser
from .az_account import AzError, Session

Define = Callable[[Parser], None]
Execute = Callable[[Session, Namespace], Any]
COMMANDS: dict[str, tuple[Define, Execute]] = {}

Settings = dict[str, Any]
FLAG: Settings = {"action": "store_true"}
MANY: Settings = {"nargs": "+"}
REPEATED: Settings = {"action": "append", "default": []}
YES: Settings = {"action": "store_true", "short": "-y"}
# One that may stand alone, and then means true; see :func:`switches`.
SWITCH: Settings = {"nargs": "?", "const": "true"}


def command(
    name: str, *options: tuple[str, ...], **flags: Settings
) -> Callable[[Execute], Execute]:
    """Register a command; each option is its names, "!" at the end makes it required.
    One without dashes is what may stand there without an option's name.

    ``flags`` are what argparse is told of an option, with its ``short`` name.
    """

    def define(parser: Parser) -> None:
        for names in options:
            if not names[0].startswith("-"):
                parser.add_argument(*names, nargs="?")
                continue
            required = names[-1] == "!"
            spelled = [one for one in names if one != "!"]
            parser.add_argument(*spelled, required=required)
        for flag, settings in flags.items():
            further = {key: value for key, value in settings.items() if key != "short"}
            short = [settings["short"]] if "short" in settings else []
            parser.add_argument(f"--{flag.replace('_', '-')}", *short, **further)

    def register(execute: Execute) -> Execute:
        COMMANDS[name] = (define, execute)
        return execute

    return register


def confirm(options: Namespace) -> None:
    """Where az asks first, it fails in a step: there is nobody to answer."""
    if not options.yes:
        raise AzError("Unable to prompt for confirmation as no tty available. Use --yes.")


def switches(options: Namespace, *names: str) -> dict[str, bool]:
    """Those of the options ``names`` that were given, as true or false.

    Raises :class:`UsageError` in the words of azure-cli.
    """
    found = {}
    for name in names:
        value = getattr(options, name)
        if value is None:
            continue
        if value.lower() not in ("true", "false"):
            raise UsageError(
                f"'{value}' is not a valid value for '--{name.replace('_', '-')}'. "
                "Allowed values: true, false."
            )
        found[name] = value.lower() == "true"
    return found


def flat(value: Any) -> Any:
    """A resource as the SDK below az shows it: its ``properties`` beside its name, at every depth."""
    if isinstance(value, list):
        return [flat(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: flat(one) for name, one in value.items() if name != "properties"}
    inner = value.get("properties")
    if isinstance(inner, dict):
        return {**found, **flat(inner)}
    return found if inner is None else {**found, "properties": inner}
