"""Who waits for whom: which task waits for which image, and which image comes from which task."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .clouds import Connection
from .display import plain
from .run import is_of
from .settings import Settings

_ROW, _INDENT, _BOX = 36, 30, 26  # pixels: a row, a step to the right, the height of a box
_CHARACTER = 7.6  # pixels: width of a character, on an average
# Fill and border of a box by what it is; as in the drawn pictures of the notebooks.
_STYLES = {
    "image": 'rx="5" fill="#e8f5e9" stroke="#2e7d32"',
    "task": 'rx="13" fill="#e3f2fd" stroke="#1565c0"',
    "idle": 'rx="13" fill="#f5f5f5" stroke="#78909c" stroke-dasharray="5 3"',
}


@dataclass(frozen=True)
class Task:
    """A task, the images that its last successful run was built on, and those that it pushed.

    ``silent``: why no new image starts it; '' when one does.
    """

    registry: str
    name: str
    built_on: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    silent: str = ""

    @property
    def text(self) -> str:
        """Its name and its registry; in brackets what keeps it from waiting."""
        note = f" ({self.silent})" if self.silent else ""
        return f"{self.name} in {self.registry}{note}"


@dataclass(frozen=True)
class _Row:
    depth: int
    kind: str
    text: str
    last: bool  # of those with the same parent


@dataclass(frozen=True)
class Downstream:
    """A tree of tasks and images: as lines, and as a picture. An arrow leads from a cause to a run."""

    tasks: Sequence[Task]
    _rows: list[_Row] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        self._rows.extend(_Tree(self.tasks).rows())

    def waiting_for(self, image: str) -> list[str]:
        """Names of the tasks that a new digest of ``image`` (registry/repository:tag) starts."""
        return [one.name for one in self.tasks if image in one.built_on and not one.silent]

    def __repr__(self) -> str:
        """A line for each image and task, below what it waits for."""
        lines: list[str] = []
        open_at: list[bool] = []  # whether more follows of that depth
        for row in self._rows:
            del open_at[row.depth :]
            stem = "".join("│  " if more else "   " for more in open_at[1:])
            branch = ("└─ " if row.last else "├─ ") if row.depth else ""
            lines.append(f"{stem}{branch}{row.text}")
            open_at.append(not row.last)
        return "\n".join(lines)

    def _repr_svg_(self) -> str:
        width = max(
            (row.depth * _INDENT + len(row.text) * _CHARACTER + 40 for row in self._rows),
            default=0,
        )
        height = len(self._rows) * _ROW + 10
        shapes = "\n".join([*self._lines(), *self._boxes()])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
            f'viewBox="0 0 {width:.0f} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13">\n'
            f"<title>Who waits for whom</title>\n<desc>{html.escape(repr(self))}</desc>\n"
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n{shapes}\n</svg>'
        )

    def _boxes(self) -> Iterator[str]:
        for number, row in enumerate(self._rows):
            x, y = 10 + row.depth * _INDENT, 5 + number * _ROW + (_ROW - _BOX) // 2
            width = len(row.text) * _CHARACTER + 20
            yield (
                f'<rect x="{x}" y="{y}" width="{width:.0f}" height="{_BOX}" {_STYLES[row.kind]}/>'
            )
            yield f'<text x="{x + 10}" y="{y + 18}" fill="#263238">{html.escape(row.text)}</text>'

    def _lines(self) -> Iterator[str]:
        above: list[int] = []  # the row of the parent, by depth
        for number, row in enumerate(self._rows):
            del above[row.depth :]
            if row.depth:
                x = 10 + (row.depth - 1) * _INDENT + 14
                start = 5 + above[-1] * _ROW + (_ROW + _BOX) // 2
                y = 5 + number * _ROW + _ROW // 2
                yield (
                    f'<path d="M{x} {start} V{y} H{x + _INDENT - 15} m-5 -4 l5 4 l-5 4" '
                    'fill="none" stroke="#37474f" stroke-width="1.4"/>'
                )
            above.append(number)


class _Tree:
    """Rows in the order of reading; what was shown already is named again, and not unfolded."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._watched = list(dict.fromkeys(image for one in tasks for image in one.built_on))
        self._shown: set[object] = set()

    def rows(self) -> Iterator[_Row]:
        pushed = {image for one in self._tasks for image in one.pushed}
        roots: list[str | Task] = [image for image in self._watched if image not in pushed]
        roots += [one for one in self._tasks if not one.built_on]
        yield from self._below(roots, 0)
        # What is left stands in a circle: it has no beginning, so any is as good.
        for image in self._watched:
            if image not in self._shown:
                yield from self._below([image], 0)

    def _below(self, children: Sequence[str | Task], depth: int) -> Iterator[_Row]:
        for number, child in enumerate(children, start=1):
            again = child in self._shown
            self._shown.add(child)
            kind, text, following = self._describe(child)
            if again and following:
                text, following = f"{text}: see above", []
            yield _Row(depth, kind, text, number == len(children))
            yield from self._below(following, depth + 1)

    def _describe(self, child: str | Task) -> tuple[str, str, Sequence[str | Task]]:
        if isinstance(child, Task):
            images = [image for image in self._watched if image in child.pushed]
            return ("idle" if child.silent else "task"), child.text, images
        return "image", child, [one for one in self._tasks if child in one.built_on]


def waiting(connection: Connection, settings: Settings) -> Downstream:
    """Which task waits for which image, as the tasks of all the workflow's registries tell it.

    What a task was built on stands in the task, what it pushed in its last successful run. Left out
    is a task that builds nothing and waits for nothing. The registry for staging is looked at where
    there is one. The rules:
    https://learn.microsoft.com/azure/container-registry/container-registry-tasks-base-images
    """
    from azure.core.exceptions import ResourceNotFoundError

    found: list[Task] = []
    for registry in settings.all_registries:
        group = settings.group_of(registry)
        try:
            tasks = list(connection.clients.tasks.tasks.list(group, registry))
        except ResourceNotFoundError:
            continue  # its notebook was not run
        for task in sorted(tasks, key=lambda one: str(one.name)):
            if task.step.base_image_dependencies or (
                task.trigger and task.trigger.base_image_trigger
            ):
                found.append(_task(connection, group, registry, task))
    return Downstream(found)


def _task(connection: Connection, group: str, registry: str, task: Any) -> Task:
    newest = connection.clients.tasks.runs.list(
        group, registry, filter=f"TaskName eq '{task.name}' and Status eq 'Succeeded'", top=1
    )
    outputs = [one for run in newest if is_of(run, task) for one in run.output_images or []]
    pushed = tuple(_name(one) for one in outputs)
    trigger = task.trigger.base_image_trigger if task.trigger else None
    tracked = list(task.step.base_image_dependencies or [])
    silent = ""
    if plain(task.status) != "Enabled":
        silent = "disabled"
    elif trigger is None:
        silent = "no base image trigger"
    elif plain(trigger.status) != "Enabled":
        silent = "base image trigger disabled"
    elif not tracked:
        silent = "base image not known yet"
    by_tag = [one for one in tracked if one.tag]
    if tracked and not by_tag:
        silent = silent or "base image named by digest"
    runtime = [one for one in by_tag if plain(one.type).lower() == "runtime"]
    if trigger is not None and plain(trigger.base_image_trigger_type).lower() == "runtime":
        if by_tag and not runtime:
            silent = silent or "build stage only"
        by_tag = runtime or by_tag
    return Task(registry, str(task.name), tuple(map(_name, by_tag)), pushed, silent)


def _name(image: Any) -> str:
    return f"{image.registry}/{image.repository}:{image.tag}"
