"""The root file system of a container as its layers give it, read without mounting anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LINKS = 40  # how many symbolic links a path may go through, as in Linux (path_resolution(7))


@dataclass(frozen=True)
class Account:
    """A user as ``/etc/passwd`` of the image, or a plain number, names it."""

    uid: int
    gid: int
    name: str
    home: str


class UnknownUserError(ValueError):
    """The image has no such user or group."""


class RootFileSystem:
    """Directories stacked as overlayfs would stack them; ``layers`` lowest first."""

    def __init__(self, layers: Sequence[Path]) -> None:
        self._layers = tuple(reversed(layers))

    def entry(self, path: PurePosixPath) -> Path | None:
        """The topmost entry for ``path``, whose parent is free of links; None when there is none."""
        relative = path.relative_to("/")
        for layer in self._layers:
            candidate = layer / relative
            try:
                status = candidate.lstat()
            except (FileNotFoundError, NotADirectoryError):
                if self._hides(layer, relative):
                    return None
                continue
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:  # an overlay whiteout
                return None
            return candidate
        return None

    @staticmethod
    def _hides(layer: Path, relative: PurePosixPath) -> bool:
        """Whether ``layer`` hides what lower layers have at ``relative``."""
        current = layer
        for part in relative.parts[:-1]:
            current = current / part
            try:
                status = current.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return False
            if not stat.S_ISDIR(status.st_mode):
                return True
            for name in ("user.overlay.opaque", "trusted.overlay.opaque"):
                try:
                    if os.getxattr(current, name, follow_symlinks=False) == b"y":
                        return True
                except OSError:
                    continue
        return False

    def resolve(self, path: str) -> PurePosixPath:
        """``path`` with its symbolic links followed inside the root; parts may be missing.

        Raises OSError (ELOOP) on too many links.
        """
        pending = [part for part in reversed(PurePosixPath("/", path).parts) if part != "/"]
        resolved = PurePosixPath("/")
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                resolved = resolved.parent
                continue
            entry = self.entry(resolved / part)
            if entry is not None and entry.is_symlink():
                links += 1
                if links > LINKS:
                    raise OSError(40, os.strerror(40), path)
                target = PurePosixPath(entry.readlink())
                if target.is_absolute():
                    resolved = PurePosixPath("/")
                pending += [piece for piece in reversed(target.parts) if piece != "/"]
            else:
                resolved = resolved / part
        return resolved

    def find(self, path: str) -> Path | None:
        """Where the file or directory ``path`` really lies on the host; None when missing."""
        resolved = self.resolve(path)
        return self._layers[0] if str(resolved) == "/" else self.entry(resolved)

    def read(self, path: str) -> str:
        """The text of a file; '' when it is missing."""
        found = self.find(path)
        if found is None or not found.is_file():
            return ""
        return found.read_text(errors="replace")

    def account(self, user: str) -> Account:
        """Who ``USER user[:group]`` is. Raises :class:`UnknownUserError` in Docker's words."""
        wanted, _, group = (user or "0").partition(":")
        rows = [line.split(":") for line in self.read("/etc/passwd").splitlines()]
        rows = [row for row in rows if len(row) >= 6 and row[2].isdigit() and row[3].isdigit()]
        row = next((row for row in rows if row[0] == wanted or row[2] == wanted), None)
        if row is not None:
            account = Account(int(row[2]), int(row[3]), row[0], row[5] or "/")
        elif wanted.isdigit():
            account = Account(int(wanted), 0, wanted, "/root" if wanted == "0" else "/")
        elif wanted == "root":
            account = Account(0, 0, "root", "/root")
        else:
            raise UnknownUserError(f"unable to find user {wanted}: no matching entries in passwd")
        if not group:
            return account
        return Account(account.uid, self._group(group), account.name, account.home)

    def _group(self, group: str) -> int:
        if group.isdigit():
            return int(group)
        for line in self.read("/etc/group").splitlines():
            row = line.split(":")
            if len(row) >= 3 and row[0] == group and row[2].isdigit():
                return int(row[2])
        raise UnknownUserError(f"unable to find group {group}: no matching entries in group file")
