"""A task as a person reads it: the rendered file, then its steps in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..localcloud.reference import InvalidReferenceError, Reference
from ..localcloud.tasks.definitions import description
from ..localcloud.tasks.definitions.graph import ROOT
from ..localcloud.tasks.definitions.task_file import Task

_FIRST = ("build", "cmd", "push")
_APART = {"id", "waits", "args", "parsed", "tags", "buildArgs", *_FIRST}
_SECONDS = {"timeout", "startDelay", "retryDelay"}


def of(task: Task) -> str:
    """The page."""
    return "\n".join(_lines(task)) + "\n"


def _lines(task: Task) -> Iterator[str]:
    told = description.describe(task)
    yield f"# The rendered task ({task.version})"
    yield from task.rendered.rstrip("\n").split("\n")
    yield ""
    yield f"# Steps: {len(task.steps)}"
    for number, step in enumerate(told.get("steps", ()), 1):
        yield from _step(number, step)
    if task.secrets:
        yield ""
        yield "# Secrets, read when the run starts"
        for secret in task.secrets:
            identity = f", identity {secret.client_id}" if secret.client_id else ""
            yield f"  {secret.id}: {secret.key_vault}{identity}"
    if task.volumes:
        yield ""
        yield "# Volumes"
        for volume in task.volumes:
            yield f"  {volume['name']}: {', '.join(volume['secret'])}"
    if task.networks:
        yield ""
        yield "# Networks"
        for network in task.networks:
            default = ", of the steps that name none" if network.is_default else ""
            yield f"  {network.name} ({network.driver or 'bridge'}){default}"


def _step(number: int, step: dict[str, Any]) -> Iterator[str]:
    waits = [name for name in step["waits"] if name != ROOT]
    yield f"{number}. {step['id']}  (waits for {', '.join(waits) or 'nothing'})"
    for kind in _FIRST:
        if kind in step:
            told = step[kind] if isinstance(step[kind], str) else " ".join(step[kind])
            first, *rest = told.rstrip("\n").split("\n")
            yield f"     {kind}: {first}"
            yield from (f"       {line}" for line in rest)
    if images := _images(step):
        yield f"     in full: {', '.join(images)}"
    for name, value in step.items():
        if name not in _APART:
            yield f"     {name}: {_shown(name, value)}"


def _images(step: dict[str, Any]) -> list[str]:
    """The images that a step runs, makes or pushes, in full where they are not named so.

    What a shell must find out first is left out.
    """
    images = []
    for name in [*step.get("tags", ()), *step.get("push", ()), *step.get("cmd", "").split()[:1]]:
        with suppress(InvalidReferenceError):
            images.append((name, str(Reference.parse(name))))
    return [full for name, full in images if full != name]


def _shown(name: str, value: Any) -> str:
    if name == "mounts":
        return ", ".join(f"{volume} at {path}" for volume, path in value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true"
    return f"{value} s" if name in _SECONDS else str(value)
