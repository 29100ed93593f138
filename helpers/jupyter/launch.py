"""Start JupyterLab with the local cloud, and end both together."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, TextIO

from .. import parameters
from ..errors import HelpersError
from ..localcloud import daemon

_FOLDER = Path(__file__).parent
_LOCK = "lab.json"  # in the state folder: held by each JupyterLab that uses that cloud
_WORKSPACES = parameters.ROOT / "build" / "lab" / "workspaces"
_SETTINGS = _FOLDER / "settings"
_DEFAULT = "default-37a8.jupyterlab-workspace"  # JupyterLab's name for the workspace "default"
_WITHIN = 2.0  # seconds in which a JupyterLab says that it is there
_STARTED = "started"  # what stands in the lock when one of them has started the cloud


def run(others: Sequence[str] = (), *, keep: bool = False) -> int:
    """Open JupyterLab, and wait for its end; its exit status.

    ``others`` are options of JupyterLab. The local cloud is started if need be, and stopped at the end
    if it was, unless ``keep`` says not to or another JupyterLab uses it. A second one on the same
    notebooks only opens the first again. Raises :class:`HelpersError` and
    :class:`~helpers.localcloud.errors.DaemonError`.
    """
    already = _running()
    if already:
        address, page = already
        print(f"JupyterLab runs already for these notebooks. Open it: {address}")
        _open(page, others)
        return 0
    try:
        cloud = parameters.made({}).cloud
    except HelpersError as error:  # the start page says so, too
        print(error, file=sys.stderr)
        cloud = "local"
    if cloud != "local":
        print("The notebooks work on Azure: notebooks/settings.toml says so.", flush=True)
        with _server(others, {}) as server:
            return _until_it_ends(server)
    home = daemon.default_home()
    # Side by side: each takes a second or two.
    with _server(others, {"LOCALCLOUD_HOME": str(home)}) as server, _using(home, keep) as running:
        print(f"The local cloud runs: {running.proxy_url}, state in {running.home}", flush=True)
        return _until_it_ends(server)


@contextmanager
def _using(home: Path, keep: bool) -> Iterator[daemon.Running]:
    """The local cloud of ``home``, stopped afterwards by the last JupyterLab that uses it."""
    found = daemon.status(home)
    running = found or daemon.up(home)
    with (home / _LOCK).open("a+") as lock:
        (home / _LOCK).chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if found is None:
            _write(lock, _STARTED)
        try:
            yield running
        finally:
            if _is_last(lock):
                lock.seek(0)
                started = lock.read() == _STARTED
                _write(lock, "")
                _end(home, started=started, keep=keep)
            else:
                print("The local cloud runs on: another JupyterLab uses it.")


def _end(home: Path, *, started: bool, keep: bool) -> None:
    if started and not keep:
        if daemon.down(home):
            print(f"The local cloud is stopped. Its state stays in {home}.")
    elif daemon.status(home) is not None:
        print("The local cloud runs on. Stop it: python -m helpers down")


def _is_last(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(lock: TextIO, text: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(text)
    lock.flush()


@contextmanager
def _server(
    others: Sequence[str], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Jupyter's server. Ctrl-C ends it, and so does ending this process."""
    _lay_out()
    ours = [
        f"--config={_FOLDER / 'jupyter_config.json'}",
        f"--ServerApp.root_dir={parameters.NOTEBOOKS}",
        f"--LabApp.app_settings_dir={_SETTINGS}",
        f"--LabApp.workspaces_dir={_WORKSPACES}",
        *_terminal(),
    ]
    named = {one.partition("=")[0] for one in others}  # Jupyter takes no option twice
    command = [sys.executable, "-m", "jupyterlab"]
    command += [one for one in ours if one.partition("=")[0] not in named]
    if os.geteuid() == 0:
        print("You are root: JupyterLab is told to run all the same (--allow-root).", flush=True)
        command.append("--allow-root")
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    kernels = os.pathsep.join(filter(None, [str(_FOLDER), os.environ.get("JUPYTER_PATH", "")]))
    environment = {
        **environment,
        "PATH": path,
        "JUPYTER_PATH": kernels,
        "NOTEBOOKS_PROGRAMS": programs,
    }
    process = subprocess.Popen([*command, *others], env={**os.environ, **environment})

    def end(*_: Any) -> None:
        process.terminate()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal() -> list[str]:
    """The option that makes terminals find the environment's programs first; for bash alone.

    What a shell reads when it starts often puts others first, pyenv's for instance.
    """
    if Path(os.environ.get("SHELL") or "bash").name != "bash" or shutil.which("bash") is None:
        return []
    shell = ["bash", "--rcfile", str(_FOLDER / "shell" / "bashrc"), "-i"]
    settings = {"shell_command": shell}
    return [f"--ServerApp.terminado_settings={settings}"]


def _until_it_ends(server: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # a terminal has told Jupyter, too; then it is told twice
            server.send_signal(signal.SIGINT)


def _running() -> tuple[str, Path] | None:
    """The JupyterLab that serves these notebooks already: its address with the token, and a page.

    Jupyter Server writes what it says of itself into its runtime folder, which is the user's own: also
    the page, which leads to the address. Its own list of servers takes two seconds to be imported.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    for path in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            server = json.loads(path.read_text(encoding="utf-8"))
            if Path(server["root_dir"]) == parameters.NOTEBOOKS and _answers(server):
                address = f"{server['url']}lab/tree/start.md?token={server['token']}"
                return address, path.with_name(f"{path.stem}-open.html")
    return None


def _answers(server: dict[str, Any]) -> bool:
    """Whether it is there: one that was killed leaves its file, and its number to another process."""
    os.kill(server["pid"], 0)
    connection = http.client.HTTPConnection("127.0.0.1", server["port"], timeout=_WITHIN)
    with closing(connection):
        path = f"{server['base_url']}api/status"
        connection.request("GET", path, headers={"Authorization": f"token {server['token']}"})
        return connection.getresponse().status == HTTPStatus.OK


def _open(page: Path, others: Sequence[str]) -> None:
    """Open it in the browser. Everybody can read a command line, so the token is not in there."""
    if "--no-browser" in others:
        return
    import webbrowser

    with suppress(webbrowser.Error):
        webbrowser.open(page.as_uri())


def _lay_out() -> None:
    """The layout that JupyterLab begins with: the table of contents is in sight."""
    _WORKSPACES.mkdir(parents=True, exist_ok=True)
    if not any(_WORKSPACES.iterdir()):  # else it is the reader's own
        shutil.copy(_SETTINGS / "workspace.json", _WORKSPACES / _DEFAULT)
