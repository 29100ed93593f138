"""Runs commands of az, each in a process of its own that need not import everything first.

For the Python of the Azure CLI's environment, with the command modules to import. A line of JSON in, a line
of JSON out: ``{"run": words}`` runs a command, ``{"groups": names}`` asks for all commands of some groups.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
from typing import Any

# Else threads import them, and one another's parts.
_FIRST = ("azure.core.tracing", "azure.core.pipeline.transport", "azure.core.rest")
_SECONDS = 180  # for one command


def main(modules: list[str]) -> None:
    """Answer until the input ends."""
    for name in _FIRST:
        importlib.import_module(name)
    core = importlib.import_module("azure.cli.core")
    for name in modules:
        importlib.import_module(f"azure.cli.command_modules.{name}.custom")
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _run(core, asked["run"]) if "run" in asked else _table(core, asked["groups"])
        print(json.dumps(answer), flush=True)


def _run(core: Any, words: list[str]) -> list[Any]:
    """Exit status, output and errors of one command."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            status = 1
            signal.alarm(_SECONDS)
            try:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                try:
                    status = core.get_default_cli().invoke(words)
                except SystemExit as error:
                    status = int(error.code or 0)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        answer: list[Any] = [os.waitstatus_to_exitcode(ended)]
        for file in (output, errors):
            file.seek(0)
            answer.append(file.read().decode(errors="replace"))
    return answer


def _table(core: Any, groups: list[str]) -> dict[str, Any]:
    """az's version, and the names of all commands of some groups."""
    cli = core.get_default_cli()
    cli.invocation = cli.invocation_cls(
        cli_ctx=cli,
        parser_cls=cli.parser_cls,
        commands_loader_cls=cli.commands_loader_cls,
        help_cls=cli.help_cls,
    )
    loader = cli.invocation.commands_loader
    loader.load_command_table(None)
    names = [one for one in sorted(loader.command_table) if one.split()[0] in groups]
    return {"version": core.__version__, "commands": names}


if __name__ == "__main__":
    main(sys.argv[1:])
