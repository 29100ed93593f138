"""Runs of tasks: follow one with its log, wait for one that a trigger starts, tabulate them."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from . import explain
from .clouds import Connection
from .display import LiveLog, Log, Table, plain
from .errors import HelpersError
from .localcloud.run_statuses import FINAL
from .pictures import Volatile
from .run import bases_of, digest_of, duration_of, images_of, moment, trigger_of
from .views.elapsed import Elapsed

__all__ = [
    "COLUMNS",
    "FINAL",
    "RunFailed",
    "RunTimeout",
    "digest_of",
    "duration_of",
    "ended",
    "follow",
    "images_of",
    "log_of",
    "looks",
    "newest",
    "recent",
    "started_by_commit",
    "started_by_image",
    "table",
    "title_of",
    "trigger_of",
    "wait_for",
]

COLUMNS = ("RUN ID", "TASK", "PLATFORM", "STATUS", "TRIGGER", "STARTED", "DURATION")
_LAST_LINES = 12
_RECENT = 50  # runs that are looked through for one that an event started
_LOG_PATIENCE = 10.0  # seconds that the log may lag behind the status
_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/"
    r"Microsoft\.ContainerRegistry/registries/(?P<registry>[^/]+)/runs/(?P<run>[^/]+)",
    re.IGNORECASE,
)


class RunFailed(HelpersError):  # noqa: N818 - what happened, as a reader says it
    """A run ended with another status than expected; has its status, its error and its log."""

    def __init__(self, message: str, run: Any, log: list[str]) -> None:
        super().__init__(message)
        self.run = run
        self.log = log


class RunTimeout(HelpersError):  # noqa: N818
    """A run did not start, or did not end, in time."""


@dataclass(frozen=True)
class _Address:
    group: str
    registry: str
    run: str

    @classmethod
    def of(cls, run: Any) -> _Address:
        number = getattr(run, "id", None)
        found = _ID.fullmatch(number or "")
        if found is None:
            raise HelpersError(f"This is not a run of a task: its id is {number!r}.")
        return cls(found["group"], found["registry"], found["run"])


def follow(
    connection: Connection, run: Any, *, expect: str = "Succeeded", timeout: float = 1800.0
) -> Any:
    """Show the log of ``run`` while it grows, until the run has ended; the run at its end.

    ``run`` is what ``schedule_run``, ``runs.get`` or ``runs.list`` of the SDK returned; ``expect``
    is the status that it should end with; ``timeout`` is in seconds. Raises :class:`RunFailed` with
    the last lines of the log when it ends otherwise, :class:`RunTimeout`.
    """
    address = _Address.of(run)
    log = Log(title_of(run))
    show = LiveLog(log)
    deadline = time.monotonic() + timeout
    try:
        for look, lines in looks(connection, run):
            run = look
            log.status = plain(run.status)
            log.lines.extend(lines)
            show()
            if run.status not in FINAL and time.monotonic() > deadline:
                raise RunTimeout(_not_over(run, address, timeout))
    finally:
        show.end()
    if run.status != expect:
        raise RunFailed(_failure(run, address, log.lines, expect), run, log.lines)
    return run


def looks(connection: Connection, run: Any) -> Iterator[tuple[Any, list[str]]]:
    """Look at a run again and again until it has ended and its log is whole: the run as it is by
    then, and the lines that have come since the last look.
    """
    address = _Address.of(run)
    stream = _LogStream(connection, address)
    ended: float | None = None
    while True:
        found = connection.clients.tasks.runs.get(address.group, address.registry, address.run)
        lines = stream.read()
        if found.status in FINAL:
            ended = ended or time.monotonic()
            if stream.complete or time.monotonic() - ended > _LOG_PATIENCE:
                yield found, [*lines, *stream.rest()]
                return
        yield found, lines
        time.sleep(connection.poll_seconds)


def ended(
    connection: Connection, run: Any, *, expect: str = "Succeeded", timeout: float = 1800.0
) -> Any:
    """Wait until ``run`` has ended, without its log; the run at its end.

    Raises as :func:`follow` does.
    """
    address = _Address.of(run)
    place = (address.group, address.registry, address.run)
    deadline = time.monotonic() + timeout
    what = f"Run {address.run} in {address.registry}"
    with Elapsed(what) as going:
        while (run := connection.clients.tasks.runs.get(*place)).status not in FINAL:
            going.at(plain(run.status))
            if time.monotonic() > deadline:
                raise RunTimeout(_not_over(run, address, timeout))
            time.sleep(connection.poll_seconds)
        going.done(f"{what}: {plain(run.status)}.")
    if run.status != expect:
        lines = log_of(connection, run).lines
        raise RunFailed(_failure(run, address, lines, expect), run, lines)
    return run


def _not_over(run: Any, address: _Address, timeout: float) -> str:
    return (
        f"Run {address.run} in {address.registry} is {plain(run.status)} after {timeout:.0f} s. "
        "It goes on: wait for it with runs.follow, or end it with runs.cancel of the SDK."
    )


def log_of(connection: Connection, run: Any) -> Log:
    """The log of a run as far as it is written."""
    address = _Address.of(run)
    stream = _LogStream(connection, address)
    lines = [*stream.read(), *stream.rest()]
    return Log(title_of(run), lines, plain(run.status))


def title_of(run: Any) -> str:
    """How the log of a run is headed."""
    address = _Address.of(run)
    return f"Run {address.run} in {address.registry}"


def newest(connection: Connection, group: str, registry: str, task: str) -> Any | None:
    """The newest run of a task, or None."""
    return next(iter(recent(connection, group, registry, task, top=1)), None)


def recent(
    connection: Connection, group: str, registry: str, task: str, *, top: int | None = None
) -> Iterable[Any]:
    """The runs of a task, the newest first; not more than ``top``."""
    found: Iterable[Any] = connection.clients.tasks.runs.list(
        group, registry, filter=f"TaskName eq '{task}'", top=top
    )
    return found


def wait_for(
    connection: Connection,
    group: str,
    registry: str,
    task: str,
    *,
    after: Any | None,
    trigger: str | None = None,
    timeout: float = 300.0,
) -> Any:
    """Wait until a run of ``task`` is there that is newer than the run ``after``; that run.

    ``trigger``: ``Commit``, ``Image Update``, ``Timer`` or ``Manual``; another one does not count.
    Raises :class:`RunTimeout` after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    with Elapsed(f"Waiting for a new run of {task}") as going:
        while time.monotonic() < deadline:
            for run in recent(connection, group, registry, task, top=20):
                if after is not None and run.run_id == after.run_id:
                    break
                if trigger in (None, trigger_of(run)):
                    going.done(f"A new run of {task}: {run.run_id}.")
                    return run
            time.sleep(connection.poll_seconds)
    kind = f"by the trigger {trigger} " if trigger else ""
    raise RunTimeout(
        f"No new run of {task} in {registry} was started {kind}within {timeout:.0f} s."
    )


