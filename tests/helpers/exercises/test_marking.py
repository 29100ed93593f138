"""What ``check`` says: right, a hint that leads on, one that says more, and how an answer is written."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from helpers import check, notebook
from helpers.clouds import Connection
from helpers.exercises import Exercise, ExerciseError, YesNo, catalogue, equals, marking, solved
from helpers.exercises.exercise import _TONES, Context, Result, Status
from tests.helpers.conftest import new_settings

RED = "<script>alert('x')</script>"


@pytest.fixture(autouse=True)
def nothing_was_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.exercises.marking._wrong", {})


def test_an_ellipsis_is_not_answered_yet_and_no_failure() -> None:
    for result in (check("00.1", ...), check("00.1")):
        assert result.status == "open"
        assert repr(result) == (
            "○ 00.1 Not answered yet\n"
            '  The answer is a text, such as "example.org". Write it in place of ... and run this '
            "cell again."
        )


def test_each_wrong_answer_gets_one_hint_more_and_none_of_them_the_answer() -> None:
    said = [repr(check("00.2", "at once")) for _ in range(3)]
    hints = catalogue.exercises()["00.2"].hints
    assert len(hints) == 2
    assert hints[0] in said[0]
    assert hints[1] not in said[0]
    assert hints[0] in said[1]
    assert hints[1] in said[1]
    assert said[2].endswith("The fold below this cell has a solution.")
    assert all("Not right yet" in one for one in said)


def test_a_right_answer_is_told_why_and_the_hints_begin_anew() -> None:
    check("00.2", "at once")
    result = check("00.2", "Never.")
    assert (result.status, result.headline) == ("right", "Right")
    assert result.lines == (catalogue.exercises()["00.2"].because,)
    assert len(check("00.2", "at once").lines) == 1


def test_an_answer_of_another_type_is_told_in_one_sentence_and_costs_no_hint() -> None:
    result = check("00.2", 3)
    assert result.status == "open"
    assert result.lines == (
        'The answer is one of "at once", "within an hour", "never"; this is the number: 3.',
    )
    assert len(check("00.2", "at once").lines) == 1


class Unruly(list[str]):
    """Raises whenever it is looked at."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("looked at")

    __class__ = property(_raise)
    __repr__ = __eq__ = __iter__ = __len__ = _raise
    __hash__ = None


def test_an_answer_whose_own_methods_raise_is_told_as_one() -> None:
    def ends_badly() -> Iterator[str]:
        yield "one"
        raise LookupError("no more")

    for number in catalogue.exercises():
        if catalogue.exercises()[number].kind is not None:
            said = repr(check(number, Unruly()))
            assert "this is an Unruly, and looking at it has raised RuntimeError." in said
    [line] = check("01.1", ends_badly()).lines
    assert line.endswith("this is a generator, and looking at it has raised LookupError.")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("00.9", "There is no exercise '00.9'. The nearest is check(\"00.3\", …)."),
        (
            "exercise 2, 1",
            "There is no exercise 'exercise 2, 1'. The nearest is check(\"02.1\", …).",
        ),
        ("0.1", "There is no exercise '0.1'. The nearest is check(\"00.1\", …)."),
        ("", "There is no exercise ''. The nearest is check("),
        (0.1, 'An exercise is named by a text, not by 0.1. The nearest is check("00.1", …).'),
        (None, "An exercise is named by a text, not by None."),
    ],
)
def test_an_unknown_number_is_told_with_the_nearest(number: str, said: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check(number, "red")
    assert str(caught.value).startswith(said)


def looks(judge: object, kind: object = None) -> Exercise:
    return Exercise("00.1", kind, judge, ("look again", "look there"), "it is there")  # type: ignore[arg-type]


@pytest.fixture
def one_exercise(monkeypatch: pytest.MonkeyPatch) -> list[Exercise]:
    """The catalogue has what a test puts into this list, under its number."""
    found: list[Exercise] = []
    monkeypatch.setattr(marking, "exercises", lambda: {one.number: one for one in found})
    return found


def test_what_was_done_in_the_cloud_is_looked_at_with_the_sdk(
    one_exercise: list[Exercise], connection: Connection
) -> None:
    settings = new_settings()

    def judge(answer: object, context: Context) -> bool:
        assert answer is None
        context.clients.resources.resource_groups.get(context.settings.registry_group)
        return True

    one_exercise.append(looks(judge))
    missing = check("00.1", connection=connection, settings=settings)
    assert missing.status == "open"
    assert re.search(r"is not in the cloud.*\(ResourceGroupNotFound\)", repr(missing))
    assert "00.1" not in solved(Path(connection.environment["LOCALCLOUD_HOME"]))

    groups = connection.clients.resources.resource_groups
    groups.create_or_update(settings.registry_group, {"location": "eastus"})
    try:
        assert check("00.1", connection=connection, settings=settings).status == "right"
    finally:
        groups.begin_delete(settings.registry_group).wait()


def test_what_is_solved_is_kept_in_the_state_of_the_local_cloud(
    one_exercise: list[Exercise], connection: Connection
) -> None:
    home = Path(connection.environment["LOCALCLOUD_HOME"])
    shutil.rmtree(home / "exercises", ignore_errors=True)
    one_exercise.append(looks(equals(True), YesNo()))
    check("00.1", False, connection=connection)
    assert solved(home) == ()
    assert check("00.1", True, connection=connection).status == "right"
    assert solved(home) == ("00.1",)
    (home / "exercises" / "stranger").touch()
    assert solved(home) == ("00.1",)
    assert stat.S_IMODE((home / "exercises").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "exercises" / "00.1").stat().st_mode) == 0o600


