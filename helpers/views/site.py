"""The site in a notebook: its page as it is now, with its address and a link that opens it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import traitlets

from .style import script, sheet
from .view import View

# Where the reader's browser runs on another machine than this kernel, and what tells so.
_ELSEWHERE = {
    "CODESPACES": "GitHub Codespaces",
    "BINDER_REPO_URL": "Binder",
    "JUPYTERHUB_API_URL": "JupyterHub",
    "COLAB_RELEASE_TAG": "Google Colab",
    "REMOTE_CONTAINERS": "a dev container",
    "SSH_CONNECTION": "a machine that you have signed in to",
}


def elsewhere() -> str:
    """Where this kernel runs, if that is not the machine of the reader's browser; else ''."""
    return next((place for name, place in _ELSEWHERE.items() if os.environ.get(name)), "")


class SiteView(View):
    """A window with a page in it, which is somebody else's: a frame without rights shows it.

    ``looked_at`` is called with whether anybody sees it.
    """

    _esm = script("site.js")
    _css = sheet("site.css")
    url = traitlets.Unicode().tag(sync=True)
    loopback = traitlets.Bool().tag(sync=True)  # whether the address is the kernel's machine's own
    elsewhere = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    color = traitlets.Unicode().tag(sync=True)
    version = traitlets.Unicode().tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    fetched = traitlets.Unicode().tag(sync=True)  # when; with a page that is the same, too
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, looked_at: Callable[[bool], None], **state: Any) -> None:
        super().__init__(looked_at, elsewhere=elsewhere(), **state)
