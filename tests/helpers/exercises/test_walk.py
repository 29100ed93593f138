"""Each exercise is answered wrongly and rightly, and each solution does what it says, in one cloud."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers import tutorial
from helpers.exercises import catalogue
from helpers.exercises.answers import AnswerError
from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, Chapter, chapters
from tests.az import AZ
from tests.helpers.exercises.walk import questions, walked

# An answer to each exercise that takes one, of the right kind and wrong everywhere.
WRONG: dict[str, object] = {
    "00.1": "teamred.example.org",
    "00.2": "at once",
    "00.3": "the team",
    "01.1": ["acmerockets"],
    "01.2": True,
    "01.3": "0000000000",
    "02.1": 1,
    "02.2": "nothing",
    "02.3": f"sha256:{0:064}",
    "03.1": 200,
    "03.2": ["repositories/hello-world/content/write"],
    "03.3": True,
    "04.1": ["import-public-content"],
    "04.2": "the git token",
    "04.3": f"sha256:{0:064}",
    "05.1": "node-public",
    "05.2": True,
    "05.3": f"sha256:{0:064}",
    "05.4": "at once",
    "06.1": False,
    "06.2": 1,
    "06.3": False,
    "07.1": ["hello-world"],
    "07.2": 1,
    "07.3": True,
    "07.5": "publicregistry.azurecr.io",
    "08.1": "roll the site back",
    "08.2": ["hello-world"],
    "08.3": f"sha256:{0:064}",
    "08.5": ["publicregistry"],
    "09.1": "push/write",
    "09.2": True,
    "09.3": ["latest"],
    "09.4": "import-base-image",
    "10.1": False,
    "10.2": True,
    "10.3": "it is kept",
    "11.1": 60,
    "11.2": "nobody",
    "11.3": "the image comes in",
    "12.1": "it succeeds",
    "12.2": "both",
    "12.3": ["catalog"],
    "13.1": ["sbom"],
    "13.2": False,
    "13.3": f"sha256:{0:064}",
    "99.1": "it still exists",
}


@pytest.fixture
def home(tmp_path: Path, own_environment: None) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    os.environ["LOCALCLOUD_HOME"] = str(path)
    yield path
    daemon.down(path)


@pytest.mark.timeout(1500)
@pytest.mark.skipif(AZ is None, reason="the Azure CLI is not installed; do it with: make az")
def test_every_exercise_is_answered_and_every_solution_leaves_a_cloud_to_go_on_in(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    chosen = chapters(folder=folder)
    for chapter in chosen:
        nbformat.write(walked(chapter.path, WRONG), chapter.path)
    for result in tutorial.run(chosen, {}, tmp_path / "out"):
        assert result.failure is None, tutorial.describe(result.failure)
        assert result.status == "passed"


def test_every_exercise_is_in_its_notebook_with_a_solution() -> None:
    found = {
        question.exercise: question.solutions
        for chapter in chapters()
        for question in questions(nbformat.read(chapter.path, as_version=4))
        if question.exercise
    }
    assert list(found) == list(catalogue.exercises())
    assert [number for number, solutions in found.items() if not solutions] == []


def test_every_wrong_answer_is_of_the_right_kind() -> None:
    known = catalogue.exercises()
    assert list(WRONG) == [number for number, one in known.items() if one.kind is not None]
    for number, answer in WRONG.items():
        kind = known[number].kind
        assert kind is not None
        try:
            kind.read(answer)
        except AnswerError as error:
            pytest.fail(f"{number}: {error}")


def number_of(chapter: Chapter) -> str:
    return chapter.number


@pytest.mark.parametrize("chapter", chapters(), ids=number_of)
def test_a_notebook_stores_its_exercises_unanswered(chapter: Chapter) -> None:
    """So that it runs from top to bottom without an error, and gives nothing away."""
    own = [one for one in catalogue.exercises() if one.startswith(chapter.number)]
    assert len(own) >= (1 if chapter.number == "99" else 3)
    notebook = nbformat.read(chapter.path, as_version=4)
    cells = [
        cell for cell in notebook.cells if cell.cell_type == "code" and "check(" in cell.source
    ]
    for number in own:
        [cell] = [cell for cell in cells if f'check("{number}"' in cell.source]
        takes = catalogue.exercises()[number].kind is not None
        assert cell.source.splitlines()[-1] == f'check("{number}"{", answer" if takes else ""})'
        assert ("answer = ..." in cell.source.splitlines()) == takes
