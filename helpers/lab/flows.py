"""The cloud as boxes and arrows: the way of an image to production, and its way through staging."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from ..pictures import Box, Flow, Volatile, run_lines
from ..pictures.boxes import DECIDES, OPEN, SHUT
from ..pictures.text import clock
from ..settings import Settings
from .state import CloudState, RegistryState, RunState, TaskState

PUBLIC, GATE, TEAM = "node-public", "base-import-node", "hello-world"
STAGE, RESCAN = "stage-node", "rescan-node"
IMAGE = "node:15-alpine"
MISSING, NO_RUN, DISABLED = "not there yet", "no run yet", "disabled"
UNGATED = "not behind a gate"
_STEP = re.compile(r"failed to run step ID: ([^:]+)")
# The two questions of staging, and the steps of acr-task-stage.yaml that answer them.
_QUESTIONS = {"Test": ("build-test", "test"), "Scan": ("build-gate", "sbom", "scan")}
# States of a container group: azure-mgmt-containerinstance, ContainerGroup.
_STATES = {"Running": "good", "Failed": "bad", "Stopped": "stopped", "Terminated": "stopped"}
_COMING = ("Creating", "Pending", "Waiting", "Updating", "Repairing")
_MOST = 5  # runs that are named beside those of the tasks that are shown

Place = tuple[str, str]  # a registry and a task in it


def pipeline(state: CloudState, settings: Settings) -> Flow:
    """From the public image through the gate to the team's site.

    As long as there is no gate and the team builds on the public image, the gate is left out.
    """
    gate_place = _gate(state, settings)
    places = [(settings.public_registry, PUBLIC), gate_place, (settings.registry, TEAM)]
    public = _stage(state, "The public", places[0], IMAGE)
    gate = _stage(state, "The gate", gate_place, IMAGE, is_gate=True)
    team = _stage(state, "The team", places[2])
    ungated = _is_ungated(state, settings)
    columns = [[public], [gate], [team], [_site(state, settings)]]
    if ungated and gate.status == MISSING:
        del columns[1]
    elif ungated:
        columns[2] = [replace(team, gate=UNGATED)]
    return Flow("The pipeline", columns, state.problem, tuple(_others(state, places)))


def staging(state: CloudState, settings: Settings) -> Flow:
    """From the public image through staging, where it is tested and scanned, to where it is offered."""
    places = [(settings.public_registry, PUBLIC), (settings.staging_registry, STAGE)]
    registry, run = _newest(state, places[1])
    mirror = _stage(state, "Mirror", places[1], _mirrored(run))
    offered = state.registry(settings.base_artifacts_registry)
    tag = offered.tags.get(IMAGE) if offered else None
    lines = run_lines(digest=tag.digest) if tag else ()
    rescan = _newest(state, (settings.staging_registry, RESCAN))[1]
    if rescan is not None:
        lines += (("looked at again: ", rescan.status),)
        lines += (("run ", Volatile(rescan.run_id), f" by {rescan.trigger}"),)
        places.append((settings.staging_registry, RESCAN))
    promoted = Box(
        "Promoted",
        IMAGE,
        settings.base_artifacts_registry,
        "" if tag else MISSING,
        lines,
        "bad" if rescan is not None and rescan.status == "Failed" else "good" if tag else "",
        _gate_of(registry, run),
    )
    questions = [_question(title, run) for title in _QUESTIONS]
    columns = [[_stage(state, "The public", places[0], IMAGE)], [mirror], questions, [promoted]]
    return Flow("Staging", columns, state.problem, tuple(_others(state, places)))


def _gate(state: CloudState, settings: Settings) -> Place:
    """The gate that lets in: that of the company's registry, or that of staging in its place."""
    first = (settings.base_artifacts_registry, GATE)
    second = (settings.staging_registry, STAGE)
    task = _task(state, first)
    if (task is None or not task.enabled) and _task(state, second) is not None:
        return second
    return first


def _is_ungated(state: CloudState, settings: Settings) -> bool:
    """Whether the team's image is built on the public one."""
    task = _task(state, (settings.registry, TEAM))
    if task is None:
        registry = state.registry(settings.base_artifacts_registry)
        return registry is None or not registry.tasks
    return any(one.registry == settings.public_login_server for one in task.depends_on)


