"""What the first code of every notebook does: read its parameters, connect, catch up."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from . import cells, parameters
from .clouds import Connection, connect
from .errors import HelpersError
from .progress import builds_on_others, catch_up
from .settings import Settings

_begun: tuple[Settings, Connection] | None = None


def begin(number: str, namespace: MutableMapping[str, Any]) -> tuple[Settings, Connection]:
    """Begin the notebook ``number`` ("08"), whose ``namespace`` is ``globals()``.

    The settings are those of its parameters cell, where that is empty those of settings.toml. Then
    the cloud is connected, and what the notebook builds on is made if it is not there. Raises
    :class:`~helpers.settings.SettingsError` for a parameter that is misspelt or has a value that
    Azure would refuse, before anything is started; and what ``connect`` and ``catch_up`` raise.
    """
    global _begun  # noqa: PLW0603 - a kernel works in one cloud at a time
    asked = f"begin({number!r}, …)"
    parameters.check_number(number, asked)
    if not isinstance(namespace, MutableMapping):
        raise HelpersError(f"{asked}: what follows is globals(), the notebook's names.")
    _begun = None  # what goes wrong below leaves no earlier cloud for the exercises to look at
    kernel = cells.of_this_kernel()
    if kernel is not None:
        kernel.number, kernel.connection = number, None
    cells.mark_old_outputs()
    notebook = _copied(parameters.notebook(number, asked))
    given = parameters.given(namespace, parameters.of(notebook))
    folder = notebook.parent if (notebook.parent / parameters.FILE).exists() else None
    settings = parameters.made(given, folder or parameters.NOTEBOOKS)
    connection = connect(settings.cloud, github_owner=settings.github_owner)
    if kernel is not None:
        kernel.connection = connection
    if builds_on_others(number):
        catch_up(number, settings, connection)
    _begun = settings, connection
    return _begun


def current() -> tuple[Settings, Connection] | None:
    """What the notebook of this kernel has begun with, or None before it has begun."""
    return _begun


def _copied(notebook: Path) -> Path:
    """The copy of a notebook here, which has a settings.toml beside it; itself where there is none."""
    copy = Path.cwd() / notebook.name
    return copy if copy.is_file() else notebook
