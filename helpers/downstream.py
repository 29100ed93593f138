"""Who waits for whom: which task waits for which image, and which image comes from which task."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from .clouds import Connection
from .display import plain
from .pictures import Row, Tree
from .run import is_of
from .settings import Settings


@dataclass(frozen=True)
class Task:
    """A task, the images that its last successful run was built on, and those that it pushed.

    ``silent``: why no new image starts it; '' when one does. ``imported``: images that it has put
    into a registry by an import, which no run tells of.
    """

    registry: str
    name: str
    built_on: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    silent: str = ""
    imported: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its name and its registry; in brackets what keeps it from waiting."""
        note = f" ({self.silent})" if self.silent else ""
        return f"{self.name} in {self.registry}{note}"

    @property
    def made(self) -> tuple[str, ...]:
        """Every image that comes from it."""
        return (*self.pushed, *self.imported)


@dataclass(frozen=True)
class Downstream:
    """A tree of tasks and images: as lines, and as a picture. An arrow leads from a cause to a run."""

    tasks: Sequence[Task]

    def waiting_for(self, image: str) -> list[str]:
        """Names of the tasks that a new digest of ``image`` (registry/repository:tag) starts."""
        return [one.name for one in self.tasks if image in one.built_on and not one.silent]

    def picture(self) -> Tree:
        """The tree: each image and task below what it waits for, or comes from."""
        return self._tree

    @cached_property
    def _tree(self) -> Tree:
        return Tree("Who waits for whom", list(_Rows(self.tasks)))

    def __repr__(self) -> str:
        """A line for each image and task, below what it waits for."""
        return self._tree.text()

    def _repr_html_(self) -> str:
        return self._tree.html()

    def _repr_svg_(self) -> str:
        return self._tree.svg()


