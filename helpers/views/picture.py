"""A picture that changes while it is looked at, and what has changed in words."""

from __future__ import annotations

from collections.abc import Callable

import traitlets

from .style import script, sheet
from .view import View


class PictureView(View):
    """Shows HTML of ours, and says politely to screen readers what has changed.

    ``html`` is trusted: only what :mod:`helpers.pictures` made may be set. ``looked_at`` is called
    with whether anybody sees it.
    """

    _esm = script("picture.js")
    _css = sheet()
    html = traitlets.Unicode().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)

    def __init__(self, html: str, looked_at: Callable[[bool], None] | None = None) -> None:
        super().__init__(looked_at, html=html)

    def show(self, html: str, said: str = "") -> None:
        """Show ``html`` from now on; ``said`` is what is new in it."""
        self.update(html=html, **({"said": said} if said else {}))
