"""Artifact Cache over real sockets: rules and credential sets by the SDK and az, pulls over HTTP."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.cache_rules import LIMIT
from helpers.localcloud.registry.client import Credential, RegistryClient
from helpers.localcloud.store import Resource, Store
from tests.az import AZ, Az
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy
from tests.registry.test_registry import INDEX, MANIFEST, Place, digest
from tests.resource_manager.test_resource_manager import make_registry


class World:
    """An upstream with an image, a registry that caches it, and a vault with the credentials."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.upstream = Place(cloud)
        self.place = Place(cloud)
        self.client = cloud.client(ContainerRegistryManagementClient)
        self.vault = create_vault(cloud, policy(cloud, cloud.account.object_id, "all"))
        user, password = self.upstream.token("puller", "repositories/*/content/read")
        self.user = self.secret("user", user)
        self.password = self.secret("password", password)

    @property
    def where(self) -> tuple[str, str]:
        return self.place.group, self.place.name

    @property
    def url(self) -> str:
        group, name = self.where
        return (
            f"https://management.azure.com{self.cloud.subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.ContainerRegistry/registries/{name}"
        )

    def secret(self, name: str, value: str) -> str:
        url = f"https://{self.vault}.vault.azure.net"
        SecretClient(url, self.cloud.credential, **self.cloud.options).set_secret(name, value)
        return f"{url}/secrets/{name}"

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.cloud.http().request(
            method,
            f"{self.url}/{path}?api-version=2025-11-01",
            json=body,
            headers={"Authorization": f"Bearer {self.cloud.token()}"},
        )

    def credential_set(self, name: str, server: str = "", **more: str) -> Any:
        secrets = {
            "usernameSecretIdentifier": self.user,
            "passwordSecretIdentifier": self.password,
            **more,
        }
        properties = {
            "loginServer": server or self.upstream.server,
            "authCredentials": [{"name": "Credential1", **secrets}],
        }
        body = {"identity": {"type": "SystemAssigned"}, "properties": properties}
        return self.client.credential_sets.begin_create(*self.where, name, body).result()

    def allow(self, principal_id: str, change: str = "add") -> None:
        """Let an identity read the vault's secrets, or (``remove``) not any more."""
        policies = [policy(self.cloud, principal_id, "get")]
        self.cloud.client(KeyVaultManagementClient).vaults.update_access_policy(
            "vaults-rg", self.vault, change, {"properties": {"accessPolicies": policies}}
        )

    def healthy_set(self, name: str, server: str = "", **more: str) -> Any:
        made = self.credential_set(name, server, **more)
        self.allow(made.identity.principal_id)
        return made

    def rule(self, source: str, target: str, credential_set: Any = None, name: str = "") -> Any:
        properties = {
            "sourceRepository": source,
            "targetRepository": target,
            "credentialSetResourceId": credential_set.id if credential_set else None,
        }
        name = name or f"rule-{uuid.uuid4().hex[:8]}"
        begun = self.client.cache_rules.begin_create(*self.where, name, {"properties": properties})
        return begun.result()

    def pull(self, repository: str, reference: str, method: str = "GET") -> requests.Response:
        return self.place.http.request(
            method,
            self.place.url(f"{repository}/manifests/{reference}"),
            headers={"Accept": f"{MANIFEST}, {INDEX}"},
        )

    def new_registry(self) -> None:
        """Go on with another registry that caches: the rules of one must not overlap."""
        self.place = Place(self.cloud)


@pytest.fixture
def world(local_cloud: LocalCloud, everywhere: World) -> World:
    everywhere.new_registry()
    return everywhere


@pytest.fixture(scope="module")
def everywhere(local_cloud: LocalCloud) -> World:
    return World(local_cloud)


