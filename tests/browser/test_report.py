"""The report and its notebooks in a real browser: both themes, a phone, a keyboard, a printer."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import report, tutorial
from helpers.tutorial import chapters
from tests.browser.conftest import Browser
from tests.helpers.report import examples

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of two notebooks and seven runs, and the page of one of them."""
    folder = tmp_path_factory.mktemp("report")
    occasion = report.Occasion("local", examples.BEGAN, 25.0, examples.RUNS, examples.REGISTRIES)
    index = report.write(examples.executed(folder), folder, occasion)
    return {"report": index, "notebook": folder / "08-watch.html"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", ["report", "notebook"])
def test_axe_finds_nothing(
    browser: Browser, pages: dict[str, Path], page: str, scheme: str
) -> None:
    for width in (1280, 380):
        browser.open(pages[page], width=width, scheme=scheme)
        browser.script("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert browser.violations() == []
    assert browser.problems() == []


@pytest.mark.parametrize("page", ["report", "notebook"])
def test_a_phone_need_not_scroll_sideways(
    browser: Browser, pages: dict[str, Path], page: str
) -> None:
    browser.open(pages[page], width=380)
    browser.script("document.querySelectorAll('details').forEach(one => one.open = true)")
    width, seen = browser.script("return [document.documentElement.scrollWidth, innerWidth]")
    assert (width, seen) == (380, 380)
    if page == "report":
        boxes = browser.script(
            "return [...document.querySelectorAll('.scroll')].map("
            "one => [one.scrollWidth > one.clientWidth, one.tabIndex, one.ariaLabel])"
        )
        assert any(wide for wide, _, _ in boxes)  # what is too wide scrolls in a box of its own
        assert all(index == 0 and label for _, index, label in boxes)


@pytest.mark.parametrize("page", ["report", "notebook"])
def test_both_themes_are_followed(browser: Browser, pages: dict[str, Path], page: str) -> None:
    grey = {}
    for scheme in SCHEMES:
        browser.open(pages[page], scheme=scheme)
        found = browser.script("return getComputedStyle(document.body).backgroundColor")
        grey[scheme] = sum(int(one) for one in found.strip("rgb()").split(",")[:3]) / 3
    assert grey["light"] > 240
    assert grey["dark"] < 40


@pytest.mark.parametrize("page", ["report", "notebook"])
def test_a_keyboard_comes_to_the_content_at_once(
    browser: Browser, pages: dict[str, Path], page: str
) -> None:
    browser.open(pages[page])
    browser.press("TAB")
    focused = "const one = document.activeElement; const box = one.getBoundingClientRect();"
    name, left = browser.script(f"{focused} return [one.textContent, box.left]")
    assert name.startswith("Skip to the")
    assert left >= 0  # it is seen as soon as it is reached
    browser.press("ENTER")
    assert browser.script("return location.hash") == "#content"
    browser.press("TAB")
    assert browser.script("return document.querySelector('main').contains(document.activeElement)")


def test_a_notebook_leads_back_to_the_report(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    browser.script("document.querySelector('a[href=\"08-watch.html\"]').click()")
    assert browser.driver.title == "08 Watch the gate"
    browser.script("document.querySelector('nav a').click()")
    assert browser.driver.title.startswith("Consume public content")


def test_a_row_of_the_table_is_shown_to_who_follows_a_link_to_it(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["report"])
    browser.script("document.querySelector('figcaption a[href^=\"#run-\"]').click()")
    assert browser.script("return document.querySelector('tr:target').checkVisibility()")


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="pdftoppm is not installed")
def test_it_is_printed_with_its_colours(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    browser.open(pages["report"], scheme="dark")
    printed = browser.printed()
    (tmp_path / "report.pdf").write_bytes(printed)
    subprocess.run(
        ["pdftoppm", "-r", "40", str(tmp_path / "report.pdf"), str(tmp_path / "page")], check=True
    )
    colors = Counter(color for page in tmp_path.glob("page*.ppm") for color in pixels(page))
    assert (255, 255, 255) in colors  # paper, in the dark theme, too
    # The site was Orange, and is Green: more of it than a swatch, though a frame's colours are not printed.
    assert colors[0, 128, 0] > 1000
    assert colors[255, 165, 0] > 1000


def pixels(path: Path) -> Iterator[tuple[int, int, int]]:
    """The colours of a picture in the format of pdftoppm: P6, width and height, 255, then bytes."""
    content = path.read_bytes().split(b"\n", 3)[3]
    return zip(content[::3], content[1::3], content[2::3], strict=True)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The notebooks as they are stored, as pages of a report."""
    folder = tmp_path_factory.mktemp("stored")
    results = [tutorial.Result(one, one.name, "passed", output=one.path) for one in chapters()]
    report.write(results, folder, report.Occasion("local", examples.BEGAN, 1.0))
    return {one.name: folder / f"{one.name}.html" for one in chapters()}


@pytest.mark.parametrize("name", [one.name for one in chapters()])
def test_axe_finds_nothing_in_a_notebook(
    browser: Browser, stored: dict[str, Path], name: str
) -> None:
    for width, scheme in ((1280, "dark"), (380, "light")):
        browser.open(stored[name], width=width, scheme=scheme)
        browser.script("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert browser.violations() == []
        wide, seen = browser.script("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen
