"""Watch a cloud for whoever shows it: one thread for a connection and its names, only while needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from itertools import count
from weakref import WeakValueDictionary

from ..clouds import Connection
from ..errors import HelpersError
from ..settings import Settings
from .reader import Reader
from .state import CloudState

log = logging.getLogger(__name__)

Callback = Callable[[CloudState], None]
PAUSE, PAUSE_ON_AZURE = 0.25, 5.0  # seconds between two looks
_observers: WeakValueDictionary[object, Observer] = WeakValueDictionary()
_making = threading.Lock()


def observe(connection: Connection, settings: Settings) -> Observer:
    """The observer of what ``settings`` name in a cloud: one for all who ask while one of them lives."""
    place = connection.environment.get("LOCALCLOUD_HOME", "")
    key = (connection.cloud, connection.subscription_id, place, settings)
    with _making:
        found = _observers.get(key)
        if found is None:
            found = _observers[key] = Observer(connection, settings)
        return found


class Observer:
    """Sees the cloud, and tells everybody who has subscribed whenever it has changed. Thread-safe."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._reader = Reader(connection, settings)
        self._pause = PAUSE if connection.is_local else PAUSE_ON_AZURE
        self._telling = threading.RLock()  # held while callbacks are called: in order, never two
        self._callbacks: dict[int, Callback] = {}
        self._numbers = count()
        self._state: CloudState | None = None
        self._watching: _Watching | None = None

    @property
    def state(self) -> CloudState:
        """The cloud as it is: as it was seen last while somebody watches, else read now."""
        with self._telling:
            if self._state is None or self._watching is None:
                self._state = self._read(self._state)
            return self._state

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback`` with the present state now, and at every change; the result cancels that.

        It is called by a thread of the observer's, one call after the other. What it raises is
        logged, and nobody else's matter. The last one who cancels ends that thread.
        """
        with self._telling:
            state = self.state
            number = next(self._numbers)
            self._callbacks[number] = callback
            if self._watching is None:
                self._watching = _Watching(self._look, self._pause)
            _call(callback, state)

        def cancel() -> None:
            with self._telling:
                self._callbacks.pop(number, None)
                watching = self._watching if not self._callbacks else None
                if watching is None:
                    return
                self._watching = None
                watching.stop()
            if not self._is_telling():
                watching.join()

        return cancel

    def _is_telling(self) -> bool:
        """Whether this thread is within a callback: then the observer's may wait for it."""
        return self._telling._is_owned()  # type: ignore[attr-defined,no-any-return]

    def _look(self, watching: _Watching) -> None:
        state = self._read(self._state)
        with self._telling:
            if watching is not self._watching:
                return
            before, self._state = self._state, state
            if before is not None and replace(before, seen=state.seen) == state:
                return
            for number, callback in list(self._callbacks.items()):
                if number in self._callbacks:  # not cancelled by one before it
                    _call(callback, state)

    def _read(self, before: CloudState | None) -> CloudState:
        """The cloud now; what was seen ``before`` with the reason when it cannot be seen."""
        from azure.core.exceptions import AzureError

        try:
            return CloudState(self._reader.registries(), self._reader.site(), _now())
        except (HelpersError, AzureError, OSError) as error:
            last = before or CloudState((), None, _now())
            return replace(last, problem=self._reason(error))

    def _reason(self, error: Exception) -> str:
        if not isinstance(error, HelpersError):
            with suppress(OSError):
                try:
                    self._connection.check()
                except HelpersError as lost:
                    return str(lost)
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return first if isinstance(error, HelpersError) else f"The cloud cannot be seen: {first}"


class _Watching:
    """A thread that looks again and again until it is stopped."""

    def __init__(self, look: Callable[[_Watching], None], pause: float) -> None:
        self._look = look
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="observer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self._look(self)
            except Exception:
                log.exception("the cloud could not be looked at")


def _call(callback: Callback, state: CloudState) -> None:
    try:
        callback(state)
    except Exception:
        log.exception("a callback of the observer failed")


def _now() -> datetime:
    return datetime.now(timezone.utc)
