"""JupyterLab as ``make lab`` opens it: a real server, asked as the browser asks it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers import parameters
from helpers.jupyter import contents, launch, start_page
from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, ROOT, chapters
from tests.readers import environment, interruptible

VIEW = "application/vnd.jupyter.widget-view+json"
PICTURE = {"text/plain": "a picture", "text/html": "<p>a picture</p>", VIEW: {"model_id": "m"}}

pytestmark = pytest.mark.timeout(300)


class Lab:
    """A running ``python -m helpers lab``."""

    def __init__(self, process: subprocess.Popen[str], said: str, address: str) -> None:
        self.process, self.said = process, said
        self.address, _, self.token = address.partition("?token=")
        self.base = self.address.partition("/lab")[0]

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask the server's interface; with the token, unless ``headers`` are given."""
        options.setdefault("headers", {"Authorization": f"token {self.token}"})
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.base}/{path}", timeout=100, **options)

    def wait(self) -> None:
        """Jupyter tells its address a moment before it listens there."""
        deadline = time.monotonic() + 60
        while True:
            try:
                assert self.ask("GET", "api").ok
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        """End it; all that it has said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        assert self.process.wait(timeout=100) == 0, self.said
        return self.said


def start(home: Path, runtime: Path, *options: str) -> subprocess.Popen[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with interruptible():
        return subprocess.Popen(
            [*(sys.executable, "-m", "helpers", "lab", "--no-browser", f"--port={port}"), *options],
            cwd=ROOT,
            env=environment(LOCALCLOUD_HOME=str(home), JUPYTER_RUNTIME_DIR=str(runtime)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def opened(home: Path, runtime: Path, *options: str) -> Iterator[Lab]:
    process = start(home, runtime, *options)
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            found = re.search(r"http://127\.0\.0\.1:\d+/lab\S*\?token=\w+", line)
            if found:
                break
        else:
            raise AssertionError(said)
        lab = Lab(process, said, found[0])
        lab.wait()
        yield lab
        lab.end()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("lab")
    yield path
    daemon.down(path / "cloud")


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with opened(folder / "cloud", folder / "runtime") as one:
        yield one


def test_it_opens_on_a_start_page_with_the_cloud_up(lab: Lab, folder: Path) -> None:
    assert lab.address.endswith("/lab/tree/start.md")
    model = lab.ask("GET", "api/contents/start.md?type=file&format=text&hash=1").json()
    running = daemon.status(folder / "cloud")
    assert running is not None
    text = model["content"]
    assert f"process {running.pid}. Its state is in `{running.home}`." in text
    assert "**What it costs:** nothing." in text
    assert "## Begin with 00" in text
    for chapter in chapters():
        assert f"({chapter.path.name})" in text
    assert not (NOTEBOOKS / "start.md").exists()
    assert lab.ask("POST", "api/contents/start.md/checkpoints").status_code == 201
    assert lab.ask("GET", "api/contents/start.md/checkpoints").json() == []
    saved = lab.ask("PUT", "api/contents/start.md", json={**model, "content": "mine"})
    assert (saved.status_code, "written anew" in saved.text) == (403, True)


def test_it_listens_on_loopback_and_asks_for_its_token(lab: Lab) -> None:
    assert lab.base.startswith("http://127.0.0.1:")
    assert lab.ask("GET", "api/contents/start.md", headers={}).status_code == 403
    state = Path(f"/proc/{lab.process.pid}/cmdline").read_bytes()
    assert lab.token.encode() not in state


def test_the_terminal_says_little_and_tells_root_what_is_done(lab: Lab) -> None:
    assert "The local cloud runs: " in lab.said
    assert "Traceback" not in lab.said
    assert len(lab.said.splitlines()) < 15
    assert ("--allow-root" in lab.said) == (os.geteuid() == 0)


def test_the_table_of_contents_is_in_sight_and_nobody_is_asked_for_news(lab: Lab) -> None:
    layout = lab.ask("GET", "lab/api/workspaces/default").json()["data"]["layout-restorer:data"]
    assert layout["left"]["current"] == "@jupyterlab/toc:plugin" or layout["left"]["widgets"]
    name = "@jupyterlab/apputils-extension:notification"
    settings = lab.ask("GET", f"lab/api/settings/{name}").json()
    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"


def test_stored_outputs_are_shown_as_old_until_their_cell_is_run(lab: Lab) -> None:
    path = NOTEBOOKS / f"stored-{uuid.uuid4().hex}.ipynb"
    shutil.copy(NOTEBOOKS / "02-public-base-image.ipynb", path)
    before = path.read_bytes()

    def outputs() -> dict[str, Any]:
        model = lab.ask("GET", f"api/contents/{path.name}").json()
        return {cell["id"]: cell["outputs"] for cell in code_of(model) if cell["outputs"]}

    def old() -> set[str]:
        return {name for name, those in outputs().items() if "of an earlier run" in str(those[0])}

    try:
        everything = set(outputs())
        assert len(everything) > 3
        assert old() == everything
        body = {"path": path.name, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        session = lab.ask("POST", "api/sessions", json=body).json()
        assert old() == everything  # nothing was run yet
        assert path.read_bytes() == before
        model = lab.ask("GET", f"api/contents/{path.name}").json()
        ran = next(cell for cell in code_of(model) if cell["outputs"])
        ran["outputs"] = [dict(new_output("stream", text="new\n"))]  # as JupyterLab saves it then
        assert lab.ask("PUT", f"api/contents/{path.name}", json=model).status_code == 200
        assert old() == everything - {ran["id"]}
        assert lab.ask("DELETE", f"api/sessions/{session['id']}").status_code == 204
        assert old() == everything
    finally:
        path.unlink()


def code_of(model: Any) -> list[Any]:
    return [cell for cell in model["content"]["cells"] if cell["cell_type"] == "code"]


def test_kernels_begin_with_what_tells_errors_in_words(lab: Lab) -> None:
    spec = lab.ask("GET", "api/kernelspecs").json()["kernelspecs"]["python3"]["spec"]
    assert "--InteractiveShellApp.extensions=helpers.cells" in spec["argv"]


def with_widgets() -> Any:
    """A notebook as another version, or another front end, may have saved it."""
    outputs = [
        new_output("display_data", dict(PICTURE)),
        new_output("display_data", {VIEW: {"model_id": "n"}}),
        new_output("stream", text="said\n"),
        new_output("error", ename="E", evalue="v", traceback=[]),
    ]
    notebook = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return notebook


def test_what_is_saved_has_no_widgets_and_what_is_opened_has_none_either(lab: Lab) -> None:
    path = NOTEBOOKS / f"saved-{uuid.uuid4().hex}.ipynb"
    try:
        body = {"type": "notebook", "content": with_widgets()}
        assert lab.ask("PUT", f"api/contents/{path.name}", json=body).status_code == 201
        text = path.read_text()
        assert "widget" not in text
        assert "a picture" in text
        assert "said" in text
        # The mark of old outputs is not stored when what was read is saved.
        read = lab.ask("GET", f"api/contents/{path.name}").json()
        assert "earlier run" in str(read)
        assert lab.ask("PUT", f"api/contents/{path.name}", json=read).status_code == 200
        assert path.read_text() == text
        nbformat.write(with_widgets(), path)
        shown = lab.ask("GET", f"api/contents/{path.name}").json()["content"]
        assert "widget" not in str(shown)
        nbformat.validate(nbformat.from_dict(shown))
    finally:
        path.unlink()


def test_nothing_takes_the_place_of_the_start_page(lab: Lab) -> None:
    assert (
        lab.ask("PATCH", "api/contents/settings.toml", json={"path": "start.md"}).status_code == 403
    )
    assert (NOTEBOOKS / "settings.toml").exists()
    assert lab.ask("PATCH", "api/contents/start.md", json={"path": "mine.md"}).status_code == 403
    assert lab.ask("DELETE", "api/contents/start.md").status_code == 403
    assert lab.ask("POST", "api/contents/start.md/checkpoints/now").status_code == 403
    assert not (NOTEBOOKS / "start.md").exists()


@pytest.mark.parametrize(
    "content",
    [
        "text",
        [1],
        {},
        {"cells": [], "nbformat": 4, "nbformat_minor": 5},
        {"cells": [], "metadata": {}, "nbformat": 5, "nbformat_minor": 0},
        {"cells": None, "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
        {"cells": [1], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
        *(
            {
                "cells": [{"cell_type": "code", "source": "", "metadata": {}, "outputs": outputs}],
                "metadata": {},
                "nbformat": 4,
                "nbformat_minor": 4,
            }
            for outputs in (None, [1], [{"output_type": "display_data", "data": None}])
        ),
    ],
)
def test_what_is_no_notebook_is_not_saved_over_one(lab: Lab, content: Any) -> None:
    path = f"broken-{uuid.uuid4().hex}.ipynb"
    model = {"type": "notebook", "format": "json", "content": content}
    answer = lab.ask("PUT", f"api/contents/{path}", json=model)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "This is no notebook of format 4. Nothing was saved.",
    )
    assert not list(NOTEBOOKS.glob(f"*{path}*"))


def test_one_that_was_killed_does_not_count_as_running(
    lab: Lab, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [file] = (folder / "runtime").glob("jpserver-*.json")
    server = json.loads(file.read_text())
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    copy = tmp_path / "jpserver-1.json"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for wrong in ({"port": nobody.getsockname()[1]}, {"token": "another"}):
            copy.write_text(json.dumps({**server, **wrong, "pid": os.getpid()}))
            assert launch._running() is None
    copy.write_text(json.dumps(server))
    assert launch._running() == (
        f"{lab.address}?token={lab.token}",
        tmp_path / "jpserver-1-open.html",
    )


def test_no_command_line_has_the_token(
    lab: Lab, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$@" > {seen}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    assert launch.run() == 0
    page = Path(seen.read_text().strip().removeprefix("file://"))
    assert lab.token not in seen.read_text()
    assert lab.token in page.read_text()


def test_a_second_one_on_the_same_notebooks_opens_the_first(lab: Lab, folder: Path) -> None:
    again = start(folder / "cloud", folder / "runtime")
    said, _ = again.communicate(timeout=100)
    assert again.returncode == 0
    assert f"JupyterLab runs already for these notebooks. Open it: {lab.address}?token=" in said
    assert lab.ask("GET", "api").ok


def test_the_cloud_is_stopped_by_the_last_that_uses_it(tmp_path: Path) -> None:
    home = tmp_path / "cloud"
    try:
        with opened(home, tmp_path / "one") as first, opened(home, tmp_path / "two") as second:
            assert "The local cloud runs on: another JupyterLab uses it." in first.end()
            assert daemon.status(home) is not None
            assert f"is stopped. Its state stays in {home}." in second.end(signal.SIGINT)
        assert daemon.status(home) is None
        running = daemon.up(home)
        with opened(home, tmp_path / "one") as found:
            assert "The local cloud runs on. Stop it: " in found.end()
        assert daemon.status(home) == running
        daemon.down(home)
        with opened(home, tmp_path / "one", "--keep") as kept:
            assert "The local cloud runs on. Stop it: " in kept.end()
        assert daemon.status(home) is not None
    finally:
        daemon.down(home)


def test_the_start_page_tells_where_one_stopped_and_what_azure_costs() -> None:
    text = start_page._page("local", {"01": True, "02": True, "03": False}, "", "process 7")
    assert "## Where you stopped" in text
    assert "* ✓ 02 [Public base image](02-public-base-image.ipynb)\n* 03 [" in text
    assert "[Registry tokens](03-registry-tokens.ipynb) **← go on here**" in text
    assert text.count("go on here") == 1
    assert "(Of 00, 04, 05, " in text
    text = start_page._page("azure", None, "", "")
    assert "Three Premium registries and a container instance cost" in text
    assert "each notebook finds out when it begins" in text
    assert "line 7: wrong" in start_page._page("local", None, "line 7: wrong", "")


def test_what_settings_hold_is_no_markup_of_the_start_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('registry = "<img src=x onerror=alert(1)> [here](javascript:alert(2))"\n')
    monkeypatch.setattr(parameters, "FILE", str(settings))  # wins over the folder
    [wrong] = [line for line in start_page.text().splitlines() if "onerror" in line]
    assert wrong.startswith("    "), wrong  # an indented block: Markdown reads nothing in it


def test_a_terminal_finds_the_environment_before_what_the_readers_shell_puts_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".bashrc").write_text("PATH=/usr/bin:/bin:$PATH; OWN=read\n")
    monkeypatch.setenv("SHELL", "/bin/bash")
    [option] = launch._terminal()
    shell = ast.literal_eval(option.partition("=")[2])["shell_command"]
    programs = str(Path(sys.executable).parent)
    done = subprocess.run(
        [*shell, "-c", "command -v python; echo $OWN"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NOTEBOOKS_PROGRAMS": programs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"{programs}/python", "read"]
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert launch._terminal() == []


def test_a_notebook_without_outputs_is_left_as_it_is() -> None:
    notebook = new_notebook(cells=[new_code_cell("x"), nbformat.v4.new_markdown_cell("# y")])
    before = notebook.copy()
    contents.mark_as_old(notebook, {notebook.cells[0].id})
    contents.clean(notebook)
    assert notebook == before
