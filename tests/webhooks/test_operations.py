"""The operations on webhooks, through the SDK and az, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient, models
from azure.mgmt.containerregistry.aio import ContainerRegistryManagementClient as AioClient

from helpers.localcloud.webhooks.scopes import InvalidScopeError, Scope
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_registry

from .receiving import Hooks, Receiver, soon


def webhooks(hooks: Hooks) -> Any:
    return hooks.place.cloud.client(ContainerRegistryManagementClient).webhooks


def test_the_sdk(hooks: Hooks, receiver: Receiver) -> None:
    client, where = webhooks(hooks), (hooks.place.group, hooks.place.name)
    made = client.begin_create(
        *where,
        "sdkhook",
        models.WebhookCreateParameters(
            location="East US",
            tags={"a": "b"},
            properties=models.WebhookPropertiesCreateParameters(
                service_uri=receiver.uri("/200/sdk"),
                custom_headers={"X-Key": "secret"},
                actions=["push", "delete"],
                scope="sdk:*",
            ),
        ),
    ).result()
    assert made.id == f"{hooks.id}/webhooks/sdkhook"
    assert (made.name, made.location, made.tags) == ("sdkhook", "eastus", {"a": "b"})
    assert made.type == "Microsoft.ContainerRegistry/registries/webhooks"
    assert made.provisioning_state == "Succeeded"
    assert (made.status, made.scope, made.actions) == ("enabled", "sdk:*", ["push", "delete"])
    assert made.system_data.created_by == hooks.place.cloud.account.client_id
    assert client.get(*where, "sdkhook").as_dict() == made.as_dict()
    assert "sdkhook" in [one.name for one in client.list(*where)]
    config = client.get_callback_config(*where, "sdkhook")
    assert config.service_uri == receiver.uri("/200/sdk")
    assert config.custom_headers == {"X-Key": "secret"}
    event = client.ping(*where, "sdkhook").id
    soon(lambda: receiver.at("/200/sdk"))
    [listed] = soon(
        lambda: [e for e in client.list_events(*where, "sdkhook") if e.event_response_message]
    )
    assert listed.id == event
    assert listed.event_request_message.content.action == "ping"
    assert listed.event_request_message.method == "POST"
    assert listed.event_response_message.status_code == "200"
    changed = client.begin_update(
        *where,
        "sdkhook",
        models.WebhookUpdateParameters(
            properties=models.WebhookPropertiesUpdateParameters(status="disabled", actions=["push"])
        ),
    ).result()
    assert (changed.status, changed.scope, changed.actions) == ("disabled", "sdk:*", ["push"])
    assert client.get_callback_config(*where, "sdkhook").custom_headers == {"X-Key": "secret"}
    update: dict[str, Any] = {"tags": {}, "properties": {"customHeaders": {}, "scope": ""}}
    changed = client.begin_update(*where, "sdkhook", update).result()
    assert (changed.tags, changed.scope) == ({}, "")
    assert not client.get_callback_config(*where, "sdkhook").custom_headers
    client.begin_delete(*where, "sdkhook").result()
    with pytest.raises(ResourceNotFoundError):
        client.get(*where, "sdkhook")
    client.begin_delete(*where, "sdkhook").result()  # 204


def test_the_asynchronous_sdk(hooks: Hooks, receiver: Receiver, local_cloud: LocalCloud) -> None:
    where = (hooks.place.group, hooks.place.name)

    async def through() -> str:
        credential = local_cloud.asynchronous_credential()
        client = AioClient(
            credential,
            local_cloud.account.subscription_id,
            polling_interval=1,
            **local_cloud.asynchronous_options(),
        )
        async with credential, client:
            hook = client.webhooks
            body: Any = {
                "location": "eastus",
                "properties": {"serviceUri": receiver.uri("/200/aio"), "actions": ["push"]},
            }
            made = await (await hook.begin_create(*where, "aiohook", body)).result()
            assert made.provisioning_state == "Succeeded"
            event = (await hook.ping(*where, "aiohook")).id
            change: Any = {"properties": {"scope": "aio"}}
            changed = await (await hook.begin_update(*where, "aiohook", change)).result()
            assert changed.scope == "aio"
            config = await hook.get_callback_config(*where, "aiohook")
            assert config.service_uri == receiver.uri("/200/aio")
            assert (await hook.get(*where, "aiohook")).scope == "aio"
            assert "aiohook" in [one.name async for one in hook.list(*where)]
            assert event in [one.id async for one in hook.list_events(*where, "aiohook")]
            await (await hook.begin_delete(*where, "aiohook")).result()
            return str(event)

    assert asyncio.run(through())


def test_az_acr_webhook(hooks: Hooks, receiver: Receiver, az: Any) -> None:
    which = ("--name", "azhook", "--registry", hooks.place.name)
    made = az.json(
        *("acr", "webhook", "create", *which, "--uri", receiver.uri("/200/az")),
        *("--actions", "push", "delete", "--headers", "Authorization=Basic x", "X-Key=secret"),
        *("--scope", "az:*", "--tags", "a=b"),
    )
    assert (made["status"], made["scope"], made["actions"]) == (
        "enabled",
        "az:*",
        ["push", "delete"],
    )
    assert made["provisioningState"] == "Succeeded"
    config = az.json("acr", "webhook", "get-config", *which)
    assert config["serviceUri"] == receiver.uri("/200/az")
    assert config["customHeaders"] == {"Authorization": "Basic x", "X-Key": "secret"}
    event = az.json("acr", "webhook", "ping", *which)["id"]
    [got] = soon(lambda: receiver.at("/200/az"))
    assert got.headers["Authorization"] == "Basic x"
    hooks.place.push("az", "v1")
    soon(lambda: len(receiver.at("/200/az")) == 2)
    soon(lambda: all(one["eventResponseMessage"] for one in hooks.events("azhook")))
    push, ping = az.json("acr", "webhook", "list-events", *which)
    assert ping["id"] == event
    assert push["eventRequestMessage"]["content"]["target"]["repository"] == "az"
    assert push["eventResponseMessage"]["statusCode"] == "200"
    table = az.ok("acr", "webhook", "list-events", *which, "--output", "table").splitlines()
    assert table[2].split()[1:5] == ["push", "az:v1", "200", "OK"]
    update = ("acr", "webhook", "update", *which)
    changed = az.json(*update, "--status", "disabled", "--headers", "")
    assert (changed["status"], changed["scope"]) == ("disabled", "az:*")
    assert az.json("acr", "webhook", "get-config", *which)["customHeaders"] == {}
    assert az.json("acr", "webhook", "show", *which)["status"] == "disabled"
    listed = az.json("acr", "webhook", "list", "--registry", hooks.place.name)
    assert "azhook" in [one["name"] for one in listed]
    assert "InvalidRequestContent" in az.refused(*update, "--uri", "file:///etc/passwd")
    az.ok("acr", "webhook", "delete", *which)
    assert "ResourceNotFound" in az.refused("acr", "webhook", "show", *which)


def test_each_sku_has_its_number_of_webhooks(hooks: Hooks) -> None:
    client = webhooks(hooks)
    name = make_registry(hooks.place.cloud, hooks.place.group, "Basic")
    body: Any = {
        "location": "eastus",
        "properties": {"serviceUri": "http://127.0.0.1:9/", "actions": ["push"]},
    }
    for hook in ("first", "second", "first"):  # the last one replaces the first one
        client.begin_create(hooks.place.group, name, hook, body).result()
    with pytest.raises(HttpResponseError) as caught:
        client.begin_create(hooks.place.group, name, "third", body)
    assert caught.value.error is not None
    assert caught.value.error.code == "QuotaExceeded"
    assert "resource type webhooks for the registry SKU Basic." in caught.value.message


GOOD = {"serviceUri": "http://127.0.0.1:9/", "actions": ["push"]}
CREDENTIALS = "http://someone:pa55word@"
WRONG: list[tuple[Any, str]] = [
    ({**GOOD, "serviceUri": None}, "requires 'serviceUri' and 'actions'"),
    ({**GOOD, "actions": None}, "requires 'serviceUri' and 'actions'"),
    ({**GOOD, "actions": []}, "at least one action"),
    ({**GOOD, "actions": ["pull"]}, "The webhook action 'pull' is invalid. Allowed actions: push,"),
    ({**GOOD, "actions": "push"}, "'properties.actions' must be a list"),
    ({**GOOD, "actions": [1]}, "'properties.actions[0]' must be a string"),
    ({**GOOD, "status": "on"}, "status 'on' is invalid: it is enabled or disabled"),
    ({**GOOD, "status": True}, "'properties.status' must be a string"),
    ({**GOOD, "scope": "Foo:*"}, "The webhook scope 'Foo:*' is invalid"),
    ({**GOOD, "scope": "foo:"}, "The webhook scope 'foo:' is invalid"),
    ({**GOOD, "scope": "*"}, "The webhook scope '*' is invalid"),
    ({**GOOD, "serviceUri": "file:///etc/passwd"}, "it must begin with http:// or https://"),
    ({**GOOD, "serviceUri": "http://a/" + "x" * 10_000}, "it is longer than 2048 characters"),
    ({**GOOD, "serviceUri": CREDENTIALS}, "it names no host"),
    ({**GOOD, "serviceUri": CREDENTIALS + "a:x/"}, "its host or port is malformed"),
    ({**GOOD, "serviceUri": CREDENTIALS + "a/\n"}, "unless it is percent-encoded"),
    ({**GOOD, "customHeaders": []}, "'properties.customHeaders' must be an object"),
    ({**GOOD, "customHeaders": {"X-A": 1}}, "must be a string"),
    ({**GOOD, "customHeaders": {"X A": "pa55word"}}, "The custom header name 'X A' is invalid"),
    ({**GOOD, "customHeaders": {"": "pa55word"}}, "The custom header name '' is invalid"),
    ({**GOOD, "customHeaders": {"X-A": "pa55word\r\nB: c"}}, "header 'X-A' is invalid"),
    ({**GOOD, "customHeaders": {"X-A": "pä55word"}}, "header 'X-A' is invalid"),
    ({**GOOD, "customHeaders": {"Host": "x"}}, "'Host' cannot be set"),
    ({**GOOD, "customHeaders": {"content-length": "1"}}, "'content-length' cannot be set"),
    ({**GOOD, "customHeaders": {"A": "x", "a": "y"}}, "have the same name"),
    ({**GOOD, "customHeaders": {"X-A": "pa55word" * 1100}}, "longer than 8192 characters"),
]


@pytest.mark.parametrize(("properties", "message"), WRONG)
def test_what_is_refused(hooks: Hooks, properties: Any, message: str) -> None:
    body = {"location": "eastus", "properties": properties}
    refused = hooks.call("PUT", "/wronghook", body)
    assert refused.status_code == 400, refused.text
    assert message in refused.json()["error"]["message"]
    assert "55word" not in refused.text
    assert hooks.call("GET", "/wronghook").status_code == 404


def test_an_update_that_is_refused_changes_nothing(hooks: Hooks) -> None:
    name = hooks.make("http://127.0.0.1:9/", scope="foo:*")
    before = hooks.call("GET", f"/{name}").json()
    for properties, _ in WRONG[2:]:
        refused = hooks.call("PATCH", f"/{name}", {"properties": properties, "tags": {"a": "b"}})
        assert refused.status_code == 400, properties
    assert hooks.call("GET", f"/{name}").json() == before
    assert hooks.call("PATCH", f"/{name}", {}).json()["properties"] == before["properties"]


@pytest.mark.parametrize("name", ["four", "with-hyphen", "under_score", "x" * 51])
def test_names(hooks: Hooks, name: str) -> None:
    refused = hooks.call("PUT", f"/{name}", {"location": "eastus", "properties": GOOD})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == (
        f"The webhook name '{name}' is invalid. It may contain only letters and numbers, and must "
        "be 5-50 characters in length."
    )


def test_locations(hooks: Hooks) -> None:
    for location, code in ((None, "LocationRequired"), ("westus", "InvalidRequestContent")):
        refused = hooks.call("PUT", "/placed", {"location": location, "properties": GOOD})
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == code
    assert hooks.call("POST", "/placed/ping").status_code == 404


@pytest.mark.parametrize("text", ["Foo", "foo:", ":v1", "foo:*x", "foo*", "f:o:o", "foo:a b", "*"])
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(InvalidScopeError):
        Scope.parse(text)


def test_headers_are_no_part_of_listings(hooks: Hooks) -> None:
    hooks.make("http://127.0.0.1:9/", customHeaders={"X-Key": "hidden-in-listings"})
    group = hooks.id.partition("/providers/")[0]
    http = hooks.place.cloud.http()
    answer = http.get(
        f"https://management.azure.com{group}/resources",
        params={"api-version": "2024-11-01"},
        headers={"Authorization": f"Bearer {hooks.place.cloud.token()}"},
    )
    http.close()
    assert answer.status_code == 200
    assert "hidden-in-listings" not in json.dumps(answer.json())
