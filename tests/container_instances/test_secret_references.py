"""Secrets of vaults that container groups refer to: whose right counts, and who sees the values."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.az import Az
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import GROUP, create_vault, policy, secrets
from tests.resource_manager.test_requests import send

from .groups import Azure
from .running_groups import IMAGE, Groups, body

VERSION = "2025-09-01"
TYPE = "Microsoft.ContainerInstance/containerGroups"
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
WORD = "shibboleth-of-the-vault"


class Bench:
    """A group of resources with an identity, a vault that it may read, and a secret in there."""

    def __init__(self, cloud: LocalCloud, groups: Groups) -> None:
        self.cloud, self.groups = cloud, groups
        self.resources = cloud.client(ResourceManagementClient).resources
        made = send(
            cloud,
            "PUT",
            f"resourceGroups/{groups.name}/providers/{IDENTITIES}/reader",
            {"location": "eastus"},
        ).json()
        self.identity = str(made["id"])
        self.object_id = str(made["properties"]["principalId"])
        self.vault = create_vault(cloud)
        self.allow(True)
        self.secrets = secrets(cloud, self.vault)
        self.first = str(self.secrets.set_secret("word", WORD).id)

    def allow(self, may: bool, *others: str) -> None:
        """Let the identity read the vault's secrets, or not; and others, by their object ids."""
        own = policy(self.cloud, self.cloud.account.object_id, "all")
        who = [self.object_id, *others] if may else []
        held = [policy(self.cloud, one, "get") for one in who]
        path = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{self.vault}"
        body = {"properties": {"accessPolicies": [own, *held]}}
        assert send(self.cloud, "PATCH", path, body).status_code == 200

    def reference(self, name: str = "word", url: str = "", **more: Any) -> dict[str, Any]:
        """A reference to a secret of the vault, by its newest version."""
        plain = f"https://{self.vault}.vault.azure.net/secrets/word"
        return {
            "name": name,
            "identity": self.identity,
            "secretReferenceUri": url or plain,
            **more,
        }

    def put(self, name: str, script: str, *references: dict[str, Any], **more: Any) -> Any:
        """Create a group, as who asks for a newer api-version does."""
        resources = {"requests": {"cpu": 0.2, "memoryInGB": 0.3}}
        assigned: dict[str, Any] = {one: {} for one in more.pop("identities", [self.identity])}
        wanted = body(
            script,
            container={"resources": resources, **more.pop("container", {})},
            identity={"type": "UserAssigned", "userAssignedIdentities": assigned},
            secretReferences=list(references),
            **more,
        )
        begun = self.resources.begin_create_or_update_by_id(
            self.id(name), wanted, api_version=VERSION
        )
        return begun.result()

    def id(self, name: str) -> str:
        group = f"{self.cloud.subscription}/resourceGroups/{self.groups.name}"
        return f"{group}/providers/{TYPE}/{name}"

    def shown(self, name: str) -> dict[str, Any]:
        """The properties of a group, as the newer api-version shows them."""
        path = f"resourceGroups/{self.groups.name}/providers/{TYPE}/{name}"
        return dict(send(self.cloud, "GET", path, None, VERSION).json()["properties"])

    def logs(self, name: str, lines: int) -> list[str]:
        """What the container has written, once there are so many lines."""
        deadline = time.monotonic() + 40
        while True:
            found = self.groups.client.containers.list_logs(self.groups.name, name, "main")
            written = (found.content or "").split("\n")[:-1]
            if len(written) >= lines:
                return written
            assert time.monotonic() < deadline, written
            time.sleep(0.05)


@pytest.fixture(scope="module")
def bench(local_cloud: LocalCloud, groups: Groups) -> Iterator[Bench]:
    made = Bench(local_cloud, groups)
    yield made
    made.secrets.close()


def variable(reference: str = "word", name: str = "WORD") -> dict[str, str]:
    return {"name": name, "secureValueReference": reference}


def test_in_variables_and_files_and_nowhere_else(bench: Bench) -> None:
    init = {
        "name": "prepare",
        "properties": {
            "image": IMAGE,
            "command": ["sh", "-c", 'test "$INIT" = "$(cat /words/referred)"'],
            "environmentVariables": [variable(name="INIT")],
            "volumeMounts": [{"name": "words", "mountPath": "/words"}],
        },
    }
    both = {"name": "words", "secret": {"own": "b3du"}, "secretReference": {"referred": "word"}}
    bench.put(
        "everywhere",
        "echo $WORD; cat /words/own; echo; cat /words/referred; echo; exec sleep 600",
        bench.reference(),
        container={
            "environmentVariables": [variable()],
            "volumeMounts": [{"name": "words", "mountPath": "/words", "readOnly": True}],
        },
        initContainers=[init],
        volumes=[both],
    )
    assert bench.logs("everywhere", 3) == [WORD, "own", WORD]
    shown = bench.shown("everywhere")
    assert shown["secretReferences"] == [bench.reference()]
    assert shown["volumes"] == [{**both, "secret": {}}]
    assert shown["containers"][0]["properties"]["environmentVariables"] == [variable()]
    assert WORD not in str(shown)
    home = bench.cloud.home
    assert WORD not in (home / "daemon.log").read_text()
    with sqlite3.connect(home / "state.db") as state:
        rows = state.execute("SELECT * FROM resources WHERE key LIKE '%/everywhere'").fetchall()
    assert rows
    assert WORD not in str(rows)


