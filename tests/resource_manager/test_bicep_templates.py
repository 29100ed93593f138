"""Templates as Bicep compiles them, one for each thing that it can say: deployed, and what they tell.

Each file of the folder bicep has a template, its parameters, and the outputs that are expected; GROUP is
the id of the resource group, UNIQUE its ``uniqueString``, OTHER the name of another group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.deployments.hashes import unique_string
from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import registry, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, body_of, ended
from tests.resource_manager.test_requests import send
from tests.resource_manager.test_resource_manager import make_group

CASES = sorted((Path(__file__).parent / "bicep").glob("*.json"))
READ = [pytest.param(json.loads(path.read_text()), id=path.stem) for path in CASES]


@pytest.fixture(scope="module")
def groups(local_cloud: LocalCloud) -> Iterator[tuple[Target, Target]]:
    """The group that the templates are deployed to, and another."""
    found = (
        Target(local_cloud, make_group(local_cloud)),
        Target(local_cloud, make_group(local_cloud)),
    )
    yield found
    for one in found:
        locks = "providers/Microsoft.Authorization/locks"
        for lock in one.send("GET", locks).json()["value"]:
            one.send("DELETE", lock["id"].partition(f"{one.group}/")[2])
        send(local_cloud, "DELETE", f"resourceGroups/{one.group}", None)


def filled(value: Any, groups: tuple[Target, Target]) -> Any:
    """A part of a file with the names of the groups."""
    target, other = groups
    text = json.dumps(value).replace("UNIQUE", unique_string([target.id]))
    return json.loads(text.replace("GROUP", target.id).replace("OTHER", other.group))


def outputs_of(done: dict[str, Any]) -> dict[str, Any]:
    assert done["provisioningState"] == "Succeeded", json.dumps(done["error"], indent=1)
    return {name: one.get("value") for name, one in done["outputs"].items()}


def given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in parameters.items()}


def deployed(
    case: dict[str, Any], name: str, groups: tuple[Target, Target], **parameters: Any
) -> dict[str, Any]:
    """Deploy the template of a case, and wait for its end; the properties of the deployment."""
    target, _ = groups
    values = given({**filled(case["parameters"], groups), **parameters})
    if not case.get("subscription"):
        return target.deploy(case["template"], name, parameters=values)
    name = f"{name}-{target.group}"
    body = {"location": "eastus", **body_of(case["template"], parameters=values)}
    begun = send(target.cloud, "PUT", f"{DEPLOYMENTS}/{name}", body)
    assert begun.status_code == 201, begun.text
    return ended(target.cloud, f"{DEPLOYMENTS}/{name}")


@pytest.mark.parametrize("case", READ)
def test_what_bicep_says(
    groups: tuple[Target, Target], case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    name = str(request.node.callspec.id)
    expected = filled(case["expected"], groups)
    assert outputs_of(deployed(case, name, groups)) == expected
    if "again" in case:
        assert outputs_of(deployed(case, name, groups, **case["again"])) == expected
    for parameters, told in case.get("refused", []):
        values = given({**case["parameters"], **parameters})
        refused = groups[0].ask("validate", case["template"], parameters=values)
        assert refused.status_code == 400, refused.text
        assert told in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "name", ["identity-that-pulls", "loops", "only-once", "own-functions", "types"]
)
def test_az_deploys_it(az: Az, groups: tuple[Target, Target], tmp_path: Path, name: str) -> None:
    case = json.loads(next(path for path in CASES if path.stem == name).read_text())
    file, parameters = tmp_path / "main.json", tmp_path / "main.parameters.json"
    file.write_text(json.dumps(case["template"], indent=2))
    parameters.write_text(json.dumps({"parameters": given(case["parameters"])}))
    words = ("-g", groups[0].group, "-n", f"az-{name}", "--template-file", str(file))
    made = az.json("deployment", "group", "create", *words, "--parameters", f"@{parameters}")
    assert outputs_of(made["properties"]) == filled(case["expected"], groups)
    changes = az.json(
        *("deployment", "group", "what-if", "--no-pretty-print", *words),
        *("--parameters", f"@{parameters}"),
    )["changes"]
    assert {one["changeType"] for one in changes} <= {"NoChange", "Ignore"}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (template(extensions={"graph": {}}), "'extensions'"),
        (template(imports={"graph": {}}), "'imports'"),
        (
            {**template(), "languageVersion": "2.1-experimental"},
            "languageVersion '2.1-experimental'",
        ),
        (template(registry("aaaaa", asserts={"a": True})), "'asserts'"),
        (template(registry("aaaaa", **{"@options": {"retryOn": [["a"], 1]}})), "option 'retryOn'"),
        (template(registry("aaaaa", **{"@options": {"waitUntil": []}})), "option 'waitUntil'"),
        (template(outputs={"x": {"type": "object", "value": "[parseUri('a')]"}}), "'parseUri'"),
        (template(outputs={"x": {"type": "array", "value": "[pickZones('a')]"}}), "'pickZones'"),
        (
            template(
                {
                    "type": "Microsoft.Resources/deploymentScripts",
                    "apiVersion": "2023-08-01",
                    "name": "script",
                }
            ),
            "Microsoft.Resources/deploymentScripts",
        ),
    ],
)
def test_what_is_lacking_is_named(
    groups: tuple[Target, Target], document: dict[str, Any], told: str
) -> None:
    answer = groups[0].ask("validate", document)
    assert answer.status_code == 501, answer.text
    assert told in answer.json()["error"]["message"]


def test_a_template_that_fails_says_why(groups: tuple[Target, Target]) -> None:
    value = "[if(parameters('good'), 'yes', fail('It must be good.'))]"
    parameters = {"good": {"type": "bool"}}
    document = template(variables={"checked": value}, parameters=parameters)
    assert groups[0].ask("validate", document, parameters=given({"good": True})).status_code == 200
    refused = groups[0].ask("validate", document, parameters=given({"good": False}))
    assert "The template variable 'checked' is not valid: It must be good." in refused.text
