"""A picture that changes while it is looked at, and what has changed in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from .style import script, sheet


class Readers:
    """Who looks at a widget: its views in all tabs, each by a name of its own.

    ``changed`` is called with whether anybody does, when the first one comes or the last one goes.
    Whoever has gone does not come back: a message that waited for a cell may arrive after later ones.
    """

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._present: set[str] = set()
        self._gone: deque[str] = deque(maxlen=1000)

    def hear(self, content: Any) -> None:
        """Take note of a message of a front end: who came, or who went."""
        if not isinstance(content, dict):
            return
        before = bool(self._present)
        if isinstance(came := content.get("came"), str) and came not in self._gone:
            self._present.add(came)
        if isinstance(went := content.get("went"), str):
            self._present.discard(went)
            self._gone.append(went)
        if before != bool(self._present):
            self._changed(bool(self._present))


class PictureView(anywidget.AnyWidget):
    """Shows HTML of ours, and says politely to screen readers what has changed.

    ``html`` is trusted: only what :mod:`helpers.pictures` made may be set. ``looked_at`` is called
    with whether anybody sees it.
    """

    _esm = script("picture.js")
    _css = sheet()
    html = traitlets.Unicode().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)

    def __init__(self, html: str, looked_at: Callable[[bool], None] | None = None) -> None:
        super().__init__(html=html)
        self._readers = Readers(looked_at or (lambda _: None))
        self.on_msg(lambda _, content, __: self._readers.hear(content))

    def show(self, html: str, said: str = "") -> None:
        """Show ``html`` from now on; ``said`` is what is new in it."""
        with self.hold_sync():
            self.html = html
            if said:
                self.said = said
