"""ACR Tasks: runs are queued in the store, executed here, and seen through ARM and their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cloud import Cloud

if TYPE_CHECKING:
    from .queue import Worker


def start(cloud: Cloud) -> Worker:
    """Start executing the runs of ``cloud``; ``.stop()`` ends it."""
    from .queue import Worker  # here: whoever only reads runs does without the engine

    worker = Worker(cloud)
    worker.start()
    return worker
