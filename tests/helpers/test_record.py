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
