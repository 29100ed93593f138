"""The style sheets and scripts of views: on the same colours as the pictures, by the same scheme."""

from __future__ import annotations

from pathlib import Path

from ..pictures.colors import SHADES, TONES
from ..pictures.drawing import CLASS
from ..pictures.markup import SCHEMES

_FOLDER = Path(__file__).parent


def sheet(path: Path) -> str:
    """A style sheet, after what it may use: every colour as a variable, ``--good-ink`` for instance."""
    shades = [*SHADES, *(one for tone in TONES for one in (tone.fill, tone.ink, tone.edge))]
    variables = "".join(f"--{one.name}:{one.css};" for one in shades)
    return f"{SCHEMES}\n.{CLASS}{{{variables}}}\n{path.read_text(encoding='utf-8')}"


def script(name: str) -> str:
    """The module of a live view, after what all of them share."""
    files = [_FOLDER / "presence.js", _FOLDER / name]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