def started_by_commit(
    connection: Connection,
    group: str,
    registry: str,
    task: str,
    commit: str,
    *,
    timeout: float = 300.0,
    quiet: bool = False,
) -> Any:
    """Wait until there is a run of ``task`` that ``commit`` (its whole id) started; that run.

    It is also found when it ended long ago. ``quiet``: nothing says meanwhile that it is waited for.
    Raises :class:`RunTimeout` after ``timeout`` seconds.
    """

    def wanted(run: Any) -> bool:
        return bool(run.source_trigger) and run.source_trigger.commit_id == commit

    cause = f"the commit {commit[:7]}"
    return _started(connection, (group, registry, task), wanted, cause, timeout, quiet)


def started_by_image(
    connection: Connection,
    group: str,
    registry: str,
    task: str,
    digest: str,
    *,
    after: Any | None = None,
    timeout: float = 300.0,
    quiet: bool = False,
) -> Any:
    """Wait until there is a run of ``task`` that a base image with ``digest`` started; the newest.

    It is also found when it ended long ago: an image that comes back unchanged, and that the task
    was last built on, starts none. ``after``: a run that it has to be younger than, perhaps of
    another task. ``quiet`` as in :func:`started_by_commit`. Raises :class:`RunTimeout` after
    ``timeout`` seconds.
    """

    def wanted(run: Any) -> bool:
        if after is not None and run.create_time < after.create_time:
            return False
        return digest in [one.digest for one in bases_of(run)]

    cause = f"the base image {digest[:19]}…"
    return _started(connection, (group, registry, task), wanted, cause, timeout, quiet)


