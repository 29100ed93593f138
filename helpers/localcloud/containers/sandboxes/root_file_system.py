"""The root file system of a container as its layers give it, read without mounting anything."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...resolution import LINKS
from ...root_folder import FileBelow, RootFolder
from .account import Account, UnknownUserError
from .overlay import is_opaque, is_whiteout
from .ownership import ROOT, Owner, read_owners

_LARGEST = 1 << 20  # bytes of a file of an image that are read: it may be sparse, of any size
LARGEST_ID = (1 << 31) - 1  # of a user or group, as Docker takes it
# Of one of /etc/passwd; the kernel takes the next one for "no change".
_LARGEST_LISTED = (1 << 32) - 2
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class RootFileSystem:
    """Directories stacked as overlayfs would stack them; ``layers`` lowest first.

    Layers do not change: what was looked up once is not looked up again.
    """

    def __init__(self, layers: Sequence[Path]) -> None:
        self._layers = tuple((layer, RootFolder(layer)) for layer in reversed(layers))
        self._known: dict[PurePosixPath, tuple[Path, FileBelow] | None] = {}
        self._owners: dict[Path, Mapping[str, Owner]] = {}

    def entry(self, path: PurePosixPath) -> Path | None:
        """The topmost entry for ``path``, whose parent is free of links; None when there is none."""
        found = self._entry(path)
        return found and found[0]

    def _entry(self, path: PurePosixPath) -> tuple[Path, FileBelow] | None:
        if path not in self._known:
            self._known[path] = self._look(path)
        return self._known[path]

    def _look(self, path: PurePosixPath) -> tuple[Path, FileBelow] | None:
        relative = path.relative_to("/")
        for layer, folder in self._layers:
            try:
                # Also a link above it hides what is below: a lower layer's would lead elsewhere.
                status = folder.stat(str(relative), links=False)
            except OSError as error:
                if error.errno not in _MISSING:
                    raise
                if self.hides(folder, relative):
                    return None
                continue
            if is_whiteout(status):
                return None
            return layer / relative, FileBelow(folder, str(relative))
        return None

    @staticmethod
    def hides(layer: RootFolder, relative: PurePosixPath) -> bool:
        """Whether ``layer`` hides what lower layers have at ``relative``."""
        for parent in [*reversed(relative.parents)][1:]:
            try:
                descriptor = layer.open(str(parent), os.O_PATH | os.O_DIRECTORY, links=False)
            except FileNotFoundError:
                return False
            except OSError as error:
                if error.errno in _MISSING:
                    return True
                raise
            try:
                if is_opaque(descriptor):
                    return True
            finally:
                os.close(descriptor)
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
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
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
        return self._layers[0][0] if str(resolved) == "/" else self.entry(resolved)

    def owner(self, path: PurePosixPath) -> Owner | None:
        """Whose ``path`` is, which is free of links; None when it is not there."""
        found = self.entry(path)
        if found is None:
            return None
        layer = next(one for one, _ in self._layers if found.is_relative_to(one))
        if layer not in self._owners:
            self._owners[layer] = read_owners(layer)
        return self._owners[layer].get(str(path.relative_to("/")), ROOT)

    def locate(self, path: str) -> FileBelow | None:
        """As :meth:`find`: what it is, to be opened below its layer."""
        resolved = self.resolve(path)
        if str(resolved) == "/":
            return FileBelow(self._layers[0][1], ".")
        found = self._entry(resolved)
        return found and found[1]

    def read(self, path: str) -> str:
        """The text of a file, at most 1 MiB of it; '' when it is missing."""
        found = self.find(path)
        if found is None or not found.is_file():
            return ""
        with found.open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace")

    def account(self, user: str) -> Account:
        """Who ``USER user[:group]`` is. Raises :class:`UnknownUserError` in Docker's words.

        Source: moby and runc, libcontainer/user, GetExecUser.
        """
        wanted, _, group = (user or "0").partition(":")
        wanted = wanted or "0"
        number = _number(wanted)
        rows = [line.strip().split(":") for line in self.read("/etc/passwd").splitlines()]
        rows = [row for row in rows if len(row) >= 6 and _is_number(row[2]) and _is_number(row[3])]
        row = next(
            (
                one
                for one in rows
                if (one[0] == wanted if number is None else int(one[2][:20]) == number)
            ),
            None,
        )
        if row is not None:
            account = Account(_listed(row[2]), _listed(row[3]), row[0], row[5] or "/")
        elif number is not None:
            account = Account(number, 0, wanted, "/root" if number == 0 else "/")
        elif wanted == "root":
            account = Account(0, 0, "root", "/root")
        else:
            raise UnknownUserError(
                f"unable to find user {wanted}: no matching entries in passwd file"
            )
        if group:
            return replace(account, gid=self._group(group))
        if row is None:
            return account
        return replace(account, groups=tuple(self._groups_of(row[0])))

    def _group_rows(self) -> list[list[str]]:
        rows = [line.strip().split(":") for line in self.read("/etc/group").splitlines()]
        return [row for row in rows if len(row) >= 3 and _is_number(row[2])]

    def _group(self, group: str) -> int:
        number = _number(group)
        if number is not None:
            return number
        for row in self._group_rows():
            if row[0] == group:
                return _listed(row[2])
        raise UnknownUserError(f"unable to find group {group}: no matching entries in group file")

    def _groups_of(self, name: str) -> list[int]:
        return [
            _listed(row[2])
            for row in self._group_rows()
            if len(row) > 3 and name in row[3].split(",")
        ]


def _number(text: str) -> int | None:
    """A user or group as a number; None when it is a name. Raises :class:`UnknownUserError`."""
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        return None
    if not 0 <= (number := int(text[:20])) <= LARGEST_ID:
        raise _out_of_range(text)
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _listed(text: str) -> int:
    """A number of /etc/passwd or /etc/group. Raises :class:`UnknownUserError`."""
    number = int(text[:20])
    if number > _LARGEST_LISTED:
        raise _out_of_range(text)
    return number


def _out_of_range(text: str) -> UnknownUserError:
    return UnknownUserError(
        f"unable to find user {text[:20]}: uids and gids must be in range 0-{LARGEST_ID}"
    )
