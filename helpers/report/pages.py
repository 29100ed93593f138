"""Templates of the report, and the notebooks as pages: with their outputs, and a way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from ..parameters import read
from ..tutorial import Chapter, Result
from .story import alternative

_TEMPLATES = Path(__file__).parent / "templates"
_NOTEBOOK = "notebook"  # the folder of nbconvert's template
_LINK = re.compile(r'href="(\d\d-[a-z0-9-]+)\.ipynb(#[^"]*)?"')


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template(name: str) -> Any:
    """A template of the report; what is put into it is escaped."""
    return _environment().get_template(name)


def markdown(text: str, rendered: Collection[str]) -> str:
    """A paragraph of a notebook, as HTML; its links lead to the pages in ``rendered``."""
    from nbconvert.filters.markdown import markdown2html

    return _linked(str(markdown2html(text)), rendered)


def _linked(page: str, rendered: Collection[str]) -> str:
    """Links to notebooks lead to their pages; to one that was not run there is no link."""
    return _LINK.sub(
        lambda found: f'href="{found[1]}.html{found[2] or ""}"' if found[1] in rendered else "",
        page,
    )


class Pages:
    """Makes the pages of notebooks while the next ones run, in a thread of its own.

    A page takes half a second, all of them as long as some notebooks.
    """

    def __init__(self, chapters: Sequence[Chapter]) -> None:
        self._names = [chapter.name for chapter in chapters]
        self._thread = ThreadPoolExecutor(1, "report")
        self._pages: list[tuple[Chapter, Future[str]]] = []
        self._thread.submit(_exporter)  # importing what it needs takes a while, too

    def add(self, result: Result) -> None:
        """Make the page of a notebook that was executed, if it left something; returns at once."""
        if result.executed is not None:
            made = self._thread.submit(self._make, result, result.executed)
            self._pages.append((result.chapter, made))

    def write(self, folder: Path) -> set[str]:
        """Write all that were added into ``folder``; the names of their notebooks."""
        names = {chapter.name for chapter, _ in self._pages}
        for chapter, made in self._pages:
            page = _linked(made.result(), names)
            (folder / f"{chapter.name}.html").write_text(page, encoding="utf-8")
        for images in {chapter.path.parent / "images" for chapter, _ in self._pages}:
            if images.is_dir():
                shutil.copytree(images, folder / "images", dirs_exist_ok=True)
        return names

    def close(self) -> None:
        """Make no further page."""
        self._thread.shutdown(cancel_futures=True)

    def _make(self, result: Result, executed: Path) -> str:
        place = self._names.index(result.chapter.name)
        told = {
            "earlier": self._names[place - 1] if place else "",
            "later": self._names[place + 1] if place + 1 < len(self._names) else "",
            "status": result.status,
        }
        # nbconvert makes the page's title of what it takes for the notebook's name.
        name = {"name": f"{result.chapter.number} {result.title}"}
        body, _ = _exporter().from_notebook_node(read(executed), {"report": told, "metadata": name})
        # Markdown knows no table without headings; an empty one is read to nobody.
        return str(body).replace("<th></th>", "<td></td>")


@cache
def _exporter() -> Any:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name=_NOTEBOOK, extra_template_basedirs=[str(_TEMPLATES)], theme="light"
    )
    # Not embed_images: it closes every <details> before its content.
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    exporter.register_filter("alternative", alternative)
    return exporter
