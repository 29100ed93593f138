"""What a PATCH says has an effect, or is refused: for every property of every type that can be changed.

The operations are the router's, and the properties those of its models: a new one is asked by itself.
"""

from __future__ import annotations

import types
import typing
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.resource_manager.models import Choice, Lacking, Model, ResourceModel
from helpers.localcloud.resource_manager.path_templates import is_of_resource
from tests.conftest import LocalCloud

from .refusing import READ, Place, assert_refused, vault_body
from .test_resource_manager import make_group, make_registry

RECEIVER = "http://127.0.0.1:9/"
TASK = "dmVyc2lvbjogdjEuMS4wCnN0ZXBzOgotIGNtZDogaGVsbG8K"


@pytest.fixture(scope="module")
def made(local_cloud: LocalCloud) -> Place:
    """A place with one resource of each type that a PATCH can change."""
    group = make_group(local_cloud)
    place = Place(
        local_cloud, group, make_registry(local_cloud, group), f"v{uuid.uuid4().hex[:12]}"
    )
    secrets = "https://some.vault.azure.net/secrets"
    credential = {"name": "Credential1"} | {
        f"{word}SecretIdentifier": f"{secrets}/{word}" for word in ("username", "password")
    }
    bodies: dict[str, Any] = {
        "{v}": vault_body(local_cloud),
        "{r}/scopeMaps/known": {"properties": {"actions": READ, "description": "as made"}},
        "{r}/tokens/known": {
            "properties": {"scopeMapId": place.id("{r}/scopeMaps/_repositories_pull")}
        },
        "{r}/webhooks/known": {
            "location": "eastus",
            "properties": {"serviceUri": RECEIVER, "actions": ["push"]},
        },
        "{r}/tasks/known": {
            "properties": {"step": {"type": "EncodedTask", "encodedTaskContent": TASK}}
        },
        "{r}/credentialSets/known": {
            "properties": {"loginServer": "docker.io", "authCredentials": [credential]}
        },
        "{r}/cacheRules/known": {
            "properties": {
                "sourceRepository": "docker.io/library/node",
                "targetRepository": "cached",
                "credentialSetResourceId": place.id("{r}/credentialSets/known"),
            }
        },
        "{g}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/known": {
            "location": "eastus"
        },
    }
    for path, body in bodies.items():
        answer = place.send("PUT", path, body)
        assert answer.status_code in (200, 201), answer.text
    return place


PATHS = {
    "Microsoft.ContainerRegistry/registries": "{r}",
    "Microsoft.ContainerRegistry/registries/cacheRules": "{r}/cacheRules/known",
    "Microsoft.ContainerRegistry/registries/credentialSets": "{r}/credentialSets/known",
    "Microsoft.ContainerRegistry/registries/scopeMaps": "{r}/scopeMaps/known",
    "Microsoft.ContainerRegistry/registries/tasks": "{r}/tasks/known",
    "Microsoft.ContainerRegistry/registries/tokens": "{r}/tokens/known",
    "Microsoft.ContainerRegistry/registries/webhooks": "{r}/webhooks/known",
    "Microsoft.KeyVault/vaults": "{v}",
    "Microsoft.ManagedIdentity/userAssignedIdentities": (
        "{g}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/known"
    ),
}
# Made by a run, of containers that run, or within a vault: their own tests change them.
ELSEWHERE = {
    *("Microsoft.ContainerInstance/containerGroups", "Microsoft.KeyVault/vaults/secrets"),
    *("Microsoft.ContainerRegistry/registries/taskRuns", "Microsoft.Resources"),
    "Microsoft.ContainerRegistry/registries/runs",
}
ROUTES = {
    one.resource_type: one.model
    for one in all_operations().routes
    if one.method == "PATCH" and is_of_resource(one.template) and one.model is not None
}


def test_every_type_that_can_be_changed_is_here() -> None:
    assert set(ROUTES) - ELSEWHERE == set(PATHS)


