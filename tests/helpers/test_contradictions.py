"""A stored page is one recording: no two of its outputs contradict one another."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers.pictures import Box, Flow, run_lines
from helpers.tutorial import chapters
from tests.helpers.contradictions import claims, contradictions, summary

PATHS = [chapter.path for chapter in chapters()]
TABLE = """\
RUN ID  TASK              PLATFORM  STATUS     TRIGGER       STARTED               DURATION
------  ----------------  --------  ---------  ------------  --------------------  --------
cg10    base-import-node  linux     Failed     Image Update  2026-01-05T10:00:07Z  00:00:01
cgz     base-import-node  linux     Succeeded  Image Update  2026-01-05T10:00:03Z  00:00:01"""
LOG = f"""\
2026/01/05 10:00:03 Downloading source code...
2026/01/05 10:00:04 Pushing image: acme.azurecr.io/node:15-alpine, attempt 1
15-alpine: digest: sha256:{"a" * 64} size: 557
2026/01/05 10:00:04 Pushing image: acme.azurecr.io/node:15-alpine-cgz, attempt 1
15-alpine-cgz: digest: sha256:{"a" * 64} size: 557

Run ID: cgz was successful after 1s"""
WHY = """\
Why did base-import-node in acme not run?
* last run: cg10, by Image Update, Failed: x
* base image: acme.azurecr.io/node:15-alpine points to sha256:aaaaaaaaaaaa…, and so on"""
STARTED = datetime(2026, 1, 5, 10, 0, 3, tzinfo=timezone.utc)
PICTURE = Flow(
    "The pipeline",
    [
        [
            Box(
                *("The gate", "base-import-node", "acme", "Succeeded"),
                run_lines("cgz", "Image Update", STARTED, STARTED + timedelta(seconds=1)),
            )
        ]
    ],
).svg()


def page(*outputs: str, sources: dict[int, str] | None = None) -> Any:
    cells = []
    for number, text in enumerate(outputs):
        kind = "image/svg+xml" if text.startswith("<svg") else "text/plain"
        source = (sources or {}).get(number, "log")
        cell = new_code_cell(
            source, id=f"c{number}", outputs=[new_output("display_data", {kind: text})]
        )
        cells.append(cell)
    return new_notebook(cells=cells)


TRUE = (LOG, TABLE, WHY, PICTURE)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_outputs_of_a_page_do_not_contradict_one_another(path: Path) -> None:
    assert contradictions(nbformat.read(path, as_version=4)) == []


def test_there_is_something_that_could_contradict() -> None:
    """Formats change; whoever changes one finds here that it is not read any more."""
    stored = [one for path in PATHS for one in claims(nbformat.read(path, as_version=4))]
    assert summary(stored) >= {
        *("task of run", "status of run", "trigger of run", "start of run"),
        *("newest run of task", "order of", "digest of", "moving digest of"),
    }
    assert len(stored) > 200
    log, answer, drawn = (
        {one.about for one in claims(page(LOG, text))} for text in ("", WHY, PICTURE)
    )
    assert ("start of run", "cgz") in log
    assert ("newest run of task", "base-import-node") in answer
    assert drawn - log == {("task of run", "cgz"), ("trigger of run", "cgz")}
    assert len(claims(page(LOG, PICTURE))) == len(claims(page(LOG))) + 3  # when it started, too


def test_what_belongs_together_does_not_contradict() -> None:
    assert contradictions(page(*TRUE)) == []


@pytest.mark.parametrize(
    ("place", "true", "lie", "told"),
    [
        (0, "2026/01/05 10", "2026/01/04 10", "start of run cgz"),  # the log of another day
        (0, "was successful", "failed", "status of run cgz"),
        (0, "10:00:04 Push", "09:00:04 Push", "order of the lines of cgz"),
        (1, "10:00:03Z", "10:00:06Z", "start of run cgz"),
        (1, "cg10  ", "cg12  ", "newest run of task base-import-node"),  # explain names another
        (1, "Failed   ", "Succeeded", "status of run cg10"),
        (1, "Image Update  2026-01-05T10:00:07", "Commit        2026-01-05T10:00:07", "trigger of"),
        (2, "cg10", "cg11", "newest run of task base-import-node"),
        (2, "cg10", "cgy", "newest run of task base-import-node"),
        (2, "by Image Update", "by Commit", "trigger of run cg10"),
        (2, "sha256:aaaa", "sha256:abaa", "moving digest of acme.azurecr.io/node:15-alpine"),
        (3, "base-import-node", "import-node", "task of run cgz"),
        (3, "by Image Update", "by Manual", "trigger of run cgz"),
        (3, "05 Jan 10:00:03", "05 Jan 10:01:03", "start of run cgz"),
    ],
)
def test_one_output_of_another_recording_is_found(
    place: int, true: str, lie: str, told: str
) -> None:
    assert true in TRUE[place]
    outputs = list(TRUE)
    outputs[place] = outputs[place].replace(true, lie)
    assert any(told in one for one in contradictions(page(*outputs)))


def test_a_log_that_is_younger_than_the_table_below_it_is_found() -> None:
    other = LOG.replace("cgz", "cg11").replace(
        "10:00:", "10:30:"
    )  # which task it is of, it does not say
    assert any("cg11 is younger" in one for one in contradictions(page(other, TABLE)))
    assert contradictions(page(TABLE, other)) == []
    two = TABLE.replace("base-import-node", "another-task    ", 1)
    assert contradictions(page(other, two)) == []  # of whichever


def test_rows_that_are_not_the_newest_first_are_found() -> None:
    rows = TABLE.splitlines()
    turned = "\n".join([*rows[:2], rows[3], rows[2]])
    assert any("order of cgz and cg10" in one for one in contradictions(page(turned)))
    dates = TABLE.replace("10:00:07Z", "09:00:07Z")
    assert any("is younger, and began before" in one for one in contradictions(page(dates)))


def test_two_digests_of_one_unique_tag_are_found() -> None:
    other = LOG.replace("a" * 64 + " size: 557\n\n", "b" * 64 + " size: 557\n\n")
    found = contradictions(page(LOG, other))
    assert [one for one in found if "digest of acme.azurecr.io/node:15-alpine-cgz" in one]


def test_a_run_of_another_day_is_found() -> None:
    other = re.sub(r"\bcg10\b", "cg11", TABLE.replace("2026-01-05", "2026-01-07"))
    other = "\n".join(other.splitlines()[:3])
    found = contradictions(page(TABLE, other, sources={1: "forks.set_color(c, 'Red')"}))
    assert [one for one in found if "no recording takes that long" in one]


def test_what_was_done_may_change_the_newest_run_and_a_tag() -> None:
    newer = TABLE.replace("cgz ", "cg11").replace("10:00:03Z", "10:00:09Z").splitlines()
    later = "\n".join([*newer[:2], newer[3], newer[2]])
    for source, expected in (("runs.table(x)", True), ("forks.set_color(c, 'Red')", False)):
        found = contradictions(page(TABLE, later, sources={1: source}))
        assert bool(found) is expected
    pushed = LOG.replace("a" * 64, "b" * 64).replace("cgz", "cg11").replace("10:00:", "10:01:")
    assert contradictions(page(LOG, pushed, sources={1: "runs.follow(c, run)"})) == []
    assert contradictions(page(LOG, pushed))
