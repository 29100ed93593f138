"""The style sheets and scripts of views: on the same colours as the pictures, by the same scheme."""

from __future__ import annotations

import json
from pathlib import Path

from ..pictures.colors import SHADES, STATUSES, TONES
from ..pictures.drawing import CLASS
from ..pictures.markup import SCHEMES

_FOLDER = Path(__file__).parent


def sheet(*names: str) -> str:
    """Style sheets, after what all views share and what they may use: every colour as a variable.

    ``--good-ink``, for instance; where ``data-kind`` names a tone, its ``--kind-fill`` and
    ``--kind-ink``.
    """
    shades = [*SHADES, *(one for tone in TONES for one in (tone.fill, tone.ink, tone.edge))]
    variables = "".join(f"--{one.name}:{one.css};" for one in shades)
    kinds = "".join(
        f'.{CLASS} [data-kind="{tone.name}"]'
        f"{{--kind-fill:var(--{tone.fill.name});--kind-ink:var(--{tone.ink.name})}}"
        for tone in TONES
    )
    return f"{SCHEMES}\n.{CLASS}{{{variables}}}\n{kinds}\n{_texts('shared.css', *names)}"


def script(name: str) -> str:
    """The module of a live view, after what all of them share: ``STATUSES`` tells their tones."""
    tones = json.dumps({status: tone.name for status, tone in STATUSES.items()})
    return f"const STATUSES = {tones};\n{_texts('shared.js', name)}"


def _texts(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
