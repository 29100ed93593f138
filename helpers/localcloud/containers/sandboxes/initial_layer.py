"""The layer between an image and what a container writes: mount points, the engine's own files.

Nothing of it ends up in what the container wrote. (Docker calls its own one ``-init``.)
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ...root_folder import remove_tree
from .ownership import ROOT, Owner, write_owners
from .root_file_system import RootFileSystem

KEPT = 128  # layers that containers share; further ones are of one container each


class InitialLayer:
    """One with text ``files``, ``directories`` and ``mounts`` for an image.

    Mounts are pairs: whether it is a directory, and its target. Directories that the image has keep
    their mode and their owner; links of the image are followed.
    """

    def __init__(
        self,
        image: RootFileSystem,
        *,
        files: Mapping[str, str],
        directories: Sequence[str],
        mounts: Sequence[tuple[bool, str]],
    ) -> None:
        self._image = image
        self._wanted = files, directories, mounts
        self._entries: dict[PurePosixPath, tuple[int, str | None]] = {}
        self._owners: dict[str, Owner] = {}

    def _found(self) -> dict[PurePosixPath, tuple[int, str | None]]:
        """What it holds, by path: modes, and the text of files (None: a directory)."""
        if not self._entries:
            files, directories, mounts = self._wanted
            self._directory(PurePosixPath("/"))
            self._entries[PurePosixPath("/")] = 0o755, None
            for path, text in files.items():
                self._file(path, text)
            for directory in directories:
                self._directory(PurePosixPath(directory))
            for is_folder, target in mounts:
                if is_folder:
                    self._directory(PurePosixPath(target))
                elif self._image.find(target) is None:
                    self._file(target, "")
        return self._entries

    def _file(self, path: str, text: str) -> None:
        target = PurePosixPath(path)
        parent = self._directory(target.parent)
        # Above the image's own entry, were it a link.
        self._entries[parent / target.name] = 0o644, text

    def _directory(self, path: PurePosixPath) -> PurePosixPath:
        """Make ``path`` exist: directories that the image has keep their mode."""
        resolved = self._image.resolve(str(path))
        for directory in [*reversed(resolved.parents), resolved]:
            if directory not in self._entries:
                existing = self._image.find(str(directory))
                mode = existing.stat().st_mode & 0o7777 if existing is not None else 0o755
                self._entries[directory] = mode, None
                owner = self._image.owner(directory) if directory.parts[1:] else None
                if owner is not None and owner != ROOT:
                    self._owners[str(directory.relative_to("/"))] = owner
        return resolved

    def write(self, folder: Path) -> None:
        """Fill the new folder ``folder``."""
        found = self._found()
        for path, (_, text) in found.items():  # each after the one above it
            target = folder / path.relative_to("/")
            if text is None:
                target.mkdir()
            else:
                target.write_text(text)
        for path, (mode, _) in reversed(found.items()):
            (folder / path.relative_to("/")).chmod(mode)
        write_owners(folder, self._owners)

    def shared(self, folder: Path, image: Sequence[Path] | None = None) -> Path | None:
        """Where it is in ``folder``, which it is written to unless it is there already.

        Containers never write to it, so all share one. None when there are too many others.
        ``image`` are the image's layers where their paths tell what is in them.
        """
        known: list[object] = []
        if image is None:
            known += ([str(path), entry] for path, entry in self._found().items())
            known.append(self._owners)
        else:
            known += [[str(path) for path in image], *self._wanted]
        target = folder / hashlib.sha256(json.dumps(known).encode()).hexdigest()
        if target.exists():
            return target
        if len(list(folder.iterdir())) >= KEPT:
            return None
        temporary = Path(tempfile.mkdtemp(dir=folder))
        try:
            self.write(temporary / "layer")
            write_owners(target, self._owners)
            (temporary / "layer").rename(target)
        except OSError:
            if not target.exists():  # another container was first
                raise
        finally:
            remove_tree(temporary)
        return target
