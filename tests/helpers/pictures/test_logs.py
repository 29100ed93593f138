"""What the lines of a log mean, and how they are stored in a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.pictures import logs
from helpers.pictures.logs import LogPicture, Span, Steps, line_of, plain_line

EXECUTING = "2026/11/24 02:50:40 Executing step ID: {}. Timeout(sec): 600, Working directory: ''"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (EXECUTING.format("build"), "going"),
        ("Step 2/4 : FROM node", "going"),
        ("a Step 2/4 : FROM node", ""),
        ("2026/11/24 02:50:41 Successfully executed container: build", "good"),
        ("ACCEPTED: Green", "good"),
        ("failed to run step ID: build", "bad"),
        ("2026/11/24 02:50:41 Container FAILED during run: build", "bad"),
        (" ---> Using cache", ""),
        ("", ""),
    ],
)
def test_the_kind_of_a_line(raw: str, kind: str) -> None:
    assert line_of(raw).kind == kind


def test_the_time_of_a_line_is_apart_from_its_text() -> None:
    line = line_of("2026/11/24 02:50:41 \x1b[1mPushing\x1b[0m image: a")
    assert (line.stamp, line.text, line.kind) == (
        "2026/11/24 02:50:41 ",
        "Pushing image: a",
        "going",
    )
    assert line.spans == (Span(0, 7, "bold"),)


@pytest.mark.parametrize(
    ("raw", "text", "spans"),
    [
        ("\x1b[31mred\x1b[0m", "red", [(0, 3, "red")]),
        ("\x1b[1;32mok\x1b[22m fine\x1b[39m.", "ok fine.", [(0, 2, "green bold"), (2, 7, "green")]),
        ("\x1b[94mbright\x1b[m plain", "bright plain", [(0, 6, "blue")]),
        ("\x1b[38;5;9mmany\x1b[0m \x1b[38;2;31;31;31mshares", "many shares", []),
        ("\x1b[41mon red\x1b[0m", "on red", []),
        ("\x1b]0;a title\x07after", "after", []),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link", []),
        ("\x1b[2K\x1b[1Gdrawn \x1b[?25lagain", "drawn again", []),
        ("10 %\r50 %\r100 %\r", "100 %", []),
        ("bell\x07, back\x08space, null\x00, \x9b31mone byte\tand a tab", None, []),
        ("\x1b[" + "9" * 6000 + "mlong", "long", []),
        ("\x1b", "", []),
        ("\x1b[3", "3", []),
    ],
)
def test_what_a_terminal_would_do_with_it(
    raw: str, text: str | None, spans: list[tuple[int, int, str]]
) -> None:
    line = line_of(raw)
    assert line.text == (text if text is not None else "bell, backspace, null, one byte\tand a tab")
    assert [tuple(one) for one in line.spans] == spans
    assert plain_line(raw) == line.text


@given(st.text(alphabet="\x1b[]0;1m38\r\x07\x9bab\t<&é", max_size=40))
def test_no_line_is_too_strange(raw: str) -> None:
    line = line_of(raw)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line.text)
    for start, end, style in line.spans:
        assert 0 <= start < end <= len(line.text)
        assert style
    page = LogPicture("Run", [raw]).html()
    assert text_of(page).endswith(line.stamp + line.text)


def test_a_line_without_end_is_cut() -> None:
    line = line_of("x" * 1_000_000)
    assert len(line.text) < 6000
    assert line.text.endswith("… (995,000 more characters)")


def steps_of(*lines: str, over: bool = False) -> list[tuple[str, str, float | None]]:
    steps = Steps()
    for number, line in enumerate(lines):
        steps.read(number, line)
    if over:
        steps.end()
    return [(one.name, one.status, one.seconds) for one in steps]


def test_steps_that_run_side_by_side() -> None:
    begun = [EXECUTING.format("build"), EXECUTING.format("az-login")]
    assert steps_of(*begun) == [("build", "started", None), ("az-login", "started", None)]
    more = [
        *begun,
        "2026/11/24 02:50:43 Successfully executed container: az-login",
        "2026/11/24 02:50:44 Step ID: build marked as successful (elapsed time in seconds: 3.25)",
    ]
    assert steps_of(*more) == [("build", "succeeded", 3.25), ("az-login", "succeeded", 3.0)]


def test_a_step_that_fails_ends_the_others() -> None:
    lines = [
        EXECUTING.format("one"),
        EXECUTING.format("two"),
        "failed to run step ID: two: exit status 1",
    ]
    assert steps_of(*lines, over=True) == [("one", "stopped", None), ("two", "failed", None)]


def test_a_step_whose_errors_are_ignored_stays_one_that_had_some() -> None:
    lines = [
        EXECUTING.format("lint"),
        "2026/11/24 02:50:41 Step ID: lint encountered an error: exit status 1, but is set to "
        "ignore errors. Continuing...",
        "2026/11/24 02:50:42 Step ID: lint marked as successful (elapsed time in seconds: 1.5)",
    ]
    assert steps_of(*lines) == [("lint", "error ignored", 1.5)]


def test_what_a_program_prints_makes_no_endless_list_of_steps() -> None:
    assert len(steps_of(*(EXECUTING.format(f"step-{at}") for at in range(5000)))) == 100
    assert steps_of("Executing step ID: no time. Timeout(sec): 1") == []
    odd = "2026/99/99 99:99:99 Executing step ID: x. Timeout(sec): 1"
    assert steps_of(odd, "2026/99/99 99:99:99 Successfully executed container: x") == [
        ("x", "succeeded", None)
    ]


def test_a_long_log_is_its_beginning_and_its_end() -> None:
    picture = LogPicture("Run", [f"line {at}" for at in range(50_000)], "Succeeded")
    text = picture.text().splitlines()
    assert len(text) == logs.BEGINNING + 1 + logs.ENDING
    assert text[logs.BEGINNING - 1 : logs.BEGINNING + 2] == [
        "line 149",
        "… 49,500 lines are left out here …",
        "line 49650",
    ]
    assert text[-1] == "line 49999"
    page = picture.html()
    assert len(page) < 100_000
    assert "… 49,500 lines are left out here …" in page
    whole = LogPicture("Run", [f"line {at}" for at in range(logs.BEGINNING + logs.ENDING)])
    assert "left out" not in whole.html()


def test_the_box_is_reached_by_keyboard_and_has_a_name() -> None:
    page = LogPicture('Run "cf1" <b>', ["one"], "Failed").html()
    [box] = [dict(attributes) for _, attributes in tags(page) if ("role", "region") in attributes]
    assert (box["tabindex"], box["aria-label"]) == ("0", 'Run "cf1" <b>: Failed')
    assert box["data-lm-suppress-shortcuts"] == "true"
    assert "opacity" not in page


def test_nothing_of_a_line_is_markup() -> None:
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)> \"'&amp;"
    page = LogPicture(evil, [evil, f"2026/11/24 02:50:41 {evil}"], evil).html()
    assert {name for name, _ in tags(page)} <= {
        "details",
        "style",
        "summary",
        "div",
        "pre",
        "span",
        "em",
    }
    assert not [one for _, attributes in tags(page) for one in attributes if one[0] == "onerror"]
    assert text_of(page).count(evil) == 4


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def tags(page: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    reader = _Reader()
    reader.feed(page)
    return iter(reader.found)


def text_of(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.text
