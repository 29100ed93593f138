"""The notebooks with parameters: other names, two sets side by side, one alone, and mistakes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import HelpersError
from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, ROOT, catch_up

FIRST = {
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
SECOND = {name: value.replace("contoso", "fabrikam") for name, value in FIRST.items()}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    yield path
    daemon.down(path)


def start(home: Path, *arguments: str, root: Path = ROOT) -> subprocess.Popen[str]:
    """Python in an environment of its own, with the package of ``root``."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "PYTEST_"))}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env={**environment, "LOCALCLOUD_HOME": str(home), "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and output."""
    try:
        output, _ = process.communicate(timeout=250)
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


@pytest.mark.timeout(300)
def test_two_sets_with_other_names_side_by_side(home: Path, tmp_path: Path) -> None:
    running = [
        start(
            home,
            *("-m", "helpers", "run", "--output", str(tmp_path / str(number))),
            *options(names),
        )
        for number, names in enumerate((FIRST, SECOND))
    ]
    outcomes = [end(process) for process in running]
    for number, (status, output) in enumerate(outcomes):
        assert status == 0, output
        assert "10 of 10 notebooks passed" in output
        index = (tmp_path / str(number) / "index.html").read_text()
        assert index.count('style="background:Green"') == 2  # of the row, and of the site
        page = (tmp_path / str(number) / "08-watch-the-gate.html").read_text()
        names, others = ((FIRST, SECOND), (SECOND, FIRST))[number]
        assert names["registry"] in page
        assert others["registry"] not in page
        assert "acmerockets.azurecr.io" not in page


@pytest.mark.timeout(300)
def test_a_late_notebook_alone_in_a_fresh_cloud(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.ipynb"
    parameters = {**FIRST, "good_color": "Teal", "bad_color": "red"}
    status, text = papermill(home, "08-watch-the-gate", output, *options(parameters))
    assert status == 0, text
    shown = output.read_text()
    assert "Not everything is in place: running the notebooks 01 to 07 first." in shown
    assert "The public image is red. Production is Teal, as validated." in shown

    # It needs nothing more the second time, nor with the colours of the first.
    status, text = papermill(home, "08-watch-the-gate", output, *options(parameters))
    assert status == 0, text
    assert "Everything that this notebook builds on is in place." in output.read_text()

    # Cleaning up from wherever one is: twice, and with nothing there.
    for _ in range(2):
        status, text = papermill(home, "99-clean-up", output, *options(FIRST))
        assert status == 0, text


@pytest.mark.parametrize(
    ("notebook", "given", "rule"),
    [
        ("02-public-base-image", ("-p", "registry", "acme-rockets"), "only letters and digits"),
        ("05-break-the-base-image", ("-p", "registry", "1234567"), "registry=1234567: a name is"),
        ("05-break-the-base-image", ("-p", "questionable_color", "7"), "one English word"),
        ("06-gated-import", ("-p", "vault", "-"), "3 to 24 letters, digits and hyphens"),
        ("08-watch-the-gate", ("-p", "bad_color", "red; rm"), "bad_color='red; rm': a colour is"),
        ("08-watch-the-gate", ("-y", "registry: [a, b]"), "a name is a text"),
        ("99-clean-up", ("-p", "github_owner", "a--b"), "an account of GitHub has"),
        ("99-clean-up", ("-p", "group_pattern", "mine"), "as in rg-{}"),
        ("99-clean-up", ("-p", "cloud", "gcp"), "the cloud is 'local' or 'azure'"),
    ],
)
def test_a_bad_name_ends_it_at_the_first_cell_with_the_rule(
    home: Path, tmp_path: Path, notebook: str, given: tuple[str, ...], rule: str
) -> None:
    output = tmp_path / "out.ipynb"
    status, text = papermill(home, notebook, output, *given)
    assert status != 0
    assert rule in text
    [failed] = re.findall(r'Exception encountered at "In \[(\d+)\]"', text)
    assert int(failed) <= 3  # the parameters, the injected ones, the settings
    assert not home.exists()  # nothing was started, let alone made


@pytest.mark.timeout(300)
def test_a_gate_that_lets_red_pass_makes_notebook_08_fail(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in ("helpers", "notebooks", "repos"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    script = root / "repos" / "import-baseimage-node" / "test.sh"
    lenient = script.read_text().replace('= "red"', '= "no colour"')
    assert lenient != script.read_text()
    script.write_text(lenient)
    status, text = end(
        start(home, *("-m", "helpers", "run", "--output", str(tmp_path / "out")), root=root)
    )
    assert status == 1
    assert "08-watch-the-gate failed at this cell" in text
    assert (
        "The gate has let Red pass: base-import-node ended with status Succeeded. "
        "test.sh in repos/import-baseimage-node has to refuse it." in text
    )
    assert "Traceback" not in text


@pytest.mark.timeout(120)
def test_an_interrupted_run_leaves_no_report_of_an_earlier_one(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "index.html").write_text("10 of 10 notebooks passed")
    # As in a terminal: who runs the tests may ignore SIGINT, as shells do for background jobs.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = start(home, *("-u", "-m", "helpers", "run", "--output", str(output)))
    finally:
        signal.signal(signal.SIGINT, before)
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
