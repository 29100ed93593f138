"""Init containers: one after the other, before the others, by the restart policy of the group."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.errors import CloudError
from helpers.localcloud.operations import Operation
from helpers.localcloud.resource_manager.routing import Reply

from .groups import Azure, Images

SHARED = {"name": "shared", "mountPath": "/shared"}


def init(name: str, script: str) -> dict[str, Any]:
    """An init container that has the volume."""
    properties = {
        "image": "app.azurecr.io/ok:1",
        "command": ["sh", "-c", script],
        "volumeMounts": [SHARED],
    }
    return {"name": name, "properties": properties}


def group(*init_containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A group whose container prints what is in the volume."""
    return {
        "initContainers": list(init_containers),
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "container": {
            "command": ["sh", "-c", "cat /shared/*; exec sleep 60"],
            "volumeMounts": [SHARED],
        },
        **more,
    }


def init_view(found: dict[str, Any], index: int = 0) -> dict[str, Any]:
    view: dict[str, Any] = found["initContainers"][index]["properties"]["instanceView"]
    return view


def outcome(azure: Azure, reply: Reply) -> Operation:
    """The operation that a reply tells of, once it has ended."""
    assert reply.deferred is not None
    azure.cloud.operations.ending(reply.deferred.operation).result(20)
    found = azure.cloud.operations.get(reply.deferred.operation)
    assert found is not None
    return found


def logs(azure: Azure, container: str = "main") -> str:
    return str(azure.call("GET", f"web/containers/{container}/logs").body["content"])


def test_they_run_in_order_and_leave_files_to_the_others(azure: Azure) -> None:
    first = init("first", "sleep 0.2; echo one > /shared/a; echo told")
    azure.put(**group(first, init("second", "cat /shared/a > /shared/b; echo two >> /shared/b")))
    found = azure.state("Running")
    assert found["provisioningState"] == "Succeeded"
    azure.until(lambda _: logs(azure).count("\n") == 3)
    assert logs(azure) == "one\none\ntwo\n"
    assert logs(azure, "first") == "told\n"
    for index in range(2):
        state = init_view(found, index)["currentState"]
        assert (state["state"], state["exitCode"]) == ("Terminated", 0)
        assert state["detailStatus"] == "Completed"
    listed = azure.call("GET").body["value"][0]["properties"]
    assert "instanceView" not in listed["initContainers"][0]["properties"]


def test_one_that_fails_ends_the_group_where_nothing_is_restarted(azure: Azure) -> None:
    reply = azure.put(**group(init("bad", "exit 7"), init("never", "true")))
    found = azure.state("Failed")
    assert found["provisioningState"] == "Failed"
    assert init_view(found)["currentState"]["exitCode"] == 7
    assert "instanceView" not in found["initContainers"][1]["properties"] or (
        "Started" not in [event["name"] for event in init_view(found, 1)["events"]]
    )
    ended = outcome(azure, reply)
    assert ended.error is not None
    assert "The init container 'bad' ended with exit code 7" in ended.error.message


@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
def test_one_that_fails_is_tried_again_and_not_after_it_succeeded(
    azure: Azure, policy: str
) -> None:
    script = "echo try >> /shared/a; n=; while read x; do n=$n+; done < /shared/a; test $n = +++"
    azure.put(**group(init("stubborn", script), restartPolicy=policy))
    found = azure.state("Running")
    assert init_view(found)["restartCount"] == 2
    azure.until(lambda _: logs(azure).count("\n") == 3)
    assert logs(azure) == "try\n" * 3


def test_who_stops_a_group_does_not_wait_for_its_init_containers(azure: Azure) -> None:
    reply = azure.put(**group(init("long", "echo began; exec sleep 600")))
    azure.until(lambda _: logs(azure, "long") == "began\n")
    assert azure.get()["instanceView"]["state"] == "Pending"
    azure.call("POST", "web/stop")
    assert azure.get()["instanceView"]["state"] == "Stopped"
    ended = outcome(azure, reply)
    assert ended.error is not None
    assert ended.error.code == "OperationPreempted"


def test_one_that_cannot_be_started_fails_the_group(azure: Azure, images: Images) -> None:
    images.known["app.azurecr.io/nothing:1"] = ()
    broken = {"name": "broken", "properties": {"image": "app.azurecr.io/nothing:1"}}
    azure.put(**group(broken))
    found = azure.state("Failed")
    assert "No command specified" in init_view(found)["events"][-1]["message"]


def test_its_image_is_looked_up_before_the_group_is_recorded(azure: Azure) -> None:
    with pytest.raises(CloudError, match=r"image 'app.azurecr.io/gone:1'") as refused:
        azure.put(**group({"name": "a", "properties": {"image": "app.azurecr.io/gone:1"}}))
    assert refused.value.code == "InaccessibleImage"
