"""A colour is chosen, the difference looked at, the commit pushed; what that starts is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from ..pictures.colors import NAMES
from .picture import Readers
from .style import script, sheet


class ChangeView(anywidget.AnyWidget):
    """A form. What is entered is checked by who has made it, never here or in the browser.

    ``choose`` is called with a colour that somebody considers, ``push`` with a colour and a message
    that they have decided on, ``looked_at`` with whether anybody sees the form.
    """

    _esm = script("change.js")
    _css = sheet("change.css")
    title = traitlets.Unicode().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    names: Any = traitlets.List(sorted(NAMES)).tag(sync=True)
    color = traitlets.Unicode().tag(sync=True)  # the one that is answered
    diff: Any = traitlets.List().tag(sync=True)
    starts: Any = traitlets.List().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    commit = traitlets.Unicode().tag(sync=True)  # the last one that was pushed here
    runs: Any = traitlets.List().tag(sync=True)
    answers = traitlets.Int().tag(sync=True)  # how many questions have been answered

    def __init__(
        self,
        choose: Callable[[str], dict[str, Any]],
        push: Callable[[str, str], dict[str, Any]],
        looked_at: Callable[[bool], None],
        **state: Any,
    ) -> None:
        super().__init__(**state)
        self._choose = choose
        self._push = push
        self._readers = Readers(looked_at)
        self.on_msg(self._heard)

    def show(self, **state: Any) -> None:
        """Show another state, all of it at once."""
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        self._readers.hear(content)
        if not isinstance(content, dict) or not isinstance(color := content.get("color"), str):
            return
        if content.get("ask") == "choose":
            answer = self._choose(color)
        elif content.get("ask") == "push" and isinstance(message := content.get("message"), str):
            answer = self._push(color, message)
        else:
            return
        self.show(color=color, answers=self.answers + 1, **answer)
