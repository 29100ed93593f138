"""az and docker in task steps against a running local cloud: what they print, and what they refuse."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.identities import Identities
from helpers.localcloud.principals import Principal
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets
from tests.tasks.running import Registry
from tests.tasks.test_tools import BASE, Tools

LINUX = ["--os-type", "Linux", "--cpu", "1", "--memory", "1"]
PASSWORD = ["-u", "u", "-p", "wr0ng"]
CREATE = ["container", "create", "-g", "GROUP", "-n", "n", "--image", BASE]
NODE = f"docker.io/library/{BASE}"


@pytest.fixture(scope="module")
def tools(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """Tools of a step whose identity owns the subscription, and is logged in."""
    tools = Tools(cloud, tmp_path_factory.mktemp("az"))
    tools.context = dataclasses.replace(tools.context, identities=Identities((cloud.owner,)))
    status, text = tools.az("login", "--identity")
    assert (status, json.loads(text)[0]["state"]) == (0, "Enabled"), text
    yield tools
    tools.context.session.close()


@pytest.fixture(scope="module")
def app(tools: Tools, registry: Registry) -> str:
    """A repository of the registry with the tags 1 and 2."""
    images = ("--image", "app:1", "--image", "app:2")
    status = tools.az("acr", "import", "-n", registry.name, "--source", NODE, *images)
    assert status == (0, "")
    return "app"


def test_account_and_group_are_shown(tools: Tools, registry: Registry) -> None:
    status, text = tools.az("account", "show")
    assert status == 0
    assert json.loads(text)["id"] == tools.context.cloud.account.subscription_id
    assert tools.az("group", "show", "-n", registry.group, "--query", "location") == (
        0,
        '"eastus"',
    )


def test_repositories_and_tags_are_shown_and_deleted(
    tools: Tools, registry: Registry, app: str
) -> None:
    assert tools.az("acr", "repository", "list", "-n", registry.name, "-o", "tsv") == (0, app)
    show = ("acr", "repository", "show", "-n", registry.name)
    assert tools.az(*show, "--repository", app, "--query", "tagCount") == (0, "2")
    assert tools.az(*show, "--image", f"{app}:1", "--query", "name") == (0, '"1"')
    tags = ("acr", "repository", "show-tags", "-n", registry.name, "--repository", app)
    status, text = tools.az(*tags, "--orderby", "time_asc")
    assert (status, sorted(json.loads(text))) == (0, ["1", "2"])
    status, text = tools.az(*tags, "--detail")
    assert {len(one["digest"]) for one in json.loads(text)} == {71}
    from_own = ("--source", f"{registry.server}/{app}:1", "--image", "gone:1")
    assert tools.az("acr", "import", "-n", registry.name, *from_own) == (0, "")
    delete = ("acr", "repository", "delete", "-n", registry.name, "-y")
    assert tools.az(*delete, "--repository", "gone")[0] == 0
    assert tools.az("acr", "repository", "list", "-n", registry.name, "-o", "tsv") == (0, app)


def test_a_registry_is_logged_in_to_by_token(tools: Tools, registry: Registry, app: str) -> None:
    status, text = tools.az("acr", "login", "-n", registry.name, "--expose-token")
    token = json.loads(text)
    assert (status, token["loginServer"]) == (0, registry.server)
    user = "00000000-0000-0000-0000-000000000000"
    status, text = tools.docker("login", "-u", user, "-p", token["accessToken"], registry.server)
    assert (status, text.splitlines()[-1]) == (0, "Login Succeeded")
    status, text = tools.docker("pull", "-q", f"{registry.server}/{app}:1")
    assert (status, text) == (0, f"{registry.server}/{app}:1")
    assert tools.docker("tag", f"{registry.server}/{app}:1", f"{registry.server}/pushed:1")[0] == 0
    status, text = tools.docker("push", f"{registry.server}/pushed:1")
    assert status == 0
    assert "digest: sha256:" in text
    assert tools.docker("logout", registry.server) == (
        0,
        f"Removing login credentials for {registry.server}",
    )
    assert tools.docker("logout", registry.server) == (0, f"Not logged in to {registry.server}")
    assert tools.az("acr", "login", "-n", registry.name) == (0, "Login Succeeded")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["acr", "show", "-n", "nosuchregistry"], 1, "could not be found in subscription"),
        (["acr", "import", "-n", "REGISTRY", "--source", "x"], 1, "Source cannot be found."),
        (["acr", "repository", "show", "-n", "REGISTRY"], 1, "--image IMAGE | --repository"),
        (["acr", "repository", "delete", "-y", "-n", "REGISTRY"], 1, "but not both"),
        (
            ["acr", "repository", "show", "-n", "REGISTRY", "-t", "never:1"],
            3,
            'Error: repository "never" is not found.',
        ),
        (["group", "show", "-n", "nosuchgroup"], 3, "(ResourceGroupNotFound)"),
        (["group", "show", "-n", "GROUP", "--query", f"{'!' * 3000}a"], 2, "nested too deeply"),
        (
            ["acr", "import", "-n", "REGISTRY", "--source", "a.azurecr.io/b:1", *PASSWORD],
            1,
            "(InvalidParameters)",
        ),
        (
            [*CREATE, "--environment-variables", "NAME"],
            2,
            "environment variables have the form NAME=value, not 'NAME'",
        ),
        (
            [*CREATE, *LINUX, "--dns-name-label", "site"],
            1,
            "The DNS name label 'site' in container group",
        ),
        (
            ["container", "create", "-g", "GROUP", "-n", "never", "--image", f"{BASE}-never"],
            1,
            "ERROR: ",
        ),
    ],
)
def test_what_cannot_be_done_is_told(
    tools: Tools, registry: Registry, words: list[str], status: int, message: str
) -> None:
    given = {"REGISTRY": registry.name, "GROUP": registry.group}
    got, text = tools.az(*(given.get(word, word) for word in words))
    assert (got, message in text) == (status, True), text
    assert text.startswith("ERROR: ")
    assert "wr0ng" not in text


def test_a_container_runs_with_its_variables_and_is_logged(
    tools: Tools, registry: Registry
) -> None:
    name = ("-g", registry.group, "-n", "shows")
    script = 'sh -c "echo $PLAIN; test -n \\"$HIDDEN\\" && echo hidden; sleep 300"'
    status, text = tools.az(
        *("container", "create", *name, "--image", NODE, "--os-type", "Linux"),
        *("--cpu", "1", "--memory", "1", "--command-line", script, "--ports", "8080"),
        *("--environment-variables", "PLAIN=in plain sight"),
        *("--secure-environment-variables", "HIDDEN=s3cret"),
        *("--ip-address", "Public", "--restart-policy", "Never"),
    )
    assert status == 0, text
    made = json.loads(text)
    assert made["ipAddress"]["type"] == "Public"
    assert made["provisioningState"] == "Succeeded"
    assert "s3cret" not in text
    for _ in range(600):
        status, text = tools.az("container", "logs", *name)
        if "hidden" in text:
            break
    assert (status, text.splitlines()) == (0, ["in plain sight", "hidden"])
    assert tools.az("container", "delete", *name, "-y")[0] == 0
    assert tools.az("container", "list", "-g", registry.group) == (0, "[]")


def test_secrets_of_a_vault_are_set_and_shown(tools: Tools, local_cloud: LocalCloud) -> None:
    name = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    secret = ("--vault-name", name, "-n", "colour")
    status, text = tools.az("keyvault", "secret", "set", *secret, "--value", "green")
    assert (status, json.loads(text)["value"]) == (0, "green")
    assert tools.az("keyvault", "secret", "show", *secret, "-o", "tsv", "--query", "value") == (
        0,
        "green",
    )
    assert secrets(local_cloud, name).get_secret("colour").value == "green"
    status, text = tools.az("keyvault", "secret", "show", "--vault-name", name, "-n", "never")
    assert (status, "(SecretNotFound)" in text) == (1, True), text


def test_an_identity_without_a_role_cannot_log_in(
    tools: Tools, registry: Registry, cloud: Cloud, tmp_path: Path
) -> None:
    step = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtd"}
    made = registry.task(f"task-{uuid.uuid4().hex[:8]}", step)
    stranger = cloud.principals.find(object_id=made["identity"]["principalId"])
    assert isinstance(stranger, Principal)
    other = Tools(cloud, tmp_path)
    other.context = dataclasses.replace(other.context, identities=Identities((stranger,)))
    try:
        status, text = other.az("login", "--identity")
        assert (status, "hence no subscriptions were found" in text) == (1, True)
        assert other.az("account", "show") == (1, "ERROR: Please run 'az login' to setup account.")
    finally:
        other.context.session.close()


def test_docker_lists_versions_and_options(tools: Tools) -> None:
    assert tools.docker("-D", "--version") == (
        0,
        "Docker stand-in of the local cloud, for ACR Tasks steps",
    )
    assert tools.docker("pull", BASE)[0] == 0
    status, text = tools.docker("images", "-q")
    assert status == 0
    assert {len(line) for line in text.splitlines()} == {12}
    status, text = tools.docker("container", "ls", "-a")
    assert status == 0
    assert text.split() == [
        "CONTAINER",
        "ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ]
    status, text = tools.docker("inspect", BASE, "never:1")
    assert (status, text.splitlines()[-1]) == (1, "Error: No such object: never:1")
    status, text = tools.docker("inspect", "-f", "{{.Id}}", BASE)
    assert (status, "docker inspect --format: read its JSON instead" in text) == (1, True), text


def test_docker_build_takes_a_dockerfile_of_its_context(tools: Tools) -> None:
    (tools.workspace / "app/sub").mkdir(parents=True)
    (tools.workspace / "app/sub/Other").write_text(f"FROM {BASE}\nRUN exit 3\n")
    (tools.workspace / "outside").write_text(f"FROM {BASE}\nCOPY sub/Other /\nRUN exit 4\n")
    status, text = tools.docker("build", "-f", "app/sub/Other", "app")
    assert status == 3, text
    status, text = tools.docker("build", "-f", "outside", "app")
    assert status == 4, text
    status, text = tools.docker("build", "outside")
    assert (status, text) == (1, "the build context 'outside' was not found in the source code")
