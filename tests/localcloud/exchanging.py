"""Two entries of a file system that change places all the time, as an attack would do it."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE: linux/fs.h
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def exchanging(one: Path, other: Path) -> Iterator[None]:
    """Inside, whenever both are there they change places (renameat2(2))."""
    end = threading.Event()
    pair = (os.fsencode(one), os.fsencode(other))

    def exchange() -> None:
        while not end.is_set():
            _libc.renameat2(_HERE, pair[0], _HERE, pair[1], _EXCHANGE)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
