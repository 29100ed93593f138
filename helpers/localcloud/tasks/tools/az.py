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

from ..errors import UsageError
from . import ToolContext, az_commands, az_registries, az_repositories  # noqa: F401
from .arguments import Parser
from .az_account import AzError, Session
from .az_registration import COMMANDS


def run(arguments: list[str], context: ToolContext) -> int:
    """Run one az command; returns its exit status (2 for a wrong command line)."""
    if arguments[:1] in (["--version"], ["version"]):
        context.log("az stand-in of the local cloud, for ACR Tasks steps")
        return 0
    name, words = _find(arguments)
    if name is None:
        shown = " ".join(word for word in arguments[:3] if not word.startswith("-"))
        context.tell(
            f"ERROR: '{shown}' is not in the az stand-in of the local cloud. It has: "
            + ", ".join(f"az {known}" for known in sorted(COMMANDS))
            + ". Other commands work on Azure only."
        )
        return 2
    define, execute = COMMANDS[name]
    parser = Parser(f"az {name}")
    settings = context.environment  # as azure-cli reads its configuration from there
    parser.add_argument("-o", "--output", default=settings.get("AZURE_CORE_OUTPUT") or "json")
    parser.add_argument("--query")
    parser.add_argument("--only-show-errors", action="store_true")
    parser.add_argument("--subscription")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    define(parser)
    try:
        options = parser.parse_args(words)
        session = Session(context, warnings=not options.only_show_errors)
        result = execute(session, options)
        text = _render(result, options.query, options.output)
    except UsageError as error:
        context.tell(f"ERROR: az {name}: {error}")
        return 2
    except AzError as error:
        context.tell(f"ERROR: {error}")
        return error.exit_status
    except requests.RequestException as error:
        context.tell(f"ERROR: the request failed: {error}")
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
        except RecursionError:
            raise UsageError("argument --query: the expression is nested too deeply") from None
    if output == "none" or result is None:
        return ""
    if output in ("json", "jsonc"):
        return json.dumps(result, indent=2, ensure_ascii=False, sort_keys=True)
    if output in ("yaml", "yamlc"):
        return yaml.safe_dump(result, allow_unicode=True).rstrip()
    rows = result if isinstance(result, list) else [result]
    ordered = query is not None  # a query chooses the order, else it is that of the names
    if output == "tsv":
        return "\n".join("\t".join(map(_cell, _cells(row, ordered=ordered))) for row in rows)
    if output == "table":
        return _table([_columns(row, ordered=ordered) for row in rows])
    raise UsageError(f"argument --output/-o: invalid choice: '{output}'")


def _cells(row: Any, *, ordered: bool) -> list[Any]:
    """The values of a row of tab-separated values."""
    if isinstance(row, dict):
        return list(row.values()) if ordered else [row[name] for name in sorted(row)]
    if isinstance(row, bool):
        return [str(row).lower()]
    return row if isinstance(row, list) else [row]


def _cell(value: Any) -> str:
    """As knack prints it: of a list how many it has, of an object nothing."""
    if isinstance(value, dict):
        return ""
    return str(len(value) if isinstance(value, list) else value)


def _columns(row: Any, *, ordered: bool) -> dict[str, str]:
    """A row of a table by its headings; what is no single value is left out (knack/output.py)."""
    if isinstance(row, list):
        return {f"Column{number}": str(value) for number, value in enumerate(row, 1)}
    if not isinstance(row, dict):
        return {"Result": str(row)}
    names = list(row) if ordered else sorted(row)
    return {
        name[:1].upper() + name[1:]: str(row[name])
        for name in names
        if name not in ("id", "type", "etag")
        and not isinstance(row[name], (dict, list, type(None)))
    }


def _table(rows: list[dict[str, str]]) -> str:
    headings = list(dict.fromkeys(name for row in rows for name in row))
    lines = [headings, *([row.get(name, "") for name in headings] for row in rows)]
    lines[0] = [name.ljust(len(name) + 2) for name in headings]  # as tabulate has it
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)
