"""The real Azure CLI in steps: each image that has az, and azure-identity beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import azure.identity
import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.images import azure_cli, stand_in
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.tasks.execution.agent import StepError
from helpers.localcloud.tasks.execution.step_tools import plain_call
from helpers.tutorial import ROOT
from tests.conftest import start
from tests.tasks.running import Registry

IMAGE = Reference.parse("mcr.microsoft.com/azure-cli:latest")
PROGRAM = """\
import base64, json, os
from azure.identity import ManagedIdentityCredential
for form in ("variables", "address"):
    token = ManagedIdentityCredential().get_token("https://vault.azure.net/.default").token
    claims = token.split(".")[1]
    print(form, json.loads(base64.urlsafe_b64decode(claims + "=="))["oid"])
    os.environ.pop("IDENTITY_ENDPOINT", None), os.environ.pop("IDENTITY_HEADER", None)
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of a cloud whose steps have the real az."""
    if not (ROOT / ".venv-az" / "installed").exists():
        pytest.skip("the Azure CLI is not installed; do it with: make az")
    home = tmp_path_factory.mktemp("real") / "home"
    os.environ[azure_cli.VARIABLE] = azure_cli.REAL
    try:
        yield Registry(start(home))
    finally:
        del os.environ[azure_cli.VARIABLE]
        daemon.down(home)


@pytest.mark.timeout(400)
def test_az_and_azure_identity_are_the_identity_of_their_task(real: Registry) -> None:
    login = "az login --identity --allow-no-subscriptions -o none"
    show = "az account show --query user.assignedIdentityInfo -o tsv"
    text = "version: v1.1.0\nsteps:\n" + "".join(
        f"  - cmd: {json.dumps(command)}\n"
        for command in (
            login,
            "az version",
            f"mcr.microsoft.com/azure-cli {show}",
            f"bash -c 'echo in bash: `{show}`'",
            "mcr.microsoft.com/azure-cli env PYTHONPATH=/workspace /opt/az/bin/python program.py",
        )
    )
    folder = Path(azure.identity.__file__).parent
    package = {
        f"azure/identity/{path.relative_to(folder)}": path.read_text()
        for path in folder.rglob("*.py")
    }
    context = real.upload({"program.py": PROGRAM, "task.yaml": text, **package})
    step = {"type": "FileTask", "taskFilePath": "task.yaml", "contextPath": context}
    made = real.task("real-az", step)
    run = real.wait(real.start_task("real-az"), 300)
    assert run.status == "Succeeded", run.log
    assert f'  "azure-cli": "{azure_cli.AzureCli().version}",' in run.lines
    assert "MSI" in run.lines
    assert "in bash: MSI" in run.lines
    own = made["identity"]["principalId"]
    assert f"variables {own}" in run.lines
    assert f"address {own}" in run.lines


def test_where_it_is_not_installed_a_run_says_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud that begins with the stand-in: the next daemon has another choice, then none."""
    cloud = Cloud(tmp_path / "home")
    monkeypatch.setattr(azure_cli, "FOLDER", tmp_path)
    client = RegistryClient(cloud)
    monkeypatch.setenv(azure_cli.VARIABLE, "stand-in")
    first = client.pull(IMAGE)
    monkeypatch.setenv(azure_cli.VARIABLE, "real")
    stand_in.forget_other_az(cloud)
    with pytest.raises(CloudError, match="LOCALCLOUD_AZ=real .* install it with `make az`"):
        client.pull(IMAGE)
    monkeypatch.setenv(azure_cli.VARIABLE, "other")
    told = "LOCALCLOUD_AZ is 'other': it is 'real' or 'stand-in'"
    with pytest.raises(CloudError, match=told):
        client.pull(IMAGE)
    with pytest.raises(SandboxError, match=told):
        stand_in.forget_other_az(cloud)
    with pytest.raises(StepError, match=told):
        plain_call(["mcr.microsoft.com/acr/azure-cli:1", "version"])
    monkeypatch.setenv(azure_cli.VARIABLE, "stand-in")
    stand_in.forget_other_az(cloud)
    assert client.pull(IMAGE) == first
    cloud.close()
