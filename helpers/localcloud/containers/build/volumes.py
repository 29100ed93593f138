"""What a RUN of the classic builder leaves behind in volumes: nothing but the directories.

Each of its containers gets the volumes that the image declares, filled with what the image has
there, and they go with it (Dockerfile reference, "Notes about specifying volumes"). BuildKit has
no volumes while it builds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from ..images.layers import WHITEOUT, Entry
from ..sandboxes.root_file_system import RootFileSystem
from .variables import VariableError


class Volumes:
    """The volumes at ``paths`` on a root file system.

    Raises :class:`VariableError` for a place where none can be.
    """

    def __init__(self, root: RootFileSystem, paths: Iterable[str]) -> None:
        self._root = root
        self._found: list[PurePosixPath] = []
        for path in paths:
            place = self._root.resolve(f"/{path.lstrip('/')}")
            if not place.relative_to("/").parts:
                raise VariableError(f"a container cannot have a volume at {path}, its whole root")
            existing = self._root.find(str(place))
            if existing is not None and not existing.is_dir():
                raise VariableError(f"cannot mount volume over existing file, file exists {place}")
            self._found.append(place.relative_to("/"))

    def left(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries of a layer without what was written into volumes, with their places."""
        kept = {entry.path: entry for entry in entries if not self._inside(entry.path)}
        for place in self._found:
            for folder in (*reversed(place.parents), place):
                missing = folder.parts and self._root.find(f"/{folder}") is None
                if missing and folder not in kept:
                    kept[folder] = Entry(folder, 0o755, "directory")
        return list(kept.values())

    def _inside(self, path: PurePosixPath) -> bool:
        """Whether it is a volume, below one, or the whiteout of one."""
        if path.name.startswith(WHITEOUT):
            path = path.with_name(path.name.removeprefix(WHITEOUT))
        return any(path.is_relative_to(place) for place in self._found)
