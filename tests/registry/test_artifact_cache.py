"""Artifact Cache over real sockets: what a pull through a rule brings, to whom, and how it fails."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.client import Credential, RegistryClient
from tests.registry.places import INDEX, MANIFEST, digest, index_of

from .caching import World
from .locking import refused
from .policies import restore, soft_delete
from .test_acr import acr


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


def test_what_is_soft_deleted_is_not_cached_again_before_it_is_restored(world: World) -> None:
    pushed = world.upstream.push("kept", "v1")
    soft_delete(world.place)
    world.rule(f"{world.upstream.server}/kept", "copy", world.healthy_set("upstream"))
    assert world.pull("copy", "v1").status_code == 200
    assert acr(world.place, "DELETE", "copy").status_code == 202
    refused(world.pull("copy", "v1"), f"copy@{pushed} is soft-deleted", "az acr manifest restore")
    assert restore(world.place, "copy", pushed, "v1").status_code == 200
    assert world.pull("copy", "v1").headers["Docker-Content-Digest"] == pushed


def test_every_platform_of_an_index_is_cached(world: World) -> None:
    children = [world.upstream.push("many", f"p{number}", b"%d" % number) for number in (1, 2)]
    index = index_of(*children)
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
