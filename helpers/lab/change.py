"""A change of the public base image, made with the mouse: chosen, looked at, committed, pushed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .. import forks
from ..clouds import Connection
from ..display import plain
from ..errors import HelpersError
from ..pictures.changes import ChangePicture
from ..settings import Settings
from .moving import Moving
from .state import CloudState
from .watch import said

FORK, FILE = "base-image-node", "Dockerfile"
_LONGEST = 2000  # characters of a commit message


class ChangeBox(Moving):
    """Another background for the base image: shows the difference, pushes it, tells what it starts.

    ``color`` is what is chosen at first. Where no widget runs it shows what it would push.
    """

    def __init__(self, connection: Connection, settings: Settings, color: str = "") -> None:
        super().__init__(connection, settings)
        self._color = color
        self._considered: tuple[str, forks.Change] | None = None
        self._commit = ""
        self._working = threading.Lock()
        self._fork = forks.fork(connection, FORK)

    @property
    def title(self) -> str:
        """The file that is changed, and where."""
        return f"{FILE} of {self._fork.owner}/{self._fork.name}"

    def draw(self, state: CloudState) -> ChangePicture:
        """What would be pushed now."""
        seen = self._choose(self._color)
        starts = self._starts() if not state.problem else []
        problem: str = self._current().get("problem") or seen["problem"]
        message = _message("", self._color) if seen["diff"] else ""
        return ChangePicture(self.title, seen["diff"], message, starts, problem, self._color)

    def make_widget(self) -> Any:
        """A form, and what became of it."""
        from ..views.change import ChangeView

        chosen = self._choose(self._color)
        return ChangeView(
            self._choose,
            self._push,
            self.looked_at,
            title=self.title,
            color=self._color,
            **{**chosen, "starts": self._starts(), **self._current()},
        )

    def tell(self, state: CloudState) -> None:
        """Show the runs that the commit has started, and what they led to."""
        if self._commit:
            self.widget().update(runs=_runs(state, self._commit))

    def push(self, color: str, message: str = "") -> str:
        """Commit ``color`` and push it, as the button does; the id of the commit.

        Raises :class:`~helpers.errors.HelpersError`, for a colour that is there already, too.
        """
        change = forks.color_change(self._connection, color)
        return forks.make(self._connection, change, _message(message, color))

    def _choose(self, color: str) -> dict[str, Any]:
        """What a colour would change, as the form shows it."""
        with self._working:
            self._considered = None
            if not color:
                return {"diff": [], "problem": self._unchosen()}
            change, problem = self._tried(lambda: forks.color_change(self._connection, color))
            if change is None:  # which parameter it was is no matter in a form of one
                return {"diff": [], "problem": problem.removeprefix("color=")}
            self._considered = (color, change)
            if change.before == change.after:
                return {"diff": [], "problem": _same(color), "current": color}
            return {"diff": change.diff(), "problem": ""}

    def _push(self, color: str, message: str) -> dict[str, Any]:
        """Push the change that the form shows."""
        with self._working:
            considered, self._considered = self._considered, None
            if considered is None or considered[0] != color:
                return {"problem": "Nothing was pushed: look at the difference once more."}
            commit, problem = self._tried(
                lambda: forks.make(self._connection, considered[1], _message(message, color))
            )
            if commit is None:
                return {"problem": problem}
            self._commit = commit
            starts = self._starts()
        return {
            "commit": commit,
            "current": color,
            "diff": [],
            "starts": starts,
            "problem": "",
            "runs": _runs(self.state, commit),
        }

    def _current(self) -> dict[str, Any]:
        found, problem = self._tried(lambda: forks.color(self._connection))
        return {"current": found} if found else {"current": "", "problem": problem}

    def _unchosen(self) -> str:
        known = self._current()
        problem: str = known.get("problem", "")
        return (
            problem or f"The background is {known['current']}. Choose another colour to change it."
        )

    def _starts(self) -> list[str]:
        """The tasks with a trigger for commits to the fork, and their registries."""
        found, _ = self._tried(self._listening)
        return found or []

    def _listening(self) -> list[str]:
        from azure.core.exceptions import ResourceNotFoundError

        found = []
        for registry in self._settings.all_registries:
            group = self._settings.group_of(registry)
            try:
                tasks = list(self._connection.clients.tasks.tasks.list(group, registry))
            except ResourceNotFoundError:
                continue  # not made yet
            found += [f"{one.name} in {registry}" for one in tasks if _listens(one, self._fork)]
        return found

    def _tried(self, action: Callable[[], Any]) -> tuple[Any, str]:
        """What comes of an action, or None and one sentence that says why nothing did."""
        from azure.core.exceptions import AzureError

        try:
            return action(), ""
        except (AzureError, HelpersError, OSError) as error:
            return None, said(self._connection, error)


def change_box(connection: Connection, settings: Settings, color: str = "") -> ChangeBox:
    """A form that changes the background of the public base image, and pushes the change."""
    return ChangeBox(connection, settings, color)


def _listens(task: Any, fork: forks.Fork) -> bool:
    """Whether a commit to the fork's branch starts a task."""
    if plain(task.status) != "Enabled" or task.trigger is None:
        return False
    for trigger in task.trigger.source_triggers or []:
        source = trigger.source_repository
        events = [plain(one).lower() for one in trigger.source_trigger_events or []]
        where = f"{source.repository_url.partition('#')[0]}#{source.branch or forks.BRANCH}"
        enabled = plain(trigger.status) != "Disabled"
        if enabled and "commit" in events and where.lower() == fork.context.lower():
            return True
    return False


def _runs(state: CloudState, commit: str) -> list[dict[str, str]]:
    """The runs that a commit has started."""
    return [
        {"text": f"Run {run.run_id} of {run.task} in {run.registry}", "status": run.status}
        for registry in state.registries
        for run in reversed(registry.runs)
        if run.commit == commit
    ]


def _message(message: str, color: str) -> str:
    """A commit message that git can keep: no control characters but line breaks."""
    kept = "".join(one for one in message if one == "\n" or one.isprintable()).strip()
    return kept[:_LONGEST] or f"Change the background to {color}"


def _same(color: str) -> str:
    return (
        f"The background is {color} already: there is nothing to commit, and so nothing would start. "
        "Choose another colour."
    )
