"""Recording: what is alike stays as it was stored, secrets and foreign notebooks are refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from helpers import record

RULES = record.rules()


def notebook(*outputs: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    cells = []
    for number, text in enumerate(outputs):
        output = nbformat.v4.new_output("stream", name="stdout", text=text)
        cell = nbformat.v4.new_code_cell(f"print({number})", outputs=[output], id=f"cell-{number}")
        cell.metadata["tags"] = list(tags)
        cells.append(cell)
    made = nbformat.v4.new_notebook(cells=cells)
    loaded: dict[str, Any] = json.loads(nbformat.writes(made))
    return loaded


def test_what_differs_by_the_rules_alone_stays_as_it_was() -> None:
    stored = notebook("at 2026-11-23T10:00:00Z, 15-alpine-ck1\n")
    before = copy.deepcopy(stored["cells"][0]["outputs"])
    new = notebook("at 2026-12-24T11:30:00Z, 15-alpine-cab9\n")
    assert record.merge(stored, new, RULES) == ()
    assert stored["cells"][0]["outputs"] == before


def test_what_says_something_new_is_stored() -> None:
    stored = notebook("background Orange\n", "same\n")
    assert record.merge(stored, notebook("background Red\n", "same\n"), RULES) == ("cell-0",)
    assert "Red" in str(stored["cells"][0]["outputs"])
    assert [cell["execution_count"] for cell in stored["cells"]] == [1, 2]


def test_a_page_is_of_one_run() -> None:
    stored = notebook("15-alpine-ck1 at 2026-11-23T10:00:00Z\n", "background Orange\n")
    new = notebook("15-alpine-ck9 at 2026-12-24T11:30:00Z\n", "background Red\n")
    assert record.merge(stored, new, RULES) == ("cell-1",)
    assert "2026-12-24" in str(stored["cells"][0]["outputs"])
    assert "2026-11-23" not in str(stored)


def test_a_page_is_recorded_anew_on_demand() -> None:
    stored = notebook("at 2026-11-23T10:00:00Z\n", "same\n")
    new = notebook("at 2026-12-24T11:30:00Z\n", "same\n")
    assert record.merge(stored, new, RULES, anew=True) == ("cell-0", "cell-1")
    assert "2026-12-24" in str(stored["cells"][0]["outputs"])


def test_an_output_that_is_not_compared_changes_only_with_its_words() -> None:
    tags = (record.IGNORED,)
    stored = notebook("Run ID: ck1 took 3.25 s\nsecond\n", tags=tags)
    assert record.merge(stored, notebook("second\nRun ID: do22 took 1 s\n", tags=tags), RULES) == ()
    assert record.merge(stored, notebook("Something else\n", tags=tags), RULES) == ("cell-0",)


def test_another_notebook_is_refused() -> None:
    with pytest.raises(record.RecordError, match="edited while it ran"):
        record.merge(notebook("a\n"), notebook("a\n", "b\n"), RULES)


def test_a_secret_is_never_stored(tmp_path: Path) -> None:
    path, executed = tmp_path / "01-some.ipynb", tmp_path / "out.ipynb"
    path.write_text(json.dumps(notebook("nothing\n")))
    before = path.read_bytes()
    executed.write_text(json.dumps(notebook("the token is ghp_secret\n")))
    with pytest.raises(record.RecordError, match="the cell cell-0 prints the GitHub token") as told:
        record.record(path, executed, RULES, {"ghp_secret": "the GitHub token"})
    assert "ghp_secret" not in str(told.value)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_notebooks_are_run_in_a_cloud_of_their_own_and_what_is_new_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_HOME", str(tmp_path / "not-this-one"))
    sources = {
        "00-first.ipynb": "import os; print(os.environ['LOCALCLOUD_HOME'] != ''); print('new')",
        "01-second.ipynb": "raise ValueError('not today')",
        "02-third.ipynb": "print('never')",
    }
    for name, source in sources.items():
        made = notebook("old\n")
        made["cells"][0]["source"] = source
        (tmp_path / name).write_text(json.dumps(made))
    later = [(tmp_path / name).read_bytes() for name in list(sources)[1:]]
    assert record.run(folder=tmp_path) == 1
    stored = json.loads((tmp_path / "00-first.ipynb").read_text())
    assert "".join(stored["cells"][0]["outputs"][0]["text"]) == "True\nnew\n"
    assert [(tmp_path / name).read_bytes() for name in list(sources)[1:]] == later
    told = capsys.readouterr()
    assert "00-first: new output in cell-0" in told.out
    assert "01-second failed at this cell:" in told.err
    assert "not today" in told.err
    assert not (tmp_path / "not-this-one").exists()
    assert record.run(["00"], folder=tmp_path) == 0  # twice changes nothing
    assert "00-first: unchanged" in capsys.readouterr().out


def test_a_notebook_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert record.main(["--only", "77"]) == 1
    assert "77" in capsys.readouterr().err
