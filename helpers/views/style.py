"""The style sheets of views: on the same colours as the pictures, by the same scheme."""

from __future__ import annotations

from pathlib import Path

from ..pictures.colors import SHADES, TONES
from ..pictures.drawing import CLASS
from ..pictures.markup import SCHEMES


def sheet(path: Path) -> str:
    """A style sheet, after what it may use: every colour as a variable, ``--good-ink`` for instance."""
    shades = [*SHADES, *(one for tone in TONES for one in (tone.fill, tone.ink, tone.edge))]
    variables = "".join(f"--{one.name}:{one.css};" for one in shades)
    return f"{SCHEMES}\n.{CLASS}{{{variables}}}\n{path.read_text(encoding='utf-8')}"
