"""The real Azure CLI, signed in to a local cloud as the tutorial's service principal."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from helpers.localcloud import atomic
from helpers.localcloud.file_lock import locked
from helpers.tutorial import ROOT
from tests.conftest import LocalCloud
from tests.proofs import clients

_OWN = ROOT / ".venv-az" / "bin"
AZ = shutil.which("az", path=f"{_OWN}{os.pathsep}{os.environ['PATH']}")
NEWEST = shutil.which("az", path=ROOT / ".venv-az-newest" / "bin")
# By the target of make that installs it, the oldest first.
PROGRAMS = {"az": AZ, "az-newest": NEWEST}
_INDEX = "commandIndex.json"
NOT_LOADED = "Error loading command module"  # what az says then; it goes on without
_FORKS = Path(__file__).with_name("az_forks.py")


@cache
def _index(program: str) -> bytes:
    """Which module each command of az is in: kept for all workers, and for the next time."""
    kept = ROOT / "build" / f"commands-of{program.replace(os.sep, '-')}.json"
    kept.parent.mkdir(exist_ok=True)
    with locked(kept.with_suffix(".lock")):
        if not kept.exists() or kept.stat().st_mtime < Path(program).stat().st_mtime:
            atomic.write(kept, _made_index(program))
        return kept.read_bytes()


def _made_index(program: str) -> bytes:
    """As the first az of a configuration folder finds it out, by threads that import one another's packages.

    On a busy machine some of them fail, and az takes the commands of those modules for unknown.
    """
    for _ in range(5):
        with tempfile.TemporaryDirectory(prefix="az-") as folder:
            env = {
                **os.environ,
                "AZURE_CONFIG_DIR": folder,
                "AZURE_CORE_COLLECT_TELEMETRY": "false",
            }
            done = subprocess.run(
                [program, "version"],
                env=env,
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
            )
            if NOT_LOADED not in done.stderr:
                return Path(folder, _INDEX).read_bytes()
    raise AssertionError(done.stderr)


@cache
def forking(program: str) -> Path:
    """A folder with an ``az`` for PATH: that ``program``, forked from a process that has imported it.

    Each command takes a quarter of the processor time that it takes when it is started. One that is not
    in an environment of Python is left as it is.
    """
    environment = Path(program).parent.parent
    if not any(environment.glob("lib/python*/site-packages/azure/cli")):
        return Path(program).parent
    folder = Path(tempfile.mkdtemp(prefix="az-"))
    client = folder / "az"
    source = Path(__file__).with_name("az_client.py").read_text()
    client.write_text(f"#!{sys.executable} -IS\n{source}")
    client.chmod(0o700)
    socket = folder / "socket"
    server = subprocess.Popen(
        # -I: tests/ is not searched, which has a package azure of its own.
        [Path(program).with_name("python"), "-I", "-W", "ignore", _FORKS, socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )

    def end() -> None:
        server.communicate()
        shutil.rmtree(folder)

    atexit.register(end)
    while not socket.exists():
        assert server.poll() is None
        time.sleep(0.01)
    return folder


def prepare(folder: Path, program: str | None = AZ) -> None:
    """Make a configuration folder for az in which it knows its commands."""
    assert program is not None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / _INDEX).write_bytes(_index(program))


class Answer(NamedTuple):
    """What a command has printed, by stream, and its exit status."""

    status: int
    output: str
    error: str


@dataclass
class Az:
    """Runs az with a configuration folder of its own."""

    cloud: LocalCloud
    folder: Path
    program: str | None = AZ
    cwd: Path | None = None
    seconds: int = 120  # for one command

    def __post_init__(self) -> None:
        if self.program is not None:
            prepare(self.folder, self.program)

    @property
    def environment(self) -> dict[str, str]:
        """What az is run with: no account but the one that signs in.

        At the proxy it is known by its name: to registries it does not say what it is.
        """
        proxy = self.cloud.proxy_url.replace("//", f"//{clients.AZ}:@")
        return {
            **{k: v for k, v in self.cloud.env.items() if not k.startswith("AZURE_")},
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "AZURE_CONFIG_DIR": str(self.folder),
            "AZURE_CORE_NO_COLOR": "true",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
        }

    def sign_in(self) -> None:
        """az login, with the secret of the account."""
        account = self.cloud.account
        who = ("-u", account.client_id, "-p", account.client_secret, "-t", account.tenant_id)
        self.ok("login", "--service-principal", *who)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What az answers, whatever it is."""
        assert self.program is not None
        return subprocess.run(
            [forking(self.program) / "az", *arguments],
            env=self.environment,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.seconds,
        )

    def answer(self, *arguments: str) -> Answer:
        """What az answers, by stream, also where it has to be ended because it takes too long."""
        try:
            done = self.run(*arguments)
        except subprocess.TimeoutExpired:
            return Answer(1, "", f"It has taken longer than {self.seconds} seconds.")
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> str:
        """What az prints where it succeeds."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def json(self, *arguments: str) -> Any:
        """What az answers, as JSON."""
        return json.loads(self.ok(*arguments, "--output", "json"))

    def refused(self, *arguments: str) -> str:
        """What az says where it fails: its error, no traceback."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.strip()

    def assign(self, object_id: str, role: str, scope: str) -> None:
        """Assign a role to a service principal, or to a managed identity."""
        who = ("--assignee-object-id", object_id, "--assignee-principal-type", "ServicePrincipal")
        self.ok("role", "assignment", "create", *who, "--role", role, "--scope", scope)
