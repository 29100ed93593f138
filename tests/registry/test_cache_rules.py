"""Cache rules and credential sets: what may be, what is refused, and how it is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from helpers.localcloud.registry.cache_rules import LIMIT
from helpers.localcloud.store import Resource, Store
from tests.az import AZ, Az
from tests.resource_manager.test_resource_manager import make_registry

from .caching import World

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
        ("cacheRules/rule-1", {"identity": []}, 400, "'identity' must be an object"),
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
