"""A colour is chosen, the difference looked at, the commit pushed; what that starts is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from ..pictures.colors import NAMES
from .style import script, sheet
from .view import View


class ChangeView(View):
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
        super().__init__(looked_at, **state)
        self._choose = choose
        self._push = push

    def hear(self, content: dict[str, Any]) -> None:
        """Answer a question about a colour; note who comes and goes."""
        super().hear(content)
        if not isinstance(color := content.get("color"), str):
            return
        if content.get("ask") == "choose":
            answer = self._choose(color)
        elif content.get("ask") == "push" and isinstance(message := content.get("message"), str):
            answer = self._push(color, message)
        else:
            return
        self.update(color=color, answers=self.answers + 1, **answer)