def _leaves(hint: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The simple values in a type: where they are, and others than nothing."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        choices = [one.values for one in hint.__metadata__ if isinstance(one, Choice)]
        if choices:
            yield from ((path, value) for value in choices[0])
        else:
            yield from _leaves(arguments[0], path)
    elif origin in (typing.Union, types.UnionType):
        for one in arguments:
            yield from _leaves(one, path)
    elif hint is bool:
        yield from ((path, value) for value in (True, False))
    elif hint is int:
        yield from ((path, value) for value in (0, 1, 444))
    elif hint is str:
        yield from ((path, value) for value in ("changed", "https://a.b/c", "docker.io/b/c"))
    elif origin is list and arguments[0] is str:
        yield path, ["changed"]
    elif isinstance(hint, type) and issubclass(hint, Model):
        yield from _within(hint, path)


def _within(model: type[Model], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    hints = typing.get_type_hints(model, include_extras=True)
    for attribute, name in zip(
        model.__struct_fields__, model.__struct_encode_fields__, strict=True
    ):
        if hints[attribute] is not Lacking and name not in ("identity", "tags"):
            yield from _leaves(hints[attribute], (*path, name))


def _at(shown: Any, path: tuple[str, ...]) -> Any:
    for word in path:
        shown = shown.get(word) if isinstance(shown, dict) else None
    return shown


def _body(path: tuple[str, ...], value: Any) -> Any:
    for word in reversed(path):
        value = {word: value}
    return value


# What is not shown where it is given: a receiver has a request of its own, and a PATCH of a vault that
# there is creates nothing.
HIDDEN = {("properties", "serviceUri"), ("properties", "createMode")}


@pytest.mark.parametrize("kind", PATHS)
def test_what_a_patch_says_is_shown_or_refused(made: Place, kind: str) -> None:
    tried = 0
    for path, value in _within(ROUTES[kind], ()):
        answer = made.send("PATCH", PATHS[kind], _body(path, value))
        assert answer.status_code in (200, 201, 400, 409, 501), (path, value, answer.text)
        tried += 1
        if answer.ok and path not in HIDDEN:
            shown = _at(made.send("GET", PATHS[kind]).json(), path)
            same = shown == value or str(shown).lower() == str(value).lower()
            assert same or not (value or shown), (path, value, shown)
    assert tried or kind.endswith("Identities")


@pytest.mark.parametrize("kind", PATHS)
def test_a_patch_of_nothing_and_of_null_changes_nothing(made: Place, kind: str) -> None:
    """But of the tags, which are the client's, and the time."""
    before = made.send("GET", PATHS[kind]).json()
    nothing: list[dict[str, Any]] = [
        {},
        {"properties": {}},
        {"properties": None},
        {"location": None},
    ]
    for body in nothing:
        if "properties" in body and not issubclass(ROUTES[kind], ResourceModel):
            continue
        answer = made.send("PATCH", PATHS[kind], body)
        assert answer.ok, (body, answer.text)
    after = made.send("GET", PATHS[kind]).json()
    before.pop("systemData", None)
    after.pop("systemData", None)
    assert after == before


@pytest.mark.parametrize("kind", [one for one in PATHS if "tags" in ROUTES[one].__struct_fields__])
def test_tags_of_every_type_by_the_same_rules(made: Place, kind: str) -> None:
    path = PATHS[kind]

    def tags(given: Any) -> Any:
        answer = made.send("PATCH", path, {"tags": given} if given != "missing" else {})
        assert answer.status_code == 200, answer.text
        return made.send("GET", path).json().get("tags") or {}

    assert tags({"a": "1", "B": "2"}) == {"a": "1", "B": "2"}
    assert tags("missing") == {"a": "1", "B": "2"}
    assert tags({"team": "1", "TEAM": "2"}) == {"TEAM": "2"}
    assert tags(None) == {}
    for code, wrong in (
        ("TooManyTags", {str(number): "" for number in range(51)}),
        ("InvalidTagNameCharacters", {"a/b": "c"}),
        ("InvalidTagLength", {"a" * 513: "b"}),
        ("InvalidTagLength", {"a": "b" * 257}),
    ):
        assert_refused(made.send("PATCH", path, {"tags": wrong}), 400, code, "tag")


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_of_another_resource(made: Place, kind: str, method: str) -> None:
    path = PATHS[kind]
    body = made.send("GET", path).json()
    for word, value, code in (
        ("name", "another", "MismatchingResourceName"),
        ("id", f"{body['id']}x", "InvalidRequestContent"),
        ("type", "Microsoft.Some/things", "InvalidRequestContent"),
    ):
        answer = made.send(method, path, {**body, word: value})
        assert_refused(answer, 400, code, value[:90])
    same = {name: body[name].upper() for name in ("id", "name", "type")}
    assert made.send("PATCH", path, same).ok
    assert made.send("GET", path).json()["id"] == body["id"]


def test_a_resource_is_not_moved(made: Place) -> None:
    for path in ("{r}", "{v}", "{r}/webhooks/known", "{r}/tasks/known"):
        assert made.send("PATCH", path, {"location": "East US"}).ok
        answer = made.send("PATCH", path, {"location": "westus"})
        assert_refused(
            answer, 409, "InvalidResourceLocation", "already exists in location 'eastus'"
        )
