"""Pictures: well formed, described, legible without styles, and of text alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import record
from helpers.pictures import Box, Flow, Row, Tree, run_lines
from helpers.pictures.boxes import OPEN, SHUT
from helpers.pictures.text import fit, short_digest, shortened, width_of

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = ("svg", "title", "desc", "style", "rect", "path", "text", "tspan")
NOON = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
STRANGE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title></desc></svg><script>",
    "]]><!-- &amp; ${x}",
    "t" * 200,
    "שלום עולם",
    "\u202egnp.exe",
    "\x1b[31mred\x00\x07",
    "日本語のタグ" * 20,
    "a\nb\tc\r",
    "\ud800",
)


def pipeline(run: str = "ca4", digest: str = DIGEST, started: datetime = NOON) -> Flow:
    return Flow(
        "From a commit to production",
        [
            [
                Box(
                    "The public",
                    "node-public",
                    "publicregistry",
                    "Succeeded",
                    run_lines(
                        run,
                        "Commit",
                        started,
                        started + timedelta(seconds=2),
                        "node:15-alpine",
                        digest,
                    ),
                )
            ],
            [Box("The gate", "base-import-node", "acme", "Failed", run_lines(run), gate=SHUT)],
            [Box("The team", "hello-world", "rockets", "not started")],
        ],
    )


def strange_flow(text: str) -> Flow:
    box = Box(text, text, text, text, ((text, text), *run_lines(text, text)), gate=text, color=text)
    return Flow(text, [[box, box], [box]], problem=text)


def strange_tree(text: str) -> Tree:
    return Tree(text, [Row(0, "image", text), Row(1, "task", text), Row(2, "idle", text)])


class Reader(HTMLParser):
    """What is in a page: its tags and attributes, its text; the style sheet apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._in_style = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words.append(data)


def words(page: str) -> str:
    return "".join(Reader(page).words)


def test_a_flow_is_a_picture_that_describes_itself() -> None:
    flow = pipeline()
    root = ElementTree.fromstring(flow.svg())
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == "From a commit to production"
    assert str(root.findtext(f"{SVG}desc")).splitlines()[:5] == [
        "From a commit to production",
        "1. The public: node-public in publicregistry",
        "   Succeeded",
        "   by Commit",
        "   node:15-alpine",
    ]
    assert "@media (prefers-color-scheme:dark)" in str(root.findtext(f"{SVG}style"))
    # Every colour of the light theme that a shape has is replaced in the dark one.
    classes = {name for one in root.iter() for name in (one.get("class") or "").split()}
    colored = {name for name in classes if name.startswith(("fill-", "stroke-"))}
    assert colored
    for name in colored:
        assert f".{name}{{" in str(root.findtext(f"{SVG}style"))
    # It needs nothing from elsewhere, and nothing in it clashes with another picture of the page.
    assert not re.search(r"href|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", flow.svg())
    assert all(one.get("id") is None for one in root.iter())


def test_what_it_says_is_read_in_order_without_styles() -> None:
    page = pipeline().html()
    assert words(page) == (
        "From a commit to production"
        "The public: node-public in publicregistry, ✓ Succeeded, run ca4, 2 s, by Commit, "
        "26 Nov 12:00:00 UTC, node:15-alpine, sha256:0123456789ab"
        "The gate: base-import-node in acme, ✗ Failed, ✗ gate shut, run ca4"
        "The team: hello-world in rockets, ○ not started"
    )
    assert {"ol", "li", "b"} <= Reader(page).tags
    assert pipeline().text().splitlines()[:6] == [
        "From a commit to production",
        "1. The public: node-public in publicregistry",
        "   Succeeded",
        "   run ca4, 2 s",
        "   by Commit",
        "   26 Nov 12:00:00 UTC",
    ]


def test_a_gate_that_is_shut_is_drawn_so() -> None:
    svg = pipeline().svg()
    root = ElementTree.fromstring(svg)
    arrows = [one for one in root.iter(f"{SVG}path") if one.get("stroke-width") == "2"]
    bars = [one for one in root.iter(f"{SVG}path") if one.get("stroke-width") == "4"]
    dashed = [one.get("stroke-dasharray") is not None for one in arrows[::2]]
    assert dashed == [False, True]  # from the public to the gate, and on from there
    assert len(bars) == 1
    assert 'class="shut"' in pipeline().html()
    opened = Box("The gate", "g", "r", "Succeeded", gate=OPEN)
    assert 'stroke-width="4"' not in Flow("", [[opened], [opened]]).svg()


def test_boxes_of_one_column_stand_below_each_other() -> None:
    box = Box("a", "b")
    root = ElementTree.fromstring(Flow("t", [[box], [box, box], [box]]).svg())
    boxes = list(root.iter(f"{SVG}rect"))[1:]
    places = [(float(str(one.get("x"))), float(str(one.get("y")))) for one in boxes]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert len({x for x, _ in places}) == 3
    assert places[1][1] < places[2][1]
    width, height = (float(str(root.get(name))) for name in ("width", "height"))
    for one in boxes:
        assert float(str(one.get("x"))) + float(str(one.get("width"))) <= width
        assert float(str(one.get("y"))) + float(str(one.get("height"))) <= height
    assert ElementTree.fromstring(Flow("", []).svg()) is not None


