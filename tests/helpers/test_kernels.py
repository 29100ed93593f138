"""Forked kernels: each is a process of its own, as one that was started, and ends with who asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import kernels, report, tutorial
from helpers.localcloud import fork_server

TELL = """\
import atexit, json, os, pathlib, sys
import azure.core
told = {
    "pid": os.getpid(),
    "parent": os.getppid(),
    "session": os.getsid(0),
    "folder": os.getcwd(),
    "value": os.environ.get("KERNELS_TEST"),
    "marked": hasattr(azure.core, "marked") or "left" in globals(),
    "main": sys.modules["__main__"].__dict__ is globals(),
    "path": sys.path[0],
    "program": os.path.basename(sys.argv[0]),
}
azure.core.marked = left = True
atexit.register(lambda: pathlib.Path("ended").write_text(str(os.getpid())))
print(json.dumps(told))
"""
SLEEP = """\
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
time.sleep(300)
"""
RUN = """\
import sys
from pathlib import Path
from helpers import tutorial
folder = Path(sys.argv[1])
tutorial.run(tutorial.chapters(folder=folder), {}, folder / "out")
"""


def chapter(folder: Path, name: str, *cells: str) -> tutorial.Chapter:
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return tutorial.Chapter(path)


def printed(result: tutorial.Result) -> dict[str, object]:
    assert result.output is not None
    assert result.failure is None, result.failure
    [output] = nbformat.read(result.output, as_version=4).cells[0].outputs
    found: dict[str, object] = json.loads(output.text)
    return found


def test_every_notebook_has_a_kernel_that_nobody_has_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = chapter(tmp_path, "01-one", TELL), chapter(tmp_path, "02-two", TELL)
    with kernels.prepared():
        monkeypatch.setenv("KERNELS_TEST", "set after the server was started")
        results = tutorial.run([one, two], {}, tmp_path / "out")
        server = kernels._server
        assert server is not None
    first, second = (printed(result) for result in results)
    assert first["pid"] != second["pid"]
    for told in (first, second):
        assert told["parent"] == server.pid
        assert told["session"] == told["pid"]
        assert told["folder"] == str(tmp_path)
        assert told["value"] == "set after the server was started"
        assert told["marked"] is False
        assert told["main"] is True
        assert told["path"] != str(tutorial.ROOT)
        assert told["program"] == "ipykernel_launcher"
    # It was asked to end, and did what a program does then.
    assert (tmp_path / "ended").read_text() == str(second["pid"])
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_kernel_that_dies_fails_its_notebook(tmp_path: Path) -> None:
    [result] = tutorial.run([chapter(tmp_path, "01-dies", "import os; os._exit(3)")], {}, tmp_path)
    assert result.failure is not None
    assert "Kernel died" in result.failure.message


def test_a_kernel_that_cannot_be_forked_is_started(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with kernels.prepared():
        assert kernels._server is not None
        kernels._server.fork = _refuse  # type: ignore[method-assign]
        [result] = tutorial.run([chapter(tmp_path, "01-one", TELL)], {}, tmp_path / "out")
    assert printed(result)["parent"] == os.getpid()
    assert capfd.readouterr().err == ""


def test_a_run_that_is_started_from_jupyterlab_has_kernels_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What make lab tells its notebooks and terminals, and so what they start: its own kernel spec.
    ours = Path(kernels.__file__).parent / "jupyter"
    specification = json.loads((ours / "kernels" / "python3" / "kernel.json").read_text())
    assert "--log-level=ERROR" in specification["argv"]  # an option that our run sets, too
    monkeypatch.setenv("JUPYTER_PATH", str(ours))
    monkeypatch.setenv("JPY_SESSION_NAME", "a notebook that catches up")
    asked = "import json; from helpers.views.front_end import interactive as asked\n"
    one = chapter(tmp_path, "00-one", asked + "print(json.dumps({'interactive': asked()}))")
    [result] = tutorial.run([one], {}, tmp_path / "out")
    assert printed(result) == {"interactive": False}


def _refuse(*_: object, **__: object) -> fork_server.Child:
    raise fork_server.ForkError("no process is left")


def test_a_kernel_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    chapter(tmp_path, "01-sleeps", SLEEP)
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=tutorial.ROOT)
    try:
        told = tmp_path / "pid"
        _until(lambda: told.exists() and bool(told.read_text()))
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    kernel = Path("/proc", told.read_text())
    _until(lambda: not kernel.exists())


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_grammar_is_made_for_formats_that_no_notebook_has() -> None:
    """It would take a second, whenever a notebook is read."""
    code = (
        "import sys; from helpers import tutorial; tutorial.load();"
        "assert 'nbformat' in sys.modules and 'lark' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tutorial.ROOT, check=True)


def test_pages_are_written_while_others_run(tmp_path: Path) -> None:
    [result] = tutorial.run([chapter(tmp_path, "01-one", "print('said')")], {}, tmp_path / "out")
    absent = tutorial.Result(tutorial.Chapter(tmp_path / "02-two.ipynb"), "Two")
    pages = report.Pages([result.chapter, absent.chapter])
    pages.add(result)
    pages.add(absent)
    assert result.output is not None
    _until(lambda: all(made.done() for _, made in pages._pages))
    result.output.unlink()  # the page is made already
    assert pages.write(tmp_path) == {"01-one"}
    page = (tmp_path / "01-one.html").read_text()
    assert "said" in page
    assert "02-two.html" not in page  # there is no such page
    pages.close()