def _task(state: CloudState, place: Place) -> TaskState | None:
    registry = state.registry(place[0])
    tasks = registry.tasks if registry else ()
    return next((one for one in tasks if one.name == place[1]), None)


def _newest(state: CloudState, place: Place) -> tuple[RegistryState | None, RunState | None]:
    registry = state.registry(place[0])
    runs = registry.runs if registry else ()
    return registry, next((one for one in runs if one.task == place[1]), None)


def _stage(
    state: CloudState, title: str, place: Place, image: str = "", *, is_gate: bool = False
) -> Box:
    """A task with its newest run, and ``image`` as it is offered now, else as the run pushed it."""
    task = _task(state, place)
    if task is None:
        return Box(title, place[1], place[0], MISSING)
    registry, run = _newest(state, place)
    if run is None:
        return Box(title, task.name, place[0], NO_RUN if task.enabled else DISABLED)
    tag = registry.tags.get(image) if registry else None
    digest = tag.digest if tag else ""
    if tag is None and run.images:
        named = [one for one in run.images if f"{one.repository}:{one.tag}" == image]
        pushed = [*named, *run.images][0]
        image, digest = f"{pushed.repository}:{pushed.tag}", pushed.digest
    elif tag is None:
        image = ""
    elif run.is_over and run.status != "Succeeded":
        image = f"still {image}"  # an earlier run has pushed it
    lines = run_lines(run.run_id, run.trigger, run.started, run.finished, image, digest)
    gate = _gate_of(registry, run) if is_gate and task.enabled else ""
    note = gate or ("" if task.enabled else DISABLED)
    return Box(title, task.name, place[0], run.status, lines, "" if task.enabled else "idle", note)


def _gate_of(registry: RegistryState | None, run: RunState | None) -> str:
    if registry is None or run is None:
        return ""
    if not run.is_over:
        return DECIDES
    return OPEN if run.status == "Succeeded" else SHUT


def _mirrored(run: RunState | None) -> str:
    """The tag under which only this run knows the image."""
    names = [f"{one.repository}:{one.tag}" for one in run.images] if run else []
    return next((one for one in names if one.startswith(f"{IMAGE}-")), "")


def _question(title: str, run: RunState | None) -> Box:
    """What a run of staging has found out so far: its error names the step that failed."""
    steps = _QUESTIONS[title]
    name = steps[-1]
    if run is None:
        return Box(title, name, status=NO_RUN)
    if not run.is_over:
        return Box(title, name, status="under way", tone="going")
    if run.status == "Succeeded":
        return Box(title, name, status="passed", tone="good")
    failed = _STEP.search(run.error)
    if failed is not None and failed[1] in steps:
        return Box(title, name, status="refused", tone="bad")
    return Box(title, name, status="ended with the run", tone="stopped")


def _site(state: CloudState, settings: Settings) -> Box:
    site = state.site
    if site is None:
        return Box("The site", settings.instance, status=MISSING)
    tone = "going" if site.state in _COMING else _STATES.get(site.state, "idle")
    lines: list[tuple[str, ...]] = []
    if site.color:
        lines.append((f"background {site.color}",))
    if site.version:
        lines.append((f"version {site.version}",))
    name, colon, tag = site.image.rpartition("/")[2].partition(":")
    lines.append((name, colon, Volatile(tag)))
    if site.url:
        lines.append((Volatile(site.url),))
    return Box("The site", settings.instance, "", site.state, tuple(lines), tone, color=site.color)


def _others(state: CloudState, shown: Collection[Place]) -> Iterator[tuple[str, ...]]:
    """A line for each run that goes on and is not the newest of a task that is shown; not for all."""
    newest = {
        (place[0].lower(), run.run_id) for place in shown if (run := _newest(state, place)[1])
    }
    found = [
        (registry, run)
        for registry in state.registries
        for run in registry.runs
        if not run.is_over and (registry.name.lower(), run.run_id) not in newest
    ]
    for registry, run in found[:_MOST]:
        yield (
            f"{run.status}: {run.task or 'a quick run'} in {registry.name}, run ",
            Volatile(run.run_id),
            f" by {run.trigger}",
            *([", since ", Volatile(clock(run.started))] if run.started else []),
        )
    if len(found) > _MOST:
        yield (f"and {len(found) - _MOST} more",)
