"""Files that are there whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path


def write(path: Path, data: bytes | str, *, mode: int = 0o600, durable: bool = False) -> None:
    """Make ``data`` the content of ``path``, whoever reads, writes or kills meanwhile.

    ``durable``: also after a loss of power. Text is UTF-8. Raises OSError, and leaves nothing then;
    also for a device, a pipe or a socket, which a file must not take the place of.
    """
    _refuse_what_is_no_file(path)
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


def _refuse_what_is_no_file(path: Path) -> None:
    """Root could rename a file over ``/dev/null``."""
    if not path.name:  # "" and "/"
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing is there, or writing says what is wrong
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "It is a device, a pipe or a socket", str(path))
