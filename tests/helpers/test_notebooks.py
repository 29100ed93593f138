"""What every notebook has: its skeleton, parameters, links, commands, and no secret."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest

from helpers import parameters
from helpers.tutorial import NOTEBOOKS, chapters
from tests.helpers.pictures.test_colors import contrast

PATHS = [chapter.path for chapter in chapters()]
SKELETON = [
    *("What you will do", "What you will learn", "What you need"),
    *("Summary", "Check yourself", "On your own", "Further reading", "Next"),
]
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
_BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def cells(path: Path, kind: str) -> list[Any]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def markdown(path: Path) -> str:
    return "\n".join(cell.source for cell in cells(path, "markdown"))


each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def test_the_notebooks_of_the_first_part_are_there() -> None:
    numbers = [path.name[:2] for path in PATHS]
    assert numbers[:5] == ["00", "01", "02", "03", "04"]
    assert numbers[-1] == "99"


@each
def test_it_is_valid_and_its_cells_have_names(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", one) for one in ids)


@each
def test_it_has_the_skeleton(path: Path) -> None:
    headings = re.findall(r"^## (.*)$", markdown(path), re.MULTILINE)
    assert [one for one in headings if one in SKELETON] == SKELETON
    assert headings[:3] == SKELETON[:3]
    assert headings[-5:] == SKELETON[-5:]
    assert cells(path, "markdown")[0].source.startswith("# ")


@each
def test_the_first_code_cell_has_the_parameters(path: Path) -> None:
    first, *others = cells(path, "code")
    assert first.metadata.tags == ["parameters"]
    assert not any("parameters" in cell.metadata.get("tags", []) for cell in others)
    given = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(first.source).body
    }
    assert given == dict.fromkeys(given, "")  # settings.toml has the values
    assert set(given) <= set(parameters.ALL)
    assert given.keys() == parameters.of(path)
    assert not any(word in name for name in given for word in ("token", "password", "secret"))


@each
def test_the_second_code_cell_begins_the_notebook(path: Path) -> None:
    second = cells(path, "code")[1]
    assert f'settings, connection = begin("{path.name[:2]}", globals())' in second.source
    names = "|".join(sorted(parameters.of(path)))
    for cell in cells(path, "code")[1:]:  # they are empty: what counts is in the settings
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                assert not re.fullmatch(names, node.id) or node.id in arguments(cell), cell.id


def arguments(cell: Any) -> set[str]:
    """The names of arguments of the functions that a cell defines."""
    found = (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.arg))
    return {node.arg for node in found}


@each
def test_it_was_run_from_top_to_bottom_without_an_error(path: Path) -> None:
    code = cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert "error" not in kinds
    streams = {output.name for c in code for output in c.outputs if output.output_type == "stream"}
    assert "stderr" not in streams


@each
def test_it_asserts_what_it_claims(path: Path) -> None:
    code = "\n".join(cell.source for cell in cells(path, "code"))
    tree = ast.parse(code)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    for node in ast.walk(tree):
        # The SDK calls the field values_property; its models take any other name and lose it.
        if isinstance(node, ast.Call):
            assert "values" not in [keyword.arg for keyword in node.keywords]


@each
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = markdown(path)
    for target, _ in _LINK.findall(text):
        assert target.startswith("https://") or (NOTEBOOKS / target).is_file(), target
    for alternative in re.findall(r"!\[([^\]]*)\]", text):
        assert len(alternative) > 40


@each
def test_commands_are_bash(path: Path) -> None:
    for block in _BASH.findall(markdown(path)):
        done = subprocess.run(
            ["bash", "-n"], input=block, text=True, capture_output=True, check=False, timeout=10
        )
        assert done.returncode == 0, done.stderr


@each
def test_it_says_for_whom_it_is_and_leads_to_the_glossary_and_further(path: Path) -> None:
    text = markdown(path)
    for row in ("| **Level** | ", "| **Time** | "):
        assert row in text
    anchors = set(re.findall(r"\]\(glossary\.md#([^)]+)\)", text))
    assert anchors
    assert anchors <= ANCHORS, anchors - ANCHORS
    [reading] = [c.source for c in cells(path, "markdown") if "## Further reading" in c.source]
    assert len(re.findall(r"\]\(https://", reading)) >= 4


ANCHORS = {
    heading.lower().replace(" ", "-")
    for heading in re.findall(r"^## (.*)$", (NOTEBOOKS / "glossary.md").read_text(), re.MULTILINE)
}


def test_the_glossary_is_in_order_and_its_own_links_lead_somewhere() -> None:
    text = (NOTEBOOKS / "glossary.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == sorted(headings, key=str.casefold)
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= ANCHORS


@each
def test_every_fold_is_closed(path: Path) -> None:
    for cell in cells(path, "markdown"):
        assert cell.source.count("<details>") == cell.source.count("</details>")


@each
def test_it_holds_no_secret(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"ghp_[0-9a-f]{36}|eyJ[A-Za-z0-9_-]{20,}|[?&]sig=", text)
    assert str(Path.home()) + "/" not in text
    assert str(NOTEBOOKS.parent) not in text


def test_pictures_describe_themselves() -> None:
    pictures = sorted((NOTEBOOKS / "images").glob("*.svg"))
    assert pictures
    for path in pictures:
        root = ElementTree.parse(path).getroot()
        names = [child.tag.rpartition("}")[2] for child in root[:2]]
        assert names == ["title", "desc"]
        assert root.get("role") == "img"


def test_pictures_are_legible_in_both_themes() -> None:
    """Each colour has one in its place where the reader prefers the dark; text has contrast."""
    for path in sorted((NOTEBOOKS / "images").glob("*.svg")):
        root = ElementTree.parse(path).getroot()
        style = "".join(one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}style"))
        assert "@media (prefers-color-scheme: dark)" in style
        dark = {
            (kind, light): shade
            for kind, light, shade in re.findall(
                r'\[(fill|stroke)="(#\w{6})"\]\{(?:fill|stroke):(#\w{6})\}', style
            )
        }
        used = {
            (kind, str(one.get(kind)))
            for one in root.iter()
            for kind in ("fill", "stroke")
            if (one.get(kind) or "none") != "none"
        }
        assert used == set(dark), path.name
        boxes = {
            str(one.get("fill"))
            for one in root.iter()
            if one.get("fill") and any(part.tag.endswith("}rect") for part in (one, *one))
        }
        for ink in inks(root):
            # The common ink is that of what is written into boxes.
            for fill in boxes - {"none"} if ink == "#263238" else {"#ffffff"}:
                assert contrast(ink, fill) >= 4.5, (path.name, ink, fill)
                assert contrast(dark["fill", ink], dark["fill", fill]) >= 4.5, (
                    path.name,
                    ink,
                    fill,
                )


def inks(root: Any, ink: str = "#000000") -> set[str]:
    """The colours of the texts: their own, or that of a group around them."""
    found: set[str] = set()
    for one in root:
        own = str(one.get("fill") or ink)
        found |= ({own} if one.tag.endswith("}text") else set()) | inks(one, own)
    return found
