"""What a reader sees: a widget that moves where one can run, the same picture everywhere else."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from typing import Any, Protocol

WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
# What Jupyter Server tells its kernels, and what VS Code's have: somebody sits before them.
_FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID")


class Picture(Protocol):
    """What is shown where nothing moves: pure data in three forms, each complete by itself."""

    def svg(self) -> str | None:
        """As an image; None when it is better told in HTML."""

    def html(self) -> str:
        """As HTML that can be read without styles, and holds no markup of strangers."""

    def text(self) -> str:
        """As plain text."""


def interactive() -> bool:
    """Whether a front end shows widgets here: a kernel that Jupyter Server or VS Code has started.

    Not in papermill, nbval, nbconvert, or a kernel of our own runs: what they store has no widgets.
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    in_kernel = shell is not None and hasattr(shell, "kernel")
    return in_kernel and any(os.environ.get(name) for name in _FRONT_ENDS)


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
        """Its view, made when it is asked for first."""
        if self._widget is None:
            self._widget = self.make_widget()
        return self._widget

    def __repr__(self) -> str:
        """The picture as text."""
        return self.picture().text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        picture = self.picture()
        bundle: dict[str, Any] = {"text/plain": picture.text(), "text/html": picture.html()}
        svg = picture.svg()
        if svg is not None:
            bundle["image/svg+xml"] = svg
        if interactive():
            model = self.widget().model_id
            bundle[WIDGET_TYPE] = {"version_major": 2, "version_minor": 0, "model_id": model}
        return bundle
