"""The main commands of every group of az that the local cloud is for, with each az that CI installs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.az import AZ, PROGRAMS, Az, forking
from tests.conftest import LocalCloud
from tests.proofs import commands
from tests.proofs.commands import GROUPS, Outcome

WALK = [one for one in commands.scenario(commands.SCENARIO.read_text()) if one.main]


def test_the_walk_goes_through_every_group() -> None:
    assert {one.text.split()[0] for one in WALK} - {"login"} == set(GROUPS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("target", "program"), list(PROGRAMS.items()))
def test_the_main_commands_of_az_work(
    local_cloud: LocalCloud, tmp_path: Path, target: str, program: str | None
) -> None:
    if program is None:
        pytest.skip(f"an Azure CLI is not installed; do it with: make {target}")
    az = commands.asking(local_cloud, tmp_path, program)
    found = list(commands.run(az, WALK, commands.names(local_cloud)))
    wrong = [f"{step.text}: {said}" for step, now, said in found if now != Outcome.WORKS]
    assert not wrong, "\n".join(wrong)


def test_an_az_that_breaks_is_seen_to(az: Az, tmp_path: Path) -> None:
    """What a fork raises is told, as the az does from which it was made: ``refused`` looks for it."""
    assert AZ is not None
    (tmp_path / "folder").touch()
    environment = {**az.environment, "AZURE_CONFIG_DIR": str(tmp_path / "folder" / "none")}
    for program in (AZ, forking(AZ) / "az"):
        done = subprocess.run(
            [program, "version"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert "NotADirectoryError" in done.stderr
