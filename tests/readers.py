"""What a program has that a reader starts: no trace of the tests, of a cloud, or of the shell around them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, but that it names no cloud and no test; with ``more``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "PYTEST_"))}
    return {**kept, **more}


@contextmanager
def interruptible() -> Iterator[None]:
    """What is started inside ends by SIGINT, as in a terminal.

    Who runs the tests may ignore it, as shells do for background jobs, and processes inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
