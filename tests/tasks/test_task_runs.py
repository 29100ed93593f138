"""Runs of tasks: source from the git host, secrets of a vault, base images, the tools."""

from __future__ import annotations

import uuid
from pathlib import Path

from azure.mgmt.keyvault import KeyVaultManagementClient

from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import GROUP, create_vault, policy, secrets
from tests.tasks.repositories import Repository
from tests.tasks.running import Registry

REPOS = Path(__file__).parents[2] / "repos"


def sample(name: str) -> dict[str, tuple[int, str]]:
    """The files of a sample repository."""
    root = REPOS / name
    return {
        path.relative_to(root).as_posix(): (
            0o100755 if path.stat().st_mode & 0o100 else 0o100644,
            path.read_text(),
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def file_task(repository: Repository, *values: tuple[str, str]) -> dict[str, object]:
    return {
        "type": "FileTask",
        "taskFilePath": "acr-task.yaml",
        "contextPath": repository.url + "#main",
        "values": [{"name": name, "value": value, "isSecret": False} for name, value in values],
    }


def test_base_image_task_remembers_what_it_is_built_on(registry: Registry, cloud: Cloud) -> None:
    repository = Repository(cloud)
    commit = repository.commit("main", sample("base-image-node"))
    registry.task("node-public", file_task(repository, ("REGISTRY_FROM_URL", "docker.io/library/")))
    ended = registry.wait(registry.start_task("node-public"))
    assert ended.status == "Succeeded", ended.log
    assert [(one["repository"], one["tag"]) for one in ended.properties["outputImages"]] == [
        ("node", "15-alpine"),
        ("node", f"15-alpine-{ended.id}"),
    ]
    assert ended.properties["task"] == "node-public"
    assert f"git-head-revision: {commit}" in ended.log
    step = registry.call("GET", "/tasks/node-public").json()["properties"]["step"]
    [dependency] = step["baseImageDependencies"]
    assert dependency["type"] == "RunTime"
    assert (dependency["registry"], dependency["tag"]) == ("docker.io", "15-alpine")
    assert dependency["digest"].startswith("sha256:")
    [listed] = registry.tasks.runs.list(
        registry.group, registry.name, filter="TaskName eq 'node-public'"
    )
    assert listed.properties.run_id == ended.id


def test_gate_tests_tags_and_pushes_with_the_docker_tool(registry: Registry, cloud: Cloud) -> None:
    repository = Repository(cloud)
    repository.commit("main", sample("import-baseimage-node"))
    values = [("REGISTRY_FROM_URL", "docker.io/library/")]
    registry.task("base-import", file_task(repository, *values))
    ended = registry.wait(registry.start_task("base-import"))
    pushed = [(one["repository"], one["tag"]) for one in ended.properties.get("outputImages", [])]
    assert ended.status == "Succeeded", ended.log
    assert pushed == [("node", "15-alpine"), ("node", f"15-alpine-{ended.id}")]


def test_secrets_of_the_file_are_read_as_the_tasks_identity_and_masked(
    registry: Registry, cloud: Cloud, local_cloud: LocalCloud
) -> None:
    vault = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    task = """
version: v1.1.0
secrets:
  - id: word
    keyvault: https://{{.Values.VAULT}}.vault.azure.net/secrets/word
steps:
  - cmd: bash -c 'echo word={{index .Secrets "word"}}'
  - cmd: bash -c 'printf "%0131060d%s%09d" 0 {{index .Secrets "word"}} 0; sleep 0.2; echo .'
"""
    repository = Repository(cloud)
    repository.commit("main", {"acr-task.yaml": (0o100644, task)})
    made = registry.task("secretive", file_task(repository, ("VAULT", vault)))
    secrets(local_cloud, vault).set_secret("word", "xyzzy-from-the-vault")
    refused = registry.wait(registry.start_task("secretive"))
    assert refused.status == "Failed"
    assert "please check permissions are valid" in refused.log
    added = policy(local_cloud, made["identity"]["principalId"], "get")
    local_cloud.client(KeyVaultManagementClient).vaults.update_access_policy(
        GROUP, vault, "add", {"properties": {"accessPolicies": [added]}}
    )
    ended = registry.wait(registry.start_task("secretive"))
    assert ended.status == "Succeeded", ended.log
    assert "word=***" in ended.log
    assert "xyzzy-from-the-vault" not in ended.log
    # A line of more than 64 Ki characters is logged in pieces, of which none ends in a secret.
    # Where the first one ends depends on the longest secret of the run.
    first = next(i for i, line in enumerate(ended.lines) if line.startswith("0" * 1000))
    last = next(i for i, line in enumerate(ended.lines) if line.endswith("000."))
    assert last >= first + 2
    assert "".join(ended.lines[first : last + 1]) == "0" * 131060 + "***000000000."
    assert "xyzzy" not in ended.log


def test_a_secret_of_an_identity_that_the_task_lacks_is_told(registry: Registry) -> None:
    task = """
version: v1.1.0
secrets:
  - id: word
    keyvault: https://somevault.vault.azure.net/secrets/word
    clientID: 00000000-0000-0000-0000-000000000000
steps:
  - cmd: bash -c 'echo {{.Secrets.word}}'
"""
    ended = registry.wait(registry.text(task))
    assert ended.status == "Failed"
    told = "secret 'word': Identity not found; the task has no identity of the clientID 00000000"
    assert told in ended.log


def test_an_id_of_a_step_leads_out_of_no_folder(
    registry: Registry, cloud: Cloud, local_cloud: LocalCloud
) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"Dockerfile": (0o100644, "FROM scratch\n")})
    step = f"  - id: x/../../../escaped\n    build: -t thing {repository.url}#main\n"
    ended = registry.wait(registry.text(f"version: v1.1.0\nsteps:\n{step}"))
    assert ended.status == "Failed"
    assert "Invalid container name (x/../../../escaped)" in ended.log
    assert list(local_cloud.home.rglob("escaped*")) == []


