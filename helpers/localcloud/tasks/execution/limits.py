"""What the work of one run may take; what its containers take is limited with them."""

from __future__ import annotations

import resource
import threading

MEMORY = 1 << 30  # bytes of the run's process
_STACK = 1 << 20  # bytes of a thread: they count
OUT_OF_MEMORY = (
    f"The run needed more memory than its limit of {MEMORY >> 20} MiB. What its steps use in their "
    "containers does not count: its templates, its Dockerfile or its source code are too big, or "
    "grow without end."
)


def apply() -> None:
    """Set the limits of this process, before it has a thread."""
    threading.stack_size(_STACK)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
