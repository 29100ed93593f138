"""The folded az blocks of the notebooks, run with the real az: they do what the notebooks do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest

from helpers.localcloud import daemon
from helpers.tutorial import ROOT, chapters
from tests.az import AZ, forking, prepare
from tests.readers import environment

_BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)
_MARK = "@@ block "
_LAST = chapters()[-2].number  # the one after it cleans up
_SHOWN_LINES = 40  # of the output of a block that failed


class Block(NamedTuple):
    """An az block: its notebook, the id of its cell, the commands."""

    notebook: str
    cell: str
    commands: str


class BlockFailed(AssertionError):  # noqa: N818 - what happened
    """A block ended with an error; the message has notebook, cell and output."""


def blocks(first: str = "", last: str = "") -> list[Block]:
    """The az blocks of the notebooks, in the order in which a reader meets them.

    Without the solutions of exercises: those do more than the notebooks do.
    """
    return [
        Block(chapter.name, cell.id, commands)
        for chapter in chapters(first, last)
        for cell in takewhile(_teaches, nbformat.read(chapter.path, as_version=4).cells)
        if cell.cell_type == "markdown"
        for commands in _BASH.findall(cell.source)
    ]


def _teaches(cell: Any) -> bool:
    return not str(cell.source).startswith("## Check yourself")


def run(chosen: Sequence[Block], home: Path, folder: Path) -> dict[str, str]:
    """Run the blocks in one shell, as a reader does; the output of each, by its cell.

    Raises BlockFailed for the first one that fails.
    """
    kept = environment()
    path = [str(Path(sys.executable).parent), kept["PATH"]]
    if AZ is not None:
        path.insert(1, str(forking(AZ)))
    lines = ["set -euo pipefail", "exec 2>&1"]
    for number, block in enumerate(chosen):
        lines += [f"echo '{_MARK}{number}'", block.commands]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=ROOT,
        env={
            **kept,
            "LOCALCLOUD_HOME": str(home),
            "HOME": str(folder),
            "PATH": os.pathsep.join(path),
            "AZURE_CORE_NO_COLOR": "true",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=1500,
    )
    outputs = re.split(rf"^{_MARK}\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    if done.returncode:
        block = chosen[len(outputs) - 1]
        last = "\n".join(outputs[-1].splitlines()[-_SHOWN_LINES:])
        raise BlockFailed(
            f"The az block {block.cell} of notebooks/{block.notebook}.ipynb ended with exit status "
            f"{done.returncode}:\n{block.commands}\nIts output:\n{last}"
        )
    return {
        f"{block.notebook[:2]} {block.cell}": text
        for block, text in zip(chosen, outputs, strict=True)
    }


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """A Python of its own for the cloud in ``home``: clients keep tenants in memory."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(LOCALCLOUD_HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    """What it has printed; it must have succeeded."""
    try:
        output, _ = process.communicate(timeout=580)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return output


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    made = (tmp_path / "az", tmp_path / "notebooks")
    yield made
    for home in made:
        daemon.down(home)


@pytest.mark.timeout(1800)
@pytest.mark.skipif(AZ is None, reason="the Azure CLI is not installed; do it with: make az")
def test_the_az_blocks_do_what_the_notebooks_do(homes: tuple[Path, Path], tmp_path: Path) -> None:
    by_az, by_notebooks = homes
    by_az.mkdir(mode=0o700)
    prepare(by_az / "azure")  # where AZURE_CONFIG_DIR of `python -m helpers env` is
    words = ("-m", "helpers", "run", "--to", _LAST, "--output", str(tmp_path / "out"))
    notebooks = start(by_notebooks, *words)  # beside the blocks
    try:
        outputs = run(blocks(last=_LAST), by_az, tmp_path)
    except BaseException:
        with notebooks:  # waits for it, and closes its pipe
            notebooks.kill()
        raise
    said(notebooks)

    assert '<dd id="color">DeepSkyBlue</dd>' in outputs["04 site-az"]
    assert re.search(r"hello-world +linux +Succeeded +Manual", outputs["04 run-az"], re.I)
    assert re.search(r"node-public +linux +Succeeded +Commit ", outputs["05 public-az"])
    assert re.search(r"hello-world +linux +Succeeded +Image Update ", outputs["05 site-run-az"])
    assert '<dd id="color">Red</dd>' in outputs["05 after-az"]
    assert "Permission denied" in outputs["06 refused-az"]
    assert "Failed" in outputs["08 red-az"]
    assert "REFUSED: a red background" in outputs["08 log-az"]
    assert '<dd id="color">Green</dd>' in outputs["08 proof-az"]
    assert "already exists in target registry" in outputs["09 again-az"]
    assert "could not be found in subscription" in outputs["09 blind-az"]
    assert "Unauthorized" in outputs["09 target-az"]
    assert re.search(r"import-node +linux +Succeeded +Manual", outputs["09 source-az"], re.I)
    assert outputs["10 prove-az"].count("The operation is disallowed on this registry") == 4
    assert "\nfalse\n" in outputs["10 limit-az"]  # the lock, of the tag that has moved
    assert outputs["10 purge-az"].count("Would delete: ") == 2
    for attached in ("application/sarif+json", "application/vnd.cyclonedx+json"):
        assert attached in outputs["11 papers-az"]
    assert "REFUSED HIGH GHSA-35jh-r3h4-6jhm" in outputs["11 vulnerable-az"]
    assert "stage-node: Succeeded" in outputs["11 waiver-az"]
    assert "its waiver expired on" in outputs["11 expired-az"]
    assert "unauthorized" in outputs["12 no-credential-az"]
    assert "already exists. You cannot add it again." in outputs["12 credential-az"]
    for service in ("catalog", "checkout", "delivery"):
        assert re.search(
            rf"{service} +linux +Succeeded +Image Update", outputs["12 fan-out-az"], re.I
        )
    assert "delivery" not in outputs["12 disabled-az"].rpartition("RUN ID")[2]

    assert "application/vnd.cncf.helm.config.v1+json" in outputs["13 chart-az"]
    assert "a release line without repairs" in outputs["13 gate-az"]
    assert "refuse MODERATE and above that have a fix" in outputs["13 gate-az"]
    assert "application/vnd.example.remark" in outputs["13 lost-az"]

    expected, made = (
        json.loads(said(start(home, "-m", "tests.helpers.inventory")))
        for home in (by_notebooks, by_az)
    )
    assert made == expected

    last = [*blocks("00", "00"), *blocks("99", "99")]
    left = Block("99-clean-up", "left", "az group list --output tsv; az keyvault list-deleted")
    outputs |= run([*last, left], by_az, tmp_path)
    assert outputs["99 left"].split() == ["[]"]
    running = daemon.status(by_az)
    assert running is not None
    for cell, text in outputs.items():
        assert "does not implement" not in text, cell
        for secret in (running.account.github_token, running.account.client_secret):
            assert secret not in text, cell


def test_every_notebook_that_calls_azure_has_az_blocks() -> None:
    found = {block.notebook for block in blocks() if "variables" not in block.cell}
    assert found == {chapter.name for chapter in chapters()}


def test_a_block_that_fails_is_named_with_its_output(tmp_path: Path) -> None:
    wrong = [
        Block("01-prerequisites", "fine-az", "echo fine"),
        Block("02-public-base-image", "task-az", "echo before; false\necho never"),
        Block("03-registry-tokens", "later-az", "echo later"),
    ]
    with pytest.raises(BlockFailed) as caught:
        run(wrong, tmp_path / "nothing", tmp_path)
    message = str(caught.value)
    assert "az block task-az of notebooks/02-public-base-image.ipynb" in message
    assert message.endswith("Its output:\nbefore")
    assert "later" not in message
