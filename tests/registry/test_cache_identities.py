"""Cache rules that pull from another registry of Azure as a user-assigned identity."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.az import Az
from tests.conftest import LocalCloud
from tests.registry.caching import World


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> World:
    made = World(local_cloud)
    made.upstream.push("app", "v1")
    return made


@pytest.fixture(scope="module")
def identity(world: World, az: Az) -> dict[str, Any]:
    """One that may pull from the upstream."""
    made: dict[str, Any] = az.json("identity", "create", "-g", world.place.group, "-n", "cacher")
    az.assign(made["principalId"], "AcrPull", world.upstream.id)
    return made


def rule(world: World, source: str, *identities: str, **more: Any) -> requests.Response:
    """Create a rule for a repository of its own; the answer tells which."""
    name = f"rule-{uuid.uuid4().hex[:8]}"
    properties = {"sourceRepository": source, "targetRepository": name}
    assigned: dict[str, Any] = {one: {} for one in identities}
    given = {"type": "UserAssigned", "userAssignedIdentities": assigned}
    body = {"identity": given, "properties": {**properties, **more}}
    return world.send("PUT", f"cacheRules/{name}", body)


def test_a_rule_pulls_as_its_identity(world: World, identity: dict[str, Any], az: Az) -> None:
    made = rule(world, f"{world.upstream.server}/app", identity["id"]).json()
    held = {"principalId": identity["principalId"], "clientId": identity["clientId"]}
    assert made["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {identity["id"]: held},
    }
    repository = made["properties"]["targetRepository"]
    assert world.pull(repository, "v1").status_code == 200
    world.upstream.push("app", "v2")
    path = f"cacheRules/{made['name']}"
    none = world.send("PATCH", path, {"identity": {"type": "None"}}).json()
    assert "identity" not in none
    assert world.pull(repository, "v2").status_code == 403
    assert world.send("PATCH", path, {"identity": made["identity"]}).status_code == 201
    assert world.pull(repository, "v2").status_code == 200


def test_an_identity_without_a_role_or_that_is_gone_pulls_nothing(world: World, az: Az) -> None:
    where = ("-g", world.place.group, "-n", "stranger")
    stranger = az.json("identity", "create", *where)
    made = rule(world, f"{world.upstream.server}/app", stranger["id"]).json()
    repository = made["properties"]["targetRepository"]
    answer = world.pull(repository, "v1")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")
    az.ok("identity", "delete", *where)
    answer = world.pull(repository, "v1")
    assert answer.status_code == 403
    assert "its identity does not exist any more" in answer.json()["errors"][0]["message"]


def test_a_rule_that_cannot_use_an_identity(world: World, identity: dict[str, Any], az: Az) -> None:
    source = f"{world.upstream.server}/app"
    other = az.json("identity", "create", "-g", world.place.group, "-n", "another")["id"]
    kept = world.healthy_set("kept-set")
    for answer, code, told in (
        (
            rule(world, "mcr.microsoft.com/app", identity["id"]),
            "Content",
            "mcr.microsoft.com is no",
        ),
        (rule(world, source, identity["id"], other), "Content", "in one way"),
        (
            rule(world, source, identity["id"], credentialSetResourceId=kept.id),
            "Content",
            "in one way",
        ),
        (rule(world, source), "MissingIdentityIds", "must not be null or empty"),
        (rule(world, source, f"{other}-x"), "FailedIdentityOperation", "was not found"),
    ):
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"].endswith(code), told in error["message"]) == (True, True), error
    own = {"identity": {"type": "SystemAssigned"}, "properties": {}}
    properties = {"sourceRepository": source, "targetRepository": "own"}
    answer = world.send("PUT", "cacheRules/rule-own", {**own, "properties": properties})
    assert answer.json()["error"]["code"] == "IdentityTypeNotSupported"
    assert world.send("GET", "cacheRules/rule-own").status_code == 404
