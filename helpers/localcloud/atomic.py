"""Files that are there whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write(path: Path, data: bytes | str, *, mode: int = 0o600, durable: bool = False) -> None:
    """Make ``data`` the content of ``path``, whoever reads, writes or kills meanwhile.

    ``durable``: also after a loss of power. Text is UTF-8. Raises OSError, and leaves nothing then.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            if durable:
                file.flush()
                os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
