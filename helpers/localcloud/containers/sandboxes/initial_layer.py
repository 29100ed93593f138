"""The layer between an image and what a container writes: mount points, the engine's own files.

Nothing of it ends up in what the container wrote. (Docker calls its own one ``-init``.)
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ...root_folder import remove_tree
from .root_file_system import RootFileSystem

KEPT = 128  # layers that containers share; further ones are of one container each


class InitialLayer:
    """What such a layer holds, by path: modes, and the text of files (None: a directory)."""

    def __init__(self, image: RootFileSystem) -> None:
        self._image = image
        self._entries: dict[PurePosixPath, tuple[int, str | None]] = {
            PurePosixPath("/"): (0o755, None)
        }

    @classmethod
    def of(
        cls,
        image: RootFileSystem,
        *,
        files: Mapping[str, str],
        directories: Iterable[str],
        mounts: Iterable[tuple[bool, str]],
    ) -> InitialLayer:
        """One with text ``files``, ``directories``, ``mounts``.

        Mounts are pairs: whether it is a directory, and its target. Directories that the image has
        keep their mode; links of the image are followed.
        """
        layer = cls(image)
        for path, text in files.items():
            layer._file(path, text)
        for directory in directories:
            layer._directory(PurePosixPath(directory))
        for is_folder, target in mounts:
            if is_folder:
                layer._directory(PurePosixPath(target))
            elif image.find(target) is None:
                layer._file(target, "")
        return layer

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
        return resolved

    def write(self, folder: Path) -> None:
        """Fill the new folder ``folder``."""
        for path, (_, text) in self._entries.items():  # each after the one above it
            target = folder / path.relative_to("/")
            if text is None:
                target.mkdir()
            else:
                target.write_text(text)
        for path, (mode, _) in reversed(self._entries.items()):
            (folder / path.relative_to("/")).chmod(mode)

    def shared(self, folder: Path) -> Path | None:
        """Where it is in ``folder``, which it is written to unless it is there already.

        Containers never write to it, so all share one. None when there are too many others.
        """
        entries = {str(path): entry for path, entry in self._entries.items()}
        key = hashlib.sha256(json.dumps(entries).encode()).hexdigest()
        target = folder / key
        if target.exists():
            return target
        if len(list(folder.iterdir())) >= KEPT:
            return None
        temporary = Path(tempfile.mkdtemp(dir=folder))
        try:
            self.write(temporary / "layer")
            (temporary / "layer").rename(target)
        except OSError:
            if not target.exists():  # another container was first
                raise
        finally:
            remove_tree(temporary)
        return target
