"""Security contexts of containers: as whom they run, and which capabilities their root has."""

from __future__ import annotations

import os
from typing import Any

import pytest

from helpers.localcloud.containers.sandboxes.capabilities import CAPABILITIES

from .groups import Azure

PRINT = "id -u; id -g; while read name value; do case $name in CapEff:) echo $value;; esac; done"
SCRIPT = f"{PRINT} < /proc/self/status"


def run(azure: Azure, context: dict[str, Any]) -> tuple[int, int, int]:
    """User, group and capabilities of a container with that security context."""
    azure.put(
        image="app.azurecr.io/ok:1",
        container={"command": ["sh", "-c", SCRIPT], "securityContext": context},
    )
    azure.state("Succeeded", "Failed")
    text = azure.call("GET", "web/containers/main/logs").body["content"]
    *_, user, group, capabilities = text.split()
    return int(user), int(group), int(capabilities, 16)


@pytest.mark.parametrize(
    ("context", "user", "group"),
    [
        ({"runAsUser": 1234}, 1234, 0),
        ({"runAsUser": 1234, "runAsGroup": 3000}, 1234, 3000),
        ({"runAsGroup": 3000}, 0, 3000),
        ({"runAsUser": 1234, "capabilities": {"drop": ["ALL"]}}, 1234, 0),
        ({"runAsUser": 0, "privileged": False, "allowPrivilegeEscalation": False}, 0, 0),
    ],
)
def test_as_whom_it_runs(azure: Azure, context: dict[str, Any], user: int, group: int) -> None:
    found = run(azure, context)
    assert found[:2] == (user, group)
    if user != 0:
        assert found[2] == 0
    shown = azure.get()["containers"][0]["properties"]["securityContext"]
    assert shown == context


@pytest.mark.parametrize(
    ("capabilities", "lost"),
    [
        ({"drop": ["CHOWN"]}, {"CAP_CHOWN"}),
        ({"drop": ["cap_kill", "SETUID"]}, {"CAP_KILL", "CAP_SETUID"}),
        ({"drop": ["SYS_ADMIN"]}, set()),
        ({"drop": ["ALL"]}, set(CAPABILITIES)),
        (
            {"drop": ["all"], "add": ["NET_BIND_SERVICE"]},
            {*CAPABILITIES} - {"CAP_NET_BIND_SERVICE"},
        ),
        ({"add": ["CHOWN"]}, set()),
    ],
)
def test_what_its_root_may_do(azure: Azure, capabilities: dict[str, Any], lost: set[str]) -> None:
    user, _, bits = run(azure, {"capabilities": capabilities})
    assert user == 0
    assert {name for name, number in CAPABILITIES.items() if not bits >> number & 1} == lost


def test_root_of_another_group_cannot_lose_what_becoming_takes(azure: Azure) -> None:
    """Where a container has several users: there it becomes that root at its start."""
    azure.put(
        container={
            "securityContext": {"runAsGroup": 3000, "capabilities": {"drop": ["SETGID"]}},
        }
    )
    found = azure.state("Failed", "Running")
    events = azure.view()["events"]
    assert found["instanceView"]["state"] == "Running" or (
        "root of a container can be in no other group" in events[-1]["message"]
    )


@pytest.mark.parametrize(
    "context", [{"runAsUser": 1234}, {"runAsGroup": 5}, {"capabilities": {"drop": ["CHOWN"]}}]
)
def test_in_a_chroot_it_is_refused_by_name(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    azure.put(container={"securityContext": context})
    azure.state("Failed")
    [*_, event] = azure.view()["events"]
    assert f"securityContext.{next(iter(context))} needs namespaces" in event["message"]
