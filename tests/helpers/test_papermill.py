"""The notebooks with parameters: other names, one alone, and mistakes. (Two sets: tests/azure.)"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import HelpersError
from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, ROOT, catch_up, chapters, run
from tests.readers import environment, interruptible

NAMES = {
    "public_registry": "contosopublic",
    "base_artifacts_registry": "contosobase",
    "registry": "contosoteam",
    "vault": "contoso-secrets",
    "instance": "contoso-site",
    "location": "westeurope",
    "github_owner": "contoso-learner",
    "group_pattern": "rg-{}-contoso",
    "staging_registry": "contosostaging",
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    yield path
    daemon.down(path)


def start(home: Path, *arguments: str, root: Path = ROOT) -> subprocess.Popen[str]:
    """Python in an environment of its own, with the package of ``root``."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env=environment(LOCALCLOUD_HOME=str(home), PYTHONPATH=str(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and output."""
    try:
        output, _ = process.communicate(timeout=580)
    finally:
        process.kill()
    return process.returncode, output


def options(parameters: dict[str, str]) -> list[str]:
    return [word for name, value in parameters.items() for word in ("-p", name, value)]


def papermill(home: Path, notebook: str, output: Path, *more: str) -> tuple[int, str]:
    return end(
        start(
            home,
            *("-m", "papermill", "--no-progress-bar", "--cwd", str(NOTEBOOKS)),
            *(str(NOTEBOOKS / f"{notebook}.ipynb"), str(output), *more),
        )
    )


@pytest.mark.timeout(600)
def test_a_late_notebook_alone_in_a_fresh_cloud_and_behind_a_lenient_gate(
    home: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.ipynb"
    own = {name: value for name, value in NAMES.items() if name != "staging_registry"}
    parameters = {**own, "good_color": "Teal", "bad_color": "red"}
    status, text = papermill(home, "08-watch-the-gate", output, *options(parameters))
    assert status == 0, text
    shown = output.read_text()
    # What it had to run first leaves the same line as nothing to run does.
    assert "Everything that this notebook builds on is in place." in shown
    assert "Catching up" not in shown
    assert "The public image is red. Production is Teal, as validated." in shown

    # It needs nothing more the second time; and it notices a gate that lets red pass.
    end(start(home, "-c", LENIENT, NAMES["github_owner"]))
    words = ("-m", "helpers", "run", "--from", "08", "--to", "08", *options(own))
    status, text = end(start(home, *words, "--output", str(tmp_path / "out")))
    assert status == 1
    page = (tmp_path / "out" / "08-watch-the-gate.html").read_text()
    assert "Everything that this notebook builds on is in place." in page
    assert "08-watch-the-gate failed at this cell" in text
    assert (
        "The gate has let Red pass: base-import-node ended with status Succeeded. "
        "test.sh in repos/import-baseimage-node has to refuse it." in text
    )
    assert "Traceback" not in text

    # What 08 has changed, the source of the public image too, is changed back, and 05 passes.
    status, text = papermill(home, "05-break-the-base-image", output, *options(own))
    assert status == 0, text
    watched = f"hello-world watches node:15-alpine in {NAMES['public_registry']}.azurecr.io"
    assert watched in output.read_text()

    # Cleaning up from wherever one is: twice, and with nothing there.
    for _ in range(2):
        status, text = papermill(home, "99-clean-up", output, *options(NAMES))
        assert status == 0, text


LENIENT = """
import sys
from helpers import forks
from helpers.clouds import connect

connection = connect(github_owner=sys.argv[1])
change = ("test.sh", '= "red"', '= "no colour"', "Let red pass")
assert forks.edit(connection, "import-baseimage-node", *change)
"""


@pytest.mark.parametrize(
    ("notebook", "given", "rule"),
    [
        ("02", {"registry": "acme-rockets"}, "only letters and digits"),
        ("05", {"registry": 1234567}, "registry=1234567: a name is a text"),
        ("05", {"questionable_color": "7"}, "one English word"),
        ("06", {"vault": "-"}, "3 to 24 letters, digits and hyphens"),
        ("08", {"bad_color": "red; rm"}, "bad_color='red; rm': a colour is"),
        ("99", {"github_owner": "a--b"}, "an account of GitHub has"),
        ("99", {"group_pattern": "mine"}, "as in rg-{}"),
        ("99", {"cloud": "gcp"}, "the cloud is 'local' or 'azure'"),
    ],
)
def test_a_bad_name_ends_it_at_the_first_cell_with_the_rule(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    notebook: str,
    given: dict[str, Any],
    rule: str,
) -> None:
    monkeypatch.setenv("LOCALCLOUD_HOME", str(home))
    [result] = run(chapters(notebook, notebook), given, tmp_path)
    assert result.failure is not None
    assert rule in result.failure.message
    assert f'begin("{notebook}"' in result.failure.source  # behind the parameters alone
    assert not home.exists()  # nothing was started, let alone made


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (("-p", "registery", "acmerockets"), "registery is no parameter. Did you mean registry?"),
        (("-p", "colour", "Red"), "colour is no parameter. There are: bad_color, base_artifacts"),
        (
            ("-p", "staging_registry", "mystaging"),
            "this notebook has no parameter staging_registry",
        ),
        (("-p", "git_token_secret", "other"), "git_token_secret is no parameter."),
        (("-p", "registry", "12345678"), "like true as such: write -r registry VALUE"),
        (("-y", "registry: [a, b]"), "a name is a text"),
        (("-r", "registry", "1234"), "5 to 50 characters"),
        (("-p", "bad_color", "no colour"), "bad_color='no colour': a colour is"),
    ],
    ids=lambda given: given if isinstance(given, str) else given[1],
)
def test_papermill_itself_tells_what_is_wrong_before_anything_is_started(
    home: Path, tmp_path: Path, given: tuple[str, ...], advice: str
) -> None:
    status, text = papermill(home, "08-watch-the-gate", tmp_path / "out.ipynb", *given)
    assert status != 0
    assert advice in text
    [failed] = re.findall(r'Exception encountered at "In \[(\d+)\]"', text)
    assert int(failed) <= 3
    assert not home.exists()


@pytest.mark.timeout(120)
def test_an_interrupted_run_leaves_no_report_of_an_earlier_one(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "index.html").write_text("10 of 10 notebooks passed")
    with interruptible():
        process = start(home, *("-u", "-m", "helpers", "run", "--output", str(output)))
    assert process.stdout is not None
    assert "00-overview" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    status, text = end(process)
    assert status == 130
    assert text.endswith("Interrupted.\n")
    assert "Traceback" not in text
    assert not (output / "index.html").exists()


def test_catching_up_to_something_else_is_refused() -> None:
    for wrong in ("six", "8", 8, None):
        with pytest.raises(HelpersError, match="two digits, like '06'"):
            catch_up(wrong)  # type: ignore[arg-type]
    with pytest.raises(HelpersError, match="no notebook of that number"):
        catch_up("77")