def test_a_password_of_a_registry(bench: Bench) -> None:
    cloud, name = bench.cloud, f"r{uuid.uuid4().hex[:12]}"
    registries = cloud.client(ContainerRegistryManagementClient).registries
    body: Any = {
        "location": "eastus",
        "sku": {"name": "Basic"},
        "properties": {"adminUserEnabled": True},
    }
    registries.begin_create(bench.groups.name, name, body).result()
    source = {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"}
    wanted: Any = {"source": source, "targetTags": ["node:1"]}
    registries.begin_import_image(bench.groups.name, name, wanted).result()
    held = registries.list_credentials(bench.groups.name, name)
    url = bench.secrets.set_secret("password", str(held.passwords[0].value)).id
    server = f"{name}.azurecr.io"
    credential = {"server": server, "username": held.username, "passwordReference": "password"}
    more = {
        "container": {"image": f"{server}/node:1"},
        "imageRegistryCredentials": [credential],
    }
    reference = bench.reference("password", str(url))
    bench.put("private", "echo pulled; sleep 600", reference, **more)
    assert bench.logs("private", 1) == ["pulled"]
    assert bench.shown("private")["imageRegistryCredentials"] == [credential]
    bench.secrets.set_secret("password", "another")
    newest = bench.reference("password", str(url).rpartition("/")[0])
    with pytest.raises(HttpResponseError, match="InaccessibleImage"):
        bench.put("refused", "true", newest, **more)
    bench.allow(False)
    try:
        with pytest.raises(HttpResponseError, match="does not have secrets get permission"):
            bench.put("refused", "true", reference, **more)
    finally:
        bench.allow(True)


def test_a_version_stays_and_the_newest_is_read_at_each_start(bench: Bench) -> None:
    bench.put(
        "versions",
        "echo $FIRST $NEWEST; exec sleep 600",
        bench.reference("first", bench.first),
        bench.reference("newest"),
        container={
            "environmentVariables": [variable("first", "FIRST"), variable("newest", "NEWEST")]
        },
    )
    assert bench.logs("versions", 1) == [f"{WORD} {WORD}"]
    bench.secrets.set_secret("word", "second")
    try:
        bench.groups.client.container_groups.begin_restart(bench.groups.name, "versions").result()
        assert bench.logs("versions", 1) == [f"{WORD} second"]
    finally:
        bench.secrets.set_secret("word", WORD)


def test_the_right_counts_when_the_group_starts(bench: Bench) -> None:
    container = {"environmentVariables": [variable()]}
    bench.allow(False)
    try:
        with pytest.raises(HttpResponseError, match="does not have secrets get permission") as told:
            bench.put("rights", "echo $WORD; sleep 600", bench.reference(), container=container)
    finally:
        bench.allow(True)
    assert "'word'" in str(told.value)
    shown = bench.shown("rights")
    assert (shown["provisioningState"], shown["instanceView"]["state"]) == ("Failed", "Failed")
    [event] = shown["instanceView"]["events"]
    assert event["type"] == "Warning"
    assert f"as the identity '{bench.identity}'" in event["message"]
    bench.groups.client.container_groups.begin_start(bench.groups.name, "rights").result()
    assert bench.logs("rights", 1) == [WORD]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("secrets/never", "A secret with (name/id) never"),
        (f"secrets/word/{'0' * 32}", "was not found in this key vault"),
    ],
)
def test_a_secret_that_there_is_not(bench: Bench, path: str, told: str) -> None:
    url = f"https://{bench.vault}.vault.azure.net/{path}"
    with pytest.raises(HttpResponseError) as refused:
        bench.put("missing", "true", bench.reference("other", url))
    assert told in str(refused.value)
    assert bench.shown("missing")["provisioningState"] == "Failed"


def test_an_identity_that_was_deleted(bench: Bench) -> None:
    path = f"resourceGroups/{bench.groups.name}/providers/{IDENTITIES}/brief"
    made = send(bench.cloud, "PUT", path, {"location": "eastus"}).json()
    bench.allow(True, made["properties"]["principalId"])
    try:
        reference = bench.reference(identity=made["id"])
        bench.put("orphan", "exec sleep 600", reference, identities=[made["id"]])
        assert send(bench.cloud, "DELETE", path, None).status_code == 200
        groups = bench.groups.client.container_groups
        with pytest.raises(HttpResponseError, match="was deleted. Assign one that is there"):
            groups.begin_restart(bench.groups.name, "orphan").result()
        assert bench.shown("orphan")["instanceView"]["state"] == "Failed"
    finally:
        bench.allow(True)


