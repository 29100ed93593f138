"""The runs that a tutorial has set off, noted while their registries exist: the last notebook deletes
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clouds import Connection
from ..display import plain
from ..errors import HelpersError
from ..run import bases_of, time_of, trigger_of
from ..settings import Settings

_Key = tuple[str, str, "datetime | None"]


@dataclass(frozen=True)
class Run:
    """A run of a task. ``images``: what it pushed, as (``repository:tag``, digest).

    ``cause`` is the commit or the base image (``repository:tag``) that started it, '' for any other
    trigger; ``updated_digest`` that of the base image. ``chapter`` is the number of the notebook
    during which it was created.
    """

    registry: str
    run_id: str
    task: str
    status: str
    trigger: str
    cause: str
    chapter: str
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    images: tuple[tuple[str, str], ...] = ()
    updated_digest: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it goes on, or when it was never started."""
        if self.started is None or self.finished is None:
            return None
        return (self.finished - self.started).total_seconds()


class History:
    """The runs of the registries of ``settings`` that were not there when this was made."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._places = [(settings.group_of(one), one) for one in settings.all_registries]
        self._found: dict[_Key, Run] = {}
        self.problem = ""
        self.note("")
        self._earlier = frozenset(self._found)
        self._found.clear()

    @property
    def registries(self) -> tuple[str, ...]:
        """Their names, in the order of the workflow."""
        return tuple(name for _, name in self._places)

    @property
    def runs(self) -> list[Run]:
        """In the order in which they were created."""
        return sorted(
            (run for key, run in self._found.items() if key not in self._earlier),
            key=lambda run: (run.created is None, run.created, run.registry, run.run_id),
        )

    def note(self, chapter: str) -> None:
        """Read the runs that there are now; those that are new belong to this notebook.

        What cannot be read is told by :attr:`problem`: a report says what it lacks.
        """
        try:
            for group, registry in self._places:
                for run in self._list(group, registry):
                    key = (registry, str(run.run_id), time_of(run.create_time))
                    before = self._found.get(key)
                    self._found[key] = _seen(
                        run, registry, before.chapter if before is not None else chapter
                    )
        except HelpersError as error:
            self.problem = str(error)

    def _list(self, group: str, registry: str) -> Iterator[Any]:
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            yield from self._connection.clients.tasks.runs.list(group, registry)
        except ResourceNotFoundError:
            return  # not made yet, or deleted
        except AzureError as error:
            first = str(error).partition("\n")[0]
            raise HelpersError(
                f"The runs of {registry} could not be read after notebook: {first}"
            ) from None


def _seen(run: Any, registry: str, chapter: str) -> Run:
    source, bases = run.source_trigger, bases_of(run)
    cause = str(source.commit_id or "")[:7] if source else ""
    if bases:
        cause = ", ".join(f"{one.repository}:{one.tag}" for one in bases)
    return Run(
        registry=registry,
        run_id=str(run.run_id),
        task=str(run.task or ""),
        status=plain(run.status),
        trigger=trigger_of(run),
        cause=cause,
        chapter=chapter,
        created=time_of(run.create_time),
        started=time_of(run.start_time),
        finished=time_of(run.finish_time),
        images=tuple(
            (f"{one.repository}:{one.tag}", str(one.digest)) for one in run.output_images or []
        ),
        updated_digest=str(bases[0].digest or "") if bases else "",
    )


def parents(runs: Sequence[Run]) -> dict[int, int]:
    """Which run started which, by index: a base image's trigger names a digest, and the run that
    pushed it last before is the one.

    A run whose image came by an import, or was pushed by hand, has none.
    """
    found: dict[int, int] = {}
    for child, run in enumerate(runs):
        if not run.updated_digest or run.created is None:
            continue
        pushed = [
            (one.started, index)
            for index, one in enumerate(runs)
            if index != child
            and one.started is not None
            and one.started <= run.created
            and any(digest == run.updated_digest for _, digest in one.images)
        ]
        if pushed:
            found[child] = max(pushed)[1]
    return found


def alongside(runs: Sequence[Run], index: int) -> list[Run]:
    """The runs that ran at the same time as this one."""
    this = runs[index]
    if this.started is None or this.finished is None:
        return []
    return [
        one
        for number, one in enumerate(runs)
        if number != index
        and one.started is not None
        and one.finished is not None
        and one.started < this.finished
        and this.started < one.finished
    ]
