"""The notebooks as tests: strict nbval over all of them, and a proof that it goes red for a lie."""

from __future__ import annotations

import ast
import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from helpers.localcloud import daemon
from helpers.pictures import Box, Flow, run_lines
from helpers.tutorial import NOTEBOOKS, chapters
from tests.helpers import nbval

# One claim of each notebook, and what it must not be taken for: cell, stored output, another one.
LIES = {
    "00-overview": ("names-wrong", "5 to 50 characters", "5 to 60 characters"),
    "01-prerequisites": ("registries", "Premium", "Standard"),
    "02-public-base-image": ("run-table", "Manual", "Commit"),
    "03-registry-tokens": ("maps", "content/read", "content/write"),
    "04-hello-world": ("site", "DeepSkyBlue", "Orange"),
    "05-break-the-base-image": ("site-table", "Image Update", "Manual"),
    "06-gated-import": ("refused-reason", "has failed", "has succeeded"),
    "07-use-the-gated-image": ("watched", "acmebaseartifacts", "publicregistry"),
    "08-watch-the-gate": ("red-pipeline", "not started", "Succeeded"),
    "09-import-images": ("again", "already exists", "is missing"),
    "10-tag-and-lock": ("lock", "False", "True"),
    "11-stage-and-scan": ("papers", "application/sarif+json", "application/spdx+json"),
    "12-trigger-downstream": ("fan-out", "Image Update", "Manual"),
    "13-beyond-images": ("verify-wrong", "is not trusted here", "is trusted here"),
    "99-clean-up": ("vault", "is purged", "is kept"),
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    yield path
    daemon.down(path)


@pytest.mark.timeout(600)
def test_the_stored_outputs_are_what_comes_out_and_no_assertion_is_idle(
    home: Path, tmp_path: Path
) -> None:
    """Of each notebook the last claim is denied in a cell of its own: nothing but that goes red."""
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    denied = {(name, deny(folder, name)) for name in LIES}
    outcome = nbval.run(home, folder, tmp_path / "report.xml")
    assert set(outcome.failures) == denied, outcome.text[-5000:]
    for place in denied:
        assert "AssertionError" in outcome.failures[place]
    assert outcome.ran == sum(len(code_of(chapter.path)) for chapter in chapters()) + len(denied)


def test_one_lie_in_each_notebook_is_found_out(home: Path, tmp_path: Path) -> None:
    """A notebook of cells that say again what those of the tutorial say, then stored with a lie."""
    true, lies = zip(*(tell(name, *lie) for name, lie in LIES.items()), strict=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[*true, *lies]), tmp_path / "00-repeated.ipynb")
    outcome = nbval.run(home, tmp_path, tmp_path / "report.xml")
    assert outcome.ran == 2 * len(LIES), outcome.text[-5000:]
    assert set(outcome.failures) == {("00-repeated", f"{name}-lie") for name in LIES}
    for name, (_, claim, lie) in LIES.items():
        text = outcome.failures["00-repeated", f"{name}-lie"]
        assert "Cell outputs differ" in text
        assert claim in text, text
        assert lie in text, text


def code_of(path: Path) -> list[Any]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def test_every_notebook_has_its_lie() -> None:
    assert list(LIES) == [chapter.name for chapter in chapters()]


def tell(name: str, cell: str, true: str, lie: str) -> tuple[Any, Any]:
    """A cell that says again what one of a notebook says; and the same, stored with the lie."""
    [found] = [one for one in code_of(NOTEBOOKS / f"{name}.ipynb") if one.id == cell]
    assert "nbval-ignore-output" not in found.metadata.get("tags", [])
    lines, texts = ["from IPython.display import publish_display_data"], 0
    lied = copy.deepcopy(found)
    for output, other in zip(found.outputs, lied.outputs, strict=True):
        if output.output_type == "stream":
            lines.append(f"print({output.text!r}, end='')")
        else:
            output.output_type = other.output_type = "display_data"
            output.pop("execution_count", None), other.pop("execution_count", None)
            lines.append(f"publish_display_data({dict(output.data)!r}, {dict(output.metadata)!r})")
        for where, key in ((other, "text"), *((other.get("data", {}), k) for k in TEXTS)):
            if true in where.get(key, ""):
                where[key] = where[key].replace(true, lie)
                texts += 1
    assert texts, f"{name} does not claim {true!r} in {cell}"
    found.source = lied.source = "\n".join(lines)
    found.id, lied.id = name, f"{name}-lie"
    return found, lied


TEXTS = ("text/plain", "text/html", "image/svg+xml")


def deny(folder: Path, name: str) -> str:
    """Deny the last claim of a notebook in a cell after the one that makes it; the new cell's id."""
    path = folder / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for number, cell in reversed(list(enumerate(notebook.cells))):
        if cell.cell_type != "code":
            continue
        claims = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Assert)]
        if claims:
            claims[-1].test = ast.UnaryOp(ast.Not(), claims[-1].test)
            source = ast.unparse(ast.fix_missing_locations(claims[-1]))
            denial = nbformat.v4.new_code_cell(source, id=f"{cell.id}-denied")
            notebook.cells.insert(number + 1, denial)
            nbformat.write(notebook, path)
            return str(denial.id)
    raise AssertionError(f"{name} asserts nothing")


# -- the sanitize file ---------------------------------------------------------------------------


def entries() -> list[tuple[str, str, str]]:
    """Name, reason and pattern of each entry: the reason is the comment above it."""
    text = nbval.SANITIZE.read_text()
    found, reason = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            reason = line
        elif line.startswith("["):
            name = line.strip("[]")
        elif line.startswith("regex: "):
            found.append((name, reason, line.removeprefix("regex: ")))
    return found


def test_each_pattern_has_a_reason_and_matches_something() -> None:
    stored = [
        text if isinstance(text, str) else "".join(text)
        for chapter in chapters()
        for cell in nbformat.read(chapter.path, as_version=4).cells
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", [])
        for output in cell.outputs
        for text in [output.get("text", ""), *output.get("data", {}).values()]
        if not isinstance(text, dict)
    ]
    varying = Box("t", "n", lines=run_lines("ca4", "Commit"))
    stored += [Flow("t", [[varying]]).svg()]  # what is drawn now, as it will be stored
    assert entries()
    for name, reason, pattern in entries():
        assert len(reason) > 20, name
        assert any(re.search(pattern, text) for text in stored), f"[{name}] matches nothing"


def test_no_pattern_hides_a_claim() -> None:
    for name, (_, true, lie) in LIES.items():
        for _, _, pattern in entries():
            assert not re.fullmatch(pattern, true), name
            assert not re.fullmatch(pattern, lie), name


def test_no_pattern_hides_which_registry_a_task_belongs_to() -> None:
    [watch] = [chapter for chapter in chapters() if chapter.number == "08"]
    [cell] = [c for c in nbformat.read(watch.path, as_version=4).cells if c.id == "red-pipeline"]
    shown = cell.outputs[0].data["text/plain"]
    for _, _, pattern in entries():
        shown = re.sub(pattern, "", shown)
    for name in ("publicregistry", "acmebaseartifacts", "acmerockets"):
        assert name in shown
