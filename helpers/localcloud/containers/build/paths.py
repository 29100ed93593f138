"""Paths in an image as instructions name them."""

from __future__ import annotations

import os
from pathlib import PurePosixPath


def absolute(working_dir: str, path: str) -> str:
    """``path`` from a working directory, without dots; ``..`` of the root is the root."""
    joined = PurePosixPath("/", working_dir, path)
    return f"/{os.path.normpath(joined).lstrip('/')}"  # two slashes stay with POSIX


def climbs(path: str) -> bool:
    """Whether ``..`` of a path from the root leads above it."""
    depth = 0
    for part in PurePosixPath("/", path).parts[1:]:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
