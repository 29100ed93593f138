"""Two at once: the same names wait for one another, other names do not, and nobody waits for the dead."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers import forks, locks
from helpers.clouds import Connection
from helpers.errors import HelpersError
from helpers.localcloud import daemon
from helpers.settings import Settings
from helpers.tutorial import NOTEBOOKS, ROOT
from tests.conftest import LocalCloud
from tests.readers import environment, interruptible

HOLD = """
import sys
from helpers import Settings, connect, locks
registry, who, patience, *more = sys.argv[1:]
settings = Settings(registry=registry, public_registry=registry + "a", github_owner=registry,
    base_artifacts_registry=registry + "b", vault=registry, instance=registry)
connection = connect("local")
with locks.hold(connection, locks.names_of(connection, settings), who, patience=float(patience)):
    print(who, "works", flush=True)
    if more:
        import subprocess
        subprocess.run([sys.executable, *more], check=True)
    sys.stdin.readline()
print(who, "is done", flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "hold.py"
    path.write_text(HOLD)
    return path


def of(cloud: LocalCloud) -> dict[str, str]:
    return environment(LOCALCLOUD_HOME=str(cloud.home), PYTHONPATH=str(ROOT))


@contextmanager
def holder(
    cloud: LocalCloud, script: Path, registry: str, who: str, *more: str, patience: float = 0
) -> Iterator[subprocess.Popen[str]]:
    """A process that works with the names of ``registry`` until it is sent a line."""
    with interruptible():
        process = subprocess.Popen(
            [sys.executable, str(script), registry, who, str(patience), *more],
            env=of(cloud),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_the_same_names_wait_and_other_names_do_not(local_cloud: LocalCloud, script: Path) -> None:
    with holder(local_cloud, script, "samenames", "08-first") as first:
        assert line(first) == "08-first works"
        with holder(local_cloud, script, "samenames", "second") as second:
            told = line(second)
            assert re.fullmatch(
                rf"Waiting for 08-first \(process {first.pid}, since \d\d:\d\d:\d\d\): "
                "it works with the same names.",
                told,
            )
            with holder(local_cloud, script, "othernames", "third") as third:
                assert line(third) == "third works"
                let_go(third)
                assert line(third) == "third is done"
            assert second.poll() is None
            let_go(first)
            assert line(first) == "08-first is done"
            assert line(second) == "second works"


def test_one_name_in_common_is_enough_and_is_named(local_cloud: LocalCloud, script: Path) -> None:
    with holder(local_cloud, script, "commona", "first") as first:
        assert line(first) == "first works"
        # Its public registry is the first one's own; no other name is.
        with holder(local_cloud, script, "common", "second") as second:
            told = line(second)
            assert told.endswith("it works with registry commona.")
            first.kill()
            assert line(second) == "second works"


def test_nobody_waits_for_a_process_that_was_killed(local_cloud: LocalCloud, script: Path) -> None:
    with holder(local_cloud, script, "killednames", "first") as first:
        assert line(first) == "first works"
        first.kill()
        first.wait()
        with holder(local_cloud, script, "killednames", "second") as second:
            assert line(second) == "second works"


def test_what_a_holder_starts_is_let_through(local_cloud: LocalCloud, script: Path) -> None:
    inner = [str(script), "nestednames", "inner", "0"]
    with holder(local_cloud, script, "nestednames", "outer", *inner) as outer:
        assert line(outer) == "outer works"
        assert line(outer) == "inner works"
        # Not once its holder is gone: then it is one like all others.
        with holder(local_cloud, script, "nestednames", "second") as second:
            assert line(second).startswith("Waiting for outer (process")


def test_an_inherited_ticket_of_one_who_is_gone_lets_nobody_through(
    local_cloud: LocalCloud, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(local_cloud, script, "deadnames", "first") as first:
        assert line(first) == "first works"
        dead = "0" * 32
        (local_cloud.home / "tickets" / dead).write_text(
            '{"who": "x", "pid": 1, "names": ["registry deadnames"], "started": 1, '
            '"since": 0, "working": true}'
        )
        monkeypatch.setenv(locks.VARIABLE, f"{dead},../../account.json,{'1' * 32}")
        with holder(local_cloud, script, "deadnames", "second") as second:
            assert line(second).startswith("Waiting for first (process")
    assert not (local_cloud.home / "tickets" / dead).exists()  # cleared away meanwhile


def test_who_was_started_earlier_goes_first(local_cloud: LocalCloud, script: Path) -> None:
    with holder(local_cloud, script, "ordernames", "holder") as now:
        assert line(now) == "holder works"
        with holder(local_cloud, script, "ordernames", "earlier", patience=1) as earlier:
            assert "Waiting for holder" in line(earlier)
            with holder(local_cloud, script, "ordernames", "later") as later:
                assert "Waiting for holder" in line(later)
                let_go(now)
                assert line(now) == "holder is done"
                # Its patience is not over yet, but nobody younger is let past.
                told = line(later)
                if "waits to work with" in told:
                    assert told.startswith("Waiting for earlier (process")
                    told = line(later)
                assert line(earlier) == "earlier works"
                assert told.startswith("Waiting for earlier (process")
                assert told.endswith("it works with the same names.")


def test_interrupting_the_wait_says_for_whom_it_was(local_cloud: LocalCloud, script: Path) -> None:
    with holder(local_cloud, script, "stopnames", "first") as first:
        assert line(first) == "first works"
        with holder(local_cloud, script, "stopnames", "second") as second:
            assert line(second).startswith("Waiting for first (process")
            second.send_signal(signal.SIGINT)
            rest, _ = second.communicate(timeout=30)
            assert "WaitInterruptedError: Interrupted while waiting for first (process" in rest
            assert "Nothing was changed." in rest
        with holder(local_cloud, script, "stopnames", "third") as third:
            assert "Waiting for first" in line(third)  # not for the one that has given up


def test_threads_wait_for_one_another_too(
    connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    names = frozenset({"registry threads"})
    inside: list[str] = []

    def work(who: str) -> None:
        with locks.hold(connection, names, who), locks.hold(connection, names, f"{who} again"):
            inside.append(f"{who} in")
            threading.Event().wait(0.6)
            inside.append(f"{who} out")

    workers = [threading.Thread(target=work, args=(who,)) for who in ("one", "two", "three")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    pairs = [inside[at : at + 2] for at in range(0, 6, 2)]
    assert all(a.split()[0] == b.split()[0] for a, b in pairs)
    assert locks.VARIABLE not in os.environ
    assert f"(process {os.getpid()}, since" in capsys.readouterr().out


def test_a_state_that_is_deleted_meanwhile_ends_no_wait_badly(
    connection: Connection, local_cloud: LocalCloud, script: Path
) -> None:
    with locks.hold(connection, frozenset({"registry resetnames"}), "first"):
        [ticket] = [one for one in (local_cloud.home / "tickets").iterdir() if one.name != "lock"]
        ticket.unlink()  # as python -m helpers reset does
        with holder(local_cloud, script, "resetnames", "second") as second:
            assert line(second) == "second works"


def test_a_folder_that_cannot_be_written_is_named(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    connection.environment["LOCALCLOUD_HOME"] = str(tmp_path / "file")
    with (
        pytest.raises(HelpersError, match=r"file/tickets cannot be written \(Not a directory\)"),
        locks.hold(connection, frozenset({"registry x"}), "me"),
    ):
        pass


def test_publishing_waits_for_who_works_with_the_repositories(
    connection: Connection, local_cloud: LocalCloud
) -> None:
    names = locks.names_of(connection, Settings())
    assert locks.names_of(connection, Settings(), staging=True) - names == {"registry acmestaging"}
    assert locks.repositories_of(connection) < names
    publish = [sys.executable, "-u", "-m", "helpers", "publish"]
    with locks.hold(connection, names, "08-watch-the-gate"):
        outside = {k: v for k, v in of(local_cloud).items() if k != locks.VARIABLE}
        with subprocess.Popen(
            publish, cwd=ROOT, env=outside, stdout=subprocess.PIPE, text=True
        ) as process:
            told = line(process)
            assert told.startswith(f"Waiting for 08-watch-the-gate (process {os.getpid()}, since")
            assert "it works with repositories of " in told
            process.terminate()
        # What the holder itself starts goes on; so does a second call in the same thread.
        inside = {**of(local_cloud), locks.VARIABLE: os.environ[locks.VARIABLE]}
        done = subprocess.run(
            publish, cwd=ROOT, env=inside, capture_output=True, text=True, check=True, timeout=60
        )
        assert "Waiting" not in done.stdout
        assert [one.url for one in forks.publish(connection)] == done.stdout.split()


# -- notebooks -----------------------------------------------------------------------------------


# Cells as a kernel runs them: one after another, by IPython, in the main thread.
CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
for line in sys.stdin:
    shell.run_cell(json.loads(line))
    print("-- over", flush=True)
"""
KEEP = """
from helpers import Settings, connect, locks, preflight
locks._IDLE = 2.0
connection = connect("local")
_ = preflight.check(connection, Settings(registry="kernelnames"))
"""


@contextmanager
def notebook(cloud: LocalCloud) -> Iterator[subprocess.Popen[str]]:
    with interruptible():
        process = subprocess.Popen(
            [sys.executable, "-c", CELLS],
            cwd=ROOT,
            env={**of(cloud), "JPY_SESSION_NAME": "/mine/01-prerequisites.ipynb"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
        process.communicate(timeout=30)  # it ends with its input, as a kernel that is shut down
    finally:
        process.kill()
        process.communicate()


def execute(process: subprocess.Popen[str], code: str, *, wait: bool = True) -> str:
    """Run a cell; what it says."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(code) + "\n")
    process.stdin.flush()
    return said(process) if wait else ""


def said(process: subprocess.Popen[str]) -> str:
    """What a cell says until it is over."""
    lines = []
    while (one := line(process)) != "-- over":
        lines.append(one)
        assert process.poll() is None, lines
    return "\n".join(lines)


def test_a_notebook_keeps_its_names_until_it_is_idle(local_cloud: LocalCloud) -> None:
    with notebook(local_cloud) as one, notebook(local_cloud) as other:
        # Importing takes long, and nothing waits meanwhile.
        execute(other, "from helpers import Settings, connect, locks, preflight; connect('local')")
        assert execute(one, KEEP) == ""
        assert execute(one, "import time; time.sleep(3)") == ""  # a cell that runs is not idle
        # The other one has its turn when the first is idle, though that goes on living.
        waited = execute(other, KEEP)
        assert waited.startswith(f"Waiting for 01-prerequisites (process {one.pid}, since")
        # Now the other has a long cell: the first one's next cell waits, and can be interrupted.
        execute(other, "import time; time.sleep(6)", wait=False)
        execute(one, "from __future__ import annotations\nprint('not run')", wait=False)
        assert line(one).startswith(f"Waiting for 01-prerequisites (process {other.pid}, since")
        one.send_signal(signal.SIGINT)
        told = said(one)
        assert "Interrupted while waiting for 01-prerequisites (process" in told
        assert "not run" not in told
        assert "Traceback" not in told
        # Not interrupted, it runs when the other is idle, and its value is shown.
        told = execute(one, "from __future__ import annotations\nprint('runs'); 40 + 2")
        assert told.startswith("Waiting for 01-prerequisites")
        assert re.search(r"runs\nOut\[\d\]: 42", told)
        assert said(other) == ""
        assert execute(one, "40 + 3").endswith(": 43")  # its names are its own again


# -- the whole -----------------------------------------------------------------------------------


def papermill(home: Path, notebook: str, output: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", str(NOTEBOOKS)),
            *(str(NOTEBOOKS / f"{notebook}.ipynb"), str(output), *more),
        ],
        cwd=ROOT,
        env=environment(LOCALCLOUD_HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.timeout(600)
def test_two_notebooks_that_catch_up_at_the_same_time_both_pass(tmp_path: Path) -> None:
    home = tmp_path / "localcloud"
    try:
        first = papermill(home, "03-registry-tokens", tmp_path / "03.ipynb")
        threading.Event().wait(0.5)
        second = papermill(home, "04-hello-world", tmp_path / "04.ipynb")
        for process in (first, second):
            output, _ = process.communicate(timeout=580)
            assert process.returncode == 0, output
        shown = {one: (tmp_path / f"{one}.ipynb").read_text() for one in ("03", "04")}
        assert re.search(r"Waiting for 0[34]-[a-z-]+ \(process", shown["03"] + shown["04"])
        for page in shown.values():
            assert "Everything that this notebook builds on is in place." in page
    finally:
        daemon.down(home)
