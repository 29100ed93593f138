"""Run the notebooks in order, each in a fresh kernel, and stop at the first one that fails."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import parameters
from .errors import HelpersError
from .progress import catch_up
from .settings import Settings, check_color

__all__ = [
    "NOTEBOOKS",
    "OUTPUT",
    "ROOT",
    "Chapter",
    "Failure",
    "Result",
    "catch_up",
    "chapters",
    "check_parameters",
    "claim",
    "describe",
    "load",
    "prepared",
    "run",
]

ROOT = parameters.ROOT
NOTEBOOKS = parameters.NOTEBOOKS
OUTPUT = ROOT / "build" / "tutorial"

_CELL_TIMEOUT = 3600  # seconds
_CLEAN_UP = "99"
_KERNEL_TIMEOUT = 120  # seconds
_SAVED_EVERY = 2.0  # seconds, at most, while cells are executed
_SHOWN_LINES = 15  # of a failing cell
_ANSI = re.compile(r"\x1b\[[0-9;]*m")

Progress = Callable[["Chapter", int, int], None]
"""Told after every cell: the chapter, how many of its code cells are done, how many it has."""


@dataclass(frozen=True)
class Chapter:
    """One notebook of the tutorial."""

    path: Path

    @property
    def number(self) -> str:
        """Its two digits."""
        return self.path.name[:2]

    @property
    def name(self) -> str:
        """Its file name without ``.ipynb``."""
        return self.path.stem


@dataclass(frozen=True)
class Failure:
    """The cell that failed, and what it said."""

    source: str
    message: str


@dataclass
class Result:
    """How one chapter went: ``status`` is passed, failed or not run, ``reason`` why it was not run."""

    chapter: Chapter
    title: str
    status: str = "not run"
    seconds: float = 0.0
    output: Path | None = None
    failure: Failure | None = None
    reason: str = ""
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def executed(self) -> Path | None:
        """The executed notebook; None where it was not run, or left nothing."""
        return self.output if self.output is not None and self.output.exists() else None


def chapters(first: str = "", last: str = "", folder: Path = NOTEBOOKS) -> list[Chapter]:
    """The notebooks from ``first`` to ``last`` (two digits, or the whole name), in order.

    Raises :class:`HelpersError` for one that does not exist, or when none is left.
    """
    found = [Chapter(path) for path in parameters.notebooks(folder)]
    known = ", ".join(chapter.number for chapter in found) or "none"
    for wanted in (first, last):
        if wanted and not any(wanted in (one.number, one.name) for one in found):
            raise HelpersError(f"There is no notebook {wanted} in {folder}. There are: {known}.")
    chosen = [
        one
        for one in found
        if (not first or one.number >= first[:2]) and (not last or one.number <= last[:2])
    ]
    if not chosen:
        raise HelpersError(f"No notebook lies between {first} and {last}. There are: {known}.")
    return chosen


def check_parameters(chosen: Sequence[Chapter], given: Mapping[str, str]) -> Settings:
    """The settings that ``given`` makes together with settings.toml.

    Raises :class:`HelpersError` for a parameter that none of the notebooks has, and
    :class:`~helpers.settings.SettingsError` for a value that Azure would refuse.
    """
    known = set().union(*(parameters.of(chapter.path) for chapter in chosen))
    wrong = sorted(set(given) - known)
    others = [name for name in wrong if name in parameters.ALL]
    if others:
        raise HelpersError(
            f"-p {others[0]}: none of the notebooks {chosen[0].number} to {chosen[-1].number} has "
            f"that parameter; others have. There are: {', '.join(sorted(known))}."
        )
    if wrong:
        raise HelpersError(f"-p: {parameters.unknown(wrong, known)}")
    for name, value in given.items():
        if name.endswith("_color"):
            check_color(name, value)
    settings = parameters.made({n: v for n, v in given.items() if n in parameters.ALL})
    if uses_staging(chosen):
        _ = settings.staging_login_server  # on Azure it needs a name of one's own
    return settings


def uses_staging(chosen: Sequence[Chapter]) -> bool:
    """Whether one of these notebooks works with the registry for staging.

    The one that cleans up takes its name, and does without it where nobody has made it.
    """
    return any(
        "staging_registry" in parameters.of(chapter.path)
        for chapter in chosen
        if chapter.number != _CLEAN_UP
    )


def run(
    chosen: Sequence[Chapter],
    given: Mapping[str, str],
    output: Path = OUTPUT,
    progress: Progress | None = None,
    finished: Callable[[Result], None] | None = None,
    missing: Callable[[Chapter], str | None] | None = None,
) -> list[Result]:
    """Execute the notebooks one after another into ``output``; the first failure ends it.

    ``progress`` is told of every cell, ``finished`` of every notebook that ran. With ``missing`` a
    failure does not end it: it tells the number of an earlier notebook whose result a later one
    builds on and cannot find, and that one is not run; the last, which cleans up, always is.
    """
    _make(output)
    load()
    results = [Result(chapter, _title(chapter)) for chapter in chosen]
    failed = False
    with prepared():
        for result in results:
            if failed and missing is None:
                break
            if failed and missing is not None and result.chapter.number != _CLEAN_UP:
                earlier = missing(result.chapter)
                if earlier is not None:
                    result.reason = (
                        f"the result of notebook {earlier}, which it builds on, is missing"
                    )
                    continue
            _execute(result, given, output, progress)
            if finished is not None:
                finished(result)
            failed = failed or result.status == "failed"
    return results


@contextmanager
def prepared() -> Iterator[None]:
    """Inside, kernels start at once: what they need is imported before the first is asked for."""
    from . import kernels

    with kernels.prepared():
        yield


@contextmanager
def claim(output: Path) -> Iterator[None]:
    """Keep other runs from writing into ``output`` at the same time.

    Raises :class:`HelpersError` when one does.
    """
    _make(output)
    folder = os.open(output, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HelpersError(
                f"Another run is writing its report into {output}. Wait for it, or give this one a "
                "folder of its own: --output FOLDER"
            ) from None
        yield
    finally:
        os.close(folder)


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HelpersError(f"The folder {output} is not writable: {error.strerror}.") from None


def _execute(
    result: Result, given: Mapping[str, str], output: Path, progress: Progress | None
) -> None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    chapter = result.chapter
    result.output = output / chapter.path.name
    # A parameter of another notebook is none of this one's: papermill would warn.
    own = parameters.of(chapter.path)
    result.began = datetime.now(timezone.utc)
    started = time.monotonic()
    try:
        papermill.execute_notebook(
            str(chapter.path),
            str(result.output),
            parameters={name: value for name, value in given.items() if name in own},
            engine_name=_ENGINE,
            kernel_name="python3",
            language="python",
            cwd=str(chapter.path.parent),
            progress_bar=False,
            start_timeout=_KERNEL_TIMEOUT,
            execution_timeout=_CELL_TIMEOUT,
            told=lambda done, total: progress(chapter, done, total) if progress else None,
        )
    except PapermillExecutionError as error:
        # The message is the error's own; a name in front of it adds nothing for our own errors.
        text = _ANSI.sub("", "\n".join(error.traceback))
        if not text or (error.ename == "AssertionError" and error.evalue):
            text = f"{error.ename}: {error.evalue}"  # the cell is shown, and says where
        result.failure = Failure(str(error.source), _brief(text))
    except Exception as error:  # noqa: BLE001 - a kernel that dies must end in a report too
        result.failure = Failure("", f"{type(error).__name__}: {error}")
    result.seconds = time.monotonic() - started
    result.ended = datetime.now(timezone.utc)
    result.status = "failed" if result.failure else "passed"


def _brief(text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join(
        lines if len(lines) <= 2 * _SHOWN_LINES else ["…", *lines[-2 * _SHOWN_LINES :]]
    )


def describe(failure: Failure) -> str:
    """The failing cell, briefly, and its error."""
    lines = failure.source.strip().splitlines()
    if len(lines) > _SHOWN_LINES:
        lines = [*lines[:_SHOWN_LINES], "…"]
    cell = "\n".join(f"    {line}" for line in lines)
    return f"{cell}\n\n{failure.message}" if cell else failure.message


# -- reading notebooks ---------------------------------------------------------------------------


def _title(chapter: Chapter) -> str:
    for cell in parameters.read(chapter.path).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.splitlines()[0][2:].strip())
    return chapter.name


# -- papermill's engine, that tells of each cell -------------------------------------------------

_ENGINE = "consume-public-content"


def _save_seldom(notebook: Any) -> None:
    """Let papermill save once in a while: it writes all of the notebook twice for every cell.

    The end is always saved.
    """
    save, complete = notebook.save, notebook.notebook_complete

    def save_sometimes(**options: Any) -> None:
        if (notebook.now() - notebook.last_save_time).total_seconds() > _SAVED_EVERY:
            save(**options)

    def complete_and_save(**options: Any) -> None:
        notebook.save = save
        complete(**options)

    notebook.save, notebook.notebook_complete = save_sometimes, complete_and_save


def load() -> None:
    """Import what executes notebooks, which takes a while: other things can be done beside it."""
    from papermill.engines import NBClientEngine, papermill_engines
    from traitlets.config import Config

    from .kernels import Manager

    if _ENGINE in papermill_engines._engines:
        return

    class Engine(NBClientEngine):  # type: ignore[misc]
        """The ordinary engine; ``told(done, total)`` is called after every code cell."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, told: Any = None, **options: Any
        ) -> Any:
            total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
            done = 0
            complete = nb_man.cell_complete

            def tell(cell: Any, *arguments: Any, **more: Any) -> None:
                nonlocal done
                complete(cell, *arguments, **more)
                if cell.cell_type == "code":
                    done += 1
                    if told:
                        told(done, total)

            nb_man.cell_complete = tell
            _save_seldom(nb_man)
            if told:
                told(0, total)
            # Sockets in a folder of the user's own: nobody else on the machine can reach the kernel.
            with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
                sockets = {"transport": "ipc", "ip": str(Path(folder, "socket"))}
                config = Config({"KernelManager": sockets})
                options |= {"config": config, "kernel_manager_class": Manager}
                # jupyter_client interrupts a kernel before it asks it to end; one that has nothing
                # to do then reports an error that is none. What a cell raises comes another way.
                options["extra_arguments"] = ["--log-level=CRITICAL"]
                return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register(_ENGINE, Engine)
