"""The report of a tutorial run: an index, and every notebook as a page of its own."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from .settings import SettingsError, check_color
from .tutorial import Result, describe

INDEX = "index.html"
_TEMPLATE = Path(__file__).parent / "templates" / INDEX
_LINK = re.compile(r'href="(\d\d-[a-z0-9-]+)\.ipynb(#[^"]*)?"')
_MARKS = {"passed": "✓", "failed": "✗", "not run": "·"}


class Pages:
    """Writes the pages of notebooks into ``folder`` while the next ones run, in a thread of its own.

    A page takes half a second, all of them as long as some notebooks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "report")
        self._pages: list[tuple[Result, Future[bool]]] = []
        self._thread.submit(_exporter)  # importing what it needs takes a while, too

    def add(self, result: Result) -> None:
        """Write the page of a notebook that was executed; returns at once."""
        self._pages.append((result, self._thread.submit(page, result, self._folder)))

    def written(self) -> list[Result]:
        """The notebooks that have a page, once all that were added are written."""
        return [result for result, there in self._pages if there.result()]

    def close(self) -> None:
        """Write no further page."""
        self._thread.shutdown(cancel_futures=True)


def write(
    results: Sequence[Result], folder: Path, cloud: str, written: Sequence[Result] = ()
) -> Path:
    """Write the report into ``folder``, and pages of those that are not ``written``; its index."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {result.chapter.name for result in results if result in written or page(result, folder)}
    index = folder / INDEX
    index.write_text(_index(results, names, cloud), encoding="utf-8")
    return index


def page(result: Result, folder: Path) -> bool:
    """Write the notebook as executed; False when there is nothing to write."""
    if result.output is None or not result.output.exists():
        return False
    body, _ = _exporter().from_filename(
        str(result.output), {"metadata": {"path": str(result.chapter.path.parent)}}
    )
    images = result.chapter.path.parent / "images"
    if images.is_dir():
        shutil.copytree(images, folder / "images", dirs_exist_ok=True)
    linked = _LINK.sub(r'href="\1.html\2"', body)
    (folder / f"{result.chapter.name}.html").write_text(linked, encoding="utf-8")
    return True


@cache
def _exporter() -> Any:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab")
    # Not embed_images: it closes every <details> before its content.
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return exporter


def _index(results: Sequence[Result], rendered: set[str], cloud: str) -> str:
    failed = next((one for one in results if one.status == "failed"), None)
    passed = sum(one.status == "passed" for one in results)
    seconds = sum(one.seconds for one in results)
    site = next((one.site for one in reversed(results) if one.site), None)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        verdict="failed" if failed else "passed",
        summary=html.escape(
            f"{passed} of {len(results)} notebooks passed on the cloud '{cloud}' "
            f"in {seconds:.1f} s."
        ),
        rows="\n".join(_row(one, one.chapter.name in rendered) for one in results),
        failure=_failure(failed) if failed else "",
        site=_site(site) if site else "",
    )


def _row(result: Result, rendered: bool) -> str:
    title = html.escape(f"{result.chapter.number} {result.title}")
    if rendered:
        title = f'<a href="{html.escape(result.chapter.name)}.html">{title}</a>'
    seconds = f"{result.seconds:.1f}" if result.status != "not run" else ""
    mark = f"{_MARKS[result.status]} {result.status}"
    kind = result.status.replace(" ", "-")
    cells = (title, mark, _swatch(result.site), seconds)
    return f'<tr class="{kind}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _swatch(site: dict[str, str]) -> str:
    """The colour of the site as the notebook showed it last, or nothing."""
    color = site.get("color", "")
    try:
        check_color("the site", color)
    except SettingsError:  # a page may say anything; no style is made of that
        return html.escape(color)
    return f'<span class="swatch" style="background:{color}"></span>{color}'


def _failure(result: Result) -> str:
    assert result.failure is not None
    text = html.escape(describe(result.failure))
    return f"<h2>Where {html.escape(result.chapter.name)} failed</h2>\n<pre>{text}</pre>"


def _site(site: dict[str, str]) -> str:
    version = html.escape(site.get("version", ""))
    return (
        f"<h2>The site at the end</h2>\n<p>Version {version}, background {_swatch(site)}, as it was "
        f"served while the notebooks ran:</p>\n{site['html']}"
    )
