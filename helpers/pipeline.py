"""The way of one commit through the three registries, followed and drawn while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import runs
from .clouds import Connection
from .display import LivePicture, Table, plain
from .pictures import Box, Flow, run_lines
from .pictures.boxes import OPEN, SHUT
from .run import time_of
from .settings import Settings

BASE_IMAGE = "node:15-alpine"
NOT_STARTED = "not started"

EARLIER = " (earlier)"


@dataclass
class Stage:
    """One task of the pipeline, and its run: None as long as nothing has started it.

    ``earlier``: the run is older than the commit. The very same image came by before, and what the
    task was built on last starts nothing.
    """

    title: str
    group: str
    registry: str
    task: str
    run: Any | None = None
    earlier: bool = False

    @property
    def status(self) -> str:
        """The run's status, or ``not started``."""
        return plain(self.run.status) if self.run is not None else NOT_STARTED

    @property
    def trigger(self) -> str:
        """What started the run; '' while there is none."""
        return runs.trigger_of(self.run) if self.run is not None else ""

    @property
    def cause(self) -> str:
        """The trigger, and whether that was earlier."""
        return f"{self.trigger}{EARLIER if self.earlier else ''}"


@dataclass
class Pipeline:
    """How far a commit has come: public image, gate, site."""

    public: Stage
    gate: Stage
    site: Stage
    commit: str = field(default="", repr=False)

    @property
    def stages(self) -> tuple[Stage, Stage, Stage]:
        """In the order in which an image passes them."""
        return (self.public, self.gate, self.site)

    def __repr__(self) -> str:
        """A row for each registry."""
        rows = [(one.registry, one.task, one.cause, one.status) for one in self.stages]
        return repr(Table(["REGISTRY", "TASK", "TRIGGER", "STATUS"], rows))

    def picture(self) -> Flow:
        """The three stages as boxes, with what is known of their runs."""
        return Flow("The pipeline", [[_box(stage, stage is self.gate)] for stage in self.stages])

    def _repr_html_(self) -> str:
        return self.picture().html()

    def _repr_svg_(self) -> str:
        return self.picture().svg()


def _box(stage: Stage, is_gate: bool) -> Box:
    run = stage.run
    if run is None:
        return Box(stage.title, stage.task, stage.registry, stage.status)
    pushed = sorted(run.output_images or [], key=lambda one: str(run.run_id) in str(one.tag))
    image = f"{pushed[0].repository}:{pushed[0].tag}" if pushed else ""
    digest = str(pushed[0].digest) if pushed else ""
    start, finish = time_of(run.start_time), time_of(run.finish_time)
    lines = run_lines(str(run.run_id), stage.cause, start, finish, image, digest)
    gate = ""
    if is_gate and stage.status in runs.FINAL:
        gate = OPEN if stage.status == "Succeeded" else SHUT
    return Box(stage.title, stage.task, stage.registry, stage.status, lines, gate=gate)


def watch(
    connection: Connection, settings: Settings, commit: str, *, timeout: float = 600.0
) -> Pipeline:
    """Follow ``commit`` to base-image-node from task to task until one fails or all are done.

    Draws the pipeline and redraws it whenever something has happened. ``timeout`` is in seconds for
    each task. Raises :class:`~helpers.runs.RunTimeout` when a task does not start, or does not end,
    in time; a run that fails is no error: it ends the way.
    """
    seen = Pipeline(
        Stage(
            "The public", settings.public_registry_group, settings.public_registry, "node-public"
        ),
        Stage(
            "The gate",
            settings.base_artifacts_registry_group,
            settings.base_artifacts_registry,
            "base-import-node",
        ),
        Stage("The team", settings.registry_group, settings.registry, "hello-world"),
        commit,
    )
    show = LivePicture(seen)

    def by_commit() -> Any:
        stage = seen.public
        place = (stage.group, stage.registry, stage.task)
        return runs.started_by_commit(connection, *place, commit, timeout=timeout, quiet=True)

    def by_image(stage: Stage, before: Stage) -> Any:
        digest = runs.digest_of(before.run, BASE_IMAGE)
        place = (stage.group, stage.registry, stage.task)
        tracked = connection.clients.tasks.tasks.get(*place).step.base_image_dependencies or []
        newest = runs.newest(connection, *place)
        over = newest is not None and plain(newest.status) == "Succeeded"
        if over and digest in [one.digest for one in tracked]:
            # What the newest run was built on starts nothing: if its run is not there, none will be.
            return runs.started_by_image(connection, *place, digest, timeout=0)
        return runs.started_by_image(
            connection, *place, digest, after=seen.public.run, timeout=timeout, quiet=True
        )

    steps: list[tuple[Stage, Callable[[], Any]]] = [
        (seen.public, by_commit),
        (seen.gate, lambda: by_image(seen.gate, seen.public)),
        (seen.site, lambda: by_image(seen.site, seen.gate)),
    ]
    try:
        for stage, start in steps:
            stage.run = found = start()
            first = seen.public.run or found
            stage.earlier = found.create_time < first.create_time
            _until_it_ends(connection, stage, show, timeout)
            if stage.status != "Succeeded":
                break
    finally:
        show.end()
    return seen


def _until_it_ends(
    connection: Connection, stage: Stage, show: Callable[[], None], timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    show()
    while stage.status not in runs.FINAL:
        if time.monotonic() > deadline:
            raise runs.RunTimeout(
                f"The run of {stage.task} in {stage.registry} is {stage.status} after "
                f"{timeout:.0f} s. See its log: runs.follow(connection, ….run)"
            )
        time.sleep(connection.poll_seconds)
        assert stage.run is not None
        before = stage.status
        stage.run = connection.clients.tasks.runs.get(stage.group, stage.registry, stage.run.run_id)
        if stage.status != before:
            show()
