"""The daemon's log: on stderr, bounded in size, and not to be filled by whoever knocks at the door."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import sys
from pathlib import Path

LARGEST = 4 * 1024 * 1024  # bytes of daemon.log; when it has more it becomes daemon.log.1
MOST = 50  # records of one text in a minute; of more, their number is logged
_WINDOW = 60.0  # seconds
# What a client can cause without being known; everything else is logged however often it happens.
_FROM_OUTSIDE = ("helpers.localcloud.front_door", "helpers.localcloud.git_host", "uvicorn")


# Control characters but line feed and tab, and what a viewer may take for the end of a line.
_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def one_entry(text: str) -> str:
    """``text`` as one entry of a log: no line of it but the first begins where an entry begins.

    What a stranger has put into it can so neither pass for another entry nor steer a terminal.
    """
    text = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))
    first, *more = text.split("\n")
    return "\n".join([first, *(one if one[:1] in ("", " ", "\t") else f"  {one}" for one in more)])


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return one_entry(super().format(record))


class Repetitions(logging.Filter):
    """Lets through the first :data:`MOST` records of one text in a minute, and counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = 0.0
        self._counts: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log ``record``."""
        if record.levelno >= logging.ERROR or not record.name.startswith(_FROM_OUTSIDE):
            return True
        if record.created - self._begun > _WINDOW:
            self._begun, self._counts = record.created, {}
        text = str(record.msg)
        self._counts[text] = self._counts.get(text, 0) + 1
        if self._counts[text] == MOST:
            record.msg += " (and more like it within this minute, not logged)"
        return self._counts[text] <= MOST


class DaemonLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to stderr; when that is the file ``path``, keeps it below about :data:`LARGEST` bytes.

    ``up`` opens the file, and the daemon's processes share it as stderr: so it is copied and emptied
    in place, which every one of them follows because it appends.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(sys.stderr)
        self._path = path
        self._process = os.getpid()  # only the daemon itself turns the log over
        self.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self.addFilter(Repetitions())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        super().emit(record)
        self.bound()

    def bound(self) -> None:
        """Turn the log over when it has become too large; what others write to stderr counts."""
        if os.getpid() != self._process:
            return
        with contextlib.suppress(OSError):  # no such file, or no descriptor
            mine = os.fstat(2)
            if mine.st_size <= LARGEST or not os.path.samestat(mine, self._path.stat()):
                return
            if fcntl.fcntl(2, fcntl.F_GETFL) & os.O_APPEND:
                self._turn_over()

    def _turn_over(self) -> None:
        kept = self._path.with_name(self._path.name + ".1")
        temporary = kept.with_name(kept.name + ".new")
        try:
            with (
                self._path.open("rb") as source,
                os.fdopen(
                    os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
                ) as to,
            ):
                source.seek(-LARGEST, os.SEEK_END)
                shutil.copyfileobj(source, to)
            temporary.replace(kept)
        except OSError:  # a full disk: the log is not what fills it
            temporary.unlink(missing_ok=True)
        finally:
            os.truncate(self._path, 0)


def set_up(path: Path) -> DaemonLog:
    """Send all logging of this process to stderr, which is the file ``path`` when ``up`` started it."""
    handler = DaemonLog(path)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("dulwich").setLevel(logging.WARNING)  # else two lines for every fetch
    return handler