def _started(
    connection: Connection,
    place: tuple[str, str, str],
    wanted: Callable[[Any], bool],
    cause: str,
    timeout: float,
    quiet: bool,
) -> Any:
    group, registry, task = place
    deadline = time.monotonic() + timeout
    with Elapsed(f"Waiting for the run of {task} that {cause} starts", quiet=quiet) as going:
        while True:
            latest = recent(connection, group, registry, task, top=_RECENT)
            found = next((run for run in latest if wanted(run)), None)
            if found is not None:
                going.done(f"The run of {task} that {cause} has started: {found.run_id}.")
                return found
            if time.monotonic() > deadline:
                raise RunTimeout(
                    f"No run of {task} in {registry} was started by {cause} within {timeout:.0f} s."
                    + _why(connection, group, registry, task)
                )
            time.sleep(connection.poll_seconds)


def _why(connection: Connection, group: str, registry: str, task: str) -> str:
    reasons = explain.why(connection, group, registry, task).reasons
    return "".join(f"\n* {reason}" for reason in reasons)


def table(
    connection: Connection, group: str, registry: str, task: str | None = None, top: int = 15
) -> Table:
    """The runs of a registry, the newest first, as ``az acr task list-runs -o table`` shows them."""
    condition = f"TaskName eq '{task}'" if task else None
    found = connection.clients.tasks.runs.list(group, registry, filter=condition, top=top)
    return Table(COLUMNS, [_row(run) for run in found])


def _row(run: Any) -> tuple[str, ...]:
    started = moment(run.start_time).strftime("%Y-%m-%dT%H:%M:%SZ") if run.start_time else ""
    return (
        Volatile(run.run_id),
        str(run.task or ""),
        plain(run.platform.os).lower() if run.platform else "",
        plain(run.status),
        trigger_of(run),
        Volatile(started),
        Volatile(duration_of(run)),
    )


def _failure(run: Any, address: _Address, lines: list[str], expect: str) -> str:
    what = f"Run {address.run} of {run.task}" if run.task else f"Run {address.run}"
    reason = f": {run.run_error_message}" if run.run_error_message else ""
    text = f"{what} in {address.registry} ended with status {plain(run.status)}{reason}"
    if expect != "Succeeded":
        text += f"\n{expect} is what should have become of it."
    if not lines:
        return f"{text}\nIts log is empty."
    last = "\n".join(f"  {line}" for line in deque(lines, _LAST_LINES))
    return f"{text}\nThe last lines of its log:\n{last}"


class _LogStream:
    """Reads a log that is still being written: each call brings what has come since the last."""

    def __init__(self, connection: Connection, address: _Address) -> None:
        self._connection = connection
        self._address = address
        self._url = ""
        self._position = 0
        self._partial = b""
        self._session = requests.Session()
        self.complete = False

    def read(self) -> list[str]:
        """The whole lines since the last call. A log that is not there yet has none."""
        content, complete = self._get()
        *whole, self._partial = (self._partial + content).split(b"\n")
        self.complete = complete
        return [_text(line) for line in whole]

    def rest(self) -> list[str]:
        """What follows the last whole line, once the run has ended."""
        partial, self._partial = self._partial, b""
        self._session.close()
        return [_text(partial)] if partial.strip() else []

    def _get(self) -> tuple[bytes, bool]:
        try:
            answer = self._session.get(
                self._link(), headers={"Range": f"bytes={self._position}-"}, timeout=30
            )
        except OSError:  # requests' own errors are such, too
            self._connection.check()
            return b"", False  # seldom; the next look tries again
        if answer.status_code in (401, 403):
            self._url = ""  # the link has expired: take a new one next time
            return b"", False
        if answer.status_code == 404:
            return b"", False
        complete = "x-ms-meta-complete" in answer.headers
        if answer.status_code == 416:
            # A refused range carries no metadata: ask for the properties alone.
            head = self._session.head(self._link(), timeout=30)
            return b"", "x-ms-meta-complete" in head.headers
        if not answer.ok:  # requests' own words would show the link, which is a key to the log
            raise HelpersError(
                f"The log of run {self._address.run} cannot be read: HTTP {answer.status_code}."
            )
        content = answer.content
        if answer.status_code == 200:
            content = content[self._position :]
        self._position += len(content)
        return content, complete

    def _link(self) -> str:
        if not self._url:
            address = self._address
            found = self._connection.clients.tasks.runs.get_log_sas_url(
                address.group, address.registry, address.run
            )
            self._url = str(found.log_link)
        return self._url


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")
