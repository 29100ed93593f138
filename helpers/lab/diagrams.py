"""The pipeline and the staging, drawn while they move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..clouds import Connection
from ..pictures import Flow, news
from ..settings import Settings
from . import flows
from .moving import Moving
from .state import CloudState


class Diagram(Moving):
    """Boxes and arrows, as a function makes them of the state of the cloud and the names."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        flow: Callable[[CloudState, Settings], Flow],
    ) -> None:
        super().__init__(connection, settings)
        self._flow = flow
        self._shown: Flow | None = None

    def draw(self, state: CloudState) -> Flow:
        """The flow of a state."""
        self._shown = self._flow(state, self._settings)
        return self._shown

    def make_widget(self) -> Any:
        """The picture, redrawn at every change, and what has changed in words."""
        from ..views.picture import PictureView

        shown = self._shown or self.draw(self.state)
        return PictureView(shown.html(), self.looked_at)

    def tell(self, state: CloudState) -> None:
        """Redraw the picture."""
        before = self._shown
        after = self.draw(state)
        self.widget().show(after.html(), news(before, after) if before else "")


def pipeline(connection: Connection, settings: Settings) -> Diagram:
    """The way of an image from the public to the site, as it is and as it changes.

    It also moves when somebody else starts something: a git push in a terminal, a timer.
    """
    return Diagram(connection, settings, flows.pipeline)


def staging(connection: Connection, settings: Settings) -> Diagram:
    """The way of an image through the registry for staging, as it is and as it changes."""
    return Diagram(connection, settings, flows.staging)
