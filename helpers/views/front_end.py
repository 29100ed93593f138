"""Whether somebody sits before this kernel, and the forms in which something is shown to them."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
# What Jupyter Server tells its kernels, and what VS Code's have.
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID")


class Picture(Protocol):
    """What is shown where nothing moves: pure data in three forms, each complete by itself."""

    def svg(self) -> str | None:
        """As an image; None when it is better told in HTML."""

    def html(self) -> str:
        """As HTML that can be read without styles, and holds no markup of strangers."""

    def text(self) -> str:
        """As plain text."""


def in_notebook() -> bool:
    """Whether this is a kernel."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def interactive() -> bool:
    """Whether a front end shows widgets here: a kernel that Jupyter Server or VS Code has started.

    Not in papermill, nbval, nbconvert, or a kernel of our own runs: what they store has no widgets.
    """
    return in_notebook() and any(os.environ.get(name) for name in FRONT_ENDS)


def bundle(picture: Picture, widget: Any = None) -> dict[str, Any]:
    """An output that shows ``picture`` in each of its forms, and the ``widget`` where one runs."""
    made: dict[str, Any] = {"text/plain": picture.text(), "text/html": picture.html()}
    svg = picture.svg()
    if svg is not None:
        made["image/svg+xml"] = svg
    if widget is not None:
        made[WIDGET_TYPE] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return made