class _Rows:
    """Rows in the order of reading; what was shown already is named again, and not unfolded.

    What a new image starts stands before what keeps still, so that the way of an image is unfolded
    where it is gone.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = sorted(tasks, key=lambda one: bool(one.silent))
        self._watched = list(dict.fromkeys(image for one in self._tasks for image in one.built_on))
        self._shown: set[object] = set()

    def __iter__(self) -> Iterator[Row]:
        made = {image for one in self._tasks for image in one.made}
        roots: list[str | Task] = [image for image in self._watched if image not in made]
        roots += [one for one in self._tasks if not one.built_on]
        yield from self._below(roots, 0, None)
        # What is left stands in a circle: it has no beginning, so any is as good.
        for image in self._watched:
            if image not in self._shown:
                yield from self._below([image], 0, None)

    def _below(
        self, children: Sequence[str | Task], depth: int, parent: Task | None
    ) -> Iterator[Row]:
        for child in children:
            again = child in self._shown
            self._shown.add(child)
            kind, text, following = self._describe(child)
            if parent is not None and child in parent.imported:
                text = f"{text}, imported"
            if again and following:
                text, following = f"{text}: see above", []
            yield Row(depth, kind, text)
            yield from self._below(following, depth + 1, child if isinstance(child, Task) else None)

    def _describe(self, child: str | Task) -> tuple[str, str, Sequence[str | Task]]:
        if isinstance(child, Task):
            images = [image for image in self._watched if image in child.made]
            return ("idle" if child.silent else "task"), child.text, images
        return "image", child, [one for one in self._tasks if child in one.built_on]


@dataclass(frozen=True)
class _Found:
    """A task with what its last successful run knew: digests, and where it may have logged in."""

    task: Task
    server: str
    pushed: frozenset[str]
    built_on: frozenset[str]
    logins: frozenset[str]

    def may_have_imported(self, image: str, digest: str) -> bool:
        """Whether ``image`` has the digest of what it pushed, in a registry that it logs in to; or
        of what it built on, in its own. (Whatever is built on an import has that digest, too, and
        may read where the import came from.)
        """
        where = image.partition("/")[0].lower()
        if image in self.task.made or image in self.task.built_on:
            return False
        if where == self.server:
            return digest in self.pushed | self.built_on
        return where in self.logins and digest in self.pushed


def waiting(connection: Connection, settings: Settings) -> Downstream:
    """Which task waits for which image, as the tasks of all the workflow's registries tell it.

    What a task was built on stands in the task, what it pushed in its last successful run; what it
    made for itself on the way is left out, and so is a task that builds nothing and waits for
    nothing. No run tells what it has imported: an image counts as that when it has the digest of
    one that the run pushed, in a registry of the task's own or one that it logs in to, or of one
    that it built on, in its own.
    The registry for staging is looked at where there is one. The rules:
    https://learn.microsoft.com/azure/container-registry/container-registry-tasks-base-images
    """
    from azure.core.exceptions import ResourceNotFoundError

    found: list[_Found] = []
    ours: set[str] = set()
    for registry in settings.all_registries:
        group = settings.group_of(registry)
        try:
            server = connection.clients.registries.registries.get(group, registry).login_server
            tasks = list(connection.clients.tasks.tasks.list(group, registry))
        except ResourceNotFoundError:
            continue  # its notebook was not run
        ours.add(str(server).lower())
        for task in sorted(tasks, key=lambda one: str(one.name)):
            if task.step.base_image_dependencies or (
                task.trigger and task.trigger.base_image_trigger
            ):
                found.append(_task(connection, group, registry, str(server), task))
    return Downstream(_with_imports(connection, found, ours))


def _task(connection: Connection, group: str, registry: str, server: str, task: Any) -> _Found:
    newest = connection.clients.tasks.runs.list(
        group, registry, filter=f"TaskName eq '{task.name}' and Status eq 'Succeeded'", top=1
    )
    outputs = [one for run in newest if is_of(run, task) for one in run.output_images or []]
    pushed = tuple(_name(one) for one in outputs)
    # A run that builds on an image of its own (a test on a mirror) does not wait for that.
    tracked = [
        one
        for one in task.step.base_image_dependencies or []
        if not one.tag or _name(one) not in pushed
    ]
    by_tag = [one for one in tracked if one.tag]
    silent = _silent(task, tracked, by_tag)
    runtime = [one for one in by_tag if plain(one.type).lower() == "runtime"]
    if _only_runtime(task):
        by_tag = runtime or by_tag
    logins = (task.credentials.custom_registries or {}) if task.credentials else {}
    return _Found(
        Task(registry, str(task.name), tuple(map(_name, by_tag)), pushed, silent),
        server.lower(),
        frozenset(str(one.digest) for one in outputs if one.digest),
        frozenset(str(one.digest) for one in tracked if one.digest),
        frozenset(map(str.lower, logins)),
    )


def _silent(task: Any, tracked: Sequence[Any], by_tag: Sequence[Any]) -> str:
    """Why no new image starts ``task``; '' when one does."""
    trigger = task.trigger.base_image_trigger if task.trigger else None
    if plain(task.status) != "Enabled":
        return "disabled"
    if trigger is None:
        return "no base image trigger"
    if plain(trigger.status) != "Enabled":
        return "base image trigger disabled"
    if not tracked:
        return "base image not known yet"
    if not by_tag:
        return "base image named by digest"
    if _only_runtime(task) and all(plain(one.type).lower() != "runtime" for one in by_tag):
        return "build stage only"
    return ""


def _only_runtime(task: Any) -> bool:
    trigger = task.trigger.base_image_trigger if task.trigger else None
    return trigger is not None and plain(trigger.base_image_trigger_type).lower() == "runtime"


def _with_imports(
    connection: Connection, found: Sequence[_Found], ours: Container[str]
) -> list[Task]:
    """The tasks, with those images that they have imported into one of ``ours``, login servers."""
    watched = dict.fromkeys(image for one in found for image in one.task.built_on)
    digests = {
        image: _digest(connection, image)
        for image in watched
        if image.partition("/")[0].lower() in ours
    }
    tasks = []
    for one in found:
        imported = tuple(i for i, digest in digests.items() if one.may_have_imported(i, digest))
        tasks.append(replace(one.task, imported=imported))
    return tasks


def _digest(connection: Connection, image: str) -> str:
    """What a tag names now; '' when it names nothing, or may not be asked."""
    from azure.core.exceptions import AzureError

    server, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    try:
        return str(connection.clients.registry(server).get_tag_properties(repository, tag).digest)
    except AzureError:
        return ""


def _name(image: Any) -> str:
    return f"{image.registry}/{image.repository}:{image.tag}"
