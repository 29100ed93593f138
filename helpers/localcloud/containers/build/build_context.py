"""What COPY and ADD may read: the build context without what .dockerignore names, or an image."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath

import re2
from docker.utils.build import Pattern, PatternMatcher, normalize_slashes
from docker.utils.fnmatch import translate

from ..sandboxes.root_file_system import RootFileSystem


class ContextError(ValueError):
    """A source of COPY or ADD that is missing or not allowed."""


class _IgnorePattern:
    """A line of an ignore file, matched by RE2: no line takes for ever."""

    def __init__(self, line: str) -> None:
        read = Pattern(line)
        self.exclusion, self.dirs = bool(read.exclusion), list(read.dirs)
        self.cleaned_pattern = str(read.cleaned_pattern)
        options = re2.Options()
        options.log_errors = False
        try:
            self._expression = re2.compile(translate(self.cleaned_pattern), options)
        except re2.error:
            raise ContextError(f"syntax error in pattern of .dockerignore: {line[:100]}") from None

    def match(self, filepath: str) -> bool:
        """Whether it names this path; a byte that is no UTF-8 is any character."""
        path = normalize_slashes(filepath).encode(errors="surrogateescape").decode(errors="replace")
        return self._expression.search(path) is not None


class BuildContext:
    """The folder of a build. No path, and no symbolic link, leads out of it."""

    def __init__(self, folder: Path, dockerfile: str = "Dockerfile") -> None:
        self.folder = folder.resolve()
        self._dockerfile = dockerfile

    @cached_property
    def files(self) -> list[str]:
        """Every path of the context, relative, sorted; what .dockerignore excludes is missing.

        An ignore file that is named like the Dockerfile goes before (Docker, "Build context").
        """
        patterns: list[str] = []
        for name in (f"{self._dockerfile}.dockerignore", ".dockerignore"):
            ignore = self.folder / name
            if ignore.is_file() and ignore.resolve().is_relative_to(self.folder):
                lines = ignore.read_text(errors="replace").splitlines()
                patterns = [line.strip() for line in lines]
                patterns = [line for line in patterns if line and not line.startswith("#")]
                break
        matcher = PatternMatcher([])
        # Without what it adds itself: a client sends .dockerignore in any case.
        matcher.patterns = [one for one in map(_IgnorePattern, patterns) if one.dirs]
        try:
            return sorted(matcher.walk(str(self.folder)))
        except RecursionError:
            raise ContextError("the folders of the build context are nested too deeply") from None

    @cached_property
    def _known(self) -> frozenset[str]:
        parents = (str(parent) for name in self.files for parent in PurePosixPath(name).parents)
        return frozenset((*self.files, *parents))

    @property
    def size(self) -> int:
        """Bytes of the context as the archive that is sent to a Docker daemon."""
        total = 1024
        for name in self.files:
            status = (self.folder / name).lstat()
            total += 512
            if stat.S_ISREG(status.st_mode):
                total += -(-status.st_size // 512) * 512
        return total

    def find(self, pattern: str) -> list[str]:
        """Relative paths that a source names, with Go's wildcards. Raises :class:`ContextError`."""
        wanted = clean(pattern)
        if wanted == ".":
            return ["."]
        folder, _, name = wanted.rpartition("/")
        if folder and not _is_pattern(folder):  # a link in between is followed
            wanted = str(PurePosixPath(self._real(folder), name))
        if _is_pattern(wanted):
            found = sorted(path for path in self._known if matches(path, wanted))
            if not found:
                raise ContextError("no source files were specified: nothing matches " + pattern)
            return found
        if wanted not in self._known:
            raise _not_found(wanted)
        return [wanted]

    def path(self, relative: str) -> Path:
        """Where a source lies on the host, links followed. Raises :class:`ContextError`."""
        real = self._real(relative)
        if real not in self._known and real != ".":
            raise _not_found(real)
        return self.folder / real

    def _real(self, relative: str) -> str:
        """The path without links in it. Raises :class:`ContextError` when one leads out."""
        path = self.folder / relative
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # before Python 3.13 a loop is a RuntimeError
            real = path
        if real != self.folder and self.folder not in real.parents:
            raise ContextError(
                f"forbidden path outside the build context: {relative} is a symbolic link to "
                f"{path.readlink() if path.is_symlink() else 'outside'}"
            )
        if real.is_symlink():
            raise ContextError(f"stat {relative}: too many levels of symbolic links")
        return real.relative_to(self.folder).as_posix()

    def below(self, relative: str) -> Iterator[tuple[str, Path]]:
        """Everything inside a directory: path relative to it, and where it lies."""
        real = self._real(relative)
        prefix = "" if real == "." else real + "/"
        for name in self.files:
            if name.startswith(prefix):
                yield name[len(prefix) :], self.folder / name

    @staticmethod
    def directory_mode(status: os.stat_result) -> int:  # noqa: ARG004 - the same for all
        """The mode of a copied directory: 755, for its own depends on the umask of a checkout."""
        return 0o755


