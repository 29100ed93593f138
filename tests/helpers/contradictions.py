"""What the outputs of one page claim about runs and images, and where two of them contradict.

A page is one recording: its tables, logs, pictures and answers of ``explain`` are about the same
runs. The text of each output is read as a reader reads it; nothing is asked of a cloud.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

SLACK = timedelta(seconds=2)  # dates are cut to seconds, and a log begins before its run is Running
_LONGEST = timedelta(
    hours=12
)  # from the first run that a page of one recording tells of to its last
_SVG = "{http://www.w3.org/2000/svg}text"
_RUN_ID = r"[a-z]{2}[0-9a-z]{1,5}"
_STAMP = re.compile(r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ", re.MULTILINE)
_LOG_END = re.compile(rf"^Run ID: ({_RUN_ID}) (was successful|failed) after", re.MULTILINE)
_PUSHING = re.compile(r"Pushing image: (\S+?):(\S+), attempt")
_PUSHED = re.compile(r"^(\S+): digest: (sha256:[0-9a-f]{64}) size: \d+$", re.MULTILINE)
_ASKED = re.compile(r"^Why did (\S+) in (\S+) not run\?$", re.MULTILINE)
_LAST_RUN = re.compile(
    rf"^\W*last run: ({_RUN_ID}), by ([A-Z][a-z]+(?: [A-Z][a-z]+)?), (\w+)", re.MULTILINE
)
_POINTS = re.compile(r"(\S+\.azurecr\.io/\S+:\S+) points to (sha256:[0-9a-f]+)")
_YEAR = re.compile(r"\b(20\d\d)[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d")
_BOX_RUN = re.compile(rf"^run ({_RUN_ID})(?:, \d+ s)?$")
_BOX_CAUSE = re.compile(r"^by ([A-Z][a-z]+(?: [A-Z][a-z]+)?)(?: \(earlier\))?$")
_BOX_TIME = re.compile(r"^(\d\d [A-Z][a-z]{2} \d\d:\d\d:\d\d) UTC$")
_ENDS = ("Succeeded", "Failed", "Canceled", "Error", "Timeout")
# What a cell calls when something may change in the cloud: a run, a tag.
_ACTS = re.compile(
    r"forks\.|schedule_run|begin_|watch\(|push|update|creat|delete|follow\(|ended\(|started_by|"
    r"wait_for|import_|subprocess|edit\(|attach|lock|promote|run\("
)


@dataclass(frozen=True)
class Claim:
    """That ``about`` (a run or an image, and what of it) is ``value``; ``place`` counts code cells."""

    about: tuple[str, str]
    value: Any
    cell: str
    place: int


def claims(notebook: Any) -> list[Claim]:
    """Everything that the outputs of a page claim, in the order of the page."""
    found: list[Claim] = []
    year = _year(notebook)
    for place, cell in enumerate(_code(notebook)):
        for output in cell.outputs:
            for about, value in _of_output(output, year):
                found.append(Claim(about, value, str(cell.id), place))
    return found


def contradictions(notebook: Any) -> list[str]:
    """A sentence for each pair of outputs that cannot both be true."""
    all_claims = claims(notebook)
    acts = [bool(_ACTS.search(cell.source)) for cell in _code(notebook)]
    by_subject: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in all_claims:
        by_subject[claim.about].append(claim)
    return [
        *_unequal(by_subject),
        *_moved_by_nobody(by_subject, acts),
        *_out_of_order(by_subject),
        *_newer_than_the_newest(by_subject),
        *_too_long(by_subject),
    ]


# -- rules ---------------------------------------------------------------------------------------


def _unequal(claims: dict[tuple[str, str], list[Claim]]) -> Iterator[str]:
    """What a run is, and what a name means that is given once, never changes."""
    for (what, _), found in claims.items():
        if not what.startswith(("newest", "moving")):
            for first, other in pairwise(found):
                if not _agree(what, first.value, other.value):
                    yield _both(first, other)


def _moved_by_nobody(claims: dict[tuple[str, str], list[Claim]], acts: list[bool]) -> Iterator[str]:
    """The newest run of a task, and what a tag points to, change only when something is done."""
    for (what, _), found in claims.items():
        if what.startswith(("newest", "moving")):
            for first, other in pairwise(found):
                acted = any(acts[first.place + 1 : other.place + 1]) or first.place == other.place
                if not acted and not _agree(what, first.value, other.value):
                    yield f"{_both(first, other)}, and nothing was done between them"


def _out_of_order(claims: dict[tuple[str, str], list[Claim]]) -> Iterator[str]:
    """Run ids count up in each registry, which their first two letters stand for."""
    started = [(run, found[0]) for (what, run), found in claims.items() if what == "start of run"]
    for (run, claim), (other, later) in pairwise(sorted(started, key=lambda one: age(one[0]))):
        if run[:2] == other[:2] and later.value < claim.value - SLACK:
            yield f"{_both(claim, later)}: {other} is younger, and began before {run}"


def _newer_than_the_newest(claims: dict[tuple[str, str], list[Claim]]) -> Iterator[str]:
    """What was told of a run before cannot be younger than the newest one that is told of later."""
    tasks = _tasks(claims)
    for (what, task), found in claims.items():
        if what != "newest run of task":
            continue
        for newest in found:
            for run, (own, told) in tasks.items():
                if own == task and run[:2] == newest.value[:2] and age(run) > age(newest.value):
                    earlier = next((one for one in told if one.place <= newest.place), None)
                    if earlier is not None:
                        yield f"{_both(earlier, newest)}: {run} is younger"


def _tasks(claims: dict[tuple[str, str], list[Claim]]) -> dict[str, tuple[str, list[Claim]]]:
    """The task of each run, and what is told of it.

    A log does not name its task: where a page knows one task of a registry alone, it is of that one.
    """
    runs: dict[str, list[Claim]] = defaultdict(list)
    for (what, run), found in claims.items():
        if what.endswith("of run"):
            runs[run] += found
    own = {
        run: str(found[0].value) for (what, run), found in claims.items() if what == "task of run"
    }
    for run in set(runs) - set(own):
        known = {task for other, task in own.items() if other[:2] == run[:2]}
        if len(known) == 1:
            own[run] = known.pop()
    return {run: (task, runs[run]) for run, task in own.items()}


def _too_long(claims: dict[tuple[str, str], list[Claim]]) -> Iterator[str]:
    """Runs of one recording are of one day."""
    times = [one for (what, _), found in claims.items() if what == "start of run" for one in found]
    if times:
        first, last = (pick(times, key=lambda one: one.value) for pick in (min, max))
        if last.value - first.value > _LONGEST:
            yield f"{_both(first, last)}: no recording takes that long"


def age(run: str) -> tuple[str, int, str]:
    """What sorts run ids of a registry by age: they count up, with digits before letters."""
    return (run[:2], len(run), run)


def _agree(what: str, one: Any, other: Any) -> bool:
    if isinstance(one, datetime):
        return bool(abs(one - other) <= SLACK)
    if what.endswith("digest of"):  # one of them may be shortened
        return bool(one.startswith(other) or other.startswith(one))
    return bool(one == other)


def _both(one: Claim, other: Claim) -> str:
    what = " ".join(one.about)
    if one.about != other.about:
        return f"{one.cell}: {what} is {one.value}; {other.cell}: {' '.join(other.about)} is {other.value}"
    return f"{what}: {one.value} in {one.cell}, {other.value} in {other.cell}"


# -- reading -------------------------------------------------------------------------------------


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _year(notebook: Any) -> str:
    """The year of the recording, which pictures leave out; '' where a page has no date in full."""
    for cell in _code(notebook):
        for output in cell.outputs:
            found = _YEAR.search(output.get("text") or output.get("data", {}).get("text/plain", ""))
            if found:
                return found[1]
    return ""


def _of_output(output: Any, year: str) -> Iterator[tuple[tuple[str, str], Any]]:
    data = output.get("data", {})
    text = output.get("text") or data.get("text/plain", "")
    yield from _of_tables(text)
    yield from _of_log(text)
    yield from _of_explanation(text)
    if "image/svg+xml" in data:
        yield from _of_picture(data["image/svg+xml"], year)


def _of_tables(text: str) -> Iterator[tuple[tuple[str, str], Any]]:
    lines = text.splitlines()
    for number, (head, rule) in enumerate(pairwise(lines)):
        if "RUN ID" not in head or not re.fullmatch(r"-+(?: +-+)+", rule):
            continue
        spans = [one.span() for one in re.finditer(r"-+", rule)]
        names = [head[a:b].strip() for a, b in spans]
        newest: set[str] = set()
        rows = []
        for line in lines[number + 2 :]:
            if not re.match(rf"{_RUN_ID}\b", line):
                break
            cells = [line[a:b].strip() for a, b in spans]
            rows.append(dict(zip(names, cells, strict=True)))
        for row in rows:
            run, task = row["RUN ID"], row.get("TASK", "")
            yield from _about(run, row.get("STATUS", ""), row.get("TRIGGER", ""))
            if row.get("STARTED"):
                yield ("start of run", run), _moment(row["STARTED"])
            if task:
                yield ("task of run", run), task
                if task not in newest:
                    newest.add(task)
                    yield ("newest run of task", task), run
        for first, other in pairwise(rows):
            yield ("order of", f"{first['RUN ID']} and {other['RUN ID']}"), "newest first"
            if age(first["RUN ID"]) < age(other["RUN ID"]):
                yield ("order of", f"{first['RUN ID']} and {other['RUN ID']}"), "oldest first"


def _of_log(text: str) -> Iterator[tuple[tuple[str, str], Any]]:
    end = _LOG_END.search(text)
    if end is None:
        return
    run = end[1]
    yield from _about(run, "Succeeded" if end[2] == "was successful" else "Failed", "")
    stamps = _STAMP.findall(text)
    if stamps:
        yield ("start of run", run), datetime.strptime(stamps[0] + "Z", "%Y/%m/%d %H:%M:%SZ")
        yield ("order of", f"the lines of {run}"), "by time"
        moments = [datetime.strptime(one, "%Y/%m/%d %H:%M:%S") for one in stamps]
        if any(later < earlier - SLACK for earlier, later in pairwise(moments)):
            yield ("order of", f"the lines of {run}"), "mixed"
    pushing = _PUSHING.findall(text)
    for tag, digest in _PUSHED.findall(text):
        places = {place for place, pushed in pushing if pushed == tag}
        if len(places) == 1:  # two repositories with the same tag: nobody knows which line is whose
            yield _image(f"{places.pop()}:{tag}", run), digest


def _of_explanation(text: str) -> Iterator[tuple[tuple[str, str], Any]]:
    asked, last = _ASKED.search(text), _LAST_RUN.search(text)
    if asked is None or last is None:
        return
    yield ("task of run", last[1]), asked[1]
    yield ("newest run of task", asked[1]), last[1]
    yield from _about(last[1], last[3], last[2])
    for image, digest in _POINTS.findall(text):
        yield ("moving digest of", image), digest


def _of_picture(svg: str, year: str) -> Iterator[tuple[tuple[str, str], Any]]:
    """A box names its task, then the registry, then the run, what started it, and when."""
    texts = ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(_SVG)]
    task = run = ""
    for before, text in pairwise(["", *texts]):
        if text.startswith("in "):
            task, run = before, ""
        elif found := _BOX_RUN.match(text):
            run = found[1]
            if task:
                yield ("task of run", run), task
        elif run and (found := _BOX_CAUSE.match(text)):
            yield ("trigger of run", run), found[1]
        elif run and year and (found := _BOX_TIME.match(text)):
            yield (
                ("start of run", run),
                datetime.strptime(f"{year} {found[1]}", "%Y %d %b %H:%M:%S"),
            )


def _about(run: str, status: str, trigger: str) -> Iterator[tuple[tuple[str, str], Any]]:
    if status in _ENDS:
        yield ("status of run", run), status
    if trigger:
        yield ("trigger of run", run), trigger


def _image(image: str, run: str) -> tuple[str, str]:
    """A tag with the id of a run in it is given once; any other may be moved."""
    return ("digest of" if image.endswith(run) else "moving digest of"), image


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def summary(found: Sequence[Claim]) -> set[str]:
    """The kinds of claims among these."""
    return {claim.about[0] for claim in found}
