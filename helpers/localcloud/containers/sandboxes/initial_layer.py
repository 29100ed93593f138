"""The layer between an image and what a container writes: mount points, the engine's own files.

Nothing of it ends up in what the container wrote. (Docker calls its own one ``-init``.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from .root_file_system import RootFileSystem


def write_initial_layer(
    layer: Path,
    image: RootFileSystem,
    *,
    files: Mapping[str, str],
    directories: Iterable[str],
    mounts: Iterable[tuple[bool, str]],
) -> None:
    """Fill the new folder ``layer``: text ``files``, ``directories``, ``mounts``.

    Mounts are pairs: whether it is a directory, and its target. Directories that the image has keep
    their mode; links of the image are followed.
    """
    layer.mkdir(mode=0o755)
    layer.chmod(0o755)
    for path, text in files.items():
        _file(image, layer, path, text)
    for directory in directories:
        _directory(image, layer, PurePosixPath(directory))
    for is_folder, target in mounts:
        if is_folder:
            _directory(image, layer, PurePosixPath(target))
        elif image.find(target) is None:
            _file(image, layer, target, "")


def _file(image: RootFileSystem, layer: Path, path: str, text: str) -> None:
    target = PurePosixPath(path)
    parent = image.resolve(str(target.parent))
    _directory(image, layer, parent)
    # Above the image's own entry, were it a link.
    file = layer / parent.relative_to("/") / target.name
    file.write_text(text)
    file.chmod(0o644)


def _directory(image: RootFileSystem, layer: Path, path: PurePosixPath) -> None:
    """Make ``path`` exist: directories that the image has keep their mode."""
    resolved = image.resolve(str(path))
    for directory in [*reversed(resolved.parents), resolved][1:]:
        target = layer / directory.relative_to("/")
        if target.exists():
            continue
        target.mkdir()
        existing = image.find(str(directory))
        target.chmod(existing.stat().st_mode & 0o7777 if existing is not None else 0o755)
