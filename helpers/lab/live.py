"""What a reader sees: a widget that moves where one can run, the same picture everywhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..views.front_end import WIDGET_TYPE, Picture, bundle, interactive

__all__ = ["WIDGET_TYPE", "Live", "Picture", "interactive"]


class Live(ABC):
    """Base of what a reader sees of the cloud."""

    _widget: Any = None

    @abstractmethod
    def picture(self) -> Picture:
        """What it shows at present."""

    @abstractmethod
    def make_widget(self) -> Any:
        """The ipywidgets or anywidget view; called once, and only where one can run."""

    def widget(self) -> Any:
        """Its view, made when it is asked for first: then it is about to be looked at.

        The front end says so, too, but is heard only when no cell is running.
        """
        if self._widget is None:
            self._widget = self.make_widget()
            self.looked_at(True)
        return self._widget

    def looked_at(self, wanted: bool) -> None:  # noqa: B027 - what does not move needs none
        """Begin to follow what it shows, or cease. Returns at once."""

    def __repr__(self) -> str:
        """The picture as text."""
        return self.picture().text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return bundle(self.picture(), self.widget() if interactive() else None)
