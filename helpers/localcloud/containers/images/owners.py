"""Who owns the files of an image: kept beside its layers, for on disk all belong to one user."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...user_namespace import available
from ..sandboxes.account import Account
from ..sandboxes.ownership import ROOT, Owner, effective_mode, taken_over, write_owners
from ..sandboxes.root_file_system import RootFileSystem
from .layers import WHITEOUT, Entry, changes

__all__ = ["ROOT", "Owner", "Owners", "write_owners"]


class Owners:
    """The owners of what is in ``layers`` (unpacked, lowest first); see :func:`write_owners`."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._root = RootFileSystem(layers)

    def of(self, path: PurePosixPath) -> Owner | None:
        """Who owns ``path``, relative to the root and without links; None when it is not there."""
        return self._root.owner(PurePosixPath("/", path))

    def written(self, upper: Path, account: Account) -> list[Entry]:
        """What a container that ran as ``account`` has changed, as entries of a layer. Raises OSError.

        Where containers have several users, the files say whose they are. Else what was there keeps
        its owner, and ``account`` has the rest.
        """
        owners = taken_over(upper, available())
        if owners is None:
            return [self._given(entry, account) for entry in changes(upper)]
        return [
            replace(entry, uid=uid, gid=gid)
            for entry in changes(upper)
            for uid, gid in [owners.get(str(entry.path), ROOT)]
        ]

    def _given(self, entry: Entry, account: Account) -> Entry:
        """An entry of a container that knows one user, with the owner that it has by the layers."""
        if entry.path.name.startswith(WHITEOUT):
            return entry
        owner = self.of(entry.path)
        if owner is None:
            return replace(entry, uid=account.uid, gid=account.gid)
        found = self._root.entry(PurePosixPath("/", entry.path))
        mode = entry.mode
        if found is not None and entry.kind in ("file", "directory"):
            before = stat.S_IMODE(found.lstat().st_mode)
            # What it saw was a copy with fewer rights; see ownership.restricted.
            if mode == effective_mode(before, owner, account):
                mode = before
        return replace(entry, mode=mode, uid=owner[0], gid=owner[1])
