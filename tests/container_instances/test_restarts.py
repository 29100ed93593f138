"""Restart policies of container groups, and how long a restart waits."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from helpers.localcloud.container_instances import running_container

from .groups import Azure, Images


@pytest.mark.parametrize(
    ("image", "policy", "state", "restarts"),
    [
        ("ok", "Never", "Succeeded", False),
        ("fail", "Never", "Failed", False),
        ("ok", "OnFailure", "Succeeded", False),
        ("fail", "OnFailure", "Running", True),
        ("ok", "Always", "Running", True),
    ],
)
def test_restart_policies(
    azure: Azure, image: str, policy: str, state: str, restarts: bool
) -> None:
    azure.put(image=f"app.azurecr.io/{image}:1", restartPolicy=policy)
    found = azure.until(
        lambda found: (
            found["containers"][0]["properties"].get("instanceView", {}).get("restartCount", 0) >= 2
            if restarts
            else found["instanceView"]["state"] == state
        )
    )
    assert found["instanceView"]["state"] == state
    assert found["provisioningState"] == "Succeeded"
    view = azure.view()
    ended = view["previousState"] if restarts else view["currentState"]
    assert ended["state"] == "Terminated"
    assert ended["exitCode"] == (0 if image == "ok" else 3)
    assert ("BackOff" in [event["name"] for event in view["events"]]) == restarts


def starts(azure: Azure) -> list[float]:
    """When the container was started, by its own clock and log."""
    text = azure.call("GET", "web/containers/main/logs").body["content"]
    return [float(line) for line in text.split()]


def restarted(azure: Azure, times: int) -> None:
    def often(found: dict[str, Any]) -> bool:
        view = found["containers"][0]["properties"].get("instanceView", {})
        return int(view.get("restartCount", 0)) >= times

    azure.until(often)


CLOCK = ("sh", "-c", "date +%s.%N; exit 3")


def test_each_restart_waits_twice_as_long_up_to_a_limit(
    azure: Azure, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_container, "FIRST_DELAY", 0.1)
    monkeypatch.setattr(running_container, "LONGEST_DELAY", 0.4)
    images.known["app.azurecr.io/clock:1"] = CLOCK
    azure.put(image="app.azurecr.io/clock:1", restartPolicy="Always")
    restarted(azure, 8)  # without the limit the eighth would wait for half a minute
    moments = starts(azure)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert min(gaps[2:]) >= 0.4
    [backed_off] = [one for one in azure.view()["events"] if one["name"] == "BackOff"]
    assert backed_off["count"] >= 8


def test_a_container_that_has_run_well_is_restarted_as_if_for_the_first_time(
    azure: Azure, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_container, "STEADY", 0.0)
    images.known["app.azurecr.io/clock:1"] = CLOCK
    azure.put(image="app.azurecr.io/clock:1", restartPolicy="OnFailure")
    restarted(azure, 10)  # with a delay that doubles, the tenth would wait for 25 s


def test_a_group_that_is_stopped_is_not_restarted(
    azure: Azure, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_container, "FIRST_DELAY", 0.3)
    images.known["app.azurecr.io/clock:1"] = CLOCK
    azure.put(image="app.azurecr.io/clock:1", restartPolicy="Always")
    restarted(azure, 1)
    assert azure.call("POST", "web/stop").status == 204
    before = starts(azure)
    time.sleep(1.0)
    assert starts(azure) == before
    assert azure.get()["instanceView"]["state"] == "Stopped"
