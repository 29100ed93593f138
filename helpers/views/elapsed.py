"""What takes a while says what it is at and for how long: live, and in one line when it is over."""

from __future__ import annotations

import contextvars
import html
import sys
import threading
import time
from types import TracebackType
from typing import Any

from .front_end import in_notebook, interactive

AFTER = 1.0  # seconds: what takes less shows nothing
_EVERY = 1.0  # seconds between two drawings


class Elapsed:
    """Shows ``what`` goes on and the time since, as long as its block does; nothing if that is short.

    Before a reader it is an output that is redrawn, on a terminal a line that is written over. What
    is kept, as the page of a run that nobody sits before, or a log, has nothing of it. ``quiet``:
    nothing is shown, whoever looks on.
    """

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what = what
        self._quiet = quiet
        self._at = ""
        self._share: float | None = None
        self._done = f"{what}: done."
        self._started = time.monotonic()
        self._handle: Any = None
        self._width = 0  # characters of the terminal's line
        self._over = threading.Event()
        # A kernel knows by the context to which cell an output belongs.
        work = contextvars.copy_context().run
        self._thread = threading.Thread(
            target=work, args=(self._work,), name="elapsed", daemon=True
        )

    def __enter__(self) -> Elapsed:
        """Begin to count."""
        seen = interactive() if in_notebook() else sys.stdout.isatty()
        if seen and not self._quiet:
            self._thread.start()
        return self

    def at(self, text: str, share: float | None = None) -> None:
        """Say what it is at, with the next drawing, and which ``share`` of all is done (0 to 1)."""
        self._at, self._share = text, share

    def done(self, text: str) -> None:
        """Say in one line, without a time, what has come of it: that is what the output ends as."""
        self._done = text

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the line in the place of what was shown; for what failed, that it did."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._width:
            print("\r" + " " * self._width, end="\r", flush=True)
        if self._handle is not None:
            end = self._done if kind is None else f"{self._what}: not done."
            self._handle.update(_bundle(end), raw=True)

    @property
    def shown(self) -> bool:
        """Whether there is an output that says what has come of it."""
        return self._handle is not None

    def _work(self) -> None:
        if self._over.wait(AFTER):
            return
        while True:
            self._draw()
            if self._over.wait(_EVERY):
                return

    def _draw(self) -> None:
        text = f"{self._what}: {self._at}" if self._at else self._what
        text = f"{text} ({duration(time.monotonic() - self._started)})"
        if not in_notebook():
            print("\r" + text.ljust(self._width), end="", flush=True)
            self._width = max(self._width, len(text))
            return
        value = "" if self._share is None else f' value="{self._share:.2f}"'
        bar = f'<progress aria-label="{html.escape(self._what)}"{value}></progress> '
        if self._handle is None:
            from IPython.display import display

            self._handle = display(_bundle(text, bar), raw=True, display_id=True)
        else:
            self._handle.update(_bundle(text, bar), raw=True)


def duration(seconds: float) -> str:
    """A duration as a clock shows it: ``0:07``, ``1:02:03``."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _bundle(text: str, bar: str = "") -> dict[str, str]:
    # A screen reader need not say every second that another one has passed.
    shown = f'<div aria-live="off">{bar}{html.escape(text)}</div>'
    return {"text/plain": text, "text/html": shown}
