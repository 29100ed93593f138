"""ARM templates are deployed: through the operations of each type, in order, as the caller."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES, TASKS, group, nested, registry, task, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, body_of, target, unique
from tests.resource_manager.test_requests import send

__all__ = ["target"]
ROLES = "Microsoft.Authorization/roleAssignments"
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


def test_a_registry_its_task_and_its_right(target: Target) -> None:
    """What one resource tells, another is given: the identity of a task, the name of a login server."""
    name = unique()
    resource = f"resourceId('{TASKS}', '{name}', 'build')"
    identity = f"[reference({resource}, '2019-04-01', 'Full').identity.principalId]"
    right = {
        "type": ROLES,
        "apiVersion": "2022-04-01",
        "name": "[guid(resourceGroup().id, 'pull')]",
        "scope": f"{REGISTRIES}/{name}",
        "properties": {
            "principalId": identity,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": f"[subscriptionResourceId('{DEFINITIONS}', '{ACR_PULL}')]",
        },
    }
    document = template(
        right,
        task(f"{name}/build", dependsOn=[name]),
        registry(name, properties={"adminUserEnabled": True}),
        parameters={"secret": {"type": "securestring"}},
        outputs={
            "server": {"type": "string", "value": f"[reference('{name}').loginServer]"},
            "user": {
                "type": "string",
                "value": f"[listCredentials(resourceId('{REGISTRIES}', '{name}'), '2023-07-01').username]",
            },
            "secret": {"type": "securestring", "value": "[parameters('secret')]"},
        },
    )
    done = target.deploy(document, parameters={"secret": {"value": "hidden-away"}})
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"] == {
        "server": {"type": "String", "value": f"{name}.azurecr.io"},
        "user": {"type": "String", "value": name},
        "secret": {"type": "SecureString"},
    }
    assert done["parameters"] == {"secret": {"type": "SecureString"}}
    assert len(done["outputResources"]) == 3
    made = target.send("GET", f"providers/{REGISTRIES}/{name}/tasks/build").json()
    rights = target.send("GET", f"providers/{REGISTRIES}/{name}/providers/{ROLES}").json()["value"]
    assert made["identity"]["principalId"] in {one["properties"]["principalId"] for one in rights}
    operations = target.send("GET", f"{DEPLOYMENTS}/first/operations").json()["value"]
    order = [one["properties"].get("targetResource", {}).get("resourceType") for one in operations]
    assert order == [REGISTRIES, TASKS, ROLES, None]
    one = target.send(
        "GET", f"{DEPLOYMENTS}/first/operations/{operations[0]['operationId']}"
    ).json()
    assert one == operations[0]
    assert "hidden-away" not in json.dumps([done, operations])


def test_a_failure_is_told_with_its_reason(target: Target) -> None:
    """What fails is named with its code; what does not need it is made; a template can be sent again."""
    name, other = unique(), unique()
    wrong = task(f"{name}/build", dependsOn=[name])
    wrong["properties"] = {**wrong["properties"], "step": {"type": "Nothing"}}
    done = target.deploy(
        template(
            registry(name),
            wrong,
            registry(other),
            task(f"{other}/after", dependsOn=[f"{TASKS}/{name}/build", other]),
        )
    )
    assert done["provisioningState"] == "Failed"
    assert done["error"]["code"] == "DeploymentFailed"
    assert "At least one resource deployment operation failed" in done["error"]["message"]
    (detail,) = done["error"]["details"]
    assert detail["target"].endswith(f"{name}/tasks/build")
    assert detail["message"]
    assert {name, other} <= target.names()
    states = {
        one["properties"]["targetResource"]["resourceName"]: one["properties"]
        for one in target.send("GET", f"{DEPLOYMENTS}/first/operations").json()["value"]
    }
    assert set(states) == {name, other, f"{name}/build"}
    assert states[f"{name}/build"]["statusMessage"]["error"]["code"] == detail["code"]
    again = target.deploy(template(registry(name)))
    assert again["provisioningState"] == "Succeeded"
    assert len(target.send("GET", f"{DEPLOYMENTS}/first/operations").json()["value"]) == 1


def test_a_child_without_depends_on_has_no_parent_yet(target: Target) -> None:
    """As on Azure, where both are put at once."""
    name = unique()
    done = target.deploy(template(registry(name, resources=[{**task("build"), "type": "tasks"}])))
    assert [one["code"] for one in done["error"]["details"]] == ["ParentResourceNotFound"]
    waits = {
        **task("build"),
        "type": "tasks",
        "dependsOn": [f"[resourceId('{REGISTRIES}', '{name}')]"],
    }
    assert (
        target.deploy(template(registry(name, resources=[waits])))["provisioningState"]
        == "Succeeded"
    )


def test_deployments_within_deployments(target: Target, local_cloud: LocalCloud) -> None:
    """Five deep, inner and outer, each with outputs that the next one around asks for."""
    name = unique()
    inner: Any = template(
        registry("[parameters('name')]"),
        parameters={"name": {"type": "string"}},
        outputs={
            "id": {"type": "string", "value": f"[resourceId('{REGISTRIES}', parameters('name'))]"}
        },
    )
    for depth in range(5):
        given = {"parameters": {"name": {"value": "[parameters('name')]"}}}
        inner = template(
            nested(f"level{depth}", inner, properties=given),
            parameters={"name": {"type": "string"}},
            outputs={
                "id": {"type": "string", "value": f"[reference('level{depth}').outputs.id.value]"}
            },
        )
    done = target.deploy(inner, parameters={"name": {"value": name}})
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"]["id"]["value"].endswith(f"{REGISTRIES}/{name}")
    correlations = {
        one["properties"]["correlationId"]
        for one in target.send("GET", DEPLOYMENTS).json()["value"]
    }
    assert len(correlations) == 1
    other = unique()
    outer = nested("outside", template(registry("[variables('other')]")), scope="outer")
    done = target.deploy(template(outer, variables={"other": other}), "second")
    assert done["provisioningState"] == "Succeeded", done
    assert other in target.names()
    wrong = nested("inside", template(registry("[variables('other')]")))
    refused = target.begin(template(wrong, variables={"other": other}))
    assert refused.json()["error"]["code"] == "InvalidTemplate"
    assert "The template variable 'other' is not found" in refused.json()["error"]["message"]


def test_a_failure_within_a_deployment_reaches_the_outside(target: Target) -> None:
    """With the error of the resource below the errors of both deployments."""
    broken = template(task(f"{unique()}/build"))
    done = target.deploy(template(nested("inside", broken)))
    (detail,) = done["error"]["details"]
    assert (detail["code"], detail["details"][0]["code"]) == (
        "DeploymentFailed",
        "ParentResourceNotFound",
    )
    assert target.ended("inside")["provisioningState"] == "Failed"


def test_a_subscription_has_deployments(local_cloud: LocalCloud, target: Target) -> None:
    """A group is made, and what is in it by a deployment within, which waits for the group."""
    place, name = unique("g"), unique()
    document = template(
        group(place, "westus"),
        nested(
            "inside",
            template(registry(name, location="[resourceGroup().location]")),
            resourceGroup=place,
            dependsOn=[place],
        ),
        outputs={
            "place": {
                "type": "string",
                "value": f"[reference('{place}', '2022-09-01', 'Full').location]",
            }
        },
    )
    path = f"{DEPLOYMENTS}/{unique('d')}"
    refused = send(local_cloud, "PUT", path, body_of(document))
    assert refused.json()["error"]["code"] == "LocationRequired"
    begun = send(local_cloud, "PUT", path, {"location": "eastus", **body_of(document)})
    assert begun.status_code == 201, begun.text
    operation = begun.headers["Azure-AsyncOperation"].partition(local_cloud.subscription)[2]
    for _ in range(200):
        told = send(local_cloud, "GET", operation.partition("?")[0].strip("/"), None).json()
        if told["status"] != "Running":
            break
    assert told == {"status": "Succeeded"}
    done = send(local_cloud, "GET", path, None).json()
    assert done["location"] == "eastus"
    assert done["properties"]["outputs"]["place"]["value"] == "westus"
    moved = send(local_cloud, "PUT", path, {"location": "westus", **body_of(document)})
    assert moved.json()["error"]["code"] == "InvalidDeploymentLocation"
    whole = send(
        local_cloud, "PUT", path, {"location": "eastus", **body_of(document, mode="Complete")}
    )
    assert whole.json()["error"]["code"] == "InvalidDeploymentMode"
    listed = send(local_cloud, "GET", DEPLOYMENTS, None).json()["value"]
    assert done["id"] in {one["id"] for one in listed}
    assert send(local_cloud, "DELETE", path, None).status_code == 204
    send(local_cloud, "DELETE", f"resourceGroups/{place}", None)


def test_what_fails_when_it_is_made(target: Target) -> None:
    """A reference to what is not there, an action that is refused, an output of another type."""
    name = unique()
    away = f"[reference(resourceId('{REGISTRIES}', 'nowhere'), '2023-07-01').loginServer]"
    cases: list[tuple[Any, str]] = [
        (registry(name, tags={"x": away}), "was not found"),
        (
            registry(name, tags={"x": "[reference('nowhere').x]"}),
            "could not find template resource or resource copy",
        ),
        (
            registry(name, tags={"x": f"[reference(resourceId('{REGISTRIES}', 'nowhere')).x]"}),
            "needs an api-version",
        ),
    ]
    for resource, message in cases:
        done = target.deploy(template(resource))
        assert done["provisioningState"] == "Failed"
        assert message in json.dumps(done["error"]), done["error"]
    secret = f"[listCredentials(resourceId('{REGISTRIES}', '{name}'), '2023-07-01').username]"
    done = target.deploy(
        template(registry(name), outputs={"x": {"type": "string", "value": secret}})
    )
    assert done["error"]["details"][0]["code"] == "AdminUserDisabled"
    done = target.deploy(template(registry(name), outputs={"x": {"type": "int", "value": "a"}}))
    assert done["error"]["code"] == "DeploymentOutputEvaluationFailed"
    assert "Unable to evaluate template outputs: 'x'. Please see" in done["error"]["message"]
    [detail] = done["error"]["details"]
    assert detail["target"] == "x"
    assert detail["message"].startswith(
        "The template output 'x' is not valid: Template output JToken type is not valid. Expected "
        "'Integer'. Actual 'String'."
    )


def test_the_subscription_is_asked_for_whole(target: Target) -> None:
    """It is in no group."""
    whole = "[reference(subscription().id, '2022-12-01', 'Full')]"
    done = target.deploy(template(outputs={"x": {"type": "object", "value": whole}}))
    assert done["provisioningState"] == "Succeeded", done
    told = done["outputs"]["x"]["value"]
    assert told["resourceId"] == target.cloud.subscription
    assert told["resourceId"].endswith(f"/{told['subscriptionId']}")
    assert told["resourceGroupName"] == ""


@pytest.mark.timeout(300)
def test_az_deploys_a_template(az: Az, target: Target, tmp_path: Any) -> None:
    """A file with comments, as az sends it: raw, below a name without quotes."""
    name = unique()
    document = template(
        registry("[parameters('name')]"),
        parameters={"name": {"type": "string", "metadata": {"description": "it's // no comment"}}},
        outputs={
            "server": {"type": "string", "value": "[reference(parameters('name')).loginServer]"}
        },
    )
    file = tmp_path / "main.json"
    file.write_text(
        "// mine\n"
        + json.dumps(document, indent=2).replace('"resources"', '/* all\n */ "resources"')
    )
    common = ("-g", target.group, "-f", str(file), "-p", f"name={name}")
    told = az.json("deployment", "group", "what-if", *common, "--no-pretty-print")
    assert [one["changeType"] for one in told["changes"]] == ["Create"]
    assert (
        az.json("deployment", "group", "validate", *common)["properties"]["provisioningState"]
        == "Succeeded"
    )
    done = az.json("deployment", "group", "create", "-n", "mine", *common)
    assert done["properties"]["outputs"]["server"]["value"] == f"{name}.azurecr.io"
    operations = az.json(
        "deployment", "operation", "group", "list", "-g", target.group, "-n", "mine"
    )
    assert len(operations) == 2
    lost = template(task("nowhere/build"))
    file.write_text(json.dumps(lost))
    failed = az.refused("deployment", "group", "create", "-g", target.group, "-f", str(file))
    told = json.loads(failed.partition("ERROR: ")[2])
    assert (told["status"], told["error"]["code"]) == ("Failed", "DeploymentFailed")
    assert set(told) == {"status", "error"}
    file.write_text(json.dumps(document))
    refused = az.refused("deployment", "group", "create", *common[:-1], "name=a-b")
    assert re.search(r"InvalidTemplateDeployment.*InvalidResourceName", refused, re.DOTALL), refused
