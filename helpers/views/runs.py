"""A table of runs that changes while it is filtered and read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import traitlets

from .style import script, sheet
from .view import View

MOST = 2000  # rows


class Row(NamedTuple):
    """A run as it is shown. ``key`` names it; ``created`` orders the rows, ``took`` is in seconds."""

    key: str
    run: str
    task: str
    registry: str
    status: str
    tone: str
    mark: str
    trigger: str
    created: str
    started: str
    took: int | None


class RunsView(View):
    """The runs, the newest first, with filters. Thread-safe.

    A front end is sent all rows when it comes, later only those that have changed. ``opened`` is
    the key of the run whose log is shown. ``open`` is called with a key, or '' to close it.
    """

    _esm = script("runs.js")
    _css = sheet("runs.css")
    problem = traitlets.Unicode().tag(sync=True)
    opened = traitlets.Unicode().tag(sync=True)
    filters: Any = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        filters: Mapping[str, str],
        looked_at: Callable[[bool], None],
        open_log: Callable[[str], None],
    ) -> None:
        self._rows: dict[str, Row] = {}
        self._lock = threading.RLock()
        self._open = open_log
        super().__init__(looked_at, filters=dict(filters))

    def show(self, rows: Iterable[Row], problem: str = "") -> None:
        """Show these rows, and no others; ``problem``: why they may not be what is true now."""
        new = {row.key: row for row in list(rows)[:MOST]}
        with self._lock:
            before, self._rows = self._rows, new
            if before.keys() - new.keys():
                self._send_all()
            elif changed := [row for key, row in new.items() if before.get(key) != row]:
                self.send({"rows": changed})
            self.problem = problem

    def hear(self, content: dict[str, Any]) -> None:
        """Send whoever comes all rows, and open the log of a run; note who comes and goes."""
        if "came" in content:
            with self._lock:
                self._send_all()
        super().hear(content)
        key = content.get("open")
        if isinstance(key, str) and (not key or key in self._rows):
            self.opened = key
            self._open(key)

    def _send_all(self) -> None:
        self.send({"all": list(self._rows.values())})
