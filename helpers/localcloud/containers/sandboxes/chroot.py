"""A real directory tree in the place of an overlay mount, for machines that refuse both namespaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import SandboxError

Fingerprint = tuple[int, ...]
_DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9))


class ChangedTree:
    """The layers copied into one tree; afterwards the changes in it go to ``upper``.

    Only for root. Mounts are copied in, and out again when they are writable, because binding
    one directory onto another needs the namespaces that are refused.
    """

    def __init__(self, root: Path, layers: Sequence[Path], upper: Path | None) -> None:
        self.root = root
        self._upper = upper
        self._mounts: list[tuple[Path, Path]] = []
        root.mkdir(mode=0o755)
        root.chmod(0o755)
        written = [upper] if upper is not None and upper.is_dir() else []
        for layer in (*layers, *written):
            self._stack(layer)
        self._before: dict[str, Fingerprint] = {}

    def _stack(self, layer: Path) -> None:
        """Copy a layer over what is there, as overlayfs would show it."""
        for folder, folders, files in os.walk(layer):
            target = self.root / Path(folder).relative_to(layer)
            if _opaque(Path(folder)):
                for child in target.iterdir():
                    _remove(child)
            for name in (*folders, *files):
                status = (Path(folder) / name).lstat()
                goal = target / name
                if not stat.S_ISDIR(status.st_mode) or goal.is_symlink() or goal.is_file():
                    _remove(goal)
        subprocess.run(
            ["cp", "-a", "--reflink=auto", f"{layer}/.", str(self.root)],
            check=True,
            capture_output=True,
        )
        for folder, _, files in os.walk(layer):
            for name in files:
                if _whiteout(Path(folder) / name):
                    _remove(self.root / Path(folder).relative_to(layer) / name)

    def prepare(self, mounts: Sequence[tuple[Path, str, bool]], uid: int, gid: int) -> None:
        """Make devices, copy the mounts in, and remember how everything was."""
        devices = self.root / "dev"
        for name, major, minor in _DEVICES:
            with contextlib.suppress(OSError):  # forbidden, or the image has it
                os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
                (devices / name).chmod(0o666)
        for source, target, read_only in mounts:
            goal = self.root / target.lstrip("/")
            if source.is_dir():
                if self.root.resolve().is_relative_to(source.resolve()):
                    raise SandboxError(
                        f"{source} cannot be mounted where containers run in a chroot: mounts are "
                        "copies there, and it holds the container itself"
                    )
                shutil.copytree(source, goal, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(source, goal)
            if not read_only:
                self._mounts.append((goal, source))
                for path in [goal, *goal.rglob("*")] if goal.is_dir() else [goal]:
                    os.chown(path, uid, gid, follow_symlinks=False)
        self._before = dict(self._entries())

    def finish(self) -> None:
        """Copy writable mounts back, and write the changes into ``upper``."""
        for goal, source in self._mounts:
            inside = goal.relative_to(self.root)
            if Path(os.path.realpath(goal)) != Path(os.path.realpath(self.root), inside):
                continue  # the container has put a link in its place: it leads to the host
            if goal.is_dir():
                _mirror(goal, source)
            elif goal.is_file():
                shutil.copy2(goal, source)
        if self._upper is not None:
            self._upper.mkdir(parents=True, exist_ok=True)
            self._write_changes(self._upper)

    def _write_changes(self, upper: Path) -> None:
        after = dict(self._entries())
        for path in sorted(after):
            if self._before.get(path) != after[path]:
                source, target = self.root / path, upper / path
                self._make_parents(upper, Path(path).parent)
                if source.is_dir() and not source.is_symlink():
                    if not target.is_dir() or target.is_symlink():
                        _remove(target)
                        target.mkdir()
                    shutil.copystat(source, target)
                else:
                    _remove(target)
                    shutil.copy2(source, target, follow_symlinks=False)
        gone = {path for path in self._before if path not in after}
        for path in sorted(gone):
            if str(Path(path).parent) in gone:
                continue  # the whole directory went
            self._make_parents(upper, Path(path).parent)
            _remove(upper / path)
            os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))

    def _make_parents(self, upper: Path, relative: Path) -> None:
        for folder in [*reversed(relative.parents), relative]:
            if not (upper / folder).is_dir():
                (upper / folder).mkdir()
                shutil.copystat(self.root / folder, upper / folder)

    def _entries(self) -> list[tuple[str, Fingerprint]]:
        """Every path of the tree, except mounts, devices and sockets, with what tells a change."""
        skipped = {str(goal) for goal, _ in self._mounts} | {
            str(self.root / "dev"),
            str(self.root / "proc"),
        }
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if str(Path(folder) / name) not in skipped]
            for name in (*folders, *files):
                path = Path(folder) / name
                status = path.lstat()
                if str(path) in skipped or stat.S_ISSOCK(status.st_mode):
                    continue
                mark: Fingerprint = (status.st_mode, status.st_uid, status.st_gid)
                if not stat.S_ISDIR(status.st_mode):
                    mark += (status.st_size, status.st_mtime_ns, status.st_ino)
                found.append((str(path.relative_to(self.root)), mark))
        return found


def _mirror(source: Path, target: Path) -> None:
    """Make ``target`` hold what ``source`` holds."""
    kept = {path.name for path in source.iterdir()}
    for path in target.iterdir():
        if path.name not in kept:
            _remove(path)
    for path in source.iterdir():
        goal = target / path.name
        if path.is_dir() and not path.is_symlink():
            if goal.is_symlink() or not goal.is_dir():
                _remove(goal)
                goal.mkdir()
            _mirror(path, goal)
            shutil.copystat(path, goal)
        elif path.is_file() or path.is_symlink():
            _remove(goal)
            shutil.copy2(path, goal, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _opaque(path: Path) -> bool:
    for name in ("user.overlay.opaque", "trusted.overlay.opaque"):
        with contextlib.suppress(OSError):
            if os.getxattr(path, name) == b"y":
                return True
    return False
