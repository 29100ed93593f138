"""Texts that are wrapped and abbreviated, byte by byte as Sprig's goutils does it."""

from __future__ import annotations

from .budget import TOO_LONG, limit
from .go_format import SIZE
from .go_types import to_bytes, to_text


def wrap(text: str, width: int, mark: str, *, long_words: bool) -> str:
    """Lines of at most ``width``; words that are longer are cut where ``long_words`` says so."""
    data, end = to_bytes(text), to_bytes(mark)
    width = max(width, 1)
    lines: list[bytes] = []
    offset = size = 0
    while len(data) - offset > width:
        if data[offset] == 0x20:
            offset += 1
            continue
        space = data.rfind(b" ", offset, offset + width + 1)
        if space < 0 and long_words:
            lines.append(data[offset : offset + width])
            offset += width
        else:
            space = data.find(b" ", offset + width) if space < 0 else space
            if space < 0:
                break
            lines.append(data[offset:space])
            offset = space + 1
        size += len(lines[-1]) + len(end)
        if size > SIZE:
            raise limit(TOO_LONG)
    return to_text(end.join([*lines, data[offset:]]))


def abbreviate(text: str, offset: int, width: int) -> str:
    """At most ``width`` bytes, with dots for what is left out; from ``offset`` on."""
    data = to_bytes(text)
    if width < 4 or not data:
        return ""
    if len(data) <= width:
        return to_text(data)
    offset = min(offset, len(data))
    if len(data) - offset < width - 3:
        offset = len(data) - (width - 3)
    if offset <= 4:
        return to_text(data[: width - 3] + b"...")
    if width < 7:
        return ""
    if offset + width - 3 < len(data):
        return "..." + abbreviate(to_text(data[offset:]), 0, width - 3)
    return "..." + to_text(data[len(data) - (width - 3) :])
