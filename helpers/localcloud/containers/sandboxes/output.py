"""Bytes of a container as lines of a log."""

from __future__ import annotations

import codecs
from collections.abc import Callable

LONGEST = 1 << 16  # characters that are kept waiting for the end of their line


class LineSplitter:
    """Collects bytes and hands on whole lines, without their ends; call :meth:`close` for the rest.

    A line of more than :data:`LONGEST` characters is handed on in pieces. ``cut`` tells where:
    how many characters of the beginning of a line may go before the rest is known; 0 to wait.
    """

    def __init__(self, log: Callable[[str], None], cut: Callable[[str], int] = len) -> None:
        self._log = log
        self._cut = cut
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def write(self, data: bytes) -> None:
        """Take bytes as they come."""
        *lines, rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._log(line.removesuffix("\r"))
        while len(rest) >= LONGEST:
            size = self._cut(rest[:LONGEST]) or self._cut(rest)
            if not size:
                break
            self._log(rest[:size])
            rest = rest[size:]
        self._rest = rest

    def close(self) -> None:
        """Hand on what has no line end."""
        self._rest += self._decoder.decode(b"", final=True)
        if self._rest:
            self._log(self._rest)
        self._rest = ""
