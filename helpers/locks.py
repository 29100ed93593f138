"""Two at once: who works with the same names waits, who works with others goes on beside.

A ticket lock. Everybody has a ticket, a file that is locked as long as its process lives; it says who
that is, with which names, and whether it has its turn. Who ends in whatever way has no ticket any more.
"""

from __future__ import annotations

import ast
import fcntl
import json
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .clouds import Connection
from .errors import HelpersError, WaitInterruptedError
from .localcloud import daemon
from .settings import Settings

# The tickets under which this process works: its children work under them too.
VARIABLE = "CONSUME_PUBLIC_CONTENT_TICKETS"

_IDLE = 5.0  # seconds after a cell until a kernel counts as idle, and others have their turn
_POLL = 0.1  # seconds
_SILENT = 0.3  # seconds: who has ended this moment is not worth a line


class LockError(HelpersError):
    """Nobody can be told that these names are in use; the message says why."""


@dataclass(frozen=True)
class _Ticket:
    """What a ticket's file says. ``started``: of its process, in ticks; ``since``: seconds."""

    who: str
    pid: int
    names: list[str]
    started: int
    since: float
    working: bool = False


@dataclass
class _Held:
    """A ticket of this process; ``thread`` None: it is the whole kernel's."""

    path: Path
    descriptor: int
    names: frozenset[str]
    who: str
    thread: int | None = field(default_factory=threading.get_ident)


_held: dict[str, _Held] = {}
_own: set[str] = set()  # all that this process has ever held


def names_of(
    connection: Connection, settings: Settings, *, staging: bool = False
) -> frozenset[str]:
    """Everything that the notebooks make or change under these settings.

    ``staging``: those that use the registry for staging, which the first ten know nothing of.
    """
    registries = settings.all_registries if staging else settings.registries
    found = {f"registry {name.lower()}" for name in registries}
    found |= {f"vault {settings.vault.lower()}"}
    group = settings.instance_group.lower()
    found |= {f"instance {settings.instance} in {group} of {connection.subscription_id}"}
    owner = settings.github_owner or _owner(connection)
    return frozenset(found | {f"repositories of {owner.lower()}"})


def repositories_of(connection: Connection) -> frozenset[str]:
    """The sample repositories of the account that the connection pushes to."""
    return frozenset({f"repositories of {connection.github_owner.lower()}"})


@contextmanager
def hold(
    connection: Connection,
    names: frozenset[str],
    who: str,
    *,
    keep: bool = False,
    patience: float = 0.0,
) -> Iterator[bool]:
    """Have these names for oneself, once those who have some of them are done; whether it waited.

    Prints a line that says for whom it waits. ``who`` is what others read who wait for this one.
    What a holder starts is let through: in the same thread, and in child processes. ``keep``: a
    kernel keeps them until it is idle, so that the cells that follow come before anybody else's.
    ``patience``: seconds in which one that was started earlier may still come, and is let go first.
    Raises :class:`WaitInterruptedError`, and :class:`LockError` when no ticket can be written.
    """
    folder = _folder(connection)
    if names <= _granted(folder):
        yield False
        return
    _kernel.release()  # who waits keeps nobody waiting
    asked = time.monotonic()
    token = _acquire(folder, names - _granted(folder), who, patience)
    try:
        yield time.monotonic() - asked > _POLL
    finally:
        if not (keep and _kernel.keep(token)):
            _release(token)


