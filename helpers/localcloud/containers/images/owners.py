"""Who owns the files of an image: kept beside its layers, for on disk all belong to one user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..sandboxes.root_file_system import RootFileSystem
from .layers import WHITEOUT, Entry

Owner = tuple[int, int]  # user id, group id
ROOT: Owner = (0, 0)


class Owners:
    """The owners of what is in ``layers`` (unpacked, lowest first); see :func:`write_owners`."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._root = RootFileSystem(layers)
        self._owners = {layer: _read(layer) for layer in layers}

    def of(self, path: PurePosixPath) -> Owner | None:
        """Who owns ``path``, relative to the root and without links; None when it is not there."""
        found = self._root.entry(PurePosixPath("/", path))
        if found is None:
            return None
        layer = next(one for one in self._owners if found.is_relative_to(one))
        return self._owners[layer].get(str(path), ROOT)

    def give(self, entries: Iterable[Entry], creator: Owner) -> list[Entry]:
        """The entries of a layer with owners: what was there keeps its own, ``creator`` has the rest.

        A container knows one user only, so its files do not say whose they are.
        """
        given = []
        for entry in entries:
            uid, gid = ROOT
            if not entry.path.name.startswith(WHITEOUT):
                uid, gid = self.of(entry.path) or creator
            given.append(replace(entry, uid=uid, gid=gid))
        return given


def write_owners(layer: Path, owners: dict[str, Owner]) -> None:
    """Keep the owners of an unpacked layer's files that are not root's."""
    if owners:
        _file(layer).write_text(json.dumps(owners))


def _file(layer: Path) -> Path:
    return layer.with_name(f"{layer.name}.owners")


def _read(layer: Path) -> dict[str, Owner]:
    try:
        return {
            path: (uid, gid) for path, (uid, gid) in json.loads(_file(layer).read_text()).items()
        }
    except FileNotFoundError:
        return {}
