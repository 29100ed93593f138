"""What the notebooks have shown while they ran: pictures, the site, what a gate said, in order."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from ..display import SITE_TYPE
from ..headings import code_cells
from ..parameters import read
from ..pictures.colors import is_color
from ..tutorial import Result

_FAILED_RUN = re.compile(r"^Run ID: (\S+) failed after .*$", re.MULTILINE)
_FAILED_STEP = re.compile(r"^failed to run step ID: (.*)$")
_STAMP = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")
_REFUSED = re.compile(r"^REFUSED\b.*$")
_FEW_LINES = 3  # of what was wrong before the first step
_MOST_LINES = 12  # of what a gate said; the log is in the notebook


@dataclass(frozen=True)
class Picture:
    """A drawing of a notebook, as an address that holds all of it; ``text`` says the same."""

    source: str
    alternative: str
    text: str


@dataclass(frozen=True)
class Site:
    """The site as a notebook has shown it. ``swatch`` is its colour, where it is one; ``picture``
    is for paper: a browser prints no background of a frame.
    """

    version: str
    color: str
    swatch: str
    page: str
    picture: Picture | None


@dataclass(frozen=True)
class Verdict:
    """Why a run failed, in its own words; ``step`` is '' when it failed before its first."""

    run: str
    step: str
    lines: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """Whether a test has said no; else something was missing or wrong."""
        return any(_REFUSED.match(line) for line in self.lines)


@dataclass
class Step:
    """A section of a notebook that has something to show; ``cell`` is where it begins to."""

    heading: str
    cell: str
    pictures: list[Picture] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    change: tuple[Site | None, Site] | None = None


@dataclass(frozen=True)
class Part:
    """What one notebook contributes; ``lead`` is what it says of itself, in Markdown.

    ``site`` is the site as it was seen last, in this notebook or before.
    """

    result: Result
    lead: str
    steps: tuple[Step, ...]
    site: Site | None


def tell(results: Sequence[Result]) -> list[Part]:
    """The story that the executed notebooks tell, in their order."""
    parts: list[Part] = []
    site: Site | None = None
    for result in results:
        if result.executed is None:
            continue
        cells = read(result.executed).cells
        steps, site = _steps(cells, site)
        parts.append(Part(result, _lead(cells), tuple(steps), site))
    return parts


def _lead(cells: Iterable[Any]) -> str:
    """The first paragraph under the title."""
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            blocks = str(cell.source).split("\n\n")
            return blocks[1].strip() if len(blocks) > 1 else ""
    return ""


def _steps(cells: Iterable[Any], site: Site | None) -> tuple[list[Step], Site | None]:
    steps: list[Step] = []
    told: set[str] = set()
    for heading, cell in code_cells(cells):
        step = steps[-1] if steps and steps[-1].heading == heading else Step(heading, str(cell.id))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            shown = _site(data)
            if shown is not None:
                if site is None or (shown.color, shown.version) != (site.color, site.version):
                    step.change = (site, shown)
                site = shown
            picture = _picture(data)
            if picture is not None and shown is None and picture not in step.pictures:
                step.pictures.append(picture)
            for verdict in _verdicts(_text(output)):
                if verdict.run not in told:
                    told.add(verdict.run)
                    step.verdicts.append(verdict)
        if (step.change or step.pictures or step.verdicts) and step not in steps:
            steps.append(step)
    return steps, site


def _text(output: Any) -> str:
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


# -- pictures -----------------------------------------------------------------------------------


def _picture(data: Any) -> Picture | None:
    """An SVG is shown as an image: whatever it holds, no script of it runs, no id meets another."""
    if "image/svg+xml" not in data:
        return None
    svg, text = str(data["image/svg+xml"]), str(data.get("text/plain", ""))
    encoded = base64.b64encode(svg.encode()).decode()
    return Picture(f"data:image/svg+xml;base64,{encoded}", alternative(svg) or text, text)


def alternative(svg: str) -> str:
    """What a drawing says of itself: its title and its description; '' when it says nothing."""
    try:
        root = ElementTree.fromstring(svg)  # noqa: S314 - expat limits what entities become
    except ElementTree.ParseError:
        return ""
    names = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in root}
    return " ".join(names[one] for one in ("title", "desc") if names.get(one))


# -- the site -----------------------------------------------------------------------------------


def _site(data: Any) -> Site | None:
    facts = data.get(SITE_TYPE)
    if not isinstance(facts, dict):
        return None
    color = str(facts.get("color", ""))
    swatch = color if is_color(color) else ""  # a page may say anything; no style is made of that
    frame = _Frame()
    frame.feed(str(data.get("text/html", "")))
    return Site(str(facts.get("version", "")), color, swatch, frame.page, _picture(data))


class _Frame(HTMLParser):
    """The page in a frame, as it was served."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe":
            self.page = dict(attrs).get("srcdoc") or self.page


# -- what a gate said -----------------------------------------------------------------------------


def _verdicts(text: str) -> Iterator[Verdict]:
    """The failed run that a log tells of: the refusals in it, or else the last word before its end."""
    for found in _FAILED_RUN.finditer(text):
        lines = text[: found.start()].splitlines()
        step, end = "", len(lines)
        for number, line in enumerate(lines):
            failed = _FAILED_STEP.match(line)
            if failed:
                step, end = failed[1], number
        said = [line for line in lines if _REFUSED.match(line)]
        if not said:
            said = _last_words(lines[:end])[-1 if step else -_FEW_LINES :] or [found[0]]
        yield Verdict(found[1], step, tuple(said[:_MOST_LINES]))


def _last_words(lines: Sequence[str]) -> list[str]:
    """What was printed last, but by the agent itself: its lines have the time before them."""
    words = [one for one in lines if one.strip()]
    while words and _STAMP.match(words[-1]):
        words.pop()
    last = next((n for n, one in enumerate(reversed(words)) if _STAMP.match(one)), len(words))
    return words[len(words) - last :]
