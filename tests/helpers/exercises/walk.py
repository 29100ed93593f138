"""A notebook with what a reader does below "Check yourself": a wrong answer, another one, the solutions.

A solution is a folded block below its question, in Python or bash. Those in Python run in the
notebook's kernel; those in bash in a shell that is connected to the same cloud and has the variables
of the notebook's first az block, and nothing else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from helpers.exercises import catalogue
from helpers.tutorial import ROOT
from tests.az import AZ, forking

_CHECK = re.compile(r'^check\("(\d\d\.\d)"', re.MULTILINE)
_BLOCK = re.compile(r"```(python|bash)\n(.*?)```", re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_EXERCISES = ("Check yourself", "On your own")

_CONNECTED = """\
set -euo pipefail
eval "$(python -m helpers env)"
az account show --output none 2>/dev/null || az login --service-principal \\
  -u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID --output none
"""
_SHELL = """\
import os, subprocess

def in_a_shell(script):
    done = subprocess.run(
        ["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, env={{**os.environ, "PATH": {path!r} + os.environ["PATH"]}}, cwd={root!r},
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout
"""


class Solution(NamedTuple):
    """A block below a question: the cell that holds it, its language, its text."""

    cell: str
    language: str
    text: str


class Question(NamedTuple):
    """A question with its exercise ("" when nothing checks it) and its solutions."""

    exercise: str
    solutions: list[Solution]


def questions(notebook: Any) -> list[Question]:
    """What stands below "Check yourself" and "On your own", in order."""
    found: list[Question] = []
    for cell in _below(notebook):
        if cell.cell_type == "code":
            numbers = _CHECK.findall(cell.source)
            assert len(numbers) == 1, f"{cell.id} checks {numbers}: one exercise to a cell"
            found.append(Question(numbers[0], []))
        else:
            blocks = [Solution(cell.id, *one) for one in _BLOCK.findall(cell.source)]
            if blocks and (not found or found[-1].solutions):
                found.append(Question("", []))
            if blocks:
                found[-1].solutions.extend(blocks)
    return found


def _below(notebook: Any) -> Iterator[Any]:
    inside = False
    for cell in notebook.cells:
        for heading in _HEADING.findall(cell.source) if cell.cell_type == "markdown" else []:
            inside = heading in _EXERCISES
        if inside:
            yield cell


def walked(path: Path, wrong: Mapping[str, object]) -> Any:
    """The notebook, and after its last cell the walk; every step asserts what it should bring."""
    notebook = nbformat.read(path, as_version=4)
    variables = "".join(
        text
        for cell in notebook.cells
        if cell.id == "variables-az"
        for _, text in _BLOCK.findall(cell.source)
    )
    steps = [_shell()]
    for question in questions(notebook):
        if question.exercise:
            steps.append(_wrongly(question.exercise, wrong))
        steps += [_step(one, variables) for one in question.solutions]
        if question.exercise:
            steps.append(_rightly(question.exercise))
    cells = [nbformat.v4.new_code_cell(text, id=f"walk-{i}") for i, text in enumerate(steps)]
    notebook.cells += cells
    return notebook


def _shell() -> str:
    folders = [str(Path(sys.executable).parent), *([str(forking(AZ))] if AZ else [])]
    return _SHELL.format(path="".join(f"{one}:" for one in folders), root=str(ROOT))


def _step(solution: Solution, variables: str) -> str:
    if solution.language == "python":
        return solution.text
    return f"in_a_shell({_CONNECTED + variables + solution.text!r})"


def _wrongly(number: str, wrong: Mapping[str, object]) -> str:
    if catalogue.exercises()[number].kind is None:
        call = f'check("{number}")'
    else:
        call = f'check("{number}", {wrong[number]!r})'
    return (
        f"first, second = {call}, {call}\n"
        'assert (first.status, second.status) == ("wrong", "wrong"), (first, second)\n'
        "assert len(first.lines) < len(second.lines), (first, second)\n"
    )


def _rightly(number: str) -> str:
    answer = "" if catalogue.exercises()[number].kind is None else ", answer"
    return f'found = check("{number}"{answer})\nassert found.status == "right", found\n'
