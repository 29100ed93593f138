"""The log of a run that goes on while the notebook does."""

from __future__ import annotations

import threading
from typing import Any

from .. import runs
from ..clouds import Connection
from ..display import plain
from ..errors import HelpersError
from ..pictures.logs import LogPicture
from .live import Live
from .watch import said


class LogStream(Live):
    """The log of ``run``, read while somebody looks at it and the run goes on; no cell waits for it.

    A log is no part of the state that is observed: it grows by the line, and is told nobody. So it is
    read, as az reads it.
    """

    def __init__(self, connection: Connection, run: Any) -> None:
        self._connection = connection
        self._looks = runs.looks(connection, run)
        found, self._lines = next(self._looks)
        self._title = runs.title_of(found)
        self._status = plain(found.status)
        self._is_over = False
        self._problem = ""  # why no more of it is read
        self._wanted = False
        self._reading = threading.Lock()

    def picture(self) -> LogPicture:
        """The log as far as it is written."""
        if self._widget is None:  # else it is read for that, and only then
            self._look()
        return LogPicture(self._title, self._lines, self._status)

    def make_widget(self) -> Any:
        """The log with its steps and a search."""
        from ..views.log import LogView

        return LogView(
            self._title,
            self._lines,
            self._status,
            over=self._is_over,
            looked_at=self.looked_at,
        )

    def looked_at(self, wanted: bool) -> None:
        """Begin to read, go on where it was, or cease. Returns at once."""
        self._wanted = wanted
        if wanted and not self._is_over and not self._problem:
            threading.Thread(target=self._read, name="lab-log", daemon=True).start()

    def _read(self) -> None:
        from azure.core.exceptions import AzureError

        view = self.widget()
        with self._reading:
            try:
                while self._wanted and not self._is_over:
                    view.extend(self._look(), self._status)
                if self._is_over:
                    view.end(self._status)
            except (AzureError, HelpersError, OSError) as error:
                view.problem = self._problem = said(self._connection, error)

    def _look(self) -> list[str]:
        """The lines that have come since the last look; none any more when all have come."""
        look = next(self._looks, None)
        if look is None:
            self._is_over = True
            return []
        found, lines = look
        self._status = plain(found.status)
        self._lines.extend(lines)
        return lines


def log_stream(connection: Connection, run: Any) -> LogStream:
    """The log of ``run``, which goes on in its output while the next cells run.

    ``run`` is what ``schedule_run``, ``runs.get`` or ``runs.list`` of the SDK returned. To wait for
    the end of the run, take :func:`helpers.runs.follow`.
    """
    return LogStream(connection, run)
