"""The daemon of one local cloud: start it, find it, stop it, and the process itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import functools
import importlib
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from . import daemon_log, damage, fork_server
from .cloud import Account, Cloud
from .errors import CloudError, DaemonError

log = logging.getLogger(__name__)

SERVICES = (
    *("identity", "resource_manager", "key_vault", "registry", "git_host", "blobs"),
    "container_instances",
)
WORKERS = ("collector", "container_instances", "resource_manager", "tasks", "webhooks")
# What only the processes that are forked need, beside what the services import.
FORKED = (
    "helpers.localcloud.tasks.execution.process",
    "helpers.localcloud.containers.images.stand_in",
    "helpers.localcloud.tasks.execution.rehearsal:rehearse",
)
FORKED_BARE = ("helpers.localcloud.containers.sandboxes.namespace_holder",)
READY_WITHIN = 30.0  # seconds
LOCK = "daemon.json"  # in the state folder: locked by whoever has it, with what a daemon says of itself
_started: dict[int, subprocess.Popen[bytes]] = {}  # daemons that are children of this process


@dataclass(frozen=True)
class Running:
    """A running daemon: its process, where it listens, and its state folder."""

    pid: int
    proxy_url: str
    ca_file: str
    home: str
    started: float

    @property
    def account(self) -> Account:
        """The account of this cloud."""
        return Account.load(Path(self.home) / "account.json")


class Worker(Protocol):
    """What works in the background of the daemon."""

    def stop(self) -> None:
        """Stop, and leave no process behind."""


def default_home() -> Path:
    """The state folder: ``LOCALCLOUD_HOME``, else ``.localcloud`` beside the package."""
    chosen = os.environ.get("LOCALCLOUD_HOME")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[2] / ".localcloud"


def status(home: Path) -> Running | None:
    """The daemon of that state folder, or None when none runs or it is not ready yet.

    Raises :class:`DaemonError` when what it wrote of itself was overwritten.
    """
    state = _read_state(home)
    return _running(home, state) if state else None


def _running(home: Path, state: str) -> Running:
    try:
        return Running(**json.loads(state))
    except (ValueError, TypeError):
        raise DaemonError(
            f"A local cloud runs in {home}, but {home / 'daemon.json'}, where it wrote its process "
            "and its address, is damaged. Find its process with ps x (helpers.localcloud.daemon "
            f"--home {home}) and end it with kill, then: python -m helpers up"
        ) from None


def _read_state(home: Path) -> str | None:
    """What the daemon wrote into its lock file ('' while it starts); None when nobody locks it."""
    for process in [p for p in _started.values() if p.poll() is not None]:
        _started.pop(process.pid)
    with contextlib.suppress(OSError), (home / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _told(lock)
    return None


def _told(lock: TextIO) -> str:
    """What the holder of the lock file says of itself, '' when nothing yet.

    A killed daemon's children have its lock for a moment longer: what it said holds no more.
    """
    lock.seek(0)
    state = lock.read()
    try:
        pid = int(json.loads(state)["pid"])
    except (ValueError, TypeError, KeyError):
        return state
    return state if _lives(pid) else ""


def _lives(pid: int) -> bool:
    """Whether there is such a process still; one that only its parent has not noted is none."""
    return process_state(pid) not in ("", "Z", "X")


def up(home: Path) -> Running:
    """Find the daemon of that state folder, or start it; returns when it answers.

    Raises :class:`DaemonError` with the daemon's own words when it cannot start.
    """
    found = status(home)
    if found is not None:
        return found
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        output = (home / "daemon.log").open("ab")
    except OSError as error:
        raise DaemonError(
            f"The state folder {home} is not writable ({_why(home, error)}). Choose another with "
            "LOCALCLOUD_HOME=<folder>."
        ) from None
    with output:
        (home / "daemon.log").chmod(0o600)
        start = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "helpers.localcloud.daemon", "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,
            env=_clean_environment(),
        )
    _started[process.pid] = process
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        time.sleep(0.02)
        ended = process.poll() is not None
        state = _read_state(home)
        if state:
            return _running(home, state)
        if ended and state is None:  # not '': then another start was quicker, and goes on
            if not (home / "daemon.log").exists():
                raise DaemonError(
                    f"The local cloud did not start: its state in {home} was deleted meanwhile. "
                    "Start it again: python -m helpers up"
                )
            tail = (home / "daemon.log").read_bytes()[start:].decode(errors="replace").strip()
            reason = (
                tail.splitlines()[-1]
                if tail
                else f"it ended with status {process.returncode} and could not write why. Is the "
                f"disk of {home} full?"
            )
            raise DaemonError(
                f"The local cloud did not start: {reason}\nIts log: {home / 'daemon.log'}"
            )
    process.kill()
    raise DaemonError(
        f"The local cloud was not ready within {READY_WITHIN:.0f} s. Its log: {home / 'daemon.log'}"
    )


def _why(home: Path, error: OSError) -> str:
    for place in (home, *home.parents):
        if place.exists():
            return f"{place} is a file" if not place.is_dir() else str(error.strerror)
    return str(error.strerror)


def down(home: Path, patience: float = 15.0) -> bool:
    """Stop the daemon of that state folder; False when none runs."""
    running = status(home)
    if running is None:
        return False
    os.kill(running.pid, signal.SIGTERM)
    process = _started.pop(running.pid, None)
    deadline = time.monotonic() + patience
    while _read_state(home) is not None or _runs(running.pid, process):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    if process is not None:
        process.wait()
    return True


def _runs(pid: int, process: subprocess.Popen[bytes] | None) -> bool:
    """As :func:`_lives`; a child of ours is noted where it has ended."""
    return _lives(pid) if process is None else process.poll() is None


def process_state(pid: int) -> str:
    """The letter of a process's state (proc(5)); '' when there is none, and where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def environment(running: Running) -> dict[str, str]:
    """What a process needs in its environment for its clients to reach this cloud."""
    account = running.account
    ca = running.ca_file
    return {
        "HTTPS_PROXY": running.proxy_url,
        "https_proxy": running.proxy_url,
        "REQUESTS_CA_BUNDLE": ca,
        "CURL_CA_BUNDLE": ca,
        "GIT_SSL_CAINFO": ca,
        "SSL_CERT_FILE": ca,
        "NODE_EXTRA_CA_CERTS": ca,
        "NODE_USE_ENV_PROXY": "1",  # without it its fetch knows no proxy
        "AZURE_TENANT_ID": account.tenant_id,
        "AZURE_CLIENT_ID": account.client_id,
        "AZURE_CLIENT_SECRET": account.client_secret,
        "AZURE_SUBSCRIPTION_ID": account.subscription_id,
        "AZURE_CONFIG_DIR": str(Path(running.home) / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_TOKEN": account.github_token,
        "GITHUB_OWNER": account.github_owner,
    }


def _clean_environment() -> dict[str, str]:
    """The daemon is the network: it must not be sent to a proxy, its own least of all."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
        and not name.startswith(("AZURE_", "IDENTITY_", "MSI_"))
    }


# -- the process ---------------------------------------------------------------------------------


async def serve(home: Path, port: int | None, announce: Callable[[Running], None]) -> None:
    """Run the cloud in ``home`` until SIGTERM or SIGINT; ``announce`` is told when it is ready."""
    from starlette.responses import JSONResponse

    from .change_stream import ChangeStream
    from .changes import PATH
    from .container_instances.addresses import place
    from .front_door import FrontDoor
    from .front_door.certificates import Certificates
    from .front_door.server import loopback_listener

    listener = loopback_listener(port) if port is not None else _usual_listener(home)
    cloud = Cloud(home)
    cloud.content.sweep()
    cloud.proxy_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    (home / "port").write_text(str(listener.getsockname()[1]))
    running = Running(
        os.getpid(), cloud.proxy_url, str(cloud.ca_file), str(home.resolve()), time.time()
    )
    services = {name: _package(name).app(cloud) for name in SERVICES}
    certificates = Certificates(home, cloud.ca_file)
    own: dict[str, Any] = {
        "/": JSONResponse(asdict(running)),
        PATH: ChangeStream(cloud.changes, home),
    }
    place_of = functools.partial(place, cloud)
    front_door = FrontDoor(services, certificates, running.proxy_url, own, place_of)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await front_door.listen(listener)
    workers: list[Worker] = [_package(name).start(cloud) for name in WORKERS]
    cloud.outbox.settle()
    for finding in damage.glance(home):
        log.error("%s", finding)
    announce(running)
    if (server := fork_server.current()) is not None:
        # Only now: until here it would have slowed this process down.
        server.prepare(FORKED, FORKED_BARE)
    log.info("ready at %s, process %d", cloud.proxy_url, running.pid)
    try:
        await stopping.wait()
    finally:
        cloud.changes.close()  # who watches is told at once
        await asyncio.to_thread(cloud.outbox.stop)
        for worker in reversed(workers):
            await asyncio.to_thread(worker.stop)
        await front_door.close()
        await asyncio.to_thread(cloud.close)
        log.info("stopped")


def _usual_listener(home: Path) -> Any:
    """The port of the last time, so that shells which know it stay right; else any free one."""
    from .front_door.server import loopback_listener

    with contextlib.suppress(OSError, ValueError, CloudError):
        return loopback_listener(int((home / "port").read_text()))
    return loopback_listener(0)


def _package(name: str) -> Any:
    return importlib.import_module(f".{name}", __package__)


def _lock(home: Path) -> TextIO | None:
    """The lock file of the state folder, locked; None when another daemon holds it."""
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    lock = os.fdopen(descriptor, "r+")
    deadline = time.monotonic() + 1.0  # a status call holds it for a moment
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _told(lock) or time.monotonic() > deadline:
                lock.close()
                return None
            time.sleep(0.01)
        else:
            if not _is_there(home, lock):  # it waited for who has deleted the state
                lock.close()
                return None
            lock.truncate(0)
            return lock


def _is_there(home: Path, lock: TextIO) -> bool:
    """Whether that lock file is the state folder's still."""
    try:
        return os.path.samestat((home / LOCK).stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def held(home: Path) -> Iterator[bool]:
    """Keep every daemon from starting in a state folder meanwhile; False when one runs there."""
    lock = _lock(home)
    if lock is None:
        yield False
        return
    with lock:
        yield True


def _announce(lock: TextIO, running: Running) -> None:
    lock.seek(0)
    lock.write(json.dumps(asdict(running)))
    lock.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon in the foreground; exit status 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m helpers.localcloud.daemon")
    parser.add_argument("--home", type=Path, default=default_home())
    home: Path = parser.parse_args(arguments).home
    daemon_log.set_up(home / "daemon.log")
    os.umask(0o077)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(home)
        if lock is None:
            print(f"another daemon already serves {home}", file=sys.stderr)
            return 1
        with lock:
            for name in (*SERVICES, *WORKERS, "front_door.server"):
                _package(name)  # before the fork: both processes share the memory of it
            with fork_server.running():  # begun before there is a loop or a thread
                import uvloop

                announce = functools.partial(_announce, lock)
                uvloop.run(serve(home, _chosen_port(), announce))
    except CloudError as error:
        print(error.message, file=sys.stderr)
        return 1
    except (OSError, sqlite3.OperationalError) as error:  # rights, space
        print(f"The state folder {home} cannot be used: {error}", file=sys.stderr)
        return 1
    except (ValueError, sqlite3.Error) as error:
        log.exception("the state is damaged")
        print(
            f"The state in {home} is damaged: {error}. To begin anew: python -m helpers reset",
            file=sys.stderr,
        )
        return 1
    return 0


def _chosen_port() -> int | None:
    """The port that the environment names, or None. Raises :class:`CloudError`."""
    chosen = os.environ.get("LOCALCLOUD_PORT")
    if not chosen:
        return None
    if not chosen.isdecimal() or int(chosen) > 65535:
        raise CloudError(
            500, "InvalidPort", f"LOCALCLOUD_PORT={chosen} is not a port number: 0 to 65535"
        )
    return int(chosen)


if __name__ == "__main__":
    sys.exit(main())
