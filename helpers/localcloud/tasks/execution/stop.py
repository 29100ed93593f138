"""The wish that a run end early, and why: cancelled, out of time, or the cloud is stopping."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from ...errors import no_space
from .limits import OUT_OF_MEMORY

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The run was asked to stop."""


def late(seconds: int) -> str:
    """The message of a run that is out of time."""
    return f"The run did not end within its timeout of {seconds} seconds."


def unexpected(error: Exception) -> tuple[str, str]:
    """Status and message of a run that ended by an exception which nothing has foreseen."""
    causes = list(_causes(error))
    if any(no_space(one) is not None for one in causes):
        return "Failed", (
            "The disk that holds the state of the local cloud is full. Free some space, then run "
            "the task again."
        )
    if any(isinstance(one, MemoryError) for one in causes):
        return "Failed", OUT_OF_MEMORY
    return "Error", (
        f"The local cloud failed ({type(error).__name__}), which is a defect of it: see daemon.log "
        "in its state folder."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came of: libraries wrap what happens to them."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


class Stop:
    """Asked for once; the first reason counts. Thread-safe."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.status = ""  # the run's final status: Canceled, Timeout, Failed
        self.message = ""
        self._lock = threading.Lock()
        self._actions: list[Callable[[], object]] = []

    def request(self, status: str, message: str) -> None:
        """Ask the run to stop and end with ``status``; runs what was registered to stop it."""
        with self._lock:
            if self.event.is_set():
                return
            self.status, self.message = status, message
            self.event.set()
            actions = list(self._actions)
        for action in actions:
            _try(action)

    @contextlib.contextmanager
    def action(self, action: Callable[[], object]) -> Iterator[None]:
        """Inside, ``action`` is what stops the work; called at once when it is to stop already."""
        with self._lock:
            asked = self.event.is_set()
            self._actions.append(action)
        if asked:
            _try(action)
        try:
            yield
        finally:
            with self._lock:
                self._actions.remove(action)

    def check(self) -> None:
        """Raise :class:`StoppedError` when the run is to stop."""
        if self.event.is_set():
            raise StoppedError(self.message)

    def wait(self, seconds: float) -> None:
        """Wait; raises :class:`StoppedError` as soon as the run is to stop."""
        self.event.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def after(self, seconds: float, status: str, message: str) -> Iterator[None]:
        """Inside, the run is asked to stop once ``seconds`` have passed."""
        timer = threading.Timer(seconds, self.request, (status, message))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _try(action: Callable[[], object]) -> None:
    try:
        action()
    except Exception:
        log.exception("stopping a run")
