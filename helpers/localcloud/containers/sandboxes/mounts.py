"""Mounts of a container, opened once: what a run puts in their place later does not matter."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...root_folder import FileBelow, RootFolder
from ..errors import SandboxError
from .container import Mount
from .root_file_system import RootFileSystem


@dataclass(frozen=True)
class OpenedMount:
    """A mount on its way into a container; ``target`` is free of the image's links."""

    descriptor: int
    is_folder: bool
    target: str
    read_only: bool
    size: int = 0  # of one in memory


def open_mounts(
    mounts: Iterable[Mount], image: RootFileSystem, opened: list[int]
) -> list[OpenedMount]:
    """Open what is mounted; ``opened`` gets the descriptors, also of what then fails.

    Raises :class:`SandboxError` for what is missing, and for a target that a link leads away.
    """
    found = []
    for mount in mounts:
        try:
            descriptor = mount.open()
        except OSError:
            source = mount.source
            raise SandboxError(
                "the folder to mount does not exist: "
                f"{source.path if isinstance(source, FileBelow) else source}"
            ) from None
        opened.append(descriptor)
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        target = str(image.resolve(mount.target))
        found.append(OpenedMount(descriptor, is_folder, target, mount.read_only, mount.size))
    _check_targets(found)
    return found


def writable(mounts: Iterable[OpenedMount], upper: Path | None) -> list[tuple[str, int, int]]:
    """What of this machine a container may change: path, device and inode."""
    found = []
    for mount in mounts:
        if not mount.read_only:
            status = os.fstat(mount.descriptor)
            path = str(Path(f"/proc/self/fd/{mount.descriptor}").readlink())
            found.append((path, status.st_dev, status.st_ino))
    if upper is not None:  # and beside it what overlayfs works with
        folder = upper.parent.resolve()
        status = folder.stat()
        found.append((str(folder), status.st_dev, status.st_ino))
    return found


def _check_targets(mounts: list[OpenedMount]) -> None:
    """Refuse a mount on a link inside another one: it would lead elsewhere on this machine.

    Raises :class:`SandboxError`.
    """
    for outer in mounts:
        for inner in mounts:
            if not outer.is_folder or not inner.target.startswith(f"{outer.target}/"):
                continue
            below = inner.target.removeprefix(f"{outer.target}/")
            try:
                with RootFolder(os.dup(outer.descriptor)) as folder:
                    folder.stat(below, links=False)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise SandboxError(
                        f"cannot mount on {inner.target}: its path goes through a symbolic link in "
                        f"what is mounted on {outer.target}"
                    ) from None
