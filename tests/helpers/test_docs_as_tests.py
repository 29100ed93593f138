"""The notebooks as tests: strict nbval over all of them, and a proof that it goes red for a lie."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, chapters
from tests.helpers import nbval

# One claim of each notebook, and what it must not be taken for: cell, stored output, another one.
LIES = {
    "00-overview": ("names-wrong", "5 to 50 characters", "5 to 60 characters"),
    "01-prerequisites": ("vault-locked", "Forbidden", "Unauthorized"),
    "02-public-base-image": ("run-table", "Manual", "Commit"),
    "03-registry-tokens": ("maps", "content/read", "content/write"),
    "04-hello-world": ("site", "DeepSkyBlue", "Orange"),
    "05-break-the-base-image": ("site-table", "Image Update", "Manual"),
    "06-gated-import": ("refused-reason", "has failed", "has succeeded"),
    "07-use-the-gated-image": ("watched", "acmebaseartifacts", "publicregistry"),
    "08-watch-the-gate": ("red-pipeline", "not started", "Succeeded"),
    "99-clean-up": ("vault", "is purged", "is kept"),
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    yield path
    daemon.down(path)


@pytest.mark.timeout(300)
def test_the_stored_outputs_are_what_comes_out(home: Path, tmp_path: Path) -> None:
    outcome = nbval.run(home, NOTEBOOKS, tmp_path / "report.xml")
    assert outcome.failures == {}, outcome.text[-5000:]
    code = [
        cell
        for chapter in chapters()
        for cell in nbformat.read(chapter.path, as_version=4).cells
        if cell.cell_type == "code"
    ]
    assert outcome.ran == len(code)


@pytest.mark.timeout(300)
def test_one_lie_in_each_notebook_is_found_out(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    told = {(name, tell(folder, name, *lie)) for name, lie in LIES.items()}
    denied = {(name, deny(folder, name)) for name in LIES}
    assert not told & denied
    outcome = nbval.run(home, folder, tmp_path / "report.xml")
    assert set(outcome.failures) == told | denied, outcome.text[-5000:]
    for name, (cell, true, lie) in LIES.items():
        text = outcome.failures[name, cell]
        assert "Cell outputs differ" in text
        assert true in text, text
        assert lie in text, text
    for place in denied:
        assert "AssertionError" in outcome.failures[place]


def test_every_notebook_has_its_lie() -> None:
    assert list(LIES) == [chapter.name for chapter in chapters()]


def tell(folder: Path, name: str, cell: str, true: str, lie: str) -> str:
    """Change one stored output; the cell's id."""
    path = folder / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    [found] = [one for one in notebook.cells if one.id == cell]
    assert "nbval-ignore-output" not in found.metadata.get("tags", [])
    texts = 0
    for output in found.outputs:
        for where, key in ((output, "text"), *((output.get("data", {}), k) for k in TEXTS)):
            if true in where.get(key, ""):
                where[key] = where[key].replace(true, lie)
                texts += 1
    assert texts, f"{name} does not claim {true!r} in {cell}"
    nbformat.write(notebook, path)
    return cell


TEXTS = ("text/plain", "text/html")


def deny(folder: Path, name: str) -> str:
    """Turn the last assertion of a notebook into its contrary; the id of its cell.

    Of cells whose output is compared too, the lie would hide the denial: they are left out.
    """
    path = folder / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in reversed(notebook.cells):
        if cell.cell_type != "code" or cell.id == LIES[name][0]:
            continue
        tree = ast.parse(cell.source)
        claims = [node for node in tree.body if isinstance(node, ast.Assert)]
        if claims:
            claims[-1].test = ast.UnaryOp(ast.Not(), claims[-1].test)
            cell.source = ast.unparse(ast.fix_missing_locations(tree))
            nbformat.write(notebook, path)
            return str(cell.id)
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
