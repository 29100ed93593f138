"""Every colour that a reader sees, for a light and for a dark theme, and what it stands for.

Text stands on a fill of its own, so that it is legible on whatever page it is shown. Contrast is at
least 4.5 for text and 3 for lines (WCAG 2.2, success criteria 1.4.3 and 1.4.11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import webcolors

# CSS Color Module Level 4, section 6.1: those of Level 3, and the one that came later.
NAMES = frozenset({*webcolors.names("css3"), "rebeccapurple"})
_CODE = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class Shade:
    """A colour by its name in style sheets, as it is in a light theme and in a dark one."""

    name: str
    light: str
    dark: str

    @property
    def css(self) -> str:
        """As HTML writes it: the browser chooses by the colour scheme of the element."""
        return f"light-dark({self.light},{self.dark})"


@dataclass(frozen=True)
class Tone:
    """The colours of one meaning, and a mark that tells it to those who do not see colours."""

    name: str
    mark: str
    fill: Shade
    ink: Shade
    edge: Shade


PAPER = Shade("paper", "#ffffff", "#111111")
PANEL = Shade("panel", "#f6f8fa", "#1b2027")
INK = Shade("ink", "#1f2328", "#e6edf3")
QUIET = Shade("quiet", "#57606a", "#a9b4c0")
LINE = Shade("line", "#7b848e", "#7d8792")


def _tone(
    name: str, mark: str, fill: tuple[str, str], ink: tuple[str, str], edge: tuple[str, str]
) -> Tone:
    return Tone(
        name,
        mark,
        Shade(f"{name}-fill", *fill),
        Shade(f"{name}-ink", *ink),
        Shade(f"{name}-edge", *edge),
    )


GOOD = _tone("good", "✓", ("#dafbe1", "#12351f"), ("#0f5323", "#7ee2a0"), ("#1a7f37", "#3fb950"))
BAD = _tone("bad", "✗", ("#ffebe9", "#4a1518"), ("#a40e26", "#ffb3ad"), ("#cf222e", "#f85149"))
GOING = _tone("going", "●", ("#ddf4ff", "#0c2d5a"), ("#0550ae", "#9ecbff"), ("#0969da", "#58a6ff"))
STOPPED = _tone(
    "stopped", "■", ("#fff8c5", "#3b2e00"), ("#6b4a00", "#f2cc60"), ("#9a6700", "#d29922")
)
IDLE = _tone("idle", "○", ("#eaeef2", "#2d333b"), ("#424a53", "#c5ced8"), ("#6e7781", "#8b949e"))

SHADES = (PAPER, PANEL, INK, QUIET, LINE)
TONES = (GOOD, BAD, GOING, STOPPED, IDLE)

# Every text, and the fill that it stands on; lines, and what they have to be told from.
TEXTS = (
    *((text, fill) for text in (INK, QUIET) for fill in (PAPER, PANEL)),
    *((tone.ink, fill) for tone in TONES for fill in (tone.fill, PAPER, PANEL)),
)
LINES = (*((tone.edge, fill) for tone in TONES for fill in (PAPER, PANEL)), (LINE, PAPER))

# The statuses of runs: azure-mgmt-containerregistrytasks, RunStatus.
STATUSES = {
    "Succeeded": GOOD,
    "Queued": GOING,
    "Started": GOING,
    "Running": GOING,
    "Failed": BAD,
    "Error": BAD,
    "Timeout": BAD,
    "Canceled": STOPPED,
}


def tone_of(status: str) -> Tone:
    """What a run's status means; whatever is no such status means that nothing goes on."""
    return STATUSES.get(status, IDLE)


def is_status(text: str) -> bool:
    """Whether ``text`` is a status of a run."""
    return text in STATUSES


def is_color(text: str) -> bool:
    """Whether ``text`` can be put into a style: a colour's name, or # and six hexadecimal digits."""
    return text.lower() in NAMES or _CODE.fullmatch(text) is not None