def described() -> str:
    """This process, as others should read it: its notebook, if that is known, or its command."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")  # JupyterLab's, for its kernels
    if notebook.endswith(".ipynb"):
        return Path(notebook).stem
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"python -m {program.parent.name} {' '.join(sys.argv[1:2])}".strip()
    return "a notebook" if "ipykernel" in program.name else program.name or "python"


def _owner(connection: Connection) -> str:
    return connection.environment.get("GITHUB_OWNER") or os.environ.get("GITHUB_OWNER", "")


# -- tickets -------------------------------------------------------------------------------------


def _folder(connection: Connection) -> Path:
    """Where the tickets of a cloud are: in its state folder; Azure's in the user's cache."""
    if connection.is_local:
        home = connection.environment.get("LOCALCLOUD_HOME")
        return (Path(home) if home else daemon.default_home()) / "tickets"
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "consume-public-content" / "tickets"


def _acquire(folder: Path, names: frozenset[str], who: str, patience: float = 0.0) -> str:
    token = secrets.token_hex(16)
    _own.add(token)
    asked = time.monotonic()
    before = told = None
    ticket = _Ticket(who, os.getpid(), sorted(names), _started(), time.time())
    try:
        while True:
            with _table(folder):
                if token not in _held or not _held[token].path.exists():  # the state was reset
                    _write_new(folder, token, ticket)
                before = _before(folder, token, ticket)
                if before is None and time.monotonic() - asked >= patience:
                    _write(_held[token].descriptor, ticket, working=True)
                    break
            if before not in (None, told) and time.monotonic() - asked > _SILENT:
                told = before
                print(_waiting_for(told, names), flush=True)
            time.sleep(_POLL)
    except BaseException as error:
        _release(token)
        if isinstance(error, KeyboardInterrupt) and before is not None:
            raise WaitInterruptedError(
                f"Interrupted while waiting for {_called(before)}. Nothing was changed."
            ) from None
        raise
    _pass_on()
    return token


def _release(token: str) -> None:
    held = _held.pop(token, None)
    if held is not None:
        held.path.unlink(missing_ok=True)
        os.close(held.descriptor)
        _pass_on()


def _pass_on() -> None:
    """Child processes work under the tickets of this one, and under those that it works under."""
    tokens = [*_inherited(), *_held]
    if tokens:
        os.environ[VARIABLE] = ",".join(tokens)
    else:
        os.environ.pop(VARIABLE, None)


def _inherited() -> list[str]:
    """The tickets of those that have started this process.

    Looked up whenever they are needed: a kernel that is forked gets its environment afterwards.
    """
    found = os.environ.get(VARIABLE, "").split(",")
    return [token for token in found if re.fullmatch(r"[0-9a-f]{32}", token) and token not in _own]


def _granted(folder: Path) -> frozenset[str]:
    """The names under whose tickets this thread works already."""
    tokens = _inherited()
    me = threading.get_ident()
    tokens += [token for token, held in _held.items() if held.thread in (None, me)]
    found: set[str] = set()
    for token in tokens:
        ticket = _read(folder / token)
        if ticket is not None and ticket.working:
            found |= set(ticket.names)
    return frozenset(found)


def _before(folder: Path, token: str, mine: _Ticket) -> _Ticket | None:
    """Who has to be done first: who works with some of these names, or waits and was started first.

    Not who asked first: two that are started one after the other ask in any order, when both have
    waited for the same cloud to start.
    """
    waiting = []
    for path in sorted(folder.iterdir()):
        if path.name in (token, _TABLE):
            continue
        other = _read(path)
        if other is None:
            path.unlink(missing_ok=True)
        elif set(other.names) & set(mine.names):
            if other.working:
                return other
            waiting.append((other.started, path.name, other))
    first = min(waiting, default=None, key=lambda one: one[:2])
    return first[2] if first is not None and first[:2] < (mine.started, token) else None


def _waiting_for(other: _Ticket, names: Iterable[str]) -> str:
    shared = sorted(set(other.names) & set(names))
    what = "the same names" if len(shared) == len(set(names)) > 1 else ", ".join(shared)
    verb = "works with" if other.working else "was started earlier, and waits to work with"
    return f"Waiting for {_called(other)}: it {verb} {what}."


def _called(other: _Ticket) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(other.since))
    return f"{other.who} (process {other.pid}, since {since})"


_TABLE = "lock"


@contextmanager
def _table(folder: Path) -> Iterator[None]:
    """Alone with the tickets, for a moment. Raises :class:`LockError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / _TABLE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LockError(
            f"The folder {folder} cannot be written ({error.strerror}). It tells others on this "
            "machine which names are in use."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_new(folder: Path, token: str, ticket: _Ticket) -> None:
    if (old := _held.pop(token, None)) is not None:
        os.close(old.descriptor)
    path = folder / token
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    _held[token] = _Held(path, descriptor, frozenset(ticket.names), ticket.who)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _write(descriptor, ticket, working=False)


def _write(descriptor: int, ticket: _Ticket, *, working: bool) -> None:
    content = {**vars(ticket), "working": working}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode(), 0)


def _read(path: Path) -> _Ticket | None:
    """The ticket in a file, or None when its process has ended."""
    with suppress(OSError, ValueError, TypeError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _Ticket(**json.loads(file.read()))
    return None


def _started() -> int:
    """When this process was started: ticks since the machine was, or as good as that."""
    try:
        return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return time.time_ns()


# -- kernels -------------------------------------------------------------------------------------


class _Kernel:
    """A notebook keeps its names from cell to cell; one that nobody runs on lets others go on.

    The first cell after that waits for its turn again, as a call in it would.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._token: str | None = None
        self._lapsed: tuple[Path, frozenset[str], str] | None = None
        self._timer: threading.Timer | None = None
        self._shell: Any = None

    def keep(self, token: str) -> bool:
        """Make a ticket the kernel's own; False when this is no kernel."""
        interactive = sys.modules.get("IPython")
        shell = interactive.get_ipython() if interactive is not None else None
        if shell is None or threading.current_thread() is not threading.main_thread():
            return False
        if self._shell is not shell:
            shell.events.register("post_run_cell", self._after_cell)
            shell.ast_transformers.append(self)
            self._shell = shell
        with self._mutex:
            _held[token].thread = None
            self._token, self._lapsed = token, None
        return True

    def release(self) -> None:
        """Give the kernel's ticket back, for good."""
        with self._mutex:
            self._stop_timer()
            if self._token is not None:
                _release(self._token)
            self._token = self._lapsed = None

    def resume(self) -> None:
        """Wait for the names that a kernel had before it was idle."""
        if self._lapsed is None:
            return
        folder, names, who = self._lapsed
        self.keep(_acquire(folder, names, who))

    def visit(self, node: ast.Module) -> ast.Module:
        """IPython's, before each cell: one that follows an idle time has a first statement more."""
        with self._mutex:
            self._stop_timer()
        if self._lapsed is not None:
            future = [getattr(one, "module", "") == "__future__" for one in node.body]
            place = future.index(False) if False in future else len(future)
            call = ast.parse(f"__import__({__name__!r}, fromlist=['']).resume()").body
            node.body[place:place] = call
        return node

    def _after_cell(self, _: object) -> None:
        with self._mutex:
            self._stop_timer()
            if self._token is not None:
                self._timer = threading.Timer(_IDLE, self._lapse)
                self._timer.daemon = True
                self._timer.start()

    def _lapse(self) -> None:
        with self._mutex:
            if self._timer is not threading.current_thread() or self._token is None:
                return
            held = _held[self._token]
            self._lapsed = (held.path.parent, held.names, held.who)
            _release(self._token)
            self._token = self._timer = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_kernel = _Kernel()
resume = _kernel.resume