def test_values_of_one_run_and_a_disabled_task(registry: Registry, cloud: Cloud) -> None:
    task = "version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo {{.Values.A}} {{.Values.B}}'\n"
    repository = Repository(cloud)
    repository.commit("main", {"acr-task.yaml": (0o100644, task)})
    registry.task("valued", file_task(repository, ("A", "1"), ("B", "2")))
    ended = registry.wait(registry.start_task("valued", values=[{"name": "B", "value": "3"}]))
    assert "1 3" in ended.lines
    ended = registry.wait(registry.start_task("valued"))
    assert "1 2" in ended.lines
    disabled = registry.call("PATCH", "/tasks/valued", {"properties": {"status": "Disabled"}})
    assert disabled.status_code == 200
    body = {"type": "TaskRunRequest", "taskId": f"{registry.id}/tasks/valued"}
    refused = registry.call("POST", "/scheduleRun", body)
    assert refused.status_code == 409
    assert "is disabled" in refused.json()["error"]["message"]
    other = {**body, "taskId": f"{registry.id}/tasks/nothing"}
    assert registry.call("POST", "/scheduleRun", other).status_code == 404


def test_az_acts_as_the_tasks_identity(registry: Registry, cloud: Cloud, tmp_path: Path) -> None:
    outside = tmp_path / "outside"  # where no container may have the engine write
    task = """
version: v1.1.0
steps:
  - cmd: bash -c 'mkdir $HOME/.azure && ln -s OUTSIDE $HOME/.azure/login.json'
  - cmd: az login --identity --output none
  - cmd: az group show --name {{.Values.GROUP}} --query name --output tsv
"""
    repository = Repository(cloud)
    task = task.replace("OUTSIDE", str(outside))
    repository.commit("main", {"acr-task.yaml": (0o100644, task)})
    made = registry.task("identity", file_task(repository, ("GROUP", registry.group)))
    refused = registry.wait(registry.start_task("identity"))
    assert refused.status == "Failed", refused.log
    scope = f"{registry.cloud.subscription}/resourceGroups/{registry.group}"
    assigned = registry.http.put(
        f"https://management.azure.com{scope}/providers/Microsoft.Authorization/roleAssignments/"
        f"{uuid.uuid4()}",
        params={"api-version": "2022-04-01"},
        json={
            "properties": {
                "principalId": made["identity"]["principalId"],
                "principalType": "ServicePrincipal",
                "roleDefinitionId": f"{registry.cloud.subscription}/providers/"
                "Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            }
        },
        headers={"Authorization": f"Bearer {registry.cloud.token()}"},
        timeout=60,
    )
    assert assigned.status_code == 201, assigned.text
    ended = registry.wait(registry.start_task("identity"))
    assert ended.status == "Succeeded", ended.log
    assert registry.group in ended.lines
    assert not outside.exists()
