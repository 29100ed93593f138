"""Whoever changes a registry, its webhooks tell of it; and a container group may be the receiver."""

from __future__ import annotations

from typing import Any

from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.store import Store
from helpers.localcloud.webhooks.records import KEPT, WAITING, Records
from tests.deployments.planning import template
from tests.registry.places import Place
from tests.resource_manager.deploying import Target
from tests.tasks.repositories import Repository

from .receiving import Hooks, Receiver, soon

PROGRAM = (
    "require('http').createServer((q, r) => { let body = ''; q.on('data', d => body += d);"
    " q.on('end', () => { console.log('told: ' + body); r.statusCode = 202; r.end() }) })"
    ".listen(8080, () => console.log('listening'))"
)


def test_an_import_and_a_build_are_pushes(hooks: Hooks, receiver: Receiver) -> None:
    place = hooks.place
    hooks.make(receiver.uri("/200/imported"), scope="imported:*")
    pushed = place.push("source", "v1")
    source = {"resourceId": hooks.id, "sourceImage": "source:v1"}
    registries = place.cloud.client(ContainerRegistryManagementClient).registries
    body: Any = {"source": source, "targetTags": ["imported:v1"]}
    registries.begin_import_image(place.group, place.name, body).result()
    [got] = soon(lambda: receiver.at("/200/imported"))
    assert got.content["target"]["digest"] == pushed
    assert got.content["request"]["host"] == place.server
    hooks.make(receiver.uri("/200/built"), scope="built:*")
    cloud = Cloud(place.cloud.home)
    repository = Repository(cloud)
    repository.commit("main", {"Dockerfile": (0o100644, "FROM scratch\nCOPY Dockerfile /\n")})
    cloud.close()
    request = {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "imageNames": ["built:v1"],
        "sourceLocation": f"{repository.url}#main",
    }
    target = Target(place.cloud, place.group)
    run = {"properties": {"runRequest": request}}
    path = f"providers/Microsoft.ContainerRegistry/registries/{place.name}/taskRuns/build-it"
    assert target.send("PUT", path, run).status_code == 201
    [got] = soon(lambda: receiver.at("/200/built"), 60)
    assert got.content["target"]["tag"] == "v1"
    assert got.content["request"]["method"] == "PUT"


def test_a_template_makes_webhooks(hooks: Hooks, receiver: Receiver) -> None:
    webhook = {
        "type": "Microsoft.ContainerRegistry/registries/webhooks",
        "name": f"{hooks.place.name}/deployedhook",
        "apiVersion": "2023-07-01",
        "location": "[resourceGroup().location]",
        "properties": {"serviceUri": receiver.uri("/200/deployed"), "actions": ["push"]},
    }
    done = Target(hooks.place.cloud, hooks.place.group).deploy(template(webhook))
    assert done["provisioningState"] == "Succeeded", done
    hooks.ping("deployedhook")
    soon(lambda: receiver.at("/200/deployed"))
    hooks.call("DELETE", "/deployedhook")


def test_a_container_group_is_a_receiver(hooks: Hooks) -> None:
    place, label = hooks.place, f"receiver-{hooks.place.name}"
    groups = place.cloud.client(ContainerInstanceManagementClient)
    container = {
        "name": "receiver",
        "properties": {
            "image": "docker.io/library/node:15-alpine",
            "command": ["node", "-e", PROGRAM],
            "ports": [{"port": 8080}],
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        },
    }
    body: Any = {
        "location": "eastus",
        "properties": {
            "osType": "Linux",
            "containers": [container],
            "ipAddress": {
                "type": "Public",
                "ports": [{"port": 8080, "protocol": "TCP"}],
                "dnsNameLabel": label,
            },
        },
    }
    where = (place.group, "receiver")
    made = groups.container_groups.begin_create_or_update(*where, body).result()

    def log() -> str:
        return str(groups.containers.list_logs(*where, "receiver").content or "")

    soon(lambda: "listening" in log(), 60)
    address = made.ip_address
    name = hooks.make(f"http://{address.ip}:{address.ports[0].port}/hook", scope="contained:*")
    pushed = place.push("contained", "v1")
    soon(lambda: pushed in log())
    [event] = hooks.answered(name)
    assert event["eventResponseMessage"]["statusCode"] == "202"
    named = hooks.make(f"http://{address.fqdn}:8080/named")
    hooks.ping(named)
    [event] = hooks.answered(named)
    assert event["eventResponseMessage"]["statusCode"] == "202"
    closed = hooks.make(f"http://{address.fqdn}:8081/closed")
    hooks.ping(closed)
    [event] = hooks.answered(closed)
    assert event["eventResponseMessage"]["reasonPhrase"] == "Forbidden"
    groups.container_groups.begin_delete(*where).result()
    for one in (name, named, closed):
        hooks.call("DELETE", f"/{one}")


def test_the_events_of_a_registry_go_with_it(hooks: Hooks, receiver: Receiver) -> None:
    other = Hooks(Place(hooks.place.cloud))
    name = other.make(receiver.uri("/200/registry"))
    other.ping(name)
    other.answered(name)
    registries = hooks.place.cloud.client(ContainerRegistryManagementClient).registries
    registries.begin_delete(other.place.group, other.place.name).result()
    store = Store(hooks.place.cloud.home / "state.db", checked=True)
    rows = store.query("SELECT 1 FROM webhook_events WHERE webhook LIKE ?", (f"%/{name}",))
    store.close()
    assert rows == []


def test_of_what_waits_the_oldest_is_given_up(cloud: Cloud) -> None:
    records = Records(cloud.store)
    with cloud.store.transaction():
        for number in range(WAITING + 3):
            records.add("/of/slow", {"number": number})
        records.add("/of/other", {})
    assert len(records.waiting(0, WAITING * 2)) == WAITING + 1
    rows = cloud.store.query(
        "SELECT sequence FROM webhook_events WHERE due IS NULL ORDER BY sequence"
    )
    given_up = [records.get(row["sequence"]) for row in rows]
    assert [one.content["number"] for one in given_up if one is not None] == [0, 1, 2]
    assert given_up[0] is not None
    told = given_up[0].rendered()["eventResponseMessage"]
    assert told["reasonPhrase"] == "Given up"
    assert len(records.of("/of/slow")) == KEPT
