"""``az`` in a task step: a stand-in for the commands that task files use.

Every command is real requests to the local cloud under the identity's own token, so what the
identity may not do fails as it does on Azure.
"""

from __future__ import annotations

import json
from typing import Any

import jmespath
import jmespath.exceptions
import requests
import yaml

from . import ToolContext
from .arguments import Parser, UsageError
from .az_account import AzError, Session
from .az_commands import COMMANDS


def run(arguments: list[str], context: ToolContext) -> int:
    """Run one az command; returns its exit status (2 for a wrong command line)."""
    if arguments[:1] in (["--version"], ["version"]):
        context.log("az stand-in of the local cloud, for ACR Tasks steps")
        return 0
    name, words = _find(arguments)
    if name is None:
        shown = " ".join(word for word in arguments[:3] if not word.startswith("-"))
        context.log(
            f"ERROR: '{shown}' is not in the az stand-in of the local cloud. It has: "
            + ", ".join(f"az {known}" for known in sorted(COMMANDS))
            + ". Other commands work on Azure only."
        )
        return 2
    define, execute = COMMANDS[name]
    parser = Parser(f"az {name}")
    parser.add_argument("-o", "--output", default="json")
    parser.add_argument("--query")
    parser.add_argument("--only-show-errors", action="store_true")
    parser.add_argument("--subscription")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    define(parser)
    try:
        options = parser.parse_args(words)
        result = execute(Session(context), options)
        text = _render(result, options.query, options.output)
    except UsageError as error:
        context.log(f"ERROR: az {name}: {error}")
        return 2
    except AzError as error:
        context.log(f"ERROR: {error}")
        return error.exit_status
    except requests.RequestException as error:
        context.log(f"ERROR: the request failed: {error}")
        return 1
    if text:
        context.log(text)
    return 0


def _find(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The longest command that the first words name, and the words after it."""
    for length in (4, 3, 2, 1):
        name = " ".join(arguments[:length])
        if name in COMMANDS and length <= len(arguments):
            return name, arguments[length:]
    return None, arguments


def _render(result: Any, query: str | None, output: str) -> str:
    if query:
        try:
            result = jmespath.search(query, result)
        except jmespath.exceptions.JMESPathError as error:
            raise UsageError(f"argument --query: invalid jmespath_type value: {error}") from None
    if output == "none" or result is None:
        return ""
    if output in ("json", "jsonc"):
        return json.dumps(result, indent=2)
    if output in ("yaml", "yamlc"):
        return yaml.safe_dump(result, sort_keys=False).rstrip()
    if output in ("tsv", "table"):
        rows = result if isinstance(result, list) else [result]
        return "\n".join("\t".join(map(_cell, _cells(row))) for row in rows)
    raise UsageError(f"argument --output/-o: invalid choice: '{output}'")


def _cells(row: Any) -> list[Any]:
    if isinstance(row, dict):
        return [v for v in row.values() if not isinstance(v, (dict, list))]
    return row if isinstance(row, list) else [row]


def _cell(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return "" if value is None else str(value)
