"""Whether somebody sits before this kernel, and the form in which a widget is shown to them."""

from __future__ import annotations

import os
import sys
from typing import Any

WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
# What Jupyter Server tells its kernels, and what VS Code's have.
FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID")


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


def shown(widget: Any) -> dict[str, Any]:
    """What a front end needs in order to show a widget, for the bundle of an output."""
    return {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
