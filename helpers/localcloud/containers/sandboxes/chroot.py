"""A real directory tree in the place of an overlay mount, for machines that refuse both namespaces."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ...root_folder import RootFolder, change_mode, remove_tree
from ..errors import SandboxError
from .overlay import is_opaque, is_whiteout

Fingerprint = tuple[int, ...]
# Bytes of a layer whose files are shared with the container: to copy them takes too long.
LARGE = 256 << 20
_CONTENT = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
_DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9))


class ChangedTree:
    """The layers copied into one tree; afterwards the changes in it go to ``upper``.

    Only for root. Mounts are copied in, and out again when they are writable, because binding
    one directory onto another needs the namespaces that are refused. Of a layer above
    :data:`LARGE` bytes, files are the layer's own: they stay root's, whom no container is, so
    that it cannot change them in their place, but can remove or replace them.
    """

    def __init__(self, root: Path, layers: Sequence[Path], upper: Path | None) -> None:
        self.root = root
        self._upper = upper
        self._mounts: list[tuple[Path, int]] = []
        root.mkdir(mode=0o755)
        root.chmod(0o755)
        self._shared: set[int] = set()  # inodes
        for layer in layers:
            self._stack(layer)
        if upper is not None and upper.is_dir():
            self._stack(upper, share=False)
        self._before: dict[str, Fingerprint] = {}

    def _stack(self, layer: Path, *, share: bool = True) -> None:
        """Copy a layer over what is there, as overlayfs would show it; or ``share`` a large one."""
        size = 0
        inodes: set[int] = set()
        own: list[Path] = []  # links, and the few files that the container could not read
        for folder, folders, files in os.walk(layer):
            target = self.root / Path(folder).relative_to(layer)
            if _opaque(Path(folder)):
                for child in target.iterdir():
                    _remove(child)
            for name in (*folders, *files):
                path = Path(folder) / name
                status = path.lstat()
                goal = target / name
                if not stat.S_ISDIR(status.st_mode) or goal.is_symlink() or goal.is_file():
                    _remove(goal)
                if _open_to_all(status.st_mode):
                    size += status.st_size
                    inodes.add(status.st_ino)
                elif not stat.S_ISDIR(status.st_mode):
                    own.append(path.relative_to(layer))
        if share and size > LARGE and layer.stat().st_dev == self.root.stat().st_dev:
            self._shared |= inodes
            _copy_in(layer, self.root, "--link")
            for path in own:
                _own(layer / path, self.root / path)
        else:
            _copy_in(layer, self.root, "--reflink=auto")
        _apply_whiteouts(layer, self.root)

    def write(self, path: str, content: bytes) -> None:
        """A file in the tree, in the place of what is there."""
        with RootFolder(self.root) as root:
            root.write(path, content)

    def prepare(self, mounts: Sequence[tuple[int, str, bool]], user: int) -> None:
        """Make devices, copy the mounts in, give all to ``user``, remember how everything was.

        Mounts are descriptor, target, and whether it is read-only.
        """
        with RootFolder(self.root) as root:
            root.make_folders("dev", 0o755)
            with root.folder("dev") as devices:
                for name, major, minor in _DEVICES:
                    with contextlib.suppress(OSError):  # forbidden, or the image has it
                        mode = stat.S_IFCHR | 0o666
                        os.mknod(name, mode, os.makedev(major, minor), dir_fd=devices.descriptor)
                        change_mode(devices.descriptor, name, 0o666)
            for source, target, read_only in mounts:
                self._mount(root, source, target, read_only)
        for _, folders, files, opened in os.fwalk(self.root, follow_symlinks=False):
            os.chown(opened, user, user)
            for name in (*folders, *files):
                if self._shared and (
                    os.stat(name, dir_fd=opened, follow_symlinks=False).st_ino in self._shared
                ):
                    continue
                os.chown(name, user, user, dir_fd=opened, follow_symlinks=False)
        self._before = dict(self._entries())

    def _mount(self, root: RootFolder, source: int, target: str, read_only: bool) -> None:
        """Copy what is mounted into the tree: links on the way there are the container's."""
        path = Path(f"/proc/self/fd/{source}")
        if not stat.S_ISDIR(os.fstat(source).st_mode):
            root.write(target, path.read_bytes(), stat.S_IMODE(os.fstat(source).st_mode))
        else:
            if self.root.resolve().is_relative_to(path.resolve()):
                raise SandboxError(
                    f"{path.resolve()} cannot be mounted where containers run in a chroot: mounts "
                    "are copies there, and it holds the container itself"
                )
            root.make_folders(target, 0o755)
            with root.folder(target) as goal, RootFolder(os.dup(source)) as origin:
                _copy(origin, goal)
        if not read_only:
            inside = self.root / root.real(target)
            self._mounts.append((inside, os.dup(source)))

    def close(self) -> None:
        """Let go of the mounts."""
        for _, source in self._mounts:
            os.close(source)
        self._mounts.clear()

    def finish(self) -> None:
        """Copy writable mounts back, and write the changes into ``upper``."""
        with RootFolder(self.root) as root:
            for goal, source in self._mounts:
                inside = str(goal.relative_to(self.root))
                try:
                    kept = root.stat(inside, links=False)
                except OSError:
                    continue  # the container has put a link in its place: it leads to the host
                if stat.S_ISDIR(kept.st_mode) and stat.S_ISDIR(os.fstat(source).st_mode):
                    with root.folder(inside, links=False) as goal_folder:
                        _mirror(goal_folder, RootFolder(os.dup(source)))
                elif stat.S_ISREG(kept.st_mode) and stat.S_ISREG(os.fstat(source).st_mode):
                    with root.reader(inside, links=False) as file:
                        Path(f"/proc/self/fd/{source}").write_bytes(file.read())
            if self._upper is not None:
                self._upper.mkdir(parents=True, exist_ok=True)
                self._write_changes(root, self._upper)

    def _write_changes(self, root: RootFolder, upper: Path) -> None:
        """Write what differs; another container may still have a folder of the tree open."""
        after = dict(self._entries())
        written: dict[int, Path] = {}  # files with several names, by inode
        for path in sorted(after):
            if self._before.get(path) != after[path]:
                _make_parents(root, upper, Path(path).parent)
                _copy_changed(root, path, upper / path, written)
        gone = {path for path in self._before if path not in after}
        for path in sorted(gone):
            if str(Path(path).parent) in gone:
                continue  # the whole directory went
            _make_parents(root, upper, Path(path).parent)
            _remove(upper / path)
            os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))

    def _entries(self) -> list[tuple[str, Fingerprint]]:
        """Every path of the tree, except mounts, devices, pipes and sockets, with what tells a change."""
        skipped = {str(goal) for goal, _ in self._mounts} | {
            str(self.root / "dev"),
            str(self.root / "proc"),
        }
        found = []
        for folder, folders, files, opened in os.fwalk(self.root, follow_symlinks=False):
            folders[:] = [name for name in folders if str(Path(folder) / name) not in skipped]
            for name in (*folders, *files):
                path = Path(folder) / name
                status = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if str(path) in skipped or stat.S_IFMT(status.st_mode) not in _CONTENT:
                    continue
                mark: Fingerprint = (status.st_mode, status.st_uid, status.st_gid)
                if not stat.S_ISDIR(status.st_mode):
                    mark += (status.st_size, status.st_mtime_ns, status.st_ino)
                found.append((str(path.relative_to(self.root)), mark))
        return found


