"""The report of a tutorial run: its story on one page, and every notebook as a page of its own."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from ..localcloud import atomic
from ..pictures import colors
from ..tutorial import Result, describe
from . import pages, story, timeline
from .history import History, Run
from .pages import Pages

__all__ = ["INDEX", "History", "Occasion", "Pages", "write"]

INDEX = "index.html"
_PACKAGE = "consume-public-content"
_SHADES = (*colors.SHADES, *(one for t in colors.TONES for one in (t.fill, t.ink, t.edge)))
_MARKS = {"passed": "✓", "failed": "✗", "not run": "·"}


@dataclass(frozen=True)
class Occasion:
    """When and where the notebooks were run. ``seconds``: from the start until the last has ended."""

    cloud: str
    began: datetime
    seconds: float
    runs: Sequence[Run] = ()
    registries: Sequence[str] = ()
    problem: str = ""  # why some runs are missing


@dataclass(frozen=True)
class _Line:
    """A notebook in the table of all."""

    result: Result
    mark: str
    page: str
    tenths: int
    runs: int
    site: story.Site | None

    @property
    def seconds(self) -> str:
        return f"{self.tenths / 10:.1f}" if self.result.status != "not run" else ""


@dataclass(frozen=True)
class _Part:
    """A notebook in the story, with a chart of its runs."""

    result: Result
    lead: str
    steps: Sequence[story.Step]
    chart: timeline.Chart | None


def write(
    results: Sequence[Result], folder: Path, occasion: Occasion, made: Pages | None = None
) -> Path:
    """Write the report into ``folder``; its index. ``made``: the pages, if that was begun earlier."""
    folder.mkdir(parents=True, exist_ok=True)
    if made is None:
        made = Pages([one.chapter for one in results])
        for result in results:
            made.add(result)
    with closing(made):
        rendered = made.write(folder)
    index = folder / INDEX
    atomic.write(index, _index(results, rendered, occasion), mode=0o666)  # less the umask
    return index


def _index(results: Sequence[Result], rendered: set[str], occasion: Occasion) -> str:
    parts = story.tell(results)
    sites = {part.result.chapter.name: part.site for part in parts}
    lines = [
        _Line(
            result=one,
            mark=_MARKS[one.status],
            page=f"{one.chapter.name}.html" if one.chapter.name in rendered else "",
            tenths=round(one.seconds * 10),
            runs=sum(run.chapter == one.chapter.number for run in occasion.runs),
            site=sites.get(one.chapter.name),
        )
        for one in results
    ]
    # In tenths of a second, as they are shown: whoever adds them up comes to the same.
    total = round(occasion.seconds * 10)
    between = total - sum(one.tenths for one in lines)
    counts = Counter(one.status for one in occasion.runs)
    failures = [(one, describe(one.failure)) for one in results if one.failure is not None]
    text: str = pages.template("report.html").render(
        failures=failures,
        passed=sum(one.status == "passed" for one in results),
        occasion=occasion,
        lines=lines,
        total=f"{total / 10:.1f}",
        between=f"{between / 10:.1f}",
        parts=[one for one in _shown(parts, occasion.runs) if one.steps or one.chart],
        markdown=partial(pages.markdown, rendered=rendered),
        anchors={one.run_id: timeline.anchor(one) for one in _unmistakable(occasion.runs)},
        shades=_SHADES,
        tones=colors.TONES,
        counts=counts,
        statuses=[(one, colors.tone_of(one)) for one, _ in counts.most_common()],
        chart=timeline.overview(occasion.runs, _windows(results), occasion.registries),
        rows=timeline.rows(occasion.runs),
        versions=_versions(),
    )
    return text


def _shown(parts: Sequence[story.Part], runs: Sequence[Run]) -> list[_Part]:
    return [
        _Part(
            one.result,
            one.lead,
            one.steps,
            timeline.detail([run for run in runs if run.chapter == one.result.chapter.number]),
        )
        for one in parts
    ]


def _windows(results: Sequence[Result]) -> list[timeline.Window]:
    return [
        timeline.Window(one.chapter.number, one.began, one.ended)
        for one in results
        if one.began is not None and one.ended is not None
    ]


def _unmistakable(runs: Sequence[Run]) -> list[Run]:
    """Those whose id no other registry has given, too."""
    ids = [run.run_id for run in runs]
    return [run for run in runs if ids.count(run.run_id) == 1]


def _versions() -> list[tuple[str, str]]:
    """What the notebooks ran with: Python, this package, and the SDK that it asks for."""
    found = [("Python", platform.python_version()), (_PACKAGE, metadata.version(_PACKAGE))]
    asked = [re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in metadata.requires(_PACKAGE) or []]
    names = sorted({one for one in asked if one.startswith("azure-") and one != "azure-cli"})
    return found + [(name, metadata.version(name)) for name in names]
