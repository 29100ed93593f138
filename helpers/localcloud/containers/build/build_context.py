"""What COPY and ADD may read: the build context without what .dockerignore names, or an image."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...root_folder import FileBelow, RootFolder
from ..images.owners import ROOT, Owner, Owners
from ..sandboxes.overlay import is_whiteout
from ..sandboxes.root_file_system import RootFileSystem
from .paths import absolute, climbs
from .patterns import IgnoreFile, Matcher, PatternError, has_wildcards, wildcards


class ContextError(ValueError):
    """A source of COPY or ADD that is missing or not allowed."""


class Excluded:
    """What ``--exclude`` leaves out of a COPY or ADD: patterns as in an ignore file."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._ignore = _ignore_file("\n".join(lines), "--exclude")

    def has(self, path: str) -> bool:
        """Whether a path, relative to the source that is copied, is left out."""
        return self._ignore.ignores(path)


def _ignore_file(text: str, name: str) -> IgnoreFile:
    try:
        return IgnoreFile(text)
    except PatternError as error:
        reason = str(error).replace("in pattern", f"in pattern of {name}")
        raise ContextError(f"error checking context: {reason}") from None


class BuildContext:
    """The folder of a build. No path, and no symbolic link, leads out of it, whoever swaps them."""

    def __init__(self, folder: RootFolder, dockerfile: str = "Dockerfile") -> None:
        self.folder = folder
        self._dockerfile = dockerfile

    @cached_property
    def files(self) -> list[str]:
        """Every path of the context, relative, sorted; what .dockerignore excludes is missing.

        An ignore file that is named like the Dockerfile goes before (Docker, "Build context").
        """
        ignore = IgnoreFile()
        for name in (f"{self._dockerfile}.dockerignore", ".dockerignore"):
            try:
                text = self.folder.read(self.folder.real(name, strict=True))
            except OSError:
                continue
            ignore = _ignore_file(text.decode(errors="replace"), name)
            break
        return sorted(self._walk(ignore))

    def _walk(self, ignore: IgnoreFile) -> Iterator[str]:
        pending = [""]
        while pending:
            folder = pending.pop()
            for name, is_folder in self._entries(folder):
                path = f"{folder}/{name}" if folder else name
                ignored = ignore.ignores(path)
                if not ignored:
                    yield path
                if is_folder and (not ignored or ignore.may_hold(path)):
                    pending.append(path)

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        try:
            descriptor = self.folder.open(folder, os.O_RDONLY | os.O_DIRECTORY, links=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return []  # a step has just put something else in its place
            if error.errno == errno.ENAMETOOLONG:
                raise ContextError(
                    "the folders of the build context are nested too deeply"
                ) from None
            raise
        try:
            with os.scandir(descriptor) as entries:
                return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        finally:
            os.close(descriptor)

    @cached_property
    def _known(self) -> frozenset[str]:
        parents = (str(parent) for name in self.files for parent in PurePosixPath(name).parents)
        return frozenset((*self.files, *parents))

    @property
    def size(self) -> int:
        """Bytes of the context as the archive that is sent to a Docker daemon."""
        total = 1024
        for name in self.files:
            total += 512
            try:
                status = self.folder.stat(name, links=False)
            except OSError:
                continue  # gone meanwhile
            if stat.S_ISREG(status.st_mode):
                total += -(-status.st_size // 512) * 512
        return total

    def find(self, pattern: str, *, empty: bool = False, buildkit: bool = False) -> list[str]:
        """Relative paths that a source names, with Go's wildcards. Raises :class:`ContextError`.

        ``empty``: wildcards may match nothing. To BuildKit ``..`` of the root is the root.
        """
        if not buildkit and has_wildcards(pattern):
            match = _wildcards(_bare(pattern))
            return sorted(path for path in self._known if path != "." and match(path))
        wanted = clean(pattern, buildkit=buildkit)
        if wanted == ".":
            return ["."]
        folder, _, name = wanted.rpartition("/")
        if folder and not has_wildcards(folder):  # a link in between is followed
            wanted = str(PurePosixPath(self._real(folder), name))
        if has_wildcards(wanted):
            match = _wildcards(wanted)
            found = sorted(path for path in self._known if path != "." and match(path))
            if not found and not empty:
                raise ContextError("no source files were specified: nothing matches " + pattern)
            return found
        if wanted not in self._known:
            raise _not_found(wanted)
        return [wanted]

    def path(self, relative: str) -> FileBelow:
        """What a source is, links followed. Raises :class:`ContextError`."""
        real = self._real(relative)
        if real not in self._known and real != ".":
            raise _not_found(relative)
        found = FileBelow(self.folder, real)
        if stat.S_ISLNK(found.stat().st_mode):
            raise _not_found(relative)
        return found

    def _real(self, relative: str) -> str:
        """The path without links in it, which are followed as after chroot(2).

        Raises :class:`ContextError` for one that leads out to nothing in the context.
        """
        try:
            return self.folder.real(relative, strict=True)
        except OSError as error:
            if error.errno == errno.EXDEV:
                with contextlib.suppress(OSError):
                    inside = self.folder.real(relative)
                    if inside in self._known:
                        return inside
                raise ContextError(
                    f"forbidden path outside the build context: {relative} is a symbolic link to "
                    f"{self._target(relative)}"
                ) from None
            if error.errno == errno.ELOOP:
                raise ContextError(f"stat {relative}: too many levels of symbolic links") from None
            return relative  # missing: whoever asked tells it

    def _target(self, relative: str) -> str:
        try:
            return self.folder.readlink(relative)
        except OSError:
            return "outside"

    def below(self, relative: str) -> Iterator[tuple[str, FileBelow]]:
        """Everything inside a directory: path relative to it, and what it is."""
        real = self._real(relative)
        prefix = "" if real == "." else real + "/"
        for name in self.files:
            if name.startswith(prefix):
                yield name[len(prefix) :], FileBelow(self.folder, name)


class ImageTree:
    """The root file system of an image or stage as a source of ``COPY --from``."""

    def __init__(self, lowers: Sequence[Path], owners: Owners | None = None) -> None:
        """``lowers`` are its layers, at least one."""
        self._owners = owners
        self._layers = [RootFolder(layer) for layer in lowers]
        self._root = RootFileSystem(lowers)

    def find(self, pattern: str, *, empty: bool = False, buildkit: bool = False) -> list[str]:
        """Paths relative to the root that a source names; ``empty``: it may be none."""
        wanted = clean(pattern, buildkit=buildkit)
        if not buildkit and has_wildcards(pattern):
            wanted = _bare(pattern)
        if has_wildcards(wanted):
            match = _wildcards(wanted)
            found = sorted(path for path in self._paths(wanted.split("/")) if match(path))
            if not found and not empty:
                raise ContextError("no source files were specified: nothing matches " + pattern)
            return found
        if wanted == ".":
            return [wanted]
        if self._root.find("/" + wanted) is None:
            raise ContextError(f"stat {wanted}: file does not exist")
        return [wanted]

    def _paths(self, parts: list[str]) -> Iterator[str]:
        """Every path of so many parts that begins with those before a wildcard; no link followed."""
        fixed = 0
        while fixed + 1 < len(parts) and not any(one in parts[fixed] for one in "*?[\\"):
            fixed += 1
        pending = [("/".join(parts[:fixed]), fixed + 1)]
        while pending:
            folder, level = pending.pop()
            for name, item in self._children(folder).items():
                path = f"{folder}/{name}" if folder else name
                if level == len(parts):
                    yield path
                elif stat.S_ISDIR(item.stat().st_mode):
                    pending.append((path, level + 1))

    def owner(self, item: FileBelow) -> Owner:
        """Whose it is."""
        return self._owners.of(PurePosixPath(item.path)) or ROOT if self._owners else ROOT

    def path(self, relative: str) -> FileBelow:
        """What a path is, links followed inside the image."""
        found = self._root.locate("/" + relative)
        if found is None or stat.S_ISLNK(found.stat().st_mode):
            raise ContextError(f"stat {relative}: file does not exist")
        return found

    def below(self, relative: str) -> Iterator[tuple[str, FileBelow]]:
        """Everything inside a directory, whiteouts and links respected."""
        base = "" if relative == "." else relative
        pending = [(str(self._root.resolve("/" + base)).lstrip("/"), "")]
        while pending:
            folder, shown = pending.pop()
            for name, item in sorted(self._children(folder).items()):
                below = f"{shown}/{name}" if shown else name
                yield below, item
                if stat.S_ISDIR(item.stat().st_mode):
                    pending.append((f"{folder}/{name}" if folder else name, below))

    def _children(self, folder: str) -> dict[str, FileBelow]:
        """Entries of a directory, merged over the layers as overlayfs does."""
        hidden: set[str] = set()
        found: dict[str, FileBelow] = {}
        for layer in reversed(self._layers):
            try:
                descriptor = layer.open(folder, os.O_RDONLY | os.O_DIRECTORY, links=False)
            except FileNotFoundError:
                if RootFileSystem.hides(layer, PurePosixPath(folder)):
                    break
                continue
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    break  # what is no directory hides those below
                raise
            try:
                for name in os.listdir(descriptor):  # noqa: PTH208 - of a descriptor
                    whiteout = is_whiteout(os.stat(name, dir_fd=descriptor, follow_symlinks=False))
                    if whiteout:
                        hidden.add(name)
                    elif name not in found and name not in hidden:
                        found[name] = FileBelow(layer, f"{folder}/{name}" if folder else name)
            finally:
                os.close(descriptor)
            if RootFileSystem.hides(layer, PurePosixPath(folder, "x")):
                break
        return found


def _bare(pattern: str) -> str:
    """A pattern as the classic builder takes it: what is written matches, no link is followed."""
    return pattern.removeprefix("/").removeprefix("./")


def _wildcards(pattern: str) -> Matcher:
    """What matches the pattern; nothing does where it cannot be read."""
    try:
        return wildcards(pattern)
    except PatternError:
        return lambda _: False


def _not_found(path: str) -> ContextError:
    return ContextError(
        f"file not found in build context or excluded by .dockerignore: stat {path}: "
        "file does not exist"
    )


def clean(path: str, *, buildkit: bool = False) -> str:
    """``path`` relative to its root, without dots.

    Raises :class:`ContextError` for ``..`` out, which stays at the root for BuildKit.
    """
    if not buildkit and climbs(path):
        raise ContextError(
            f"forbidden path outside the build context: {path} ({os.path.normpath(path)})"
        )
    return absolute("/", path)[1:] or "."
