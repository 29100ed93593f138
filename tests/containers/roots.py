"""A root file system for tests, made of this machine's shell and core utilities."""

from __future__ import annotations

import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from helpers.localcloud.containers.images import stand_in
from helpers.localcloud.content import ContentStore

# Older Pythons know no filters; what is unpacked here is our own.
TRUSTED: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}


@lru_cache(maxsize=1)
def _layer(folder: str) -> Path:
    content = ContentStore(Path(folder) / "content")
    digest, _ = stand_in._base().write(content)
    root = Path(folder) / "root"
    with content.open(digest) as file, tarfile.open(fileobj=file) as archive:
        archive.extractall(root, **TRUSTED)
    return root


_keep: list[tempfile.TemporaryDirectory[str]] = []


def base_layer() -> Path:
    """A directory with sh and core utilities; made once per process, never written to."""
    if not _keep:
        _keep.append(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    return _layer(_keep[0].name)