class ImageTree:
    """The root file system of an image or stage as a source of ``COPY --from``."""

    def __init__(self, lowers: Sequence[Path]) -> None:
        self._lowers = list(lowers)
        self._root = RootFileSystem(lowers) if lowers else None

    def find(self, pattern: str) -> list[str]:
        """Paths relative to the root that a source names."""
        wanted = clean(pattern)
        if _is_pattern(wanted):
            parent = str(PurePosixPath(wanted).parent)
            names = self._children("" if parent == "." else parent)
            found = sorted(
                str(PurePosixPath(parent) / name)
                for name in names
                if matches(str(PurePosixPath(parent) / name), wanted)
            )
            if not found:
                raise ContextError("no source files were specified: nothing matches " + pattern)
            return found
        if wanted != "." and (self._root is None or self._root.find("/" + wanted) is None):
            raise ContextError(f"stat {wanted}: file does not exist")
        return [wanted]

    def path(self, relative: str) -> Path:
        """Where a path lies on the host, links followed inside the image."""
        found = self._root.find("/" + relative) if self._root else None
        if found is None:
            raise ContextError(f"stat {relative}: file does not exist")
        return found

    def below(self, relative: str) -> Iterator[tuple[str, Path]]:
        """Everything inside a directory, whiteouts and links respected."""
        base = "" if relative == "." else relative
        assert self._root is not None
        resolved = str(self._root.resolve("/" + base)).lstrip("/")

        def visit(folder: str, shown: str) -> Iterator[tuple[str, Path]]:
            for name, path in sorted(self._children(folder).items()):
                below = f"{shown}/{name}" if shown else name
                yield below, path
                if path.is_dir() and not path.is_symlink():
                    yield from visit(f"{folder}/{name}" if folder else name, below)

        yield from visit(resolved, "")

    @staticmethod
    def directory_mode(status: os.stat_result) -> int:
        """The mode of a copied directory: as it is in the image."""
        return stat.S_IMODE(status.st_mode)

    def _children(self, folder: str) -> dict[str, Path]:
        """Entries of a directory, merged over the layers as overlayfs does."""
        hidden: set[str] = set()
        found: dict[str, Path] = {}
        for layer in reversed(self._lowers):
            directory = layer / folder
            if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
                break
            if directory.is_dir():
                for entry in os.scandir(directory):
                    status = entry.stat(follow_symlinks=False)
                    whiteout = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
                    if entry.name not in found and entry.name not in hidden and not whiteout:
                        found[entry.name] = Path(entry.path)
                    if whiteout:
                        hidden.add(entry.name)
            if RootFileSystem._hides(layer, PurePosixPath(folder, "x")):
                break
        return found


def _is_pattern(path: str) -> bool:
    return any(character in path for character in "*?[")


def _not_found(path: str) -> ContextError:
    return ContextError(
        f"file not found in build context or excluded by .dockerignore: stat {path}: "
        "file does not exist"
    )


def clean(path: str) -> str:
    """``path`` relative to its root, without dots. Raises :class:`ContextError` for ``..`` out."""
    parts: list[str] = []
    for part in PurePosixPath(path.lstrip("/")).parts:
        if part == "..":
            if not parts:
                raise ContextError(
                    f"forbidden path outside the build context: {path} ({os.path.normpath(path)})"
                )
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def matches(path: str, pattern: str) -> bool:
    """Go's filepath.Match: a wildcard never matches a slash."""
    names, patterns = path.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(
        fnmatchcase(name, one.replace("[^", "[!"))
        for name, one in zip(names, patterns, strict=True)
    )
