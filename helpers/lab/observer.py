"""Watch a cloud for whoever shows it: in threads of its own, and only while somebody wants to know."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from itertools import count
from weakref import WeakValueDictionary

from ..clouds import Connection
from ..errors import HelpersError
from ..settings import Settings
from .sight import Sight
from .state import CloudState
from .watch import Watch, why

log = logging.getLogger(__name__)

Callback = Callable[[CloudState], None]
# Seconds in which a request is answered, or the cloud cannot be seen.
_REQUEST, _REQUEST_TO_AZURE = 5.0, 20.0
_observers: WeakValueDictionary[object, Observer] = WeakValueDictionary()
_making = threading.Lock()


def observe(connection: Connection, settings: Settings) -> Observer:
    """The observer of what ``settings`` name in a cloud: the same one for all who ask."""
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
        self._connection = connection.with_timeout(
            _REQUEST if connection.is_local else _REQUEST_TO_AZURE
        )  # nobody else's requests wait for these
        self._settings = settings
        self._telling = threading.RLock()  # held while callbacks are called: in order, never two
        self._callbacks: dict[int, Callback | None] = {}  # None: is about to be told all
        self._numbers = count()
        self._last = CloudState((), None, datetime.now(timezone.utc))
        self._watch: Watch | None = None

    @property
    def state(self) -> CloudState:
        """The cloud as it is: as it was seen last while somebody watches, else it is looked at now."""
        watch = self._watch
        if watch is not None:
            watch.first.wait()
            return self._last
        from azure.core.exceptions import AzureError

        sight = Sight(self._connection, self._settings)
        try:
            sight.look(None)
            sight.complete()
        except (AzureError, HelpersError, OSError) as error:
            seen = replace(self._last, problem=why(self._connection, error))
        else:
            seen = CloudState(sight.registries, sight.site, datetime.now(timezone.utc))
        with self._telling:
            if self._watch is None:
                self._last = seen
        return seen

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback`` with the present state now, and at every change; the result cancels that.

        It is called by threads of the observer's, one call after the other. What it raises is
        logged, and nobody else's matter. The last one who cancels ends those threads.
        """
        with self._telling:
            number = next(self._numbers)
            self._callbacks[number] = None
            if self._watch is None:
                self._watch = Watch(self._connection, self._settings, self._hear)
            watch = self._watch
        watch.first.wait()
        with self._telling:
            if number in self._callbacks:  # not closed meanwhile
                self._callbacks[number] = callback
                _call(callback, self._last)

        def cancel() -> None:
            with self._telling:
                self._callbacks.pop(number, None)
                ending = self._take_watch() if not self._callbacks else None
            self._end(ending)

        return cancel

    def close(self) -> None:
        """Tell nobody any more, and end its threads."""
        with self._telling:
            self._callbacks.clear()
            ending = self._take_watch()
        self._end(ending)

    def _take_watch(self) -> Watch | None:
        watch, self._watch = self._watch, None
        return watch

    def _end(self, watch: Watch | None) -> None:
        if watch is not None:
            # Within a callback its threads may be waiting for this one.
            watch.close(wait=not self._telling._is_owned())  # type: ignore[attr-defined]

    def _hear(self, watch: Watch, seen: CloudState | str) -> None:
        """What a watch has seen, or why it sees nothing: what was seen last stays then."""
        with self._telling:
            if watch is self._watch:
                before = self._last
                self._last = replace(before, problem=seen) if isinstance(seen, str) else seen
                if replace(before, seen=self._last.seen) != self._last:
                    for number, callback in list(self._callbacks.items()):
                        if callback is not None and number in self._callbacks:
                            _call(callback, self._last)
        watch.first.set()


def _call(callback: Callback, state: CloudState) -> None:
    try:
        callback(state)
    except Exception:
        log.exception("a callback of the observer failed")


@atexit.register
def _close_all() -> None:
    """When the kernel ends nothing goes on."""
    for observer in list(_observers.values()):
        observer.close()