@pytest.mark.parametrize("make", [strange_flow, strange_tree])
@pytest.mark.parametrize("text", STRANGE)
def test_what_strangers_wrote_is_text(make: Callable[[str], Flow | Tree], text: str) -> None:
    picture = make(text)
    plain = make("x")
    svg, page = picture.svg(), picture.html()
    svg.encode(), page.encode(), picture.text().encode()
    tags = {one.tag for one in ElementTree.fromstring(svg).iter()}
    assert tags <= {f"{SVG}{name}" for name in SHAPES}
    assert Reader(page).tags == Reader(plain.html()).tags
    assert Reader(page).attributes == Reader(plain.html()).attributes
    assert fit(text) in words(page)
    assert not re.search("[\x00-\x08\x0b-\x0c\x0e-\x1f\u202e\ud800]", svg + page + picture.text())


@given(st.text(max_size=300))
def test_any_text_makes_a_picture(text: str) -> None:
    for picture in (strange_flow(text), strange_tree(text)):
        assert ElementTree.fromstring(picture.svg()) is not None
        assert fit(text) in words(picture.html())


def test_a_long_text_stays_in_its_box() -> None:
    tag = f"node:{'t' * 200}"
    root = ElementTree.fromstring(Flow("t", [[Box("a", tag, "r", "Failed", ((tag,),))]]).svg())
    cut = [one for one in root.iter(f"{SVG}text") if one.find(f"{SVG}title") is not None]
    assert len(cut) == 2
    for one in cut:
        assert one.findtext(f"{SVG}title") == tag  # whole, in the tooltip
        shown = "".join(part.text or "" for part in one.iter(f"{SVG}tspan"))
        assert shown.startswith("node:t")
        assert "…" in shown
        assert len(shown) < 40
    assert tag in Flow("t", [[Box("a", tag)]]).text()


def test_texts_are_shortened_in_their_middle() -> None:
    assert shortened("short", 13, 100) == "short"
    text = shortened("abcdefghij" * 10, 13, 100)
    assert text.startswith("abc")
    assert text.endswith("hij")
    assert width_of(text, 13) <= 100
    assert width_of("日本", 10) == 20
    assert width_of("e\u0301", 10) == width_of("e", 10)
    assert short_digest(DIGEST) == "sha256:0123456789ab"
    assert short_digest("") == ""


def test_a_swatch_is_of_a_colour_and_of_nothing_else() -> None:
    good = Flow("t", [[Box("The site", "aci", color="Red")]])
    assert "background:Red" in good.html()
    assert 'fill="red"' in good.svg()
    bad = Flow("t", [[Box("The site", "aci", color="red;position:fixed")]])
    assert "position" not in bad.html() + bad.svg()


# -- comparing ----------------------------------------------------------------------------------


def test_what_varies_from_run_to_run_can_be_left_out_of_a_comparison() -> None:
    """nbval's rules find it by its class: ids, times and digests stand in elements ``volatile``."""
    first = pipeline()
    second = pipeline(
        "zz9x", f"sha256:{'fedcba9876543210' * 4}", NOON + timedelta(days=3, seconds=7)
    )
    other = Flow("t", first.columns[:2])
    rules = record.rules()

    def outputs(flow: Flow) -> list[dict[str, object]]:
        data = {"text/html": flow.html(), "image/svg+xml": flow.svg()}
        return [{"output_type": "display_data", "data": data}]

    assert first.svg() != second.svg()
    assert record.alike(outputs(first), outputs(second), rules)
    assert not record.alike(outputs(first), outputs(other), rules)


def test_what_goes_on_says_since_when() -> None:
    going = Flow("t", [[Box("a", "b", status="Running", lines=run_lines("ca4", "", NOON))]])
    since = 'class="volatile" data-since="2026-11-26T12:00:00+00:00">run ca4<'
    assert since in going.html()
    over = run_lines("ca4", "", NOON, NOON + timedelta(seconds=61))
    ended = Flow("t", [[Box("a", "b", status="Succeeded", lines=over)]])
    assert "data-since" not in ended.html()
    assert ">run ca4, 61 s<" in ended.html()


# -- trees ---------------------------------------------------------------------------------------


def test_a_tree_has_a_line_for_each_row() -> None:
    rows = [
        Row(0, "image", "a:1"),
        Row(1, "task", "b"),
        Row(2, "image", "c:1"),
        Row(1, "idle", "d"),
        Row(0, "idle", "e"),
    ]
    tree = Tree("Who waits for whom", rows)
    assert tree.text().splitlines() == ["a:1", "├─ b", "│  └─ c:1", "└─ d", "e"]
    page = tree.html()
    assert words(page) == "Who waits for whoma:1bc:1de"
    assert page.count("<ul") == 3
    root = ElementTree.fromstring(tree.svg())
    assert root.findtext(f"{SVG}title") == "Who waits for whom"
    assert root.findtext(f"{SVG}desc") == tree.text()
    texts = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert texts == ["Who waits for whom", "a:1", "b", "c:1", "d", "e"]
    boxes = list(root.iter(f"{SVG}rect"))[1:]
    assert [one.get("stroke-dasharray") is not None for one in boxes] == [False] * 3 + [True] * 2
    assert len(list(root.iter(f"{SVG}path"))) == 3
    assert Tree("t", []).text() == ""
    assert ElementTree.fromstring(Tree("t", []).svg()) is not None
