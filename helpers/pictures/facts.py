"""What is known about something: one line for each fact, with what it is about in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import markup
from .text import fit


@dataclass(frozen=True)
class Facts:
    """Facts under a question or a heading."""

    title: str
    rows: Sequence[tuple[str, str]]
    problem: str = ""

    def svg(self) -> None:
        """Sentences are no image."""

    def text(self) -> str:
        """A line for each fact."""
        lines = [fit(self.title), *(f"* {fit(about)}: {fit(text)}" for about, text in self.rows)]
        return "\n".join([fit(self.problem), *lines] if self.problem else lines)

    def html(self) -> str:
        """A table whose first column is the heading of its rows."""
        made = markup.root("div", "facts", markup.FACTS)
        if self.problem:
            markup.element(made, "p", "problem", self.problem)
        markup.element(made, "p", "title", self.title)
        body = markup.element(markup.element(made, "table"), "tbody")
        for about, text in self.rows:
            line = markup.element(body, "tr")
            markup.element(line, "th", "", about, style="text-align:left", scope="row")
            markup.element(line, "td", "", text, style="text-align:left")
        return markup.html(made)
