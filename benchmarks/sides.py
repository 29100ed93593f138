"""The code of a checkout at work: this one's, and another's that it is compared with."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from helpers.localcloud import daemon

Measured = TypeVar("Measured")
HERE = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN = 60.0  # seconds
_ENDS_WITHIN = 20.0  # seconds
_SETTLES_WITHIN = 30.0  # seconds

# Starts the daemon, and is the parent of whatever loses its own: so all of them can be counted.
_REAPER = """
import ctypes, os, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
child = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        break
"""


@dataclass(frozen=True)
class Started:
    """A daemon that runs: ``reaper`` is the process that all of its processes descend from."""

    running: daemon.Running
    reaper: subprocess.Popen[bytes]
    seconds: float  # until it was ready

    @property
    def processes(self) -> list[int]:
        """The process ids of the daemon and all its descendants, now."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found: list[int] = []
        left = list(parents.get(self.reaper.pid, []))
        while left:
            found.append(one := left.pop())
            left += parents.get(one, [])
        return found

    @property
    def processor_seconds(self) -> float:
        """What all its processes have used, those that have ended included."""
        return processor_seconds([self.reaper.pid, *self.processes])

    def settle(self) -> None:
        """Wait until it has nothing left to do of its start: until it has used nothing for a second."""
        ends = time.monotonic() + _SETTLES_WITHIN
        before = -1.0
        while (used := self.processor_seconds) != before and time.monotonic() < ends:
            before = used
            time.sleep(1)

    @property
    def memory(self) -> float:
        """Proportional set size of all its processes, in MB."""
        total = 0
        for pid in self.processes:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1000


@dataclass(frozen=True)
class Side:
    """A checkout with an environment of its own in ``.venv``."""

    root: Path = HERE

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        own = self.root / ".venv" / "bin" / "python"
        return str(own) if self.root != HERE and own.exists() else sys.executable

    @contextlib.contextmanager
    def cloud(self, home: Path) -> Iterator[Started]:
        """A daemon of this code; all its processes are gone afterwards."""
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = ("AZURE_", "LOCALCLOUD_")
        proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(hidden) and name.lower() not in proxies
        }
        began = time.perf_counter()
        with (home / "daemon.log").open("ab") as output:
            reaper = subprocess.Popen(
                [
                    *(sys.executable, "-S", "-c", _REAPER),
                    *(self.python, "-m", "helpers.localcloud.daemon", "--home", str(home)),
                ],
                cwd=self.root,
                env={**environment, "PYTHONPATH": str(self.root)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while (running := daemon.status(home)) is None:
                if reaper.poll() is not None or time.perf_counter() - began > _READY_WITHIN:
                    tail = (home / "daemon.log").read_text(errors="replace")[-500:]
                    raise RuntimeError(f"the daemon of {self.root} did not start: {tail}")
                time.sleep(0.005)
            yield Started(running, reaper, time.perf_counter() - began)
        finally:
            self._end(home, reaper)

    def _end(self, home: Path, reaper: subprocess.Popen[bytes]) -> None:
        reaper.terminate()
        try:
            reaper.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:  # what benchmarks do to old code may stop it for ever
            left = Started(daemon.Running(0, "", "", str(home), 0), reaper, 0).processes
            for pid in [*left, reaper.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            reaper.wait()

    def helpers(self, home: Path, *arguments: str) -> None:
        """Run ``python -m helpers`` of this code. Raises RuntimeError with what it said."""
        done = subprocess.run(
            [self.python, "-m", "helpers", *arguments],
            cwd=self.root,
            env={**os.environ, "LOCALCLOUD_HOME": str(home), "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"helpers {' '.join(arguments)} failed: {done.stdout[-800:]}")


def each(
    sides: Sequence[Side], folder: Path, measure: Callable[[Started], Measured]
) -> list[Measured]:
    """What is measured in a cloud of each side, one after the other."""
    found = []
    for number, side in enumerate(sides):
        with side.cloud(folder / f"side{number}") as started:
            found.append(measure(started))
    return found


def processor_seconds(processes: Iterable[int]) -> float:
    """What these processes have used, and those of their children that have ended."""
    ticks = 0
    for pid in processes:
        if fields := _stat(pid):
            ticks += sum(int(one) for one in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
