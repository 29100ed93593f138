"""Look at an answer, or at what was done in the cloud; say clearly whether it is right, or lead on."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import notebook
from ..clouds import Connection
from ..settings import Settings
from .answers import AnswerError, is_open, named
from .catalogue import exercises
from .exercise import Context, Exercise, ExerciseError, Result

_FOLDER = "exercises"  # in the state folder of a local cloud: an empty file for each that is solved

_SHOWN = 40  # characters of what should be a number
_BRIEF = reprlib.Repr()  # survives whatever is shown
_BRIEF.maxstring = _SHOWN

_wrong: dict[str, int] = {}  # how often each exercise was answered wrongly in this process


class _Missing:
    """That no answer was given."""


_MISSING = _Missing()


def check(
    number: str,
    answer: object = _MISSING,
    *,
    connection: Connection | None = None,
    settings: Settings | None = None,
) -> Result:
    """Whether ``answer`` is right, or what was done in the cloud; a hint when it is not.

    Each further wrong answer to the same exercise gets one hint more. ``...`` is no answer yet.
    ``connection`` and ``settings`` are those that the notebook has begun with, unless given. Raises
    :class:`ExerciseError` for an exercise that does not exist, or that needs a cloud when there is
    none.
    """
    exercise = _find(number)
    begun = notebook.current() or (None, None)
    context = Context(connection or begun[1], settings or begun[0])
    kind = exercise.kind
    if kind is None:
        if answer is not _MISSING and answer is not ...:
            return _open(exercise, "This exercise looks at the cloud and takes no answer.")
        return _judged(exercise, None, context)
    try:
        if answer is _MISSING or is_open(answer):
            return _open(
                exercise,
                f"The answer is {kind.wanted}. Write it in place of ... and run this cell again.",
            )
        read = kind.read(answer)
    except AnswerError as error:
        return _open(exercise, f"The answer is {kind.wanted}; this is {error}.")
    except Exception as error:  # noqa: BLE001 - the answer's own methods may raise anything
        return _open(
            exercise,
            f"The answer is {kind.wanted}; this is {named(answer)}, and looking at it has raised "
            f"{type(error).__name__}.",
        )
    return _judged(exercise, read, context)


def solved(home: Path) -> tuple[str, ...]:
    """The numbers of the exercises that were solved in the local cloud of ``home``, in order."""
    try:
        found = {path.name for path in (home / _FOLDER).iterdir()}
    except OSError:
        return ()
    return tuple(sorted(found & set(exercises())))


def _find(number: str) -> Exercise:
    known = exercises()
    if isinstance(number, str) and number.strip() in known:
        return known[number.strip()]
    text = number if isinstance(number, str) else _BRIEF.repr(number)
    near = _nearest(text, known)
    advice = f' The nearest is check("{near}", …).'
    if not isinstance(number, str):
        raise ExerciseError(f"An exercise is named by a text, not by {text}.{advice}")
    raise ExerciseError(f"There is no exercise {_BRIEF.repr(text)}.{advice}")


def _nearest(number: str, known: Collection[str]) -> str:
    """By notebook, then by exercise, where it has both; else by how it is written."""
    found = re.match(r"\D*(\d{1,3})\D+(\d{1,3})", number)
    if found is None:
        return difflib.get_close_matches(number, known, n=1, cutoff=0.0)[0]
    wanted = [int(part) for part in found.groups()]

    def distance(one: str) -> list[int]:
        return [abs(int(part) - want) for part, want in zip(one.split("."), wanted, strict=True)]

    return min(known, key=distance)


def _open(exercise: Exercise, line: str) -> Result:
    return Result(exercise.number, "open", "Not answered yet", (line,))


def _judged(exercise: Exercise, answer: Any, context: Context) -> Result:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
    )

    try:
        verdict = exercise.judge(answer, context)
    except ClientAuthenticationError:
        raise  # nobody is signed in: that is not something that is missing
    except (HttpResponseError, ServiceRequestError) as error:
        if not _is_missing(error):
            raise
        return _open(
            exercise,
            "What this exercise looks at is not in the cloud, or may not be read. Run the cells above "
            f"first, and then this one again. The cloud says: {_first_line(error)}",
        )
    if verdict is True:
        _wrong.pop(exercise.number, None)
        _remember(exercise.number, context)
        return Result(exercise.number, "right", "Right", (exercise.because,))
    count = _wrong[exercise.number] = _wrong.get(exercise.number, 0) + 1
    lines = [verdict] if isinstance(verdict, str) else []
    lines += [f"Hint: {one}" for one in exercise.hints[:count]]
    if count > len(exercise.hints):
        lines.append("The fold below this cell has a solution.")
    headline = "Not done yet" if exercise.kind is None else "Not right yet"
    return Result(exercise.number, "wrong", headline, tuple(lines))


def _is_missing(error: Exception) -> bool:
    """Whether something is not there: the host of a registry or vault, a resource, the right to look."""
    status = getattr(error, "status_code", None)
    return status is None or status in (403, 404)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _remember(number: str, context: Context) -> None:
    with suppress(ExerciseError, KeyError, OSError):  # a right answer is right without it
        folder = Path(context.connection.environment["LOCALCLOUD_HOME"]) / _FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / number).touch(mode=0o600)
