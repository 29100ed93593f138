"""The site's links: those inside are checked by Sphinx, those to the outside are listed.

As an extension of Sphinx it writes every address outside of the site, and the pages that link to it,
into ``external-links.txt`` beside the pages.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LIST = "external-links.txt"


def anchor(heading: str) -> str:
    """The anchor of a heading as JupyterLab makes it: the notebooks' links are made for that."""
    return heading.replace(" ", "-")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    pages: dict[str, set[str]] = defaultdict(set)

    def collect(_: Sphinx, tree: nodes.document, page: str) -> None:
        for one in tree.findall(nodes.reference):
            address = one.get("refuri", "")
            if address.startswith(("http://", "https://")):
                pages[address].add(page)

    def write(site: Sphinx, problem: Exception | None) -> None:
        if problem is None:
            lines = [f"{address}  {' '.join(sorted(pages[address]))}" for address in sorted(pages)]
            Path(site.outdir, LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")

    app.connect("doctree-resolved", collect)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
