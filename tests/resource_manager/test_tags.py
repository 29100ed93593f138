"""Tags by themselves: of a group, of a resource, of the subscription."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import Tags, TagsPatchResource, TagsResource
from azure.mgmt.resource.subscriptions import SubscriptionClient

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES
from tests.resource_manager.deploying import Target, target, unique
from tests.resource_manager.refusing import READ
from tests.resource_manager.test_requests import send
from tests.sdk import Sdk, error_of

__all__ = ["target"]
TAGS = "providers/Microsoft.Resources/tags/default"


def given(tags: dict[str, str], operation: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {"properties": {"tags": tags}}
    return {"operation": operation, **body} if operation else body


def registry(target: Target) -> str:
    path = f"providers/{REGISTRIES}/{unique()}"
    body = {"location": "eastus", "sku": {"name": "Basic"}, "tags": {"Team": "one"}}
    assert target.send("PUT", path, body).ok
    return path


def test_tags_of_a_resource(target: Target) -> None:
    """Replaced, merged, taken away; the resource shows them."""
    path = registry(target)
    shown = target.send("GET", f"{path}/{TAGS}").json()
    assert shown == {
        "id": f"{target.id}/{path}/{TAGS}",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": {"Team": "one"}},
    }

    def patched(operation: str, tags: dict[str, str]) -> Any:
        answer = target.send("PATCH", f"{path}/{TAGS}", given(tags, operation))
        assert answer.status_code == 200, answer.text
        return answer.json()["properties"]["tags"]

    assert patched("merge", {"team": "two", "b": "2"}) == {"Team": "two", "b": "2"}
    assert patched("Delete", {"TEAM": "other", "b": "2", "none": ""}) == {"Team": "two"}
    assert patched("Replace", {"c": "3"}) == {"c": "3"}
    assert target.send("GET", path).json()["tags"] == {"c": "3"}
    assert target.send("PUT", f"{path}/{TAGS}", given({"d": "4"})).json()["properties"]["tags"] == {
        "d": "4"
    }
    assert target.send("DELETE", f"{path}/{TAGS}").status_code == 200
    assert target.send("GET", f"{path}/{TAGS}").json()["properties"]["tags"] == {}


def test_tags_of_a_group_and_of_the_subscription(target: Target, local_cloud: LocalCloud) -> None:
    """And the names of all that there are."""
    name = unique("t")
    target.send("PUT", TAGS, given({name: "a"}))
    registry(target)
    assert send(local_cloud, "GET", f"resourceGroups/{target.group}", None).json()["tags"] == {
        name: "a"
    }
    listed = send(local_cloud, "GET", "tagNames", None).json()["value"]
    [found] = [one for one in listed if one["tagName"] == name]
    assert found["count"] == {"type": "Total", "value": 1}
    assert [one["tagValue"] for one in found["values"]] == ["a"]
    assert send(local_cloud, "PUT", TAGS, given({name: "s"})).ok
    assert send(local_cloud, "GET", "", None).json()["tags"] == {name: "s"}
    assert send(local_cloud, "DELETE", TAGS, None).ok
    assert "tags" not in send(local_cloud, "GET", "", None).json()


def _changed(tags: Any, scope: str, operation: str, values: dict[str, str]) -> dict[str, str]:
    patch = TagsPatchResource(operation=operation, properties=Tags(tags=values))
    return dict(tags.begin_update_at_scope(scope, patch).result().properties.tags)


def test_the_sdk_tags_a_subscription_and_a_group(sdk: Sdk, target: Target) -> None:
    """What is tagged shows it, and can be found by it."""
    manager, name = sdk.manager(ResourceManagementClient), unique("t")
    scope, tags = target.cloud.subscription, manager.tags
    given = TagsResource(properties=Tags(tags={name: "everything"}))
    try:
        made = tags.begin_create_or_update_at_scope(scope, given).result()
        assert made.id == f"{scope}/{TAGS}"
        assert _changed(tags, scope, "Merge", {"b": "2"}) == {name: "everything", "b": "2"}
        assert tags.get_at_scope(scope).properties.tags == {name: "everything", "b": "2"}
        shown = sdk.client(SubscriptionClient).subscriptions.get(
            target.cloud.account.subscription_id
        )
        assert shown.tags == {name: "everything", "b": "2"}
    finally:
        tags.begin_delete_at_scope(scope).result()
    assert tags.get_at_scope(scope).properties.tags == {}
    given = TagsResource(properties=Tags(tags={name: "mine"}))
    tags.begin_create_or_update_at_scope(target.id, given).result()
    found = manager.resource_groups.list(filter=f"tagName eq '{name}' and tagValue eq 'mine'")
    assert [one.name for one in found] == [target.group]
    assert _changed(tags, target.id, "Replace", {"b": "2"}) == {"b": "2"}
    assert list(manager.resource_groups.list(filter=f"tagName eq '{name}'")) == []
    assert (
        manager.resource_groups.get(target.group).tags
        == tags.get_at_scope(target.id).properties.tags
    )
    tags.begin_delete_at_scope(target.id).result()
    assert manager.resource_groups.get(target.group).tags is None


def test_the_sdk_tags_what_is_within_a_resource(sdk: Sdk, target: Target) -> None:
    """A task has tags of its own; a scope map has none."""
    tags = sdk.manager(ResourceManagementClient).tags
    tasks = sdk.manager(ContainerRegistryTasksMgmtClient).tasks
    path = registry(target)
    where, scope = (target.group, path.rpartition("/")[2]), f"{target.id}/{path}/tasks/build"
    step = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtdCg=="}
    given = {"platform": {"os": "Linux"}, "step": step}
    tasks.create(*where, "build", {"location": "eastus", "properties": given})
    wanted = TagsResource(properties=Tags(tags={"team": "one", "cost": "two"}))
    tags.begin_create_or_update_at_scope(scope, wanted).result()
    assert tasks.get(*where, "build").tags == {"team": "one", "cost": "two"}
    assert _changed(tags, scope, "Delete", {"cost": "two"}) == {"team": "one"}
    assert tags.get_at_scope(scope).properties.tags == tasks.get(*where, "build").tags
    tags.begin_delete_at_scope(scope).result()
    assert not tasks.get(*where, "build").tags
    assert target.send("GET", path).json()["tags"] == {"Team": "one"}
    actions = {"properties": {"actions": READ}}
    assert target.send("PUT", f"{path}/scopeMaps/mine01", actions).ok
    within = f"{target.id}/{path}/scopeMaps/mine01"
    with pytest.raises(HttpResponseError, match="does not support tags") as refused:
        tags.begin_create_or_update_at_scope(within, wanted)
    assert error_of(refused).code == "ResourceTypeDoesNotSupportTags"


def test_names_and_values_that_are_predefined(target: Target, local_cloud: LocalCloud) -> None:
    """Made before anything has them; what is in use stays."""
    name = unique("t")

    def asked(method: str, path: str = "") -> tuple[int, Any]:
        answer = send(local_cloud, method, f"tagNames/{name}{path}", None)
        return answer.status_code, answer.json() if answer.content else None

    assert asked("PUT", "/tagValues/a")[1]["error"]["code"] == "TagNotFound"
    assert asked("DELETE") == (204, None)
    assert (asked("PUT")[0], asked("PUT")[0]) == (201, 200)
    status, made = asked("PUT", "/tagValues/a")
    assert (status, made["tagValue"], made["count"]["value"]) == (201, "a", 0)
    assert asked("PUT", "/tagValues/a")[0] == 200
    assert target.send("PUT", TAGS, given({name.upper(): "b"})).ok
    listed = send(local_cloud, "GET", "tagNames", None).json()["value"]
    [found] = [one for one in listed if one["tagName"] == name]
    assert [(one["tagValue"], one["count"]["value"]) for one in found["values"]] == [
        ("a", 0),
        ("b", 1),
    ]
    assert asked("DELETE")[1]["error"]["code"] == "TagInUse"
    assert asked("DELETE", "/tagValues/b")[1]["error"]["code"] == "TagInUse"
    assert target.send("DELETE", TAGS).ok
    assert (asked("DELETE", "/tagValues/a")[0], asked("DELETE", "/tagValues/a")[0]) == (200, 204)
    assert asked("DELETE") == (200, None)


REFUSED: list[tuple[str, Any, str]] = [
    ("PUT", {}, "InvalidRequestContent"),
    ("PUT", {"properties": {"tags": {"a": 1}}}, "InvalidRequestContent"),
    ("PUT", given({f"t{n}": "" for n in range(51)}), "TooManyTags"),
    ("PUT", given({"a/b": "c"}), "InvalidTagNameCharacters"),
    ("PUT", given({"": "c"}), "InvalidTagNameCharacters"),
    ("PUT", given({"a": "c" * 257}), "InvalidTagLength"),
    ("PATCH", given({"a": "b"}), "InvalidTagsPatchOperation"),
    ("PATCH", given({"a": "b"}, "Add"), "InvalidTagsPatchOperation"),
]


@pytest.mark.parametrize(("method", "body", "code"), REFUSED, ids=lambda one: str(one)[:50])
def test_tags_that_are_none(target: Target, method: str, body: Any, code: str) -> None:
    """Too many, too long, with characters that none may have."""
    answer = target.send(method, TAGS, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text


def test_what_has_no_tags(target: Target) -> None:
    """A resource that is only part of another has none."""
    path = registry(target)
    made = target.send("PUT", f"{path}/scopeMaps/mine01", {"properties": {"actions": READ}})
    assert made.ok, made.text
    answer = target.send("PUT", f"{path}/scopeMaps/mine01/{TAGS}", given({"a": "b"}))
    assert answer.json()["error"]["code"] == "ResourceTypeDoesNotSupportTags"


@pytest.mark.timeout(300)
def test_az_tags(az: Az, target: Target) -> None:
    """az tag, and az resource tag, show, list, update and delete."""
    path = registry(target)
    resource = f"{target.id}/{path}"
    az.ok("tag", "create", "--resource-id", resource, "--tags", "a=1", "b=2")
    az.ok("tag", "update", "--resource-id", resource, "--operation", "merge", "--tags", "c=3")
    az.ok("tag", "create", "--name", "predefined")
    az.ok("tag", "add-value", "--name", "predefined", "--value", "one")
    assert "predefined" in az.ok("tag", "list", "-o", "table")
    az.ok("tag", "remove-value", "--name", "predefined", "--value", "one")
    az.ok("tag", "delete", "--name", "predefined", "-y")
    shown = az.json("tag", "list", "--resource-id", resource)
    assert shown["properties"]["tags"] == {"a": "1", "b": "2", "c": "3"}
    az.ok("resource", "tag", "--ids", resource, "--tags", "d=4")
    assert az.json("resource", "show", "--ids", resource)["tags"] == {"d": "4"}
    listed = az.json("resource", "list", "--tag", "d=4")
    assert resource in [one["id"] for one in listed]
    az.ok("tag", "delete", "--resource-id", resource, "-y")
    az.ok("resource", "update", "--ids", resource, "--set", "properties.adminUserEnabled=true")
    assert az.json("resource", "show", "--ids", resource)["properties"]["adminUserEnabled"] is True
    az.ok("resource", "delete", "--ids", resource)
    assert az.json("resource", "list", "-g", target.group) == []
