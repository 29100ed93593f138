"""What the work of one run may take; what its containers take is limited with them."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import threading
from collections.abc import Callable, Iterator

MEMORY = 1 << 30  # bytes of the run's process
_M_ARENA_MAX = -8  # malloc.h
_STACK = 1 << 20  # bytes of a thread: they count
OUT_OF_MEMORY = (
    f"The run needed more memory than its limit of {MEMORY >> 20} MiB. What its steps use in their "
    "containers does not count: its templates, its Dockerfile or its source code are too big, or "
    "grow without end."
)


RENDERING = 15.0  # seconds for rendering and reading a task file
# How the daemon is told of a limit of time; it keeps to it whatever this process does.
watch: Callable[[float, str], None] = lambda seconds, message: None  # noqa: ARG005, E731


@contextlib.contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """Inside, the run fails when ``seconds`` have passed; where no daemon watches, nothing happens."""
    watch(
        seconds,
        f"{what} took longer than {seconds:g} seconds: that is the local cloud's limit for it.",
    )
    try:
        yield
    finally:
        watch(0, "")


def apply() -> None:
    """Set the limits of this process, before it has a thread."""
    threading.stack_size(_STACK)
    # One arena for all threads: under the interpreter's lock another one is only more memory.
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
