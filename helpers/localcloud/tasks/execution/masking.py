"""Secret values replaced by ``***`` wherever text of a run is shown or stored."""

from __future__ import annotations

import base64
import heapq
import json
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from ..templating.go_json import to_json

MASK = "***"
# Shorter values would blot out ordinary text ("a", "80") and so tell more than they hide.
SHORTEST = 3
_HEAD = 16  # bytes of a secret that are looked for before the rest is compared


class Masker:
    """The secret values of one run; more may be added while it goes on. Thread-safe."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        # The longest first: a secret that starts with another one is masked as a whole.
        self._forms: tuple[bytes, ...] = ()
        self.hide(*values)

    def hide(self, *values: str) -> None:
        """Mask these values from now on, also as JSON strings, in URLs, base64, and by line."""
        with self._lock:
            forms = {*self._forms, *(form for value in values for form in _forms(value))}
            self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def mask(self, text: str) -> str:
        """``text`` without secret values."""
        data = text.encode("utf-8", "surrogateescape")
        shown, end = bytearray(), 0
        for first, last in _places(self._forms, data):
            shown += data[end:first] + MASK.encode()
            end = last
        return (shown + data[end:]).decode("utf-8", "surrogateescape")

    def cut(self, text: str) -> int:
        """How many characters of ``text`` may be masked by themselves, whatever follows them.

        A secret that began in them ends in them; 0 when ``text`` may itself begin with one.
        """
        with self._lock:
            data = text.encode("utf-8", "surrogateescape")
            end = self._pending(data, 0)
            for first, last in _places(self._forms, data):
                if first >= end:
                    break
                if last > end:  # what seemed to begin there is inside of this one
                    end = self._pending(data, last)
            return len(data[:end].decode("utf-8", "surrogateescape"))

    def _pending(self, data: bytes, first: int) -> int:
        """Where, from ``first`` on, a secret may begin whose rest has not come; else the end."""
        end = len(data)
        for form in self._forms:
            earliest = max(first, len(data) - len(form) + 1)
            start = data.find(form[:_HEAD], earliest)
            while start >= 0 and not form.startswith(data[start:]):
                start = data.find(form[:_HEAD], start + 1)
            if start < 0:  # the beginning of it may itself be cut
                last = range(max(earliest, len(data) - _HEAD + 1), len(data))
                start = next((one for one in last if form.startswith(data[one:])), end)
            end = min(end, start)
        return end


def _places(forms: tuple[bytes, ...], data: bytes) -> Iterator[tuple[int, int]]:
    """Where secrets begin and end, the first ones first; where several begin, the first of ``forms``.

    Not a regular expression: ``re`` keeps what it has compiled, and would keep the secrets.
    """
    ahead = [(data.find(form), rank) for rank, form in enumerate(forms)]
    ahead = [one for one in ahead if one[0] >= 0]
    heapq.heapify(ahead)
    end = 0
    while ahead:
        first, rank = ahead[0]
        if first < end:
            first = data.find(forms[rank], end)
            if first < 0:
                heapq.heappop(ahead)
            else:
                heapq.heapreplace(ahead, (first, rank))
            continue
        end = first + len(forms[rank])
        yield first, end


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
