"""A headless run as CI asks for it: what failed is told, and what stands on it is not run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import headless, tutorial
from helpers.errors import HelpersError
from tests.conftest import LocalCloud
from tests.helpers.conftest import new_settings

SOURCES = {
    "01-first": "print('fine')",
    "02-fails": "raise ValueError('<broken>')",
    "03-builds-on-it": "print('never')",
    "99-clean-up": "print('cleaned')",
}


@pytest.fixture
def folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    local_cloud: LocalCloud,
    own_environment: None,
) -> Path:
    """Notebooks of our own instead of the tutorial's, and a cloud in which nothing was made."""
    for name, source in SOURCES.items():
        parameters = new_code_cell('registry = ""', metadata={"tags": ["parameters"]})
        cells = [new_markdown_cell(f"# {name}"), parameters, new_code_cell(source)]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    chapters = tutorial.chapters
    monkeypatch.setattr(
        tutorial, "chapters", lambda first="", last="": chapters(first, last, tmp_path)
    )
    monkeypatch.setenv("LOCALCLOUD_HOME", str(local_cloud.home))
    return tmp_path


def run(folder: Path, *, keep_going: bool) -> tuple[int, str]:
    file = folder / "for" / "ci.xml"
    names = {"registry": new_settings().registry}
    status = headless.run("", "", names, folder / "out", junit_file=file, keep_going=keep_going)
    return status, file.read_text()


def test_what_can_be_run_after_a_failure_is_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, junit = run(folder, keep_going=True)
    told = capsys.readouterr().out
    assert status == 1
    assert "02-fails failed at this cell:" in told
    assert "03-builds-on-it was not run: the result of notebook 01, which it builds on" in told
    assert "2 of 4 notebooks passed" in told
    root = ElementTree.fromstring(junit)
    assert [suite.get("failures") for suite in root] == ["0", "1", "0", "0"]
    assert [suite.get("skipped") for suite in root] == ["0", "0", "2", "0"]
    page = (folder / "out" / "index.html").read_text()
    assert "2 of 4 notebooks passed" in page
    assert "99-clean-up.html" in page
    assert "&lt;broken&gt;" in page


def test_else_the_first_failure_ends_it(folder: Path) -> None:
    status, junit = run(folder, keep_going=False)
    assert status == 1
    root = ElementTree.fromstring(junit)
    assert [suite.get("skipped") for suite in root] == ["0", "0", "2", "2"]
    assert "an earlier notebook failed" in junit


def test_a_file_that_cannot_be_written_ends_it_before_anything_runs(folder: Path) -> None:
    with pytest.raises(HelpersError, match="cannot be written"):
        headless.run("", "", {}, folder / "out", junit_file=folder / "01-first.ipynb" / "x.xml")
    assert not (folder / "out").exists()


def test_a_status_file_that_cannot_be_written_ends_it_before_anything_runs(folder: Path) -> None:
    for file in (folder, folder / "nowhere" / "status", Path("/dev/null")):
        with pytest.raises(HelpersError, match="cannot be written"):
            headless.run("", "", {}, folder / "out", status=file)
    assert not (folder / "out").exists()


def test_what_came_of_the_run_is_told_also_when_its_file_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "ci.xml"
    for path in folder.glob("0[2-9]-*.ipynb"):
        path.unlink()
    first = nbformat.read(folder / "01-first.ipynb", as_version=4)
    first.cells.append(new_code_cell(f"import os; os.mkdir({str(file)!r})"))
    nbformat.write(first, folder / "01-first.ipynb")
    with pytest.raises(HelpersError, match=r"ci\.xml cannot be written: Is a directory"):
        headless.run("", "", {}, folder / "out", junit_file=file, keep_going=True)
    assert "notebooks passed" in capsys.readouterr().out
