"""What every live view has in the kernel: it knows whether anybody looks at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import anywidget


class Readers:
    """Who looks at a widget: its views in all tabs, each by a name of its own.

    ``changed`` is called with whether anybody does, when the first one comes or the last one goes.
    Whoever has gone does not come back: a message that waited for a cell may arrive after later ones.
    """

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._present: set[str] = set()
        self._gone: deque[str] = deque(maxlen=1000)

    def hear(self, content: dict[str, Any]) -> None:
        """Take note of a message of a front end: who came, or who went."""
        before = bool(self._present)
        if isinstance(came := content.get("came"), str) and came not in self._gone:
            self._present.add(came)
        if isinstance(went := content.get("went"), str):
            self._present.discard(went)
            self._gone.append(went)
        if before != bool(self._present):
            self._changed(bool(self._present))


class View(anywidget.AnyWidget):
    """Base of a live view. ``looked_at`` is called with whether anybody sees it."""

    def __init__(self, looked_at: Callable[[bool], None] | None = None, **state: Any) -> None:
        super().__init__(**state)
        self._readers = Readers(looked_at or (lambda _: None))
        self.on_msg(self._take)

    def update(self, **state: Any) -> None:
        """Show another state, all of it at once."""
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)

    def hear(self, content: dict[str, Any]) -> None:
        """Take note of a message of a front end."""
        self._readers.hear(content)

    def _take(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict):
            self.hear(content)
