"""The tutorial without a browser: progress in the terminal, and a report to open afterwards."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from . import locks, progress, report, tutorial
from .clouds import Connection, connect
from .errors import HelpersError
from .localcloud import atomic
from .report import junit
from .settings import Settings


def run(
    first: str,
    last: str,
    parameters: Mapping[str, str],
    output: Path | None = None,
    *,
    junit_file: Path | None = None,
    keep_going: bool = False,
    status: Path | None = None,
) -> int:
    """Run the notebooks ``first`` to ``last``; 0 when all passed, 1 when one failed.

    ``junit_file``: where to write what CI systems read. ``keep_going``: a failure does not end it;
    what builds on a result that is missing then is not run. ``status``: a file that tells another
    program meanwhile which cell is run. Waits for others who work with the same names, and says for
    whom.
    Raises :class:`~helpers.errors.HelpersError` when nothing could be started.
    """
    chosen = tutorial.chapters(first, last)
    settings = tutorial.check_parameters(chosen, parameters)
    folder = (output or tutorial.OUTPUT).resolve()
    if junit_file is not None:
        junit.make_room(junit_file)
    if status is not None:
        try:
            atomic.write(status, json.dumps(["starting", 0.0]))
        except OSError as error:
            raise HelpersError(f"{status} cannot be written: {error.strerror}.") from None
    # Three things that take a while begin here, beside one another: imports here, imports for the
    # kernels, and the cloud.
    with tutorial.prepared(), closing(report.Pages(chosen)) as pages:
        loading = threading.Thread(target=tutorial.load)
        loading.start()
        try:
            connection = connect(settings.cloud)  # one clear error instead of one in a notebook
        finally:
            loading.join()
        console = Console(highlight=False, soft_wrap=True)
        names = locks.names_of(connection, settings, staging=tutorial.uses_staging(chosen))
        with (
            locks.hold(connection, names, locks.described()),
            tutorial.claim(folder),
            _Bar(console, len(chosen), status) as bar,
        ):
            # Who interrupts this one must not read an earlier one's.
            (folder / report.INDEX).unlink(missing_ok=True)
            began, started = datetime.now(timezone.utc), time.monotonic()
            history = report.History(connection, settings)

            def finished(result: tutorial.Result) -> None:
                history.note(result.chapter.number)
                bar.finished(result)
                pages.add(result)

            missing = _missing(connection, settings) if keep_going else None
            results = tutorial.run(chosen, parameters, folder, bar.cell, finished, missing)
            seconds = time.monotonic() - started
            bar.note("writing the report")
            occasion = report.Occasion(
                settings.cloud, began, seconds, history.runs, history.registries, history.problem
            )
            index = report.write(results, folder, occasion, pages)
            unwritten = _write(results, junit_file)
    told = _tell(console, results, seconds, index)
    if unwritten:
        raise HelpersError(unwritten)
    return told


def _write(results: list[tutorial.Result], junit_file: Path | None) -> str:
    """Write the file for CI systems; what went wrong, to be said after what came of the run."""
    if junit_file is not None:
        try:
            junit.write(results, junit_file)
        except OSError as error:
            return f"{junit_file} cannot be written: {error.strerror}."
    return ""


def _missing(
    connection: Connection, settings: Settings
) -> Callable[[tutorial.Chapter], str | None]:
    def look(chapter: tutorial.Chapter) -> str | None:
        from azure.core.exceptions import AzureError

        try:
            return progress.first_missing(chapter.number, settings, connection)
        except (HelpersError, AzureError):
            return None  # what cannot be looked at is not called missing: the notebook says why

    return look


def _tell(console: Console, results: list[tutorial.Result], seconds: float, index: Path) -> int:
    for one in results:
        if one.failure is not None:
            console.print(f"\n{one.chapter.name} failed at this cell:\n", style="bold red")
            console.print(tutorial.describe(one.failure), markup=False)
    for one in results:
        if one.reason:
            console.print(f"\n{one.chapter.name} was not run: {one.reason}.", markup=False)
    passed = sum(one.status == "passed" for one in results)
    console.print(f"\n{passed} of {len(results)} notebooks passed in {seconds:.1f} s.")
    console.print(f"Report: {index}", markup=False)
    return 1 if any(one.failure for one in results) else 0


class _Bar:
    """A progress bar on a terminal; a line per notebook in a log file.

    ``status``: a file in which another program may read at any time what is run, as JSON: the
    notebook with its cell, and which share of all is done.
    """

    def __init__(self, console: Console, total: int, status: Path | None = None) -> None:
        self._console = console
        self._status = status
        self._total = total
        self._done = 0
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=30),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stdout.isatty(),
        )
        self._task: TaskID = self._progress.add_task("starting", total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Say what is going on."""
        self._progress.update(self._task, description=text)

    def cell(self, chapter: tutorial.Chapter, done: int, total: int) -> None:
        """A cell was run."""
        part = done / total if total else 1.0
        completed = self._done + part
        at = f"{chapter.name}: cell {min(done + 1, total)} of {total}"
        self._progress.update(self._task, completed=completed, description=at)
        if self._status is not None:
            with suppress(OSError):  # who took it away meanwhile does not read it
                atomic.write(self._status, json.dumps([at, completed / self._total]))

    def finished(self, result: tutorial.Result) -> None:
        """A notebook was run."""
        self._done += 1
        mark, style = ("✓", "green") if result.status == "passed" else ("✗", "bold red")
        self._console.print(
            f"{mark} {result.chapter.name:<24} {result.seconds:6.1f} s", style=style
        )
        self._progress.update(self._task, completed=self._done)
