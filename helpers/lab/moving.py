"""What is drawn from the state of the cloud, and drawn anew whenever that has changed."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable

from ..clouds import Connection
from ..settings import Settings
from .live import Live, Picture
from .observer import observe
from .state import CloudState


class Moving(Live):
    """Base of what shows the state of the cloud; it watches only while somebody looks at it."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._observer = observe(connection, settings)
        self._cancel: Callable[[], None] | None = None
        self._drawn: CloudState | None = None  # what the picture shows
        self._wanted = False
        self._switching = threading.Lock()

    @abstractmethod
    def draw(self, state: CloudState) -> Picture:
        """The picture of a state."""

    @abstractmethod
    def tell(self, state: CloudState) -> None:
        """Let the widget show a state; called in threads of the observer's, one after the other."""

    @property
    def state(self) -> CloudState:
        """The cloud at present."""
        return self._observer.state

    def picture(self) -> Picture:
        """What it shows at present."""
        self._drawn = self.state
        return self.draw(self._drawn)

    @property
    def begins_with(self) -> CloudState:
        """What the view shows at first: no second look at the cloud where the picture is beside it."""
        return self._drawn or self.state

    def looked_at(self, wanted: bool) -> None:
        """Begin to watch, or cease. Returns at once: a look at the cloud may take seconds."""
        self._wanted = wanted
        threading.Thread(target=self._switch, name="lab-switch", daemon=True).start()

    def _switch(self) -> None:
        with self._switching:
            if self._wanted and self._cancel is None:
                self._cancel = self._observer.subscribe(self.tell)
            elif not self._wanted and self._cancel is not None:
                cancel, self._cancel = self._cancel, None
                cancel()

    def close(self) -> None:
        """Watch no longer."""
        self.looked_at(False)
