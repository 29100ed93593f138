"""Running notebooks in order, and the report of it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import report, tutorial
from helpers.errors import HelpersError
from helpers.report import junit
from helpers.settings import SettingsError

PARAMETERS = 'cloud = "local"\nregistry = "acmerockets"\ncolor = "Orange"'
SITE = """\
from helpers.display import Page
Page("http://x/", "<h1>Hi & bye</h1>", {"color": "Orange", "version": "15"})
"""
OCCASION = report.Occasion("local", datetime(2026, 1, 5, 9, tzinfo=timezone.utc), 12.34)
FAILING = """\
from helpers import HelpersError
value = "<not markup>"
raise HelpersError(f"The registry {value} is closed.")
"""


def notebook(folder: Path, name: str, *cells: str) -> None:
    parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    content = [new_markdown_cell(f"# About {name} & co"), parameters]
    content += [new_code_cell(cell) for cell in cells]
    content.append(new_markdown_cell("[on](02-middle.ipynb#there) [out](https://example.org)"))
    nbformat.write(new_notebook(cells=content), folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks"
    path.mkdir()
    notebook(path, "01-first", "print(registry)", SITE)
    notebook(path, "02-middle", "import os", FAILING, "print('never')")
    notebook(path, "99-last", "print('never')")
    (path / "notes.ipynb").write_text("not one of them")
    return path


def names(found: list[tutorial.Chapter]) -> list[str]:
    return [one.name for one in found]


def test_notebooks_are_chosen_by_number_or_name(folder: Path) -> None:
    assert names(tutorial.chapters(folder=folder)) == ["01-first", "02-middle", "99-last"]
    assert names(tutorial.chapters("02", "02", folder)) == ["02-middle"]
    assert names(tutorial.chapters("02-middle", "", folder)) == ["02-middle", "99-last"]
    assert names(tutorial.chapters("", "02", folder)) == ["01-first", "02-middle"]


@pytest.mark.parametrize(("first", "last"), [("03", ""), ("", "3"), ("01-other", "")])
def test_a_notebook_that_does_not_exist_is_named(folder: Path, first: str, last: str) -> None:
    with pytest.raises(HelpersError, match="There are: 01, 02, 99"):
        tutorial.chapters(first, last, folder)


def test_an_empty_range_is_refused(folder: Path) -> None:
    with pytest.raises(HelpersError, match="lies between 99 and 01"):
        tutorial.chapters("99", "01", folder)


def test_parameters_are_checked_before_anything_runs(folder: Path) -> None:
    chosen = tutorial.chapters(folder=folder)
    assert tutorial.check_parameters(chosen, {"color": "Red"}).cloud == "local"
    with pytest.raises(HelpersError, match=r"-p: colour is no parameter\. Did you mean color\?"):
        tutorial.check_parameters(chosen, {"colour": "Red"})
    with pytest.raises(HelpersError, match=r"no parameter\. There are: cloud, color, registry\."):
        tutorial.check_parameters(chosen, {"git_token_secret": "x"})
    with pytest.raises(
        HelpersError, match="none of the notebooks 01 to 99 has that parameter; oth"
    ):
        tutorial.check_parameters(chosen, {"vault": "of-others"})
    with pytest.raises(SettingsError, match="5 to 50"):
        tutorial.check_parameters(chosen, {"registry": "no"})


def test_azure_needs_a_name_for_staging_before_a_notebook_runs_that_uses_it(folder: Path) -> None:
    own = {
        "cloud": "azure",
        **{name: "ownabc" + name[0] for name in ("public_registry", "registry", "vault")},
        "base_artifacts_registry": "ownabcb",
    }
    names = "".join(f'{name} = ""\n' for name in own)
    staged = names + 'staging_registry = ""'
    for name, source in (("01-first", names), ("11-staged", staged), ("99-last", staged)):
        cell = new_code_cell(source, metadata={"tags": ["parameters"]})
        nbformat.write(new_notebook(cells=[cell]), folder / f"{name}.ipynb")
    for last, first in (("02", ""), ("99", "99")):
        chosen = tutorial.chapters(first, last, folder)
        assert not tutorial.uses_staging(chosen)
        assert tutorial.check_parameters(chosen, own).cloud == "azure"
    chosen = tutorial.chapters("02", "11", folder)
    assert tutorial.uses_staging(chosen)
    with pytest.raises(SettingsError, match="own for staging_registry"):
        tutorial.check_parameters(chosen, own)
    named = tutorial.check_parameters(chosen, {**own, "staging_registry": "ownabcs"})
    assert named.staging_login_server == "ownabcs.azurecr.io"


def test_the_first_failure_ends_the_run_and_is_reported(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    output = tmp_path / "out"
    finished: list[str] = []
    results = tutorial.run(
        tutorial.chapters(folder=folder),
        {"registry": "anotherone"},
        output,
        lambda chapter, done, total: told.append((chapter.number, done, total)),
        lambda result: finished.append(result.chapter.number),
    )
    statuses = [one.status for one in results]
    assert statuses == ["passed", "failed", "not run"], results[0].failure
    assert finished == ["01", "02"]
    # papermill adds a cell with the parameters that were passed.
    assert told[:5] == [("01", n, 4) for n in range(5)]
    failure = results[1].failure
    assert failure is not None
    assert failure.source == FAILING
    assert failure.message == "HelpersError: The registry <not markup> is closed."
    assert "raise HelpersError" in tutorial.describe(failure)
    assert "Traceback" not in tutorial.describe(failure)
    printed = nbformat.read(output / "01-first.ipynb", as_version=4).cells[3].outputs[0].text
    assert printed.strip() == "anotherone"
    assert nbformat.read(output / "02-middle.ipynb", as_version=4).cells[-2].outputs == []
    index = report.write(results, output, OCCASION)
    check_report(index.read_text())
    page = (output / "01-first.html").read_text()
    assert 'href="02-middle.html#there"' in page
    assert "anotherone" in page
    assert "This notebook failed" not in page
    assert "This notebook failed" in (output / "02-middle.html").read_text()
    assert not (output / "99-last.html").exists()


def check_report(text: str) -> None:
    assert "<h1>1 of 3 notebooks passed</h1>" in text
    assert '<a href="01-first.html">01 About 01-first &amp; co</a>' in text
    assert "&lt;not markup&gt; is closed" in text
    assert "<not markup>" not in text
    assert "99-last.html" not in text
    assert 'style="background:Orange"' in text
    assert "&amp;lt;h1&amp;gt;Hi" not in text  # escaped once: the frame shows the page
    assert "&lt;h1&gt;Hi &amp; bye" in text
    assert "No run of a task was started." in text


def test_a_failure_need_not_end_the_run(folder: Path, tmp_path: Path) -> None:
    notebook(folder, "03-depends", "print('never')")
    notebook(folder, "04-stands-alone", FAILING)
    asked: list[str] = []

    def missing(chapter: tutorial.Chapter) -> str | None:
        asked.append(chapter.number)
        return "02" if chapter.number == "03" else None

    results = tutorial.run(tutorial.chapters(folder=folder), {}, tmp_path / "out", missing=missing)
    statuses = [one.status for one in results]
    assert statuses == ["passed", "failed", "not run", "failed", "passed"]
    assert asked == ["03", "04"]  # nothing is asked before a failure; what cleans up always runs
    assert results[2].reason == "the result of notebook 02, which it builds on, is missing"
    text = report.write(results, tmp_path / "out", OCCASION).read_text()
    assert "2 of 5 notebooks passed" in text
    assert f"not run</span>: {results[2].reason}" in text
    assert text.count("registry &lt;not markup&gt; is closed") == 2
    check_junit(results, tmp_path / "of" / "ci" / "junit.xml")


def check_junit(results: list[tutorial.Result], path: Path) -> None:
    junit.make_room(path)
    junit.write(results, path)
    root = ElementTree.parse(path).getroot()
    assert [suite.get("name") for suite in root] == [one.chapter.name for one in results]
    counts = [(s.get("failures"), s.get("errors"), s.get("skipped")) for s in root]
    assert counts == [
        ("0", "0", "0"),
        ("1", "0", "1"),
        ("0", "0", "2"),
        ("1", "0", "0"),
        ("0",) * 3,
    ]
    assert (root.get("failures"), root.get("skipped")) == ("2", "3")
    failing, never = root[1][2], root[1][3]
    assert str(failing.get("name")).startswith("About 02-middle & co (")
    assert failing.get("classname") == "02-middle"
    failure = failing.find("failure")
    assert failure is not None
    assert failure.get("message") == "HelpersError: The registry <not markup> is closed."
    assert "raise HelpersError" in str(failure.text)
    skipped = never.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "a cell above it failed"
    assert results[2].reason in ElementTree.tostring(root[2], "unicode")
    assert all(float(case.get("time", "x")) >= 0 for case in root.iter("testcase"))


def test_a_kernel_that_dies_is_an_error_of_the_notebook(folder: Path, tmp_path: Path) -> None:
    notebook(folder, "05-dies", "import os; os._exit(3)")
    [result] = tutorial.run(tutorial.chapters("05", "05", folder), {}, tmp_path / "out")
    assert result.status == "failed"
    junit.write([result], tmp_path / "junit.xml")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.get("failures"), root.get("errors")) == ("0", "1")
    assert root[0][-1].get("name") == "the notebook as a whole"


def test_a_junit_file_that_cannot_be_written_is_named_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HelpersError, match=r"file/junit\.xml cannot be written: File exists"):
        junit.make_room(tmp_path / "file" / "junit.xml")
    for path in (Path(), Path("/dev/null"), tmp_path):
        with pytest.raises(HelpersError, match="cannot be written"):
            junit.make_room(path)
    old = tmp_path / "junit.xml"
    old.write_text("of an earlier run")
    junit.make_room(old)
    assert not old.exists()


def test_what_xml_cannot_hold_is_left_out_of_junit(folder: Path, tmp_path: Path) -> None:
    notebook(folder, "06-odd", r"raise ValueError('bell \a null \0 end')")
    results = tutorial.run(tutorial.chapters("06", "06", folder), {}, tmp_path / "out")
    junit.write(results, tmp_path / "junit.xml")
    [failure] = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("failure")
    assert "null" in str(failure.text)


def test_an_unreadable_notebook_is_named(folder: Path) -> None:
    (folder / "03-broken.ipynb").write_text("{")
    with pytest.raises(HelpersError, match=r"03-broken\.ipynb is not a readable notebook"):
        tutorial.check_parameters(tutorial.chapters("03", "03", folder), {"color": "Red"})


def test_a_folder_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HelpersError, match="is not writable"):
        tutorial.run(tutorial.chapters("01", "01", folder), {}, tmp_path / "file" / "out")


def test_two_runs_do_not_write_into_one_report(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with (
        tutorial.claim(output),
        pytest.raises(HelpersError, match=r"Another run is writing.*--output"),
        tutorial.claim(output),
    ):
        pass
    with tutorial.claim(output), tutorial.claim(tmp_path / "other"):
        pass


def test_a_long_cell_is_shown_briefly() -> None:
    source = "\n".join(f"line {number}" for number in range(100))
    shown = tutorial.describe(tutorial.Failure(source, "Error: x"))
    assert "line 14" in shown
    assert "line 15" not in shown
