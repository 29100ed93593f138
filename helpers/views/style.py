"""The style sheets and scripts of views: on the same colours as the pictures, by the same scheme."""

from __future__ import annotations

from pathlib import Path

from ..pictures.colors import SHADES, TONES
from ..pictures.drawing import CLASS
from ..pictures.markup import SCHEMES

_FOLDER = Path(__file__).parent


def sheet(name: str = "") -> str:
    """A style sheet, after what all views share and what it may use: every colour as a variable.

    ``--good-ink``, for instance. Without a name it is what all views share, and no more.
    """
    shades = [*SHADES, *(one for tone in TONES for one in (tone.fill, tone.ink, tone.edge))]
    variables = "".join(f"--{one.name}:{one.css};" for one in shades)
    files = _texts("presence.css", *([name] if name else []))
    return f"{SCHEMES}\n.{CLASS}{{{variables}}}\n{files}"


def script(name: str) -> str:
    """The module of a live view, after what all of them share."""
    return _texts("presence.js", name)


def _texts(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
