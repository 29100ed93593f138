"""The log of a run in a notebook: it grows, is searched, and is read from step to step."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import traitlets

from ..pictures.colors import BAD, GOING, GOOD
from ..pictures.logs import Line, Steps, line_of
from .style import script, sheet
from .view import View

_PIECE = 8000  # lines of one message: each is on its way and on the screen before the next
_MOST = 500_000  # lines: a browser draws nothing that is higher than some millions of pixels
_LETTERS = {"": " ", BAD.name: "b", GOING.name: "s", GOOD.name: "g"}


class LogView(View):
    """A log that grows. Thread-safe: who reads the log may do so in a thread of its own.

    The front end gets the first lines with the view's state, and the others in messages. It asks
    for what it has missed: it may have been opened later, or its connection was gone for a while.
    """

    _esm = script("log.js")
    _css = sheet("log.css")
    title = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    over = traitlets.Bool().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    steps: Any = traitlets.List().tag(sync=True)
    first = traitlets.Bytes().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)  # why no more can be read

    def __init__(
        self,
        title: str,
        lines: Iterable[str] = (),
        status: str = "",
        *,
        over: bool = False,
        looked_at: Callable[[bool], None] | None = None,
    ) -> None:
        self._lines: list[str] = []
        self._read = Steps()
        self._lock = threading.RLock()
        super().__init__(looked_at, title=title, status=status)
        self._add(lines)  # nobody hears messages yet: they are asked for
        if over:
            self.end(status)

    def extend(self, lines: Iterable[str], status: str | None = None) -> None:
        """Show more lines at the end of the log, and how the run is."""
        with self._lock:
            start = len(self._lines)
            self._add(lines, status)
            for at in range(max(start, _PIECE), len(self._lines), _PIECE):
                self._send_piece(at)

    def _add(self, lines: Iterable[str], status: str | None = None) -> None:
        """Take more lines; the front end learns how many there are, and the first of them."""
        with self._lock, self.hold_sync():
            start = len(self._lines)
            for raw in lines:
                if len(self._lines) >= _MOST:
                    self._note_the_rest()
                    break
                self._read.read(len(self._lines), raw)
                self._lines.append(raw)
            if status is not None:
                self.status = status
            self._tell_steps()
            self.total = len(self._lines)
            if start < _PIECE:
                self.first = self._piece(0)

    def end(self, status: str) -> None:
        """The run is over, with that status."""
        with self._lock, self.hold_sync():
            self._read.end()
            self.status = status
            self._tell_steps()
            self.over = True

    def _note_the_rest(self) -> None:
        if len(self._lines) == _MOST:
            self._lines.append(f"The log goes on, and is not shown here beyond {_MOST:,} lines.")

    def _tell_steps(self) -> None:
        self.steps = [
            {"name": one.name, "line": one.line, "status": one.status, "seconds": one.seconds}
            for one in self._read
        ]

    def hear(self, content: dict[str, Any]) -> None:
        """Answer a front end that lacks the lines from a number on; note who comes and goes."""
        super().hear(content)
        start = content.get("from")
        if not isinstance(start, int):
            return
        with self._lock:
            self.send_state(["status", "over", "total", "steps"])
            if 0 <= start < len(self._lines):
                self._send_piece(start)

    def _send_piece(self, start: int) -> None:
        self.send({"from": start}, [self._piece(start)])

    def _piece(self, start: int) -> bytes:
        """Lines from that number on, as the front end reads them."""
        lines = [line_of(raw) for raw in self._lines[start : start + _PIECE]]
        content = {
            "texts": [one.stamp + one.text for one in lines],
            "kinds": "".join(_kind(one) for one in lines),
            "spans": {number: one.spans for number, one in enumerate(lines) if one.spans},
        }
        return gzip.compress(json.dumps(content).encode(), 1)


def _kind(line: Line) -> str:
    """The kind of a line in one character: an upper-case one, or a dot, when it begins with a time."""
    letter = _LETTERS[line.kind]
    if not line.stamp:
        return letter
    return "." if letter == " " else letter.upper()
