"""What is wrong with a task file, a command line or a secret: a foreseeable failure of a run."""

from __future__ import annotations


class TaskError(Exception):
    """A run cannot start or go on; the text is what its log says."""


class UsageError(Exception):
    """A command line that the tool does not understand; ``status`` is what docker exits with."""

    status = 125


class ArgumentsError(UsageError):
    """Too few or too many arguments."""

    status = 1
