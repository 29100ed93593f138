"""Who owns the files of an image: kept beside its layers, for on disk all belong to one user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...user_namespace import available
from ..sandboxes.ownership import ROOT, Owner, read_owners, taken_over, write_owners
from ..sandboxes.root_file_system import RootFileSystem
from .layers import WHITEOUT, Entry, changes

__all__ = ["ROOT", "Owner", "Owners", "write_owners"]


class Owners:
    """The owners of what is in ``layers`` (unpacked, lowest first); see :func:`write_owners`."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._root = RootFileSystem(layers)
        self._owners = {layer: read_owners(layer) for layer in layers}

    def of(self, path: PurePosixPath) -> Owner | None:
        """Who owns ``path``, relative to the root and without links; None when it is not there."""
        found = self._root.entry(PurePosixPath("/", path))
        if found is None:
            return None
        layer = next(one for one in self._owners if found.is_relative_to(one))
        return self._owners[layer].get(str(path), ROOT)

    def written(self, upper: Path, creator: Owner) -> list[Entry]:
        """What a container has changed, as entries of a layer with owners. Raises OSError.

        ``creator`` is who it ran as; see :meth:`give`. Where containers have several users, the
        files say whose they are.
        """
        owners = taken_over(upper, available())
        if owners is None:
            return self.give(changes(upper), creator)
        return [
            replace(entry, uid=uid, gid=gid)
            for entry in changes(upper)
            for uid, gid in [owners.get(str(entry.path), ROOT)]
        ]

    def give(self, entries: Iterable[Entry], creator: Owner) -> list[Entry]:
        """The entries of a layer with owners: what was there keeps its own, ``creator`` has the rest.

        Of a container that knows one user only, whose files do not say whose they are.
        """
        given = []
        for entry in entries:
            uid, gid = ROOT
            if not entry.path.name.startswith(WHITEOUT):
                uid, gid = self.of(entry.path) or creator
            given.append(replace(entry, uid=uid, gid=gid))
        return given
