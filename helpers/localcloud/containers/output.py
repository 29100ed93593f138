"""Bytes of a container as lines of a log."""

from __future__ import annotations

import codecs
from collections.abc import Callable


class LineSplitter:
    """Collects bytes and hands on whole lines, without their ends; call :meth:`close` for the rest."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def write(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._rest += self._decoder.decode(data)
        *lines, self._rest = self._rest.split("\n")
        for line in lines:
            self._log(line.removesuffix("\r"))

    def close(self) -> None:
        """Hand on what has no line end."""
        self._rest += self._decoder.decode(b"", final=True)
        if self._rest:
            self._log(self._rest)
        self._rest = ""
