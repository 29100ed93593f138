"""The log of BuildKit as ``docker build --progress=plain`` prints it: numbered steps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_SHOWN = 20  # lines of output that are repeated below an error


class Progress:
    """Hands out numbered steps; an empty line is between two of them."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self._number = 0

    def begin(self, name: str) -> Vertex:
        """A step that starts now."""
        if self._number:
            self.log("")
        self._number += 1
        return Vertex(self.log, self._number, name)

    def done(self, name: str, *lines: str) -> None:
        """A step of which only its end is told."""
        vertex = self.begin(name)
        for line in lines:
            vertex.tell(line)
        vertex.done()

    def excerpt(self, file: str, lines: list[str], first: int, last: int) -> None:
        """The lines of the Dockerfile around what failed, with marks."""
        self.log(f"{file}:{first}")
        self.log("-" * 20)
        for number in range(max(1, first - 2), min(len(lines), last + 2) + 1):
            mark = ">>>" if first <= number <= last else "   "
            self.log(f"{number:4} | {mark} {lines[number - 1]}")
        self.log("-" * 20)


class Vertex:
    """One step of the build and its output."""

    def __init__(self, log: Callable[[str], None], number: int, name: str) -> None:
        self._log = log
        self._number = number
        self.name = name
        self._since = time.monotonic()
        self._output: deque[str] = deque(maxlen=_SHOWN)
        log(f"#{number} {name}")

    def tell(self, text: str) -> None:
        """A line about the step."""
        self._log(f"#{self._number} {text}")

    def output(self, line: str) -> None:
        """A line that its command wrote."""
        text = f"{time.monotonic() - self._since:.3f} {line}"
        self._output.append(text)
        self.tell(text)

    def done(self) -> None:
        """It has ended well."""
        self.tell(f"DONE {time.monotonic() - self._since:.1f}s")

    def cached(self) -> None:
        """It was done before."""
        self.tell("CACHED")

    def failed(self, message: str) -> None:
        """It has ended with an error: its last lines are shown again."""
        self.tell(f"ERROR: {message}")
        self._log("-" * 6)
        self._log(f" > {self.name}:")
        for line in self._output:
            self._log(line)
        self._log("-" * 6)
