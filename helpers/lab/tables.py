"""The runs of all registries in one table: filtered, the newest first, each with its log."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..clouds import Connection
from ..display import Table
from ..errors import HelpersError
from ..pictures import Volatile
from ..pictures.colors import tone_of
from ..settings import Settings
from .logs import LogStream
from .moving import Moving
from .state import CloudState, RunState
from .watch import said

if TYPE_CHECKING:
    from ..views.runs import Row

COLUMNS = ("RUN ID", "TASK", "REGISTRY", "STATUS", "TRIGGER", "STARTED", "DURATION")
_TIME = "%Y-%m-%d %H:%M:%S"
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


class RunPicture:
    """The newest runs as a table."""

    def __init__(self, runs: Sequence[RunState], total: int, problem: str) -> None:
        notes = [problem] if problem else []
        if total > len(runs):
            notes.append(f"These are the newest {len(runs)} of {total}.")
        self._table = Table(COLUMNS, [_cells(one) for one in runs], " ".join(notes))

    def svg(self) -> None:
        """A table is no image."""

    def html(self) -> str:
        """A table, and what is to be said of it."""
        return self._table._repr_html_()

    def text(self) -> str:
        """A table as az prints it."""
        return repr(self._table)


class RunTable(Moving):
    """The runs of all registries: ``filters`` are the values that a run has to have."""

    def __init__(
        self, connection: Connection, settings: Settings, filters: Mapping[str, str], top: int
    ) -> None:
        super().__init__(connection, settings)
        self._filters = dict(filters)
        self._top = top
        self._runs: dict[str, RunState] = {}
        self._opening = threading.Lock()
        self._chosen = ""  # the key of the run whose log is wanted
        self._stream: LogStream | None = None

    def draw(self, state: CloudState) -> RunPicture:
        """The newest runs of a state, as far as they are wanted."""
        found = [run for run in _newest_first(state) if self._is_wanted(run)]
        return RunPicture(found[: self._top], len(found), state.problem)

    def _is_wanted(self, run: RunState) -> bool:
        return all(getattr(run, name) == value for name, value in self._filters.items())

    def make_widget(self) -> Any:
        """The table with its filters, and below it the log of a run that was chosen."""
        import ipywidgets

        from ..views.runs import RunsView

        self._table = RunsView(self._filters, self.looked_at, self.open_log)
        self._below = ipywidgets.Box(layout=ipywidgets.Layout(width="100%"))
        return ipywidgets.VBox([self._table, self._below])

    def tell(self, state: CloudState) -> None:
        """Show what has become of the runs."""
        found = _newest_first(state)
        self._runs = {_key(run): run for run in found}
        self._table.show([_row(run) for run in found], state.problem)

    def open_log(self, key: str) -> None:
        """Show the log of a run below the table, while it grows; none for ''. Returns at once."""
        with self._opening:
            self._chosen = key
            self._put(None)
        run = self._runs.get(key)
        if run is not None:
            threading.Thread(
                target=self._open, args=(key, run), name="lab-open", daemon=True
            ).start()

    def _open(self, key: str, run: RunState) -> None:
        from azure.core.exceptions import AzureError

        from ..views.log import LogView

        stream = None
        try:
            found = self._connection.clients.tasks.runs.get(run.group, run.registry, run.run_id)
            stream = LogStream(self._connection, found)
            view = stream.widget()
        except (AzureError, HelpersError, OSError) as error:
            view = LogView(f"Run {run.run_id} in {run.registry}", status=run.status)
            view.problem = said(self._connection, error)
        with self._opening:
            if self._chosen == key:
                view.layout.width = "100%"
                self._put(view, stream)
            elif stream is not None:
                stream.looked_at(False)  # another one was chosen meanwhile

    def _put(self, view: Any, stream: LogStream | None = None) -> None:
        if self._stream is not None:
            self._stream.looked_at(False)
        self._stream = stream
        self._below.children = () if view is None else (view,)


def run_table(
    connection: Connection,
    settings: Settings,
    *,
    task: str = "",
    registry: str = "",
    status: str = "",
    trigger: str = "",
    top: int = 15,
) -> RunTable:
    """The runs of all registries, the newest first, and the log of whichever is clicked.

    ``task`` and the others choose what the filters begin with. ``top``: how many rows there are
    where no widget runs. Raises :class:`~helpers.errors.HelpersError` for a registry that the
    settings do not name.
    """
    given = {"task": task, "registry": registry, "status": status, "trigger": trigger}
    if registry and registry not in settings.all_registries:
        raise HelpersError(
            f"registry={registry!r}: the settings name no such registry. They name "
            f"{', '.join(settings.all_registries)}."
        )
    return RunTable(connection, settings, {name: one for name, one in given.items() if one}, top)


def _newest_first(state: CloudState) -> list[RunState]:
    found = [run for registry in state.registries for run in registry.runs]
    return sorted(found, key=lambda run: run.created or _LONG_AGO, reverse=True)


def _key(run: RunState) -> str:
    return f"{run.registry}/{run.run_id}"


def _row(run: RunState) -> Row:
    from ..views.runs import Row

    tone = tone_of(run.status)
    return Row(
        key=_key(run),
        run=run.run_id,
        task=run.task,
        registry=run.registry,
        status=run.status,
        tone=tone.name,
        mark=tone.mark,
        trigger=run.trigger,
        created=(run.created or _LONG_AGO).isoformat(),
        started=run.started.astimezone(timezone.utc).strftime(_TIME) if run.started else "",
        took=_seconds(run),
    )


def _cells(run: RunState) -> tuple[str, ...]:
    took = _seconds(run)
    started = (
        run.started.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if run.started else ""
    )
    return (
        Volatile(run.run_id),
        run.task,
        run.registry,
        run.status,
        run.trigger,
        Volatile(started),
        Volatile("" if took is None else f"{took} s"),
    )


def _seconds(run: RunState) -> int | None:
    if run.started is None or run.finished is None:
        return None
    return round((run.finished - run.started).total_seconds())
