"""What a deployment is refused with before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES, nested, registry, task, template
from tests.resource_manager.callers import caller_with
from tests.resource_manager.deploying import DEPLOYMENTS, Target, body_of, target, unique

__all__ = ["target"]


def test_validate_tells_what_would_be_made(target: Target) -> None:
    """Or why not: a name that is taken, an api-version, a type, a right."""
    name = unique()
    told = target.ask(
        "validate", template(registry(name), nested("in", template(task(f"{name}/build"))))
    ).json()
    assert told["properties"]["provisioningState"] == "Succeeded"
    assert [one["id"].rpartition("/")[2] for one in told["properties"]["validatedResources"]] == [
        name,
        "build",
    ]
    assert target.names() == set()
    refused = target.ask("validate", template(registry("a-b-c-d")))
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "InvalidTemplateDeployment")
    assert "is not valid according to the validation procedure" in error["message"]
    assert error["details"][0]["code"] == "InvalidResourceName"
    skipped = target.ask("validate", template(registry("a-b-c-d")), validationLevel="Template")
    assert skipped.status_code == 200
    wrong = target.ask("validate", template(), validationLevel="Some")
    assert wrong.status_code == 400


DISK = {
    "type": "Microsoft.Compute/disks",
    "apiVersion": "2023-04-02",
    "name": "d",
    "location": "eastus",
}
REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({}, 400, "InvalidDeploymentMode", "it is Incremental or Complete"),
    ({"mode": "Fast", "template": template()}, 400, "InvalidDeploymentMode", "'Fast'"),
    ({"mode": "Incremental"}, 400, "InvalidTemplate", "A template is a JSON object"),
    (
        {"mode": "Incremental", "template": {}},
        400,
        "InvalidTemplate",
        "Required property '$schema'",
    ),
    (
        {"mode": "Incremental", "template": "x"},
        400,
        "InvalidRequestContent",
        "'properties.template' must be an object",
    ),
    (
        {"mode": "Incremental", "template": template(), "colour": "red"},
        400,
        "InvalidRequestContent",
        "Could not find member 'colour'",
    ),
    (
        {"mode": "Incremental", "templateLink": {"id": "/subscriptions/x"}},
        501,
        "NotImplemented",
        "'templateLink.id'",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(),
            "onErrorDeployment": {"type": "LastSuccessful"},
        },
        501,
        "NotImplemented",
        "'onErrorDeployment'",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(),
            "debugSetting": {"detailLevel": "requestContent"},
        },
        501,
        "NotImplemented",
        "debugSetting",
    ),
    (
        {"mode": "Incremental", "template": template(DISK)},
        501,
        "NotImplemented",
        "PUT Microsoft.Compute/disks",
    ),
    (
        {"mode": "Incremental", "template": template(registry("aaaaa", apiVersion="2000-01-01"))},
        400,
        "InvalidResourceType",
        "The supported api-versions are",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(nested("in", None, properties={"templateLink": {"uri": "x"}})),
        },
        400,
        "InvalidContentLink",
        "Unable to download deployment content from 'x'",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(nested("in", template(), properties={"mode": "Complete"})),
        },
        501,
        "NotImplemented",
        "nested deployments of mode Complete",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(registry("aaaaa", dependsOn=["[resourceId('x')]"])),
        },
        400,
        "InvalidTemplate",
        "resourceId",
    ),
    (
        {
            "mode": "Incremental",
            "template": template(outputs={"x": {"type": "string", "value": "[nothing()]"}}),
        },
        400,
        "InvalidTemplate",
        "The template output 'x' at line '1' and column",
    ),
    (
        {"mode": "Incremental", "template": template(), "parameters": {"x": {"value": 1}}},
        400,
        "InvalidTemplate",
        "The template parameters 'x' in the parameters file are not valid",
    ),
]


@pytest.mark.parametrize(
    ("properties", "status", "code", "message"), REFUSED, ids=lambda one: str(one)[-50:]
)
def test_refused(
    target: Target, properties: dict[str, Any], status: int, code: str, message: str
) -> None:
    """What is wrong is said before anything is made; what is lacking, by its name."""
    for path, method in (("first", "PUT"), ("first/validate", "POST"), ("first/whatIf", "POST")):
        answer = target.send(method, f"{DEPLOYMENTS}/{path}", {"properties": properties})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), answer.text
        assert message in error["message"]
    assert target.send("GET", f"{DEPLOYMENTS}/first").status_code == 404


def test_refused_names_and_places(target: Target) -> None:
    """A name that is none, a location for a group, a deployment and an operation that there are not."""
    assert target.begin(template(), "a" * 65).json()["error"]["code"] == "InvalidDeploymentName"
    body = {"location": "eastus", **body_of(template())}
    answer = target.send("PUT", f"{DEPLOYMENTS}/first", body)
    assert answer.json()["error"]["code"] == "InvalidDeploymentLocation"
    for path in ("none", "none/operations", "none/operations/X"):
        found = target.send("GET", f"{DEPLOYMENTS}/{path}").json()["error"]
        assert found == {
            "code": "DeploymentNotFound",
            "message": "Deployment 'none' could not be found.",
        }
    assert target.send("DELETE", f"{DEPLOYMENTS}/none").status_code == 204
    target.deploy(template())
    missing = target.send("GET", f"{DEPLOYMENTS}/first/operations/X")
    assert missing.json()["error"]["code"] == "DeploymentOperationNotFound"
    assert target.send("HEAD", f"{DEPLOYMENTS}/first").status_code == 204
    assert target.send("HEAD", f"{DEPLOYMENTS}/none").status_code == 404
    ended = target.send("POST", f"{DEPLOYMENTS}/first/cancel")
    assert ended.json()["error"]["code"] == "DeploymentCannotBeCancelled"
    filtered = f"{DEPLOYMENTS}?$filter=provisioningState eq 'Succeeded'"
    assert len(target.send("GET", filtered).json()["value"]) == 1
    filtered = f"{DEPLOYMENTS}?$filter=provisioningState eq 'Failed'"
    assert target.send("GET", filtered).json()["value"] == []
    assert target.send("GET", f"{DEPLOYMENTS}?$filter=name eq 'x'").status_code == 400
    assert (
        target.send("POST", f"{DEPLOYMENTS}/first/exportTemplate").json()["template"] == template()
    )


def test_the_rights_of_the_caller_are_what_counts(target: Target, local_cloud: LocalCloud) -> None:
    """Who may deploy and may not make a registry is told so, before anything is made."""
    actions = ["Microsoft.Resources/*", "Microsoft.Authorization/*/read"]
    ask = caller_with(local_cloud, target.id, actions)
    name = unique()
    url = f"https://management.azure.com{target.id}/{DEPLOYMENTS}/first"
    answer = ask("PUT", url, body_of(template(registry(name))))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "InvalidTemplateDeployment")
    assert (
        f"Authorization failed for template resource '{name}' of type '{REGISTRIES}'"
        in error["message"]
    )
    assert f"{REGISTRIES}/write" in error["message"]
    assert ask("PUT", url, body_of(template())).status_code == 201
