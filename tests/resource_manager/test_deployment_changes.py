"""What a deployment would change is told before; what mode Complete deletes is gone after."""

from __future__ import annotations

from tests.deployments.planning import registry, task, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, target, unique

__all__ = ["target"]


def test_complete_deletes_what_is_not_declared(target: Target) -> None:
    """And what-if tells it before; Incremental leaves it."""
    kept, gone = unique(), unique()
    target.deploy(template(registry(kept), registry(gone), task(f"{gone}/build", dependsOn=[gone])))
    told = target.ask("whatIf", template(registry(kept)), mode="Complete").json()
    assert told["status"] == "Succeeded", told
    changes = {
        one["resourceId"].rpartition("/")[2]: one["changeType"]
        for one in told["properties"]["changes"]
    }
    assert changes == {kept: "NoChange", gone: "Delete", "build": "Delete"}
    told = target.ask("whatIf", template(registry(kept))).json()
    changes = {
        one["resourceId"].rpartition("/")[2]: one["changeType"]
        for one in told["properties"]["changes"]
    }
    assert changes == {kept: "NoChange", gone: "Ignore", "build": "Ignore"}
    assert target.deploy(template(registry(kept)))["provisioningState"] == "Succeeded"
    assert target.names() == {kept, gone}
    assert (
        target.deploy(template(registry(kept)), mode="complete")["provisioningState"] == "Succeeded"
    )
    assert target.names() == {kept}


def test_what_if_tells_the_changes_and_makes_none(target: Target) -> None:
    """Created, changed with each property, and as it was; nothing of it happens."""
    old, new = unique(), unique()
    target.deploy(template(registry(old, tags={"a": "1", "b": "2"})))
    document = template(
        registry(old, tags={"a": "9", "c": "3"}, sku={"name": "Premium"}),
        registry(new),
        task(f"{new}/build", dependsOn=[new]),
        outputs={"x": {"type": "string", "value": f"[reference('{new}').nothing]"}},
    )
    told = target.ask("whatIf", document).json()
    assert told["status"] == "Succeeded", told
    changed, created, below = told["properties"]["changes"]
    assert (changed["changeType"], created["changeType"], below["changeType"]) == (
        "Modify",
        "Create",
        "Create",
    )
    delta = {one["path"]: one for one in changed["delta"]}
    assert delta["tags.a"] == {
        "path": "tags.a",
        "propertyChangeType": "Modify",
        "before": "1",
        "after": "9",
    }
    assert delta["tags.b"] == {"path": "tags.b", "propertyChangeType": "Delete", "before": "2"}
    assert delta["tags.c"] == {"path": "tags.c", "propertyChangeType": "Create", "after": "3"}
    assert delta["sku.name"]["after"] == "Premium"
    assert created["after"]["name"] == new
    assert "before" not in created
    assert target.names() == {old}
    assert (
        target.send("GET", f"{DEPLOYMENTS}/first").json()["properties"]["provisioningState"]
        == "Succeeded"
    )
    brief = target.ask("whatIf", document, whatIfSettings={"resultFormat": "ResourceIdOnly"}).json()
    assert {(one["changeType"], len(one)) for one in brief["properties"]["changes"]} == {
        ("Deploy", 2)
    }
    broken = target.ask("whatIf", template(task(f"{unique()}/build"))).json()
    assert (broken["status"], broken["error"]["code"]) == ("Failed", "DeploymentFailed")
    wrong = target.ask("whatIf", document, whatIfSettings={"resultFormat": "Long"})
    assert wrong.status_code == 400