def test_no_cloud_has_solved_exercises_before_any_was_solved(tmp_path: Path) -> None:
    assert solved(tmp_path / "nowhere") == ()


def test_a_host_or_a_right_that_is_missing_is_told_as_such(
    one_exercise: list[Exercise], connection: Connection
) -> None:
    settings = new_settings()

    def judge(_: object, context: Context) -> bool:
        return bool(context.clients.registry(settings.login_server).list_repository_names().next())

    one_exercise.append(looks(judge))
    result = check("00.1", connection=connection, settings=settings)
    assert result.status == "open"
    assert "is not in the cloud, or may not be read" in repr(result)


def test_that_nobody_is_signed_in_is_not_called_missing(one_exercise: list[Exercise]) -> None:
    def raises(*_: object) -> bool:
        raise ClientAuthenticationError("nobody is signed in")

    one_exercise.append(Exercise("55.1", None, raises, ("hint",), "because"))
    with pytest.raises(ClientAuthenticationError):
        check("55.1")


def test_any_other_error_of_the_cloud_is_not_hidden(one_exercise: list[Exercise]) -> None:
    def judge(*_: object) -> bool:
        error = HttpResponseError("out of order")
        error.status_code = 500
        raise error

    one_exercise.append(looks(judge))
    with pytest.raises(HttpResponseError):
        check("00.1")


def test_without_a_connection_an_exercise_of_the_cloud_says_what_to_run(
    one_exercise: list[Exercise],
) -> None:
    one_exercise.append(looks(lambda _, context: bool(context.clients)))
    with pytest.raises(ExerciseError, match="Run its cells from the top"):
        check("00.1")
    one_exercise[:] = [looks(lambda _, context: bool(context.settings))]
    with pytest.raises(ExerciseError, match="Run its cells from the top"):
        check("00.1")


def test_it_looks_at_the_cloud_that_the_notebook_has_begun_with(
    one_exercise: list[Exercise], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notebook.current() is None
    settings = new_settings()
    monkeypatch.setattr(notebook, "_begun", (settings, connection))
    seen: list[Context] = []

    def judge(_: object, context: Context) -> bool:
        seen.append(context)
        return True

    one_exercise.append(looks(judge))
    assert check("00.1").status == "right"
    assert (seen[0].settings, seen[0].connection) == (settings, connection)
    own = new_settings()
    assert check("00.1", settings=own).status == "right"
    assert seen[1].settings == own


def test_an_exercise_of_the_cloud_takes_no_answer(one_exercise: list[Exercise]) -> None:
    one_exercise.append(looks(lambda *_: False))
    assert check("00.1", True).lines == ("This exercise looks at the cloud and takes no answer.",)
    assert check("00.1", ...).headline == "Not done yet"


def test_a_remark_stands_before_the_hint_and_nothing_in_it_is_markup(
    one_exercise: list[Exercise],
) -> None:
    one_exercise.append(looks(lambda *_: f"The site is {RED}."))
    result = check("00.1")
    assert result.lines == (f"The site is {RED}.", "Hint: look again")
    page = result._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert 'role="status"' in page


@pytest.mark.parametrize("status", ["right", "wrong", "open"])
def test_a_result_has_the_colours_of_a_tone_and_its_mark(status: Status) -> None:
    tone = _TONES[status]
    result = Result("00.1", status, "So it is", ("because",))
    assert repr(result) == f"{tone.mark} 00.1 So it is\n  because"
    page = result._repr_html_()
    assert f'class="cloud-picture verdict {tone.name}"' in page
    assert f"verdict.{tone.name}{{background:{tone.fill.css};color:{tone.ink.css}" in page
    assert len({one.name for one in _TONES.values()}) == 3


def test_every_exercise_leads_on_and_gives_nothing_away_at_once() -> None:
    for number, exercise in catalogue.exercises().items():
        assert re.fullmatch(r"\d\d\.[1-9]", number)
        assert len(exercise.hints) >= 2, number
        for text in (*exercise.hints, exercise.because):
            assert text[-1] in ".?)" or " " not in text.split()[-1], f"{number}: {text}"


def test_two_exercises_of_one_number_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = type("Twice", (), {"EXERCISES": [looks(equals(1)), looks(equals(2))]})
    monkeypatch.setattr(catalogue, "_MODULES", (twice,))
    with pytest.raises(ValueError, match=r"two exercises have the number 00\.1"):
        catalogue.exercises.__wrapped__()