def _make_parents(root: RootFolder, upper: Path, relative: Path) -> None:
    for folder in [*reversed(relative.parents), relative]:
        if not (upper / folder).is_dir() or (upper / folder).is_symlink():
            _copy_changed(root, str(folder), upper / folder)


def _copy_changed(
    root: RootFolder, path: str, target: Path, written: dict[int, Path] | None = None
) -> None:
    """Copy one entry of the tree to ``target``, in the place of what is there. Raises OSError.

    A further name of a file that was ``written`` is one there, too.
    """
    status = root.stat(path, links=False)
    if written is not None and stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        first = written.setdefault(status.st_ino, target)
        if first != target:
            _remove(target)
            target.hardlink_to(first)
            return
    if stat.S_ISLNK(status.st_mode):
        _remove(target)
        target.symlink_to(root.readlink(path))
        return
    if stat.S_ISDIR(status.st_mode):
        if not target.is_dir() or target.is_symlink():
            _remove(target)
            target.mkdir()
    else:
        _remove(target)
        with root.reader(path, links=False) as file, target.open("xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    target.chmod(stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def unused_user() -> int:
    """The number of a user that nobody has: between those of systemd-nspawn and 2**31."""
    while True:
        number = 1_900_000_000 + secrets.randbelow(200_000_000)
        try:
            pwd.getpwuid(number)
        except KeyError:
            return number


def _mirror(source: RootFolder, target: RootFolder) -> None:
    """Make ``target`` hold what ``source`` holds."""
    _copy(source, target, mirror=True)


def _copy(source: RootFolder, target: RootFolder, *, mirror: bool = False) -> None:
    """Copy what a folder holds into another, links as links; ``mirror`` removes what it lacks."""
    pending = ["."]
    while pending:
        place = pending.pop()
        for name in set(target.names(place, links=False)) if mirror else ():
            if not _is_there(source, f"{place}/{name}"):
                target.remove(f"{place}/{name}")
        for name in source.names(place, links=False):
            path = f"{place}/{name}"
            status = source.stat(path, links=False)
            if stat.S_ISDIR(status.st_mode):
                if not target.is_folder(path, links=False):
                    target.remove(path)
                    target.make_folders(path)
                pending.append(path)
                with target.parent(path, links=False) as (folder, last):
                    change_mode(folder, last, stat.S_IMODE(status.st_mode))
            elif stat.S_ISLNK(status.st_mode):
                target.remove(path)
                with target.parent(path, links=False) as (folder, last):
                    os.symlink(source.readlink(path), last, dir_fd=folder)
            elif stat.S_ISREG(status.st_mode):
                _copy_file(source, target, path, status)


def _is_there(folder: RootFolder, path: str) -> bool:
    try:
        folder.stat(path, links=False)
    except FileNotFoundError:
        return False
    return True


def _copy_file(source: RootFolder, target: RootFolder, path: str, status: os.stat_result) -> None:
    target.remove(path)
    with source.reader(path, links=False) as file, target.parent(path, links=False) as (folder, n):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(n, flags, 0o600, dir_fd=folder), "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _open_to_all(mode: int) -> bool:
    """Whether it is a file that anybody may read, and execute where its owner may."""
    executable = mode & stat.S_IXUSR == 0 or mode & stat.S_IXOTH != 0
    readable = mode & stat.S_IRUSR != 0 and mode & stat.S_IROTH != 0
    return stat.S_ISREG(mode) and readable and executable


def _copy_in(layer: Path, root: Path, how: str) -> None:
    subprocess.run(["cp", "-a", how, f"{layer}/.", root], check=True, capture_output=True)


def _apply_whiteouts(layer: Path, root: Path) -> None:
    for folder, _, files in os.walk(layer):
        for name in files:
            if _whiteout(Path(folder) / name):
                _remove(root / Path(folder).relative_to(layer) / name)


def _own(source: Path, goal: Path) -> None:
    """A copy in the place of a hard link."""
    _remove(goal)
    if source.is_symlink():
        goal.symlink_to(source.readlink())
    else:
        subprocess.run(["cp", "-a", source, goal], check=True, capture_output=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _whiteout(path: Path) -> bool:
    return is_whiteout(path.lstat())


def _opaque(path: Path) -> bool:
    with RootFolder(path) as folder:
        return is_opaque(folder.descriptor)