FILE = """
apiVersion: '2025-09-01'
location: eastus
name: by-az
type: Microsoft.ContainerInstance/containerGroups
identity: {type: UserAssigned, userAssignedIdentities: {IDENTITY: {}}}
properties:
  osType: Linux
  restartPolicy: Never
  secretReferences:
  - {name: word, identity: IDENTITY, secretReferenceUri: 'SECRET'}
  containers:
  - name: main
    properties:
      image: IMAGE
      command: [sh, -c, 'echo $WORD; exec sleep 600']
      environmentVariables:
      - {name: WORD, secureValueReference: word}
      resources: {requests: {cpu: 0.5, memoryInGB: 0.5}}
"""


def test_az_creates_a_group_of_a_file(bench: Bench, az: Az, tmp_path: Path) -> None:
    text = FILE.replace("IDENTITY", bench.identity).replace("SECRET", bench.first)
    file = tmp_path / "group.yaml"
    file.write_text(text.replace("IMAGE", IMAGE))
    where = ("-g", bench.groups.name)
    az.ok("container", "create", *where, "-f", str(file))
    assert bench.logs("by-az", 1) == [WORD]
    shown = az.ok("container", "show", *where, "-n", "by-az")
    assert WORD not in shown
    assert '"state": "Running"' in shown


URL = "https://vault.vault.azure.net/secrets/word"
ONE = f"/subscriptions/s/resourceGroups/rg/providers/{IDENTITIES}/one"
GOOD = {"name": "word", "identity": ONE, "secretReferenceUri": URL}
CREDENTIAL = {"server": "a.azurecr.io", "username": "a"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secretReferences": [{**GOOD, "name": ""}]}, "The 'name' of the secret reference ''"),
        ({"secretReferences": [{**GOOD, "identity": None}]}, "The 'identity' of the secret"),
        ({"secretReferences": [{"name": "a", "identity": ONE}]}, "The 'secretReferenceUri' of the"),
        ({"secretReferences": [GOOD]}, "is not a user-assigned identity of the group"),
        ({"secretReferences": {"a": 1}}, "'properties.secretReferences' must be a list"),
        ({"secretReferences": [{**GOOD, "identity": 5}]}, "identity' must be a string"),
        (
            {"container": {"environmentVariables": [variable("none")]}},
            "The secret reference 'none' in the environment variable 'WORD' of the container 'main'",
        ),
        (
            {
                "initContainers": [
                    {
                        "name": "a",
                        "properties": {"image": "a", "environmentVariables": [variable("none")]},
                    }
                ]
            },
            "The secret reference 'none' in the environment variable 'WORD' of the container 'a'",
        ),
        (
            {"volumes": [{"name": "v", "secretReference": {"k": "none"}}]},
            "The secret reference 'none' in the 'secretReference' of the volume 'v'",
        ),
        (
            {"imageRegistryCredentials": [{**CREDENTIAL, "passwordReference": "none"}]},
            "The secret reference 'none' in the 'passwordReference' of 'imageRegistryCredentials'",
        ),
        (
            {
                "imageRegistryCredentials": [
                    {**CREDENTIAL, "password": "a", "passwordReference": "none"}
                ]
            },
            "have both 'password' and 'passwordReference' for 'a.azurecr.io'",
        ),
        (
            {"container": {"environmentVariables": [{**variable(), "value": "a"}]}},
            "has both 'value' and 'secureValueReference': give one of them",
        ),
        (
            {
                "container": {
                    "environmentVariables": [{**variable(), "value": "a", "secureValue": "b"}]
                }
            },
            "has 'value', 'secureValue' and 'secureValueReference': give one of them",
        ),
        (
            {"volumes": [{"name": "v", "secretReference": {"a/b": "word"}}]},
            "'a/b' cannot be the name of a file",
        ),
        (
            {"volumes": [{"name": "v", "secret": {"k": ""}, "secretReference": {"k": "word"}}]},
            "is in both 'secret' and 'secretReference'",
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "secretReference": {}}]},
            "must have one of 'emptyDir,secret,secretReference,gitRepo,azureFile'",
        ),
    ],
)
def test_references_that_cannot_be(azure: Azure, changes: dict[str, Any], words: str) -> None:
    refusal = azure.refusal(**changes)
    assert refusal.status == 400
    assert words in refusal.message


@pytest.mark.parametrize(
    ("references", "words"),
    [
        ([GOOD, GOOD], "The secret reference name 'word' in container group 'web' is not unique"),
        ([{**GOOD, "secretReferenceUri": "https://vault.vault.azure.net/keys/word"}], "not like"),
        ([{**GOOD, "secretReferenceUri": "https://vault.example.com/secrets/word"}], "not like"),
        ([{**GOOD, "secretReferenceUri": "word"}], "'word' is not like https://<vault>.vault"),
    ],
)
def test_references_of_an_identity_that_cannot_be(
    bench: Bench, references: list[dict[str, Any]], words: str
) -> None:
    given = [{**one, "identity": bench.identity.upper()} for one in references]
    with pytest.raises(HttpResponseError) as refused:
        bench.put("web", "true", *given)
    assert refused.value.status_code == 400
    assert words in str(refused.value)
