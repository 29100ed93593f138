"""The named volumes of a run: the workspace, the home, those of its task file and of ``docker``."""

from __future__ import annotations

import threading
from pathlib import Path
from secrets import token_hex

from ...containers.running import NAME
from ...root_folder import remove_tree
from ..errors import UsageError


class Volumes:
    """Folders by name; one that is asked for and not there is made, as docker does. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._given: dict[str, Path] = {}
        self._made: dict[str, Path] = {}
        self._lock = threading.Lock()

    def give(self, name: str, folder: Path) -> None:
        """Let ``folder`` be the volume ``name``; it is of the run, and stays."""
        self._given[name] = folder

    def create(self, name: str = "") -> str:
        """Make a volume; its name. Raises :class:`UsageError` for one that is none."""
        name = name or token_hex(32)
        self.place(name)
        return name

    def place(self, name: str) -> Path:
        """The folder of a volume; of "" that of a new one. Raises :class:`UsageError`."""
        name = name or token_hex(32)
        if not NAME.fullmatch(name):
            raise UsageError(
                f'docker: Error response from daemon: create {name}: "{name}" includes invalid '
                'characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed.'
            )
        with self._lock:
            found = self._given.get(name) or self._made.get(name)
            if found is None:
                found = self._made[name] = self._folder / token_hex(8)
                found.mkdir(parents=True, mode=0o755)
            return found

    def empty(self) -> Path:
        """A folder without a name, which nobody else gets; it goes with the run."""
        folder = self._folder / token_hex(8)
        folder.mkdir(parents=True, mode=0o755)
        return folder

    def names(self) -> list[str]:
        """All that there are."""
        with self._lock:
            return sorted({*self._given, *self._made})

    def remove(self, name: str) -> bool:
        """Remove one with what is in it; False when there is none, or it is the run's own."""
        with self._lock:
            found = self._made.pop(name, None)
        if found is not None:
            remove_tree(found)
        return found is not None
