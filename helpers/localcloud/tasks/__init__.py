"""ACR Tasks: runs are queued by requests and triggers, executed here, seen through ARM and logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..cloud import Cloud
    from .queue import Worker
    from .triggers import Triggers


log = logging.getLogger(__name__)


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
    from ..containers.errors import SandboxError
    from ..containers.images import stand_in
    from .queue import Worker  # here: whoever only reads runs does without the engine
    from .triggers import Triggers

    cloud.principals.close_sessions()
    try:
        stand_in.forget_other_az(cloud)
    except SandboxError as error:  # a run that needs az says so, too
        log.error("%s", error)
    worker = Worker(cloud)
    worker.start()
    triggers = Triggers(cloud)
    triggers.start()
    return Engine(triggers, worker)
