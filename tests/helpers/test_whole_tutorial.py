"""Parts of the tutorial, headless, in a cloud of their own: what fails, what catches up, in a chroot.

The whole of it, and its report, is in tests/azure/test_same_requests.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.tutorial import NOTEBOOKS, ROOT
from tests.readers import environment


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("whole")
    yield path
    daemon.down(path)


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(LOCALCLOUD_HOME=str(home)),
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )


@pytest.mark.timeout(600)
def test_a_failing_notebook_ends_it_with_its_cell_and_a_later_one_catches_up(
    home: Path, tmp_path: Path
) -> None:
    # The base image of 02 is missing from a cloud whose first notebook alone was run.
    done = run(home, "-m", "helpers", "run", "--to", "01", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "broken.ipynb"
    text = (NOTEBOOKS / "02-public-base-image.ipynb").read_text()
    broken.write_text(text.replace("docker.io/", "nowhere.azurecr.io/"))
    done = run(
        home, "-m", "papermill", "--no-progress-bar", str(broken), str(tmp_path / "out.ipynb")
    )
    assert done.returncode != 0
    assert re.search(
        r"RunFailed: Run \w+ of node-public in publicregistry ended with status Failed", done.stderr
    )
    assert "nowhere.azurecr.io" in done.stderr

    only = ("--from", "03", "--to", "03", "--output", str(tmp_path))
    done = run(home, "-m", "helpers", "run", *only)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "03-registry-tokens.html").read_text()
    assert "Everything that this notebook builds on is in place." in page
    for _ in range(2):  # cleaning up twice does no harm
        done = run(home, "-m", "helpers", "run", "--from", "99", "--output", str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr


# Of its own for this test: in a chroot the site listens on the machine's port 80.
IN_A_NETWORK = """
import os, sys
from helpers.localcloud.containers.sandboxes.namespaces import bring_loopback_up
bring_loopback_up()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root")
@pytest.mark.timeout(600)
def test_where_namespaces_are_refused_the_site_runs_in_a_chroot(tmp_path: Path) -> None:
    """As inside an ordinary Docker container, which is where CI often is."""
    home, output = tmp_path / "cloud", tmp_path / "report"
    try:
        done = subprocess.run(
            [
                *("unshare", "--net", sys.executable, "-c", IN_A_NETWORK),
                *("-m", "helpers", "run", "--to", "05", "--output", str(output)),
            ],
            cwd=ROOT,
            env={**os.environ, "LOCALCLOUD_HOME": str(home), "LOCALCLOUD_SANDBOX": "chroot"},
            capture_output=True,
            text=True,
            check=False,
            timeout=580,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        page = (output / "05-break-the-base-image.html").read_text()
        assert "background Red" in page
    finally:
        daemon.down(home)
