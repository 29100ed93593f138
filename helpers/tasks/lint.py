"""``task lint``: what will surprise on Azure, in a task file, a Dockerfile, or a folder of both."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..localcloud.tasks.definitions.definition import assignments
from ..localcloud.tasks.errors import TaskError
from . import dockerfile_rules, files, task_rules
from .dockerfile_rules import Build
from .findings import ERROR, Finding

_DOCKERFILE = re.compile(r"(?i)(?:.*[.])?dockerfile(?:[.-].*)?")
_TASK = re.compile(r"""^["']?steps["']?\s*:""", re.MULTILINE)
_SKIPPED = {".git", ".venv", "node_modules", "__pycache__", ".localcloud"}


def run(options: argparse.Namespace) -> int:
    """Print what the rules find; exit status 1 when something would fail."""
    try:
        values = dict(assignments(options.values_set))
    except TaskError as error:
        raise files.FileError(str(error)) from None
    values_file = files.read(options.values) if options.values else ""
    found = sorted(set(_findings(options, values, values_file)))
    if options.json:
        print(json.dumps([one.describe() for one in found], ensure_ascii=False, indent=2))
    else:
        print("\n".join(map(str, found)) if found else "Nothing found.")
    return 1 if any(one.severity == ERROR for one in found) else 0


def _findings(
    options: argparse.Namespace, values: dict[str, str], values_file: str
) -> Iterator[Finding]:
    given = Path(options.file)
    tasks: list[Path] = []
    dockerfiles: list[Path] = []
    for path in _files(given) if given.is_dir() else [given]:
        (dockerfiles if _is_dockerfile(path) else tasks).append(path)
    built: set[str] = set()
    for path in tasks:
        try:
            text = files.read(str(path))
        except files.FileError:
            if not given.is_dir():
                raise
            continue
        if given.is_dir() and not _TASK.search(text):
            continue
        root = given if given.is_dir() else path.parent
        file = task_rules.TaskFile(
            str(path), text, root, values, values_file, registry=options.registry, built=built
        )
        yield from task_rules.check(file)
    for path in dockerfiles:
        if str(path.resolve()) not in built:
            yield from dockerfile_rules.check(str(path), files.content(str(path)), Build())


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")) or _DOCKERFILE.fullmatch(name):
                yield Path(where, name)


def _is_dockerfile(path: Path) -> bool:
    return _DOCKERFILE.fullmatch(path.name) is not None
