"""The folded az blocks of the notebooks, run with the real az, one notebook after another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers.localcloud import daemon
from helpers.tutorial import ROOT, chapters

_BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)
_LEFT = "deleted vaults that are left: "
AZ = shutil.which("az", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "localcloud"
    yield path
    daemon.down(path)


def script() -> str:
    """Every block, in order, each announced by its notebook."""
    lines = ["set -euo pipefail"]
    for chapter in chapters():
        for cell in nbformat.read(chapter.path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for block in _BASH.findall(cell.source):
                    lines += [f"echo '## {chapter.number} {cell.id}' >&2", block]
    lines.append(f"echo {_LEFT}$(az keyvault list-deleted --resource-type vault --output tsv)")
    return "\n".join(lines)


@pytest.mark.timeout(600)
@pytest.mark.skipif(AZ is None, reason="az is not installed: pip install '.[az]' in its own venv")
def test_the_whole_tutorial_with_az(home: Path, tmp_path: Path) -> None:
    assert AZ is not None
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AZURE_")}
    folders = [str(Path(sys.executable).parent), str(Path(AZ).parent), kept["PATH"]]
    environment = {**kept, "LOCALCLOUD_HOME": str(home), "HOME": str(tmp_path)}
    environment["PATH"] = os.pathsep.join(folders)
    text = script()
    assert text.count("az acr create") == 3
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert '<dd id="color">DeepSkyBlue</dd>' in done.stdout
    assert "HTTP/1.1 200" in done.stdout
    assert re.search(r"hello-world +linux +Succeeded +Manual", done.stdout, re.I), done.stdout
    assert "does not implement" not in done.stderr, done.stderr[-6000:]
    assert done.stdout.splitlines()[-1].strip() == _LEFT.strip()
    running = daemon.status(home)
    assert running is not None
    for secret in (running.account.github_token, running.account.client_secret):
        assert secret not in done.stdout
