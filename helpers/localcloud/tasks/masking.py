"""Secret values replaced by ``***`` wherever text of a run is shown or stored."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable
from urllib.parse import quote

from .go_values import to_json

MASK = "***"
# Shorter values would blot out ordinary text ("a", "80") and so tell more than they hide.
SHORTEST = 3


class Masker:
    """The secret values of one run; more may be added while it goes on. Thread-safe."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: set[bytes] = set()
        self._pattern: re.Pattern[bytes] | None = None
        self.hide(*values)

    def hide(self, *values: str) -> None:
        """Mask these values from now on, also as JSON strings, in URLs, base64, and by line."""
        with self._lock:
            for value in values:
                for form in _forms(value):
                    self._forms.add(form)
            # The longest first: a secret that starts with another one is masked as a whole.
            ordered = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if ordered else None

    def mask(self, text: str) -> str:
        """``text`` without secret values."""
        pattern = self._pattern
        if pattern is None:
            return text
        data = text.encode("utf-8", "surrogateescape")
        return pattern.sub(MASK.encode(), data).decode("utf-8", "surrogateescape")

    def pending(self, data: bytes) -> int:
        """Where in ``data`` a secret may begin whose rest has not come yet; len(data) if nowhere."""
        forms = self._forms
        longest = max(map(len, forms), default=0)
        for start in range(max(0, len(data) - longest + 1), len(data)):
            tail = data[start:]
            if any(len(form) > len(tail) and form.startswith(tail) for form in forms):
                return start
        return len(data)

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Masked output that is safe to show, and the rest to be kept until more has come."""
        with self._lock:
            shown = bytearray()
            while True:
                held = self.pending(data)
                match = self._pattern.search(data) if self._pattern else None
                if match is None or match.start() >= held:
                    return bytes(shown + data[:held]), data[held:]
                shown += data[: match.start()] + MASK.encode()
                data = data[match.end() :]


class MaskingStream:
    """Bytes in, masked bytes out, whatever the chunks: a secret may be cut anywhere."""

    def __init__(self, masker: Masker, output: Callable[[bytes], None]) -> None:
        self._masker = masker
        self._output = output
        self._kept = b""

    def write(self, data: bytes) -> None:
        """Take a chunk and pass on what cannot be part of a secret."""
        shown, self._kept = self._masker.split(self._kept + data)
        if shown:
            self._output(shown)

    def close(self) -> None:
        """Pass on what was kept: nothing follows."""
        if self._kept:
            masked = self._masker.mask(self._kept.decode("utf-8", "surrogateescape"))
            self._kept = b""
            self._output(masked.encode("utf-8", "surrogateescape"))


def _forms(value: str) -> set[bytes]:
    parts = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    forms = {
        form
        for part in parts
        if len(part) >= SHORTEST
        for form in (part, json.dumps(part)[1:-1], to_json(part)[1:-1], quote(part, safe=""))
    }
    plain = {form.encode("utf-8", "surrogateescape") for form in forms}
    whole = value.encode("utf-8", "surrogateescape")
    # As `echo` and `printf` give it to base64; of its lines of 76 characters not a short last one.
    encoded = {
        line
        for text in (whole, whole + b"\n")
        if len(whole) >= SHORTEST
        for line in (base64.b64encode(text), *base64.encodebytes(text).split())
        if len(line) >= 16 or len(text) <= 57
    }
    return plain | encoded
