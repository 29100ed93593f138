"""Command lines of the tools: argparse, with errors in the tool's own words."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`UsageError` instead of leaving the process."""

    def __init__(self, name: str) -> None:
        super().__init__(prog=name, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and leaving; an option that is unknown here may be real."""
        if message.startswith("unrecognized arguments: "):
            message = stand_in(self.prog, message)
        raise UsageError(message)


def stand_in(command: str, message: str) -> str:
    """``message`` about what a command of the local cloud lacks, so that nobody takes it for the real one."""
    tool = command.partition(" ")[0]
    return (
        f"{message}. This is the local cloud's stand-in for {tool}, with the options of {command} that "
        f"task files use; the real {tool} may have this one"
    )
