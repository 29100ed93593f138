"""Liveness and readiness probes: commands and requests, thresholds, events, restarts, ports."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from helpers.localcloud.container_instances import running_container

from .groups import Azure, Images
from .serving import SERVER, node_layers

FAST = {"periodSeconds": 1, "failureThreshold": 1}


def events(azure: Azure, name: str) -> list[dict[str, Any]]:
    view = azure.get()["containers"][0]["properties"].get("instanceView", {})
    return [event for event in view.get("events", []) if event["name"] == name]


def server(images: Images) -> str:
    """The name of an image that serves at port 80."""
    name = "app.azurecr.io/web:1"
    images.layers[name], images.known[name] = node_layers(), SERVER
    return name


def test_a_container_whose_probe_fails_is_killed_and_started_again(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_container, "GRACE", 0.5)
    azure.put(
        restartPolicy="Always",
        container={
            "command": ["sh", "-c", "echo begin; exec sleep 600"],
            "livenessProbe": {"exec": {"command": ["cat", "/tmp/healthy"]}, **FAST},
        },
    )
    azure.until(lambda _: bool(events(azure, "Killing")))
    azure.until(lambda _: azure.view().get("restartCount", 0) >= 1)
    [unhealthy, *_] = events(azure, "Unhealthy")
    assert unhealthy["type"] == "Warning"
    assert unhealthy["message"].startswith("Liveness probe failed: cat: /tmp/healthy: No such file")
    [killing, *_] = events(azure, "Killing")
    assert killing["message"] == "Container main failed liveness probe, will be restarted"
    ended = azure.view()["previousState"]
    assert ended["state"] == "Terminated"
    assert ended["exitCode"] in (137, 143)


def test_one_that_may_not_be_restarted_stays_killed(azure: Azure) -> None:
    azure.put(
        restartPolicy="Never",
        container={"livenessProbe": {"exec": {"command": ["false"]}, **FAST}},
    )
    assert azure.state("Failed")["provisioningState"] == "Succeeded"
    assert events(azure, "Unhealthy")[0]["message"] == (
        "Liveness probe failed: command ended with status 1"
    )


def test_failures_count_only_in_a_row(azure: Azure) -> None:
    """Every second one fails: with a threshold of two nothing happens."""
    toggle = "if test -e /a; then rm /a; exit 1; else touch /a; fi"
    azure.put(
        container={
            "livenessProbe": {
                "exec": {"command": ["sh", "-c", toggle]},
                "periodSeconds": 1,
                "failureThreshold": 2,
            }
        }
    )
    azure.until(lambda _: any(one["count"] >= 2 for one in events(azure, "Unhealthy")))
    assert not events(azure, "Killing")
    assert azure.get()["instanceView"]["state"] == "Running"


def test_a_command_that_takes_too_long_has_failed(azure: Azure) -> None:
    azure.put(
        container={
            "livenessProbe": {
                "exec": {"command": ["sleep", "60"]},
                "timeoutSeconds": 1,
                "failureThreshold": 9,
                "initialDelaySeconds": 1,
            }
        }
    )
    azure.until(lambda _: bool(events(azure, "Unhealthy")))
    assert events(azure, "Unhealthy")[0]["message"] == (
        'Liveness probe failed: command "sleep 60" timed out'
    )


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", "/page")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def test_nothing_comes_to_a_container_that_is_not_ready(azure: Azure, images: Images) -> None:
    """It listens at once, and its probe's path is not found until a file is there."""
    azure.put(
        image=server(images),
        container={
            "ports": [{"port": 80}],
            "volumeMounts": [{"name": "gate", "mountPath": "/gate"}],
            "readinessProbe": {
                "httpGet": {
                    "path": "ready",
                    "port": 80,
                    "scheme": "HTTP",
                    "httpHeaders": [{"name": "X-Gate", "value": "open"}],
                },
                "periodSeconds": 1,
            },
        },
        volumes=[{"name": "gate", "emptyDir": {}}],
        ipAddress={"type": "Public", "ports": [{"port": 80}]},
    )
    address = azure.state("Running")["ipAddress"]
    place = address["ip"], address["ports"][0]["port"]
    azure.until(lambda _: any("404" in one["message"] for one in events(azure, "Unhealthy")))
    assert "Readiness probe failed: HTTP probe failed with statuscode: 404" in [
        one["message"] for one in events(azure, "Unhealthy")
    ]
    assert not _answers(*place)
    [gate] = azure.cloud.scratch.glob("group-*/gate")
    (gate / "ready").write_text("")
    azure.until(lambda _: _answers(*place))
    assert not events(azure, "Killing")
    (gate / "ready").unlink()
    azure.until(lambda _: not _answers(*place))


def test_a_request_that_nothing_answers(azure: Azure) -> None:
    azure.put(container={"livenessProbe": {"httpGet": {"port": 8123}, "failureThreshold": 9}})
    azure.until(lambda _: bool(events(azure, "Unhealthy")))
    assert events(azure, "Unhealthy")[0]["message"] == (
        'Liveness probe failed: Get "http://127.0.0.1:8123/": Connection refused'
    )


def test_https_to_what_speaks_none_has_failed(azure: Azure, images: Images) -> None:
    azure.put(
        image=server(images),
        container={
            "livenessProbe": {
                "httpGet": {"port": 80, "scheme": "https"},
                "failureThreshold": 99,
                "periodSeconds": 1,
            }
        },
    )
    azure.until(
        lambda _: any(
            "https://127.0.0.1:80/" in one["message"] and "refused" not in one["message"]
            for one in events(azure, "Unhealthy")
        )
    )
