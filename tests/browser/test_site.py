"""The site, as `make site` makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Browser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [f"notebooks/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
THEMES_OWN = [".headerlink", ".copybtn"]  # what the theme adds to a page
STRICTLY = ("-W", "--keep-going", "-n", "-q")  # warnings are errors, all of them are told

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="The site is made with Python 3.11 or newer."
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, made with warnings as errors: a link inside that leads nowhere is one."""
    folder = tmp_path_factory.mktemp("site")
    written = ["-d", str(folder / "doctrees"), ".", str(folder / "pages")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *STRICTLY, "-b", "html", "-c", "docs/site", *written],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "pages"


def test_every_notebook_is_a_page_and_in_the_contents(site: Path) -> None:
    contents = (site / "docs/site/index.html").read_text(encoding="utf-8")
    for name in NOTEBOOKS:
        assert (site / f"{name}.html").is_file()
        assert f"{name}.html" in contents


def test_the_front_leads_to_the_contents(site: Path) -> None:
    assert 'href="docs/site/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_links_to_the_outside_are_listed_with_their_pages(site: Path) -> None:
    lines = (site / "external-links.txt").read_text(encoding="utf-8").splitlines()
    pages = dict(line.split("  ") for line in lines)
    article = "https://learn.microsoft.com/azure/container-registry/tasks-consume-public-content"
    assert "notebooks/13-beyond-images" in pages[article].split()
    assert all(address.startswith("https://") for address in pages)


def test_pages_can_be_searched_and_launched(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "notebooks/08-watch-the-gate" in index
    page = (site / "notebooks/08-watch-the-gate.html").read_text(encoding="utf-8")
    assert "https://mybinder.org/v2/gh/" in page
    assert "Watch the gate" in page


def test_a_page_shows_the_outputs_that_are_stored(site: Path) -> None:
    page = (site / "notebooks/08-watch-the-gate.html").read_text(encoding="utf-8")
    assert "base-import-node" in page
    assert "REFUSED" in page


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_of_ours(browser: Browser, site: Path, scheme: str) -> None:
    # The theme is the same on every page; so are most of the outputs: these pages have all kinds.
    for name in (
        "docs/site/index",
        "README",
        "notebooks/00-overview",
        "notebooks/08-watch-the-gate",
    ):
        browser.open(site / f"{name}.html", scheme=scheme)
        found = browser.violations({"include": ["article"], "exclude": THEMES_OWN})
        assert not found, f"{name}: " + "\n".join(found)


@pytest.mark.browser
def test_a_page_fits_a_phone(browser: Browser, site: Path) -> None:
    for name in NOTEBOOKS:
        browser.open(site / f"{name}.html", width=380)
        assert browser.script("return document.documentElement.scrollWidth") <= 380, name
