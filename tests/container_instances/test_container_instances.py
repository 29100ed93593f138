"""Container groups: from the PUT to a served page, restarts, updates, failures, the next daemon."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from helpers.localcloud import container_instances
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.container_instances import addresses, group, image, logs
from helpers.localcloud.container_instances.image import PulledImage, _server
from helpers.localcloud.container_instances.state import GroupState
from helpers.localcloud.errors import CloudError
from helpers.localcloud.store import Resource

from ..containers.roots import base_layer
from .groups import TYPE, Azure, Images
from .serving import node_layers


def test_it_runs_logs_and_masks(azure: Azure, images: Images) -> None:
    reply = azure.put(
        imageRegistryCredentials=[
            {"server": "app.azurecr.io", "username": "token", "password": "hidden-1"}
        ],
        container={
            "environmentVariables": [{"name": "B", "secureValue": "hidden-2"}],
        },
    )
    assert reply.status == 201
    assert reply.body["properties"]["provisioningState"] == "Pending"
    found = azure.state("Running")
    assert found["provisioningState"] == "Succeeded"
    assert images.credentials[0]["password"] == "hidden-1"
    view = azure.view()
    assert view["currentState"]["state"] == "Running"
    assert [event["name"] for event in view["events"]] == [
        "Pulling",
        "Pulled",
        "Created",
        "Started",
    ]
    deadline = time.monotonic() + 10
    while not (text := azure.call("GET", "web/containers/main/logs").body["content"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert text == "up image hidden-2\n"
    stamped = azure.call("GET", "web/containers/main/logs", timestamps="true").body["content"]
    assert stamped.endswith("Z up image hidden-2\n")
    assert azure.call("GET", "web/containers/main/logs", tail="0").body["content"] == ""
    listed = azure.call("GET").body["value"][0]["properties"]
    assert "instanceView" not in listed
    assert "instanceView" not in listed["containers"][0]["properties"]
    for answer in (reply.body, found, listed):
        assert "hidden" not in json.dumps(answer)


def test_a_page_on_its_own_address_and_the_same_after_an_update(
    azure: Azure, images: Images
) -> None:
    layers = node_layers()

    def pull(cloud: Cloud, name: str, credentials: Any) -> PulledImage:
        program = (
            "require('http').createServer((q, r) => r.end(process.argv[1] + ' on ' + "
            "require('os').hostname())).listen(80)"
        )
        return PulledImage(
            "sha256:" + "1" * 64,
            layers,
            {},
            ("/usr/bin/node", "-e", program, name),
            "/",
            "",
        )

    images.pull = pull  # type: ignore[method-assign]
    group.pull = image.check = pull  # type: ignore[attr-defined,assignment]
    ports = {
        "container": {"ports": [{"port": 80, "protocol": "TCP"}]},
        "ipAddress": {"type": "Public", "ports": [{"port": 80, "protocol": "TCP"}]},
    }
    reply = azure.put(image="app.azurecr.io/web:1", **json.loads(json.dumps(ports)))
    ip_address = reply.body["properties"]["ipAddress"]
    address, port = ip_address["ip"], ip_address["ports"][0]["port"]
    assert address.startswith("127.")
    assert port == (80 if addresses.may_bind(80) else 8080)
    azure.state("Running")
    assert _get(address, port).startswith("app.azurecr.io/web:1 on SandboxHost-")
    # What a client read, it may send back.
    sent = azure.call("GET", "web").body
    sent["properties"]["containers"][0]["properties"]["image"] = "app.azurecr.io/web:2"
    reply = azure.call("PUT", "web", sent)
    assert reply.status == 200
    assert reply.body["properties"]["ipAddress"] == ip_address
    azure.state("Running")
    assert _get(address, port).startswith("app.azurecr.io/web:2 on SandboxHost-")
    assert azure.call("DELETE", "web").status == 200
    assert azure.call("DELETE", "web").status == 204
    # At once again: the new group waits for the old one to give its port back.
    azure.put(image="app.azurecr.io/web:3", **json.loads(json.dumps(ports)))
    assert azure.state("Running")["ipAddress"] == ip_address
    assert _get(address, port).startswith("app.azurecr.io/web:3 on SandboxHost-")
    azure.call("DELETE", "web")
    _until(lambda: not _reachable(address, port))


def test_a_port_in_use_is_replaced_and_said(azure: Azure, cloud: Cloud) -> None:
    group_id = f"{cloud.subscription}/resourceGroups/rg/providers/{TYPE}/web"
    address = addresses.address_of(group_id)
    wanted = addresses.host_port(80)
    with socket.create_server((address, wanted)):
        azure.put(
            container={"ports": [{"port": 80}]},
            ipAddress={"type": "Public", "ports": [{"port": 80}]},
        )
        found = azure.state("Running")
    assert found["ipAddress"]["ip"] == address
    assert found["ipAddress"]["ports"][0]["port"] != wanted
    message = found["instanceView"]["events"][0]["message"]
    assert f"Port {wanted} of {address} cannot be used" in message


def test_who_worked_on_an_older_group_writes_nothing_into_a_newer_one(cloud: Cloud) -> None:
    """A worker that is late, of a group that was changed, or deleted and made again meanwhile."""
    resource = Resource(
        f"{cloud.subscription}/resourceGroups/rg/providers/{TYPE}/web",
        TYPE,
        "web",
        "rg",
        {"name": "web", "properties": {"containers": [{"name": "main", "properties": {}}]}},
        {"generation": "one", "ports": []},
    )
    resource.properties["ipAddress"] = {"ports": []}
    cloud.store.put(resource)
    late = GroupState(cloud, resource)
    late.group(provisioning="Creating", state="Pending")
    late.event("main", "Pulling", "first")
    begun = cloud.store.get(resource.id)
    assert begun is not None
    assert begun.properties["provisioningState"] == "Creating"

    def late_ones_write() -> None:
        late.group(provisioning="Failed", state="Failed")
        late.group_event("Failed", "late")
        late.event("main", "Failed", "late")
        late.container("main", "Terminated", exitCode=9, restartCount=4)
        late.ports([{"container": 80, "host": 8080}])
        assert not late.write(lambda properties: properties.clear())

    newer = cloud.store.get(resource.id)
    assert newer is not None
    newer.private["generation"] = "two"
    cloud.store.put(newer)
    expected = cloud.store.get(resource.id)
    late_ones_write()
    assert cloud.store.get(resource.id) == expected
    cloud.store.remove(resource.id)
    late_ones_write()
    assert cloud.store.get(resource.id) is None


def test_stop_start_restart(azure: Azure) -> None:
    azure.put()
    azure.state("Running")
    assert azure.call("POST", "web/stop").status == 204
    assert azure.get()["instanceView"]["state"] == "Stopped"
    assert azure.view()["currentState"]["state"] == "Terminated"
    assert azure.call("POST", "web/start").status == 204
    assert azure.get()["instanceView"]["state"] == "Running"
    began = azure.view()["currentState"]["startTime"]
    assert azure.call("POST", "web/restart").status == 204
    assert azure.get()["instanceView"]["state"] == "Running"
    assert azure.view()["currentState"]["startTime"] > began


def test_an_image_that_cannot_be_pulled_is_not_accepted(azure: Azure) -> None:
    with pytest.raises(CloudError) as caught:
        azure.put(image="app.azurecr.io/secret:1")
    assert (caught.value.status, caught.value.code) == (400, "InaccessibleImage")
    assert caught.value.message.startswith(
        "The image 'app.azurecr.io/secret:1' in container group 'web' is not accessible. Please "
        "check the image and registry credential."
    )
    assert "authentication required" in caught.value.message
    assert azure.call("GET").body["value"] == []
    azure.put()
    running = azure.state("Running")
    with pytest.raises(CloudError):
        azure.put(image="app.azurecr.io/secret:1")
    assert azure.get() == running


def test_an_image_that_is_gone_when_it_is_pulled_again(azure: Azure, images: Images) -> None:
    azure.put()
    azure.state("Running")
    known, images.known = images.known, {}
    with pytest.raises(CloudError, match="authentication required") as caught:
        azure.call("POST", "web/restart")
    assert (caught.value.status, caught.value.code) == (409, "DeploymentFailed")
    found = azure.until(lambda found: found["provisioningState"] == "Failed")
    view = found["containers"][0]["properties"]["instanceView"]
    assert view["currentState"]["state"] == "Waiting"
    pulling = next(event for event in view["events"] if event["name"] == "Pulling")
    assert (pulling["count"], view["events"][-1]["name"]) == (2, "Failed")
    assert "app.azurecr.io/loop:1: authentication required" in view["events"][-1]["message"]
    # Once the image is there, the same PUT succeeds.
    images.known = known
    azure.put()
    assert azure.state("Running")["provisioningState"] == "Succeeded"


def test_an_image_without_a_command(azure: Azure) -> None:
    azure.put(image="app.azurecr.io/empty:1")
    found = azure.until(lambda found: found["provisioningState"] == "Failed")
    view = found["containers"][0]["properties"]["instanceView"]
    assert "No command specified" in view["currentState"]["detailStatus"]


def test_a_command_that_cannot_start_is_an_event(azure: Azure) -> None:
    azure.put(container={"command": ["/missing"]})
    azure.state("Failed")
    view = azure.view()
    assert view["currentState"]["exitCode"] == 127
    [failed] = [event for event in view["events"] if event["name"] == "Failed"]
    assert failed["type"] == "Warning"
    assert 'exec: "/missing": stat /missing: no such file or directory' in failed["message"]


def test_a_container_has_the_memory_that_its_group_asks_for(azure: Azure) -> None:
    requests = {"resources": {"requests": {"cpu": 1.0, "memoryInGB": 0.25}}}
    command = ["sh", "-c", "head -c 600000000 /dev/zero > /tmp/x; sleep 5"]
    azure.put(container={"command": command, **requests})
    azure.state("Failed")
    assert azure.view()["currentState"]["exitCode"] == 137
    text = azure.call("GET", "web/containers/main/logs").body["content"]
    assert "the container was ended: it used more than 256 MiB of memory, its limit" in text


def stopped(azure: Azure, volumes: list[Any] | None = None, **private: Any) -> None:
    """A group that is stopped, with other values in what the cloud itself knows of it."""
    azure.put()
    azure.until(lambda found: found["instanceView"]["state"] == "Running")
    azure.call("POST", "web/stop")
    azure.until(lambda found: found["instanceView"]["state"] == "Stopped")
    resource = azure.cloud.store.get(
        f"{azure.cloud.subscription}/resourceGroups/rg/providers/{TYPE}/web"
    )
    assert resource is not None
    private["properties"] = {**resource.private["properties"], "volumes": volumes or []}
    azure.cloud.store.put(dataclasses.replace(resource, private={**resource.private, **private}))


def events(azure: Azure) -> str:
    return json.dumps(azure.get()["instanceView"]["events"])


def test_a_volume_that_cannot_be_made_is_an_event(azure: Azure) -> None:
    stopped(azure, volumes=[{"name": "v" * 300, "emptyDir": {}}])
    with pytest.raises(CloudError):
        azure.call("POST", "web/start")
    found = azure.get()
    assert found["provisioningState"] == found["instanceView"]["state"] == "Failed"
    assert "File name too long" in events(azure)
    assert azure.view()["currentState"]["state"] == "Waiting"


def test_what_nobody_has_thought_of_fails_the_group_and_says_where_to_look(azure: Azure) -> None:
    stopped(azure, ports=[{"nothing": 1}])
    with pytest.raises(CloudError, match=r"failed to .* the group; see daemon\.log") as caught:
        azure.call("POST", "web/start")
    assert caught.value.status == 500
    assert azure.get()["provisioningState"] == "Failed"
    assert "see daemon.log" in events(azure)
    azure.call("DELETE", "web")  # its thread goes on


def test_containers_of_a_group_share_volumes_and_network(azure: Azure, images: Images) -> None:
    secret = base64.b64encode(b"in a file").decode()
    requests = {"resources": {"requests": {"cpu": 0.5, "memoryInGB": 0.5}}}
    mounts = [
        {"name": "shared", "mountPath": "/shared"},
        {"name": "keys", "mountPath": "/keys", "readOnly": True},
    ]
    properties = {
        "osType": "Linux",
        "restartPolicy": "Never",
        "volumes": [{"name": "shared", "emptyDir": {}}, {"name": "keys", "secret": {"k": secret}}],
        "containers": [
            {
                "name": name,
                "properties": {
                    "image": "app.azurecr.io/ok:1",
                    "command": ["sh", "-c", command],
                    "volumeMounts": mounts,
                    **requests,
                },
            }
            for name, command in (
                ("one", "cat /keys/k > /shared/k"),
                ("two", "until test -s /shared/k; do sleep 0.05; done; cat /shared/k /etc/hosts"),
            )
        ],
    }
    reply = azure.call("PUT", "web", {"location": "eastus", "properties": properties})
    assert secret not in json.dumps(reply.body)
    azure.state("Succeeded")
    text = azure.call("GET", "web/containers/two/logs").body["content"]
    assert text.startswith("in a file")
    assert "127.0.0.1\tone" in text


def test_the_next_daemon_starts_it_again(cloud: Cloud, images: Images) -> None:
    images.known = {"app.azurecr.io/loop:1": ("sleep", "60"), "app.azurecr.io/ok:1": ("true",)}
    first = container_instances.start(cloud)
    azure = Azure(cloud)
    for name in ("web", "idle"):
        azure.put(name)
        azure.state("Running", name=name)
    azure.put("job", image="app.azurecr.io/ok:1")
    azure.state("Succeeded", name="job")
    azure.call("POST", "idle/stop")
    first.stop()
    assert list((cloud.home / "sandbox").iterdir()) == []
    ended = azure.view("job")["currentState"]
    second = container_instances.Worker(cloud)
    second.resume()
    try:

        def running(found: dict[str, Any]) -> bool:
            view = found["containers"][0]["properties"]["instanceView"]
            return [e["count"] for e in view["events"] if e["name"] == "Started"] == [2]

        azure.until(running)
        assert azure.get("idle")["instanceView"]["state"] == "Stopped"
        assert azure.view("job")["currentState"] == ended
    finally:
        second.stop()


def test_logs_are_bounded(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "KEPT", 2000)
    log = logs.Log(cloud, "/id", "c")
    for number in range(300):
        log.append(f"line {number}".encode())
        log.append(b"\r\n" if number % 2 else b"\n")
    text = logs.read(cloud, "/id", "c")
    assert len(text) <= 4000
    assert text.endswith("line 298\nline 299\n")
    assert logs.read(cloud, "/ID", "c", tail=2) == "line 298\nline 299\n"
    logs.forget(cloud, "/id")
    assert logs.read(cloud, "/id", "c") == ""
    log = logs.Log(cloud, "/id", "c")
    for _ in range(300):
        log.append(b"x" * 20)  # one line that never ends
    text = logs.read(cloud, "/id", "c")
    assert 1900 < len(text) <= 4000
    assert set(text) == {"x"}


def test_a_carriage_return_ends_no_line(cloud: Cloud) -> None:
    log = logs.Log(cloud, "group", "main")
    for data in (b"10%\r", b"20%\r", b"done\n", b"\x00\xff\r\n", b"last"):
        log.append(data)
    assert logs.read(cloud, "group", "main") == "10%\r20%\rdone\n\x00\ufffd\nlast"
    assert logs.read(cloud, "group", "main", tail=2) == "\x00\ufffd\nlast"
    stamped = logs.read(cloud, "group", "main", timestamps=True)
    assert stamped.count("Z ") == 3


def test_stop_sends_the_signal_of_the_image(azure: Azure, images: Images) -> None:
    script = "trap 'echo asked; exit 0' INT; echo up; while :; do sleep 0.05; done"

    def pull(cloud: Cloud, name: str, credentials: Any) -> PulledImage:
        given = ("sh", "-c", script)
        return PulledImage(
            "sha256:" + "0" * 64, (base_layer(),), {}, given, "/", "", stop_signal=signal.SIGINT
        )

    images.pull = pull  # type: ignore[method-assign]
    group.pull = pull  # type: ignore[attr-defined]
    azure.put()
    _until(lambda: "up" in azure.call("GET", "web/containers/main/logs").body["content"])
    azure.call("POST", "web/stop")
    assert azure.view()["currentState"]["exitCode"] == 0
    assert azure.call("GET", "web/containers/main/logs").body["content"] == "up\nasked\n"


def test_addresses_are_stable_and_apart() -> None:
    one = addresses.address_of("/subscriptions/s/a")
    assert one == addresses.address_of("/SUBSCRIPTIONS/s/a")
    assert addresses.address_of("/subscriptions/s/a", {one}) != one
    assert addresses.host_port(8080) == 8080


def test_the_server_of_a_credential() -> None:
    assert _server("https://App.azurecr.io/") == "app.azurecr.io"
    assert _server("index.docker.io") == "docker.io"


def _get(address: str, port: int) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _reachable(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
