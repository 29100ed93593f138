"""What a reader is told when a cell fails: in a real kernel, of a real cloud that goes away."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import advice
from helpers.localcloud import daemon
from helpers.state import delete_state
from helpers.tutorial import NOTEBOOKS, ROOT, chapters, run
from tests.helpers.kernel import Kernel, kernel
from tests.readers import environment

BEGIN = 'from helpers import begin\nsettings, connection = begin("00", globals())'
CALL = 'connection.clients.resources.resource_groups.check_existence("none-rg")'


def code_of(name: str) -> list[str]:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("lab") / "localcloud"
    yield path
    daemon.down(path)


@pytest.fixture(scope="module")
def begun(home: Path) -> Iterator[Kernel]:
    """A kernel in which a notebook has begun."""
    with kernel(home) as one:
        ran = one.run(BEGIN)
        assert not ran.kind, ran.traceback
        yield one


def failed(one: Kernel, source: str) -> Any:
    """What the cell ended with, seen alike by all who listen."""
    ran = one.run(source)
    assert ran.kind, f"{source} did not fail: {ran.text}"
    assert ran.reply["status"] == "error"
    assert (ran.reply["ename"], ran.reply["evalue"]) == (ran.kind, ran.value)
    return ran


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 3\nassert x == 4", "expected x == 4; found x = 3"),
        ("a, b = 1, 2\nassert a > b", "expected a > b; found a = 1, b = 2"),
        ("assert 1 < a < b < 2", "expected 1 < a < b < 2; found a = 1"),
        ("assert not a", "expected not a; found a = 1"),
        ("assert a == 1 and b == 1", "expected a == 1 and b == 1; found a = 1, b = 2"),
        ("assert a == 2 or 'x' in 'abc'", "expected a == 2 or 'x' in 'abc'; found a = 1"),
        ("rows = [1, 2]\nassert len(rows) == 3", "expected len(rows) == 3; found len(rows) = 2"),
        ("assert isinstance(rows, dict)", "expected isinstance(rows, dict); found rows = [1, 2]"),
        ("assert all(n < 2 for n in rows)", "expected all((n < 2 for n in rows)); found n = 2"),
        ("assert any(n > 2 for n in rows)", "found rows = [1, 2]"),
        ("def f(v):\n    assert v\nf([])", "expected v; found v = []"),
        ("class C:\n    m = 1\n    assert all(one == 2 for one in [m])", ""),
        ("it = iter([1])\nassert next(it) == 2", "found next(it) = 1"),
        ("import asyncio\nassert await asyncio.sleep(0, 0)", "asyncio.sleep(0, 0) = 0"),
        ("assert (y := 5) == 6", "expected (y := 5) == 6"),
        ("assert 'x' * 900 == ''", "..."),
        ("class R:\n    def __repr__(self): raise KeyError\nassert R() == 1", "expected R() == 1"),
        ("assert a == 2, 'in words of its own'", "in words of its own"),
    ],
)
def test_an_assertion_tells_what_was_expected_and_what_was_found(
    begun: Kernel, source: str, said: str
) -> None:
    begun.run("x = 3; a, b = 1, 2; rows = [1, 2]")
    ran = failed(begun, source)
    assert ran.kind == "AssertionError"
    assert said in ran.value
    assert len(ran.value) < 600
    assert "expectation" not in begun.run("%who").text


def test_operands_are_evaluated_once_in_their_order_and_only_if_they_are_needed(
    begun: Kernel,
) -> None:
    begun.run("seen = []\ndef see(n):\n    seen.append(n)\n    return n")
    assert not begun.run("assert see(1) < see(2) and see(3) or see(4)").kind
    assert not begun.run("for n in (5, 6):\n    assert see(n)").kind
    assert begun.run("print(seen)").text == "[1, 2, 3, 5, 6]\n"


def test_an_assertion_shows_no_secret(begun: Kernel, home: Path) -> None:
    running = daemon.status(home)
    assert running is not None
    for source in (
        "assert connection.git_token == 1",
        "other = connection.git_token\nassert other == 1",
        "import os\nassert dict(os.environ) == 1",
        "password = 'of somebody'\nassert password == 'another'",
    ):
        ran = failed(begun, source)
        assert running.account.github_token not in ran.value
        assert running.account.client_secret not in ran.value
        assert "of somebody" not in ran.value


@pytest.mark.parametrize(
    ("source", "kind", "said", "not_said"),
    [
        ("1 / 0", "ZeroDivisionError", "----> 1 1 / 0", "%tb"),
        ("import json\njson.loads('{')", "JSONDecodeError", "----> 2 json.loads", "decoder.py"),
        (
            "connection.clients.registries.registries.get('nobody', 'nothing')",
            "ResourceNotFoundError",
            "(%tb shows what happened inside the libraries.)",
            "site-packages",
        ),
        ("unheard_of", "NameError", "name 'unheard_of' is not defined", "cell"),
        ("x = = 3", "SyntaxError", "x = = 3", "ultratb"),
        ("  x = 1\n y = 2", "IndentationError", "unexpected indent", "ultratb"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "----> 1 raise", "%tb"),
        ("settings.registery", "AttributeError", "no attribute 'registery'", "%tb"),
    ],
)
def test_an_error_of_the_reader_s_own_shows_the_reader_s_own_lines(
    begun: Kernel, source: str, kind: str, said: str, not_said: str
) -> None:
    ran = failed(begun, source)
    assert ran.kind == kind
    assert said in ran.traceback
    assert not_said not in ran.traceback
    assert len(ran.traceback) < 1200


def test_a_magic_that_does_not_exist_is_told_as_ipython_does(begun: Kernel) -> None:
    assert begun.run("%nosuch").text == "UsageError: Line magic function `%nosuch` not found.\n"


def test_the_whole_traceback_is_there_for_whoever_asks(begun: Kernel) -> None:
    failed(begun, "import json\njson.loads('{')")
    assert "decoder.py" in begun.run("%tb").traceback


def test_a_token_that_is_not_accepted_any_more_is_told_as_such(begun: Kernel) -> None:
    begun.run(
        "import time\n"
        "from azure.core.credentials import AccessToken\n"
        "from azure.mgmt.resource.resources import ResourceManagementClient\n"
        "class Old:\n"
        "    def get_token(self, *scopes, **_):\n"
        "        return AccessToken('eyJ.of.yesterday', int(time.time()) + 3600)\n"
    )
    ran = failed(begun, "ResourceManagementClient(Old(), 'x').resource_groups.check_existence('y')")
    assert "does not accept this sign-in any more" in ran.traceback
    assert "Restart the kernel and run the notebook from its first cell." in ran.traceback
    assert len(ran.traceback.splitlines()) == 1


def test_a_name_that_another_cell_makes_is_told_with_that_cell(home: Path) -> None:
    cells = code_of("00-overview")
    later = code_of("02-public-base-image")
    with kernel(home, "--InteractiveShellApp.extensions=helpers.cells") as one:
        # As after a restart in mid-notebook: nothing of ours was imported.
        ran = failed(one, later[4])
        assert "this kernel has not run the cells above, maybe because it was restarted" in (
            ran.traceback
        )
        assert "is made by code cell 2 under" in ran.traceback
        assert ran.kind == "NameError"
        assert ran.value.startswith("name '")
        # In mid-notebook, one was left out; then it ended too early.
        assert not one.run(cells[1]).kind
        made = "SettingsError"
        ran = failed(one, made)
        assert f"{made} is not there: the cell that makes it has not been run." in ran.traceback
        assert "code cell 3 under" in ran.traceback
        failed(one, cells[2].replace("Settings(", "1/0, Settings(").replace("import", "import ("))
    with kernel(home) as one:
        one.run("import helpers")
        assert "maybe because it was restarted" in failed(one, later[4]).traceback


def test_a_comment_in_a_block_of_shell_is_no_heading() -> None:
    told = advice.on(NameError("name 'why' is not defined"), None, ["why('catalog')"], "12")
    assert 'under "Another registry, without a password", which begins with: def why' in str(told)


@pytest.mark.timeout(300)
def test_a_cloud_that_is_stopped_frozen_reset_or_moved_is_told_in_one_sentence(
    tmp_path: Path,
) -> None:
    home = tmp_path / "localcloud"
    calls = (
        CALL,
        "import requests\nrequests.get('https://management.azure.com/', timeout=20)",
        "import subprocess\nsubprocess.run(['git', 'ls-remote', "
        "'https://github.com/importing-public-content/hello-world'], check=True, timeout=20)",
    )

    def told(words: str) -> None:
        for source in calls:
            ran = failed(one, source)
            assert words in ran.traceback, ran.traceback
            assert len(ran.traceback.splitlines()) == 1
            assert len(ran.traceback) < 500

    try:
        with kernel(home) as one:
            assert not one.run(BEGIN).kind
            daemon.down(home)
            told("it was stopped. Nothing is lost. Start it again, and then run this once more: ")
            running = daemon.up(home)
            assert not one.run(CALL).kind
            os.kill(running.pid, signal.SIGSTOP)
            told(f"its process {running.pid} stands still. Let it go on with kill -CONT")
            os.kill(running.pid, signal.SIGCONT)
            assert not one.run(CALL).kind
            daemon.down(home)
            delete_state(home)
            told("If you moved that folder, tell where it is now: LOCALCLOUD_HOME=<folder>.")
            daemon.up(home)
            told("was reset meanwhile: everything in it is gone. Restart the kernel")
    finally:
        daemon.down(home)


def test_a_first_call_to_a_cloud_that_is_gone_says_only_that(tmp_path: Path) -> None:
    home = tmp_path / "localcloud"
    try:
        with kernel(home) as one:
            assert not one.run(BEGIN).kind
            daemon.down(home)
            ran = failed(one, CALL)  # no token yet: azure-identity would warn at length
            assert not ran.text
            assert "it was stopped. Nothing is lost." in ran.traceback
            assert len(ran.traceback.splitlines()) == 1
    finally:
        daemon.down(home)


def test_a_front_end_is_told_which_outputs_are_old_and_nothing_else_is(home: Path) -> None:
    with kernel(home, JPY_SESSION_NAME=str(NOTEBOOKS / "00-overview.ipynb")) as one:
        assert "is of an earlier run" in one.run(BEGIN).text
    with kernel(home) as one:
        assert not one.run(BEGIN).text


@pytest.mark.timeout(300)
def test_what_runs_notebooks_sees_the_failing_cell_and_what_it_says(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [BEGIN, "digest = 'abc'", "assert digest == 'abd'"]
    notebook = new_notebook(cells=[new_code_cell(one) for one in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = tmp_path / "00-short.ipynb"
    nbformat.write(notebook, path)
    said = "AssertionError: expected digest == 'abd'; found digest = 'abc'"

    monkeypatch.setenv("LOCALCLOUD_HOME", str(home))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    [result] = run(chapters(folder=tmp_path), {}, tmp_path / "out")
    assert result.failure is not None
    assert (result.failure.source, result.failure.message) == (sources[2], said)

    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "--nbval")
    done = subprocess.run(
        [*words, str(path), "--rootdir", str(tmp_path)],
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    assert said in re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    shutil.rmtree(tmp_path / "out")
