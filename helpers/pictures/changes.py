"""A change of a file that can be looked at before it is made."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from . import markup
from .colors import BAD, GOOD, INK, LINE, PANEL, QUIET, Tone
from .drawing import CLASS
from .text import fit

_HEADER = 2  # lines that name the file
_TONES: dict[str, Tone] = {"-": BAD, "+": GOOD}


@dataclass(frozen=True)
class ChangePicture:
    """The lines of a unified diff, what the commit would say, and what it would start.

    ``title`` names file and repository; ``problem`` is why nothing can be committed.
    """

    title: str
    diff: Sequence[str]
    message: str = ""
    starts: Sequence[str] = ()
    problem: str = ""
    color: str = ""

    def svg(self) -> None:
        """A change is text."""

    def text(self) -> str:
        """As ``git diff`` prints it, with what belongs to it around."""
        return "\n".join([self.title, *map(fit, self.diff), *self._notes()])

    def html(self) -> str:
        """Every line says by its first character what it is; colours say it once more."""
        root = markup.root("div", "change", markup.SWATCHES)
        title = markup.element(root, "div")
        markup.swatch(title, self.color)
        markup.element(title, "strong", "", self.title)
        for note in self._notes():
            markup.element(root, "div", "", note)
        shown = markup.html(root).removesuffix("</div>")
        return f"{shown}{self._lines()}</div>"

    def _notes(self) -> list[str]:
        notes = [f"Commit message: {self.message}"] if self.message and self.diff else []
        if self.diff and not self.problem:
            notes.append(f"It would start {_listed(self.starts)}.")
        return [*notes, self.problem] if self.problem else notes

    def _lines(self) -> str:
        if not self.diff:
            return ""
        lines = "\n".join(_colored(number, line) for number, line in enumerate(self.diff))
        label = html.escape(f"Difference: {self.title}")
        return (
            f'<pre class="{CLASS}" role="region" aria-label="{label}" tabindex="0" '
            'data-lm-suppress-shortcuts="true" style="margin:.3em 0 0;padding:.5em;overflow:auto;'
            f"max-height:24em;background:{PANEL.css};color:{INK.css};border:1px solid {LINE.css};"
            f'font:85% monospace,monospace">{lines}</pre>'
        )


def _colored(number: int, line: str) -> str:
    text = html.escape(fit(line))
    if number < _HEADER or line.startswith("@@"):
        return f'<span style="color:{QUIET.css}">{text}</span>'
    tone = _TONES.get(line[:1])
    if tone is None:
        return text
    return f'<span style="background:{tone.fill.css};color:{tone.ink.css}">{text}</span>'


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "nothing: no task has a trigger for commits here"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
