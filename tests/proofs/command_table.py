"""Prints the version of az, and the names of all commands of some groups, as JSON.

For the Python of the Azure CLI's environment, with the groups as arguments.
"""

from __future__ import annotations

import importlib
import json
import sys

# Else threads import them, and one another's parts.
_FIRST = ("azure.core.tracing", "azure.core.pipeline.transport", "azure.core.rest")


def main(groups: list[str]) -> None:
    """Print them."""
    for name in _FIRST:
        importlib.import_module(name)
    core = importlib.import_module("azure.cli.core")
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
    print(json.dumps({"version": core.__version__, "commands": names}))


if __name__ == "__main__":
    main(sys.argv[1:])
