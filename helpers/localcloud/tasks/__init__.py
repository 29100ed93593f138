"""ACR Tasks: runs are queued by requests and triggers, executed here, seen through ARM and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..cloud import Cloud
    from .queue import Worker
    from .triggers import Triggers


class Engine:
    """The triggers and the queue of one cloud, while they work."""

    def __init__(self, triggers: Triggers, worker: Worker) -> None:
        self._triggers = triggers
        self._worker = worker

    def stop(self) -> None:
        """Start no more runs, and end those that go on."""
        self._triggers.stop()
        self._worker.stop()


def start(cloud: Cloud) -> Engine:
    """Start executing the runs of ``cloud``, and its triggers; ``.stop()`` ends it."""
    from .queue import Worker  # here: whoever only reads runs does without the engine
    from .triggers import Triggers

    worker = Worker(cloud)
    worker.start()
    triggers = Triggers(cloud)
    triggers.start()
    return Engine(triggers, worker)