# -- pulls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_tag_is_cached_at_its_first_pull_and_stays(world: World, method: str) -> None:
    first = world.upstream.push(f"app-{method.lower()}", "v1", b"first")
    world.upstream.push(f"app-{method.lower()}", "v2", b"second")
    source = f"{world.upstream.server}/app-{method.lower()}"
    world.rule(source, "copy", world.healthy_set("upstream"))
    sdk = world.place.sdk()
    with pytest.raises(ResourceNotFoundError):
        sdk.get_repository_properties("copy")

    pulled = world.pull("copy", "v1", method)
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, first)
    assert [tag.name for tag in sdk.list_tag_properties("copy")] == ["v1"]
    blob = json.loads(world.pull("copy", "v1").content)["layers"][0]["digest"]
    assert world.place.http.get(world.place.url(f"copy/blobs/{blob}")).content == b"first"

    moved = world.upstream.push(f"app-{method.lower()}", "v1", b"another")
    world.upstream.sdk().delete_repository(f"app-{method.lower()}")
    assert world.pull("copy", "v1").headers["Docker-Content-Digest"] == first != moved
    lost = world.pull("copy", "v2")
    assert (lost.status_code, lost.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert source in lost.json()["errors"][0]["message"]


def test_every_platform_of_an_index_is_cached(world: World) -> None:
    children = [world.upstream.push("many", f"p{number}", b"%d" % number) for number in (1, 2)]
    listed = [
        {
            "mediaType": MANIFEST,
            "digest": child,
            "size": 1,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for child, architecture in zip(children, ("amd64", "arm64"), strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
    assert world.upstream.put("many", "all", index, INDEX).status_code == 201
    world.rule(f"{world.upstream.server}/many", "many", world.healthy_set("upstream"))
    pulled = world.pull("many", "all")
    assert (pulled.content, pulled.headers["Content-Type"]) == (index, INDEX)
    world.upstream.sdk().delete_repository("many")
    for child in children:
        assert world.pull("many", child).status_code == 200
    untagged = [one.digest for one in world.place.sdk().list_manifest_properties("many")]
    assert sorted(untagged) == sorted([*children, digest(index)])


def test_whoever_may_only_read_gets_what_is_not_there_yet(world: World) -> None:
    pushed = world.upstream.push("read", "v1")
    world.rule(f"{world.upstream.server}/read", "read/only", world.healthy_set("upstream"))
    url = world.place.url("read/only/manifests/v1")
    assert world.cloud.http().get(url).status_code == 401
    stranger = world.place.token("stranger", "repositories/other/content/read")
    assert world.place.as_user(stranger).get(url).status_code == 401
    with pytest.raises(ResourceNotFoundError):
        world.place.sdk().get_repository_properties("read/only")
    reader = world.place.as_user(world.place.token("reader", "repositories/read/only/content/read"))
    assert reader.get(url).headers["Docker-Content-Digest"] == pushed
    assert reader.put(url, data=b"{}", headers={"Content-Type": MANIFEST}).status_code == 401


def test_many_first_pulls_at_once_cache_once(world: World) -> None:
    pushed = world.upstream.push("crowd", "v1")
    world.rule(f"{world.upstream.server}/crowd", "crowd", world.healthy_set("upstream"))
    with ThreadPoolExecutor(8) as pool:
        pulled = list(pool.map(lambda _: world.pull("crowd", "v1"), range(24)))
    assert {one.headers["Docker-Content-Digest"] for one in pulled} == {pushed}


def test_wildcards_map_what_follows_and_one_repository_goes_first(world: World) -> None:
    upstream = world.upstream
    pushed = {name: upstream.push(name, "v1", name.encode()) for name in ("a/x", "a/y/z", "b")}
    credentials = world.healthy_set("upstream")
    world.rule(f"{upstream.server}/a/*", "team/*", credentials)
    world.rule(f"{upstream.server}/b", "team/x", credentials)
    assert world.pull("team/y/z", "v1").headers["Docker-Content-Digest"] == pushed["a/y/z"]
    assert world.pull("team/x", "v1").headers["Docker-Content-Digest"] == pushed["b"]
    for outside in ("team", "teams/x", "a/x"):
        assert world.pull(outside, "v1").status_code == 404
    world.new_registry()
    credentials = world.healthy_set("upstream")
    world.rule(f"{upstream.server}/*", "*", credentials)
    assert world.pull("a/x", "v1").headers["Docker-Content-Digest"] == pushed["a/x"]


def test_docker_hub_is_cached_with_the_credentials_of_an_account(world: World) -> None:
    account = world.cloud.account
    secrets = {
        "usernameSecretIdentifier": world.secret("hub-user", account.github_owner),
        "passwordSecretIdentifier": world.secret("hub-password", account.github_token),
    }
    world.rule("docker.io/node", "node", world.healthy_set("hub-1", "docker.io", **secrets))
    pulled = world.pull("node", "15-alpine")
    hub = world.cloud.http().get(
        "https://registry-1.docker.io/v2/library/node/manifests/15-alpine",
        auth=(account.github_owner, account.github_token),
    )
    assert pulled.status_code == hub.status_code == 200, pulled.text
    assert pulled.content == hub.content
    assert world.pull("node", "none").status_code == 404

    wrong = {**secrets, "passwordSecretIdentifier": world.password}
    other = world.healthy_set("hub-2", "docker.io", **wrong)
    world.rule("docker.io/library/*", "hub/*", other)
    refused = world.pull("hub/node", "15-alpine")
    told = refused.json()["errors"][0]
    assert (refused.status_code, told["code"]) == (403, "DENIED")
    assert "docker.io/library/node:15-alpine" in told["message"]
    assert account.github_token not in refused.text


def test_credentials_that_are_unhealthy_say_why(world: World) -> None:
    pushed = world.upstream.push("health", "v1")
    made = world.credential_set("upstream")
    principal = made.identity.principal_id
    assert (made.identity.type, made.provisioning_state) == ("systemAssigned", "Succeeded")
    (one,) = made.auth_credentials
    assert (one.credential_health.status, one.credential_health.error_code) == (
        "Unhealthy",
        "Forbidden",
    )
    assert f"oid={principal};" in one.credential_health.error_message
    assert (
        "does not have secrets get permission on key vault" in one.credential_health.error_message
    )
    assert f"'{world.vault};location=eastus'" in one.credential_health.error_message
    world.rule(f"{world.upstream.server}/health", "health", made)
    refused = world.pull("health", "v1").json()["errors"][0]
    assert refused["code"] == "DENIED"
    assert "'upstream' is unhealthy" in refused["message"]

    world.allow(principal)
    (one,) = world.client.credential_sets.get(*world.where, "upstream").auth_credentials
    assert one.credential_health.status == "Healthy"
    assert one.credential_health.error_code is None
    assert world.pull("health", "v1").headers["Docker-Content-Digest"] == pushed

    world.allow(principal, "remove")
    (listed,) = world.client.credential_sets.list(*world.where)
    assert listed.auth_credentials[0].credential_health.status == "Unhealthy"
    assert world.pull("health", "v1").status_code == 200  # what is cached needs none

    world.allow(principal)
    lost = [{"name": "Credential1", "usernameSecretIdentifier": world.user}]
    lost[0]["passwordSecretIdentifier"] = world.user.replace("/user", "/lost")
    updated = world.client.credential_sets.begin_update(
        *world.where, "upstream", {"properties": {"authCredentials": lost}}
    ).result()
    assert updated.auth_credentials[0].credential_health.error_code == "SecretNotFound"


def test_a_credential_set_that_is_gone_is_named(world: World) -> None:
    world.upstream.push("gone", "v1")
    made = world.healthy_set("upstream")
    world.rule(f"{world.upstream.server}/gone", "gone", made)
    world.client.credential_sets.begin_delete(*world.where, "upstream").result()
    refused = world.pull("gone", "v1")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
    assert "'upstream' does not exist any more" in refused.text
    token = SecretClient(
        f"https://{world.vault}.vault.azure.net", world.cloud.credential, **world.cloud.options
    )
    assert token.get_secret("user").value == "puller"


def test_an_upstream_outside_is_named_and_nothing_leaves(world: World) -> None:
    world.rule("mcr.microsoft.com/*", "mcr/*")
    refused = world.pull("mcr/hello-world", "latest")
    told = refused.json()["errors"][0]
    assert (refused.status_code, told["code"]) == (501, "UNSUPPORTED")
    assert "does not answer for mcr.microsoft.com" in told["message"]
    world.rule("nobody00.azurecr.io/app", "app")
    refused = world.pull("app", "v1")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert "there is no registry nobody00.azurecr.io" in refused.text


def test_registries_that_cache_one_another_end(world: World) -> None:
    first = world.place
    world.new_registry()
    second = world.place
    for here, there in ((first, second), (second, first)):
        world.place = here
        made = {
            "usernameSecretIdentifier": world.secret(f"user-{here.name}", "puller"),
            "passwordSecretIdentifier": world.secret(
                f"password-{here.name}", there.token("puller", "repositories/*/content/read")[1]
            ),
        }
        world.rule(f"{there.server}/*", "*", world.healthy_set("other", there.server, **made))
    lost = world.pull("app", "v1")
    assert (lost.status_code, lost.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    pushed = first.push("app", "v2")
    assert world.pull("app", "v2").headers["Docker-Content-Digest"] == pushed


def test_a_repository_that_is_closed_to_writing_caches_nothing_new(world: World) -> None:
    world.upstream.push("closed", "v1")
    world.upstream.push("closed", "v2", b"2")
    world.rule(f"{world.upstream.server}/closed", "closed", world.healthy_set("upstream"))
    assert world.pull("closed", "v1").status_code == 200
    world.place.sdk().update_repository_properties("closed", can_write=False)
    assert world.pull("closed", "v1").status_code == 200
    assert world.pull("closed", "v2").status_code == 405


def test_a_run_and_an_instance_pull_through_the_cache(world: World) -> None:
    pushed = world.upstream.push("base", "v1")
    world.rule(f"{world.upstream.server}/base", "base", world.healthy_set("upstream"))
    cloud = Cloud(world.cloud.home)
    try:
        client = RegistryClient(cloud)
        account = world.cloud.account
        credential = Credential(account.client_id, account.client_secret)
        image = Reference.parse(f"{world.place.server}/base:v1")
        client.check(image, credential)
        assert client.resolve(image, credential) is None  # to look is no pull
        assert client.pull(image, credential) == pushed
        assert client.resolve(image, credential) == pushed
        with pytest.raises(CloudError, match='manifest tagged by "v9" is not found'):
            client.pull(Reference.parse(f"{world.place.server}/base:v9"), credential)
    finally:
        cloud.close()


# -- rules ---------------------------------------------------------------------------------------


def refusal(
    world: World, source: str, target: str, credentials: Any = None
) -> tuple[int | None, str]:
    with pytest.raises(HttpResponseError) as caught:
        world.rule(source, target, credentials)
    return caught.value.status_code, caught.value.message


def test_rules_do_not_overlap(world: World) -> None:
    for target in ("library/*", "dotnet/sdk", "library/node"):
        wild = "/*" if target.endswith("*") else "/one"
        world.rule(f"mcr.microsoft.com{wild}", target)
    for target in ("*", "library/*", "library/dotnet/*"):
        status, told = refusal(world, "mcr.microsoft.com/*", target)
        assert (status, "with a wildcard" in told, target in told) == (409, True, True)
    for target in ("dotnet/sdk", "library/node"):
        status, told = refusal(world, "mcr.microsoft.com/other", target)
        assert (status, "There is already a cache rule" in told) == (409, True)
    world.rule("mcr.microsoft.com/dotnet/*", "dotnet/*")
    world.rule("mcr.microsoft.com/one", "library2/node")
    world.rule("mcr.microsoft.com/*", "librar/*")


def test_the_target_repository_must_not_exist(world: World) -> None:
    world.place.push("taken", "v1")
    status, told = refusal(world, "mcr.microsoft.com/one", "taken")
    assert status == 409
    assert "target repository 'taken' already exists" in told


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("", "node", "source repository '' is invalid"),
        ("docker.io", "node", "source repository 'docker.io' is invalid"),
        ("docker.io/", "node", "source repository 'docker.io/' is invalid"),
        ("mcr.microsoft.com/a*", "node", "source repository 'mcr.microsoft.com/a*' is invalid"),
        ("mcr.microsoft.com/*/a", "node", "source repository 'mcr.microsoft.com/*/a' is invalid"),
        ("mcr.microsoft.com/A", "node", "source repository 'mcr.microsoft.com/A' is invalid"),
        ("mcr.microsoft.com/a:1", "node", "source repository 'mcr.microsoft.com/a:1' is invalid"),
        ("mcr.microsoft.com/a@1", "node", "source repository 'mcr.microsoft.com/a@1' is invalid"),
        ("registry.example/a", "node", "'registry.example' of the source repository"),
        ("*.azurecr.io/a", "node", "'*.azurecr.io' of the source repository"),
        (f"mcr.microsoft.com/{'a' * 256}", "node", "source repository 'mcr.microsoft.com/aaa"),
        ("mcr.microsoft.com/one", "a" * 256, "target repository 'aaa"),
        ("mcr.microsoft.com/one", "", "target repository '' is invalid"),
        ("mcr.microsoft.com/one", "Node", "target repository 'Node' is invalid"),
        ("mcr.microsoft.com/one", "node:1", "target repository 'node:1' is invalid"),
        ("mcr.microsoft.com/*", "node*", "target repository 'node*' is invalid"),
        ("mcr.microsoft.com/*", "node", "must both end with a wildcard, or neither"),
        ("mcr.microsoft.com/one", "node/*", "must both end with a wildcard, or neither"),
        ("docker.io/library/node", "node", "authenticated pulls only"),
        ("registry-1.docker.io/library/node", "node", "authenticated pulls only"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    world: World, source: str, target: str, told: str
) -> None:
    status, message = refusal(world, source, target)
    assert status == 400
    assert told in message
    assert list(world.client.cache_rules.list(*world.where)) == []


def test_credentials_belong_to_the_registry_and_to_the_upstream(world: World) -> None:
    made = world.credential_set("upstream")
    status, told = refusal(world, "quay.io/team/app", "app", made)
    assert status == 400
    assert f"'upstream' is for {world.upstream.server}" in told
    world.new_registry()
    status, told = refusal(world, f"{world.upstream.server}/app", "app", made)
    assert (status, "does not exist in the registry" in told) == (400, True)


def test_a_rule_keeps_what_it_maps_and_changes_its_credentials(world: World) -> None:
    made = world.credential_set("upstream")
    rule = world.rule(f"{world.upstream.server}/app", "app", name="rule-1")
    assert (rule.credential_set_resource_id, rule.provisioning_state) == (None, "Succeeded")
    change = {"properties": {"credentialSetResourceId": made.id}}
    rules = world.client.cache_rules
    assert rules.begin_update(*world.where, "rule-1", change).result().name == "rule-1"
    bodies: tuple[dict[str, Any], ...] = ({}, {"properties": {}}, {"properties": None})
    for body in bodies:
        kept = rules.begin_update(*world.where, "rule-1", body).result()
        assert kept.credential_set_resource_id == made.id
    taken = world.send(
        "PATCH", "cacheRules/rule-1", {"properties": {"credentialSetResourceId": None}}
    )
    assert taken.json()["properties"]["credentialSetResourceId"] is None
    again = world.rule(f"{world.upstream.server}/app", "app", made, name="rule-1")
    assert again.credential_set_resource_id == made.id
    with pytest.raises(HttpResponseError, match="cannot be changed"):
        world.rule(f"{world.upstream.server}/other", "app", made, name="rule-1")


def test_a_registry_has_a_thousand_rules(world: World) -> None:
    rule = world.rule("mcr.microsoft.com/one", "one")
    store = Store(world.cloud.home / "state.db")
    with store.transaction():
        for number in range(LIMIT - 1):
            one = store.get(rule.id)
            assert one is not None
            name = f"many-{number}"
            body = {**one.body, "name": name}
            body["properties"] = {**one.properties, "targetRepository": f"many/{number}"}
            made = rule.id.replace(rule.name, name)
            store.put(Resource(made, one.type, name, one.resource_group, body, parent=one.parent))
    store.close()
    assert len(list(world.client.cache_rules.list(*world.where))) == LIMIT
    status, told = refusal(world, "mcr.microsoft.com/one", "two")
    assert (status, f"has {LIMIT} cache rules" in told) == (400, True)


# -- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cacheRules", "credentialSets"])
def test_answers_are_as_recorded(world: World, kind: str) -> None:
    bodies: dict[str, Any] = {
        "cacheRules": {
            "properties": {"sourceRepository": "quay.io/one", "targetRepository": "one"}
        },
        "credentialSets": {
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "loginServer": "quay.io",
                "authCredentials": [
                    {
                        "name": "Credential1",
                        "usernameSecretIdentifier": world.user,
                        "passwordSecretIdentifier": world.password,
                    }
                ],
            },
        },
    }
    created = world.send("PUT", f"{kind}/test1", bodies[kind])
    assert (created.status_code, created.json()["type"].rpartition("/")[2]) == (201, kind)
    assert created.json()["properties"]["provisioningState"] == "Creating"
    operation = created.headers["azure-asyncoperation"]
    assert operation.startswith(f"{world.url}/{kind}/test1/operationStatuses/{kind.lower()}-")
    bearer = {"Authorization": f"Bearer {world.cloud.token()}"}
    http = world.cloud.http()
    assert http.get(operation, headers=bearer).json() == {"status": "Succeeded"}
    shown = world.send("GET", f"{kind}/test1").json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert world.send("GET", kind).json() == {"value": [shown]}
    changed = world.send("PATCH", f"{kind}/test1", {})
    assert (changed.status_code, changed.json()["properties"]["provisioningState"]) == (
        201,
        "Updating",
    )
    gone = world.send("DELETE", f"{kind}/test1")
    assert (gone.status_code, gone.content) == (202, b"")
    location = gone.headers["Location"]
    assert f"/locations/EASTUS/operationResults/{kind.lower()}-" in location
    assert http.get(location, headers=bearer).status_code == 200
    assert world.send("DELETE", f"{kind}/test1").status_code == 204
    assert world.send("GET", f"{kind}/test1").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("cacheRules/four", {}, 400, "cache rule name 'four' is invalid"),
        ("credentialSets/a_name", {}, 400, "credential set name 'a_name' is invalid"),
        ("cacheRules/rule-1", {"properties": []}, 400, "'properties' must be an object"),
        (
            "cacheRules/rule-1",
            {"properties": {"credentialSetResourceId": 1}},
            400,
            "'properties.credentialSetResourceId' must be a string",
        ),
        ("cacheRules/rule-1", {"identity": {"type": "UserAssigned"}}, 501, "'identity'"),
        ("credentialSets/set-1", {"properties": {}}, 400, "'loginServer'"),
        (
            "credentialSets/set-1",
            {"properties": {"loginServer": "quay.io", "authCredentials": []}},
            400,
            "has one credential, named Credential1",
        ),
        (
            "credentialSets/set-1",
            {"properties": {"loginServer": "quay.io", "authCredentials": [{"name": "Second"}]}},
            400,
            "credential name 'Second' is invalid",
        ),
        (
            "credentialSets/set-1",
            {
                "properties": {
                    "loginServer": "quay.io",
                    "authCredentials": [{"name": "Credential1"}],
                }
            },
            400,
            "usernameSecretIdentifier '' is invalid",
        ),
    ],
)
def test_a_body_that_cannot_be_is_refused(
    world: World, path: str, body: Any, status: int, told: str
) -> None:
    answer = world.send("PUT", path, body)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]["message"]
    assert world.send("GET", path).status_code == 404


def test_a_set_without_an_identity_reads_nothing(world: World) -> None:
    made = world.credential_set("set-1")
    for kind, status in (("UserAssigned", 501), ("Else", 400)):
        body = {"identity": {"type": kind}}
        assert world.send("PATCH", "credentialSets/set-1", body).status_code == status
    changed = world.send("PATCH", "credentialSets/set-1", {"identity": {"type": "None"}}).json()
    assert "identity" not in changed
    health = changed["properties"]["authCredentials"][0]["credentialHealth"]
    assert (health["status"], health["errorCode"]) == ("Unhealthy", "Forbidden")
    with pytest.raises(HttpResponseError, match="cannot be changed"):
        world.credential_set("set-1", "quay.io")
    again = world.credential_set("set-1")
    assert again.identity.principal_id != made.identity.principal_id


def test_what_belongs_to_a_registry_goes_with_it(world: World) -> None:
    made = world.healthy_set("set-1")
    world.rule(f"{world.upstream.server}/app", "app", made)
    world.client.registries.begin_delete(*world.where).result()
    again = make_registry(world.cloud, world.place.group)
    assert list(world.client.cache_rules.list(world.place.group, again)) == []
    assert world.send("GET", "credentialSets/set-1").status_code == 404


# -- az ------------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
@pytest.mark.skipif(AZ is None, reason="the Azure CLI is not installed; do it with: make az")
def test_az_makes_shows_changes_and_deletes_them(world: World, tmp_path: Path) -> None:
    pushed = world.upstream.push("by-az", "v1")
    signed_in = Az(world.cloud, tmp_path)
    signed_in.sign_in()

    def az(*words: str) -> Any:
        printed = signed_in.ok(*words, "--only-show-errors", "--output", "json")
        return json.loads(printed) if printed else None

    one = ("--registry", world.place.name, "--name", "by-az")
    secrets = ("--username-id", world.user, "--password-id", world.user)
    made = az("acr", "credential-set", "create", *one, "-l", world.upstream.server, *secrets)
    assert made["identity"]["type"] == "systemAssigned"
    assert made["authCredentials"][0]["credentialHealth"]["status"] == "Unhealthy"
    az("acr", "credential-set", "update", *one, "--password-id", world.password)
    world.allow(made["identity"]["principalId"])
    shown = az("acr", "credential-set", "show", *one)
    assert shown["authCredentials"][0]["credentialHealth"]["status"] == "Healthy"
    assert shown["authCredentials"][0]["passwordSecretIdentifier"] == world.password
    assert az("acr", "credential-set", "list", *one[:2]) == [shown]

    source = f"{world.upstream.server}/by-az"
    rule = az("acr", "cache", "create", *one, "-s", source, "-t", "by-az")
    assert rule["credentialSetResourceId"] is None
    rule = az("acr", "cache", "update", *one, "--cred-set", "by-az")
    assert rule["credentialSetResourceId"] == shown["id"]
    assert az("acr", "cache", "show", *one) == rule
    assert az("acr", "cache", "list", *one[:2]) == [rule]
    assert world.pull("by-az", "v1").headers["Docker-Content-Digest"] == pushed
    assert (
        az("acr", "cache", "update", *one, "--remove-cred-set")["credentialSetResourceId"] is None
    )
    az("acr", "cache", "delete", *one, "--yes")
    az("acr", "credential-set", "delete", *one, "--yes")
    assert list(world.client.cache_rules.list(*world.where)) == []
    assert list(world.client.credential_sets.list(*world.where)) == []
    assert world.pull("by-az", "v1").status_code == 200
