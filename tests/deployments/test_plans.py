"""What a template declares: parameters, loops, children, the order, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from helpers.localcloud.deployments.errors import TemplateError
from helpers.localcloud.deployments.plan import check_outputs, outputs, plan
from helpers.localcloud.errors import CloudError
from tests.deployments.planning import (
    GROUP,
    PLACE,
    REGISTRIES,
    SUBSCRIPTION,
    names,
    planned,
    registry,
    template,
)

ROLES = "Microsoft.Authorization/roleAssignments"


def needs(found: Any) -> dict[str, set[str]]:
    """The names of what each resource waits for."""
    resources = found.resources
    return {
        one.name: {resources[place].name for place in needed}
        for one, needed in zip(resources, found.graph.needs, strict=True)
    }


def test_loops_children_and_conditions() -> None:
    """A loop makes its turns; a child has the names of its parent; a condition may be false."""
    task = {"type": "tasks", "apiVersion": "2019-04-01", "name": "build", "properties": {}}
    found = planned(
        registry(
            "[concat('registry', copyIndex('each', 1))]",
            copy={"name": "each", "count": 2},
            resources=[task],
            condition="[equals(copyIndex(), 0)]",
        )
    )
    assert names(found) == ["registry1", "registry1/build", "registry2", "registry2/build"]
    assert [one.wanted for one in found.resources] == [True, True, False, False]
    assert found.resources[1].id == f"{GROUP}/providers/{REGISTRIES}/registry1/tasks/build"
    assert names(planned(registry("r", copy={"name": "none", "count": 0}))) == []


def test_scopes_and_groups() -> None:
    """What belongs to another resource, to a group and to the subscription has its id."""
    common = {"apiVersion": "2022-04-01", "properties": {}}
    found = planned(
        {"type": ROLES, "name": "a", "scope": f"{REGISTRIES}/r", **common},
        {"type": ROLES, "name": "b", "scope": "[resourceGroup().id]", **common},
        {
            "type": f"{REGISTRIES}/providers/roleAssignments",
            "name": "r/Microsoft.Authorization/c",
            **common,
        },
        {"type": "Microsoft.Resources/resourceGroups", "name": "new", **common},
        {"type": "Microsoft.Resources/deployments", "name": "d", "resourceGroup": "new", **common},
        {
            "type": "Microsoft.Resources/deployments",
            "name": "e",
            "subscriptionId": "s",
            "resourceGroup": "g",
            **common,
        },
    )
    assert [one.id for one in found.resources] == [
        f"{GROUP}/providers/{REGISTRIES}/r/providers/{ROLES}/a",
        f"{GROUP}/providers/{ROLES}/b",
        f"{GROUP}/providers/{REGISTRIES}/r/providers/{ROLES}/c",
        f"{SUBSCRIPTION}/resourceGroups/new",
        f"{SUBSCRIPTION}/resourceGroups/new/providers/Microsoft.Resources/deployments/d",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/e",
    ]
    assert found.resources[4].base == f"{SUBSCRIPTION}/resourceGroups/new"


@pytest.mark.parametrize(
    "word",
    [
        "first",
        f"{REGISTRIES}/first",
        f"[resourceId('{REGISTRIES}', 'first')]",
        "[concat('fir', 'st')]",
    ],
)
def test_depends_on(word: str) -> None:
    """A resource waits for another by its name, its type and name, its id."""
    found = planned(registry("second", dependsOn=[word]), registry("first"))
    assert needs(found) == {"second": {"first"}, "first": set()}


@pytest.mark.parametrize(
    "value",
    [
        "[reference('first').loginServer]",
        f"[reference(resourceId('{REGISTRIES}', 'first'), '2023-07-01', 'Full').id]",
        f"[concat('x', listCredentials(resourceId('{REGISTRIES}', 'first'), '2023-07-01').username)]",
        {"[reference('first').a]": 1},
    ],
    ids=str,
)
def test_what_is_asked_for_is_waited_for(value: Any) -> None:
    """An expression that asks for a resource of the template waits for it."""
    found = planned(registry("second", properties={"x": value}), registry("first"))
    assert needs(found)["second"] == {"first"}


def test_loops_are_waited_for() -> None:
    """By the name of a loop for all of it; a serial loop waits for its own turns."""
    loop = {"name": "each", "count": 4, "mode": "serial", "batchSize": 2}
    found = planned(
        registry("[concat('r', copyIndex())]", copy=loop), registry("last", dependsOn=["each"])
    )
    assert needs(found) == {
        **{"r0": set(), "r1": set(), "r2": {"r0", "r1"}, "r3": {"r0", "r1"}},
        "last": {"r0", "r1", "r2", "r3"},
    }


def test_symbolic_names() -> None:
    """As Bicep compiles: names for resources, loops by number, what exists already."""
    task = {
        "type": f"{REGISTRIES}/tasks",
        "apiVersion": "2019-04-01",
        "name": "[format('{0}/{1}', 'old', 'build')]",
        "properties": {"x": "[reference('each[1]').loginServer]"},
        "dependsOn": ["old", "each"],
    }
    found = planned(
        languageVersion="2.0",
        resources={
            "old": registry("old", existing=True),
            "each": registry(
                "[format('r{0}', copyIndex())]",
                copy={"name": "each", "count": "[length(range(0, 2))]"},
            ),
            "task": task,
        },
        outputs={"id": {"type": "string", "value": "[resourceInfo('old').id]"}},
    )
    assert needs(found) == {
        "old": set(),
        "r0": set(),
        "r1": set(),
        "old/build": {"old", "r0", "r1"},
    }
    assert found.resources[0].existing
    check_outputs(found)
    assert outputs(found, found.scope).shown["id"] == {
        "type": "String",
        "value": found.resources[0].id,
    }


MANY = [registry(f"registry{n}") for n in range(801)]
SELF = f"[listCredentials(resourceId('{REGISTRIES}', 'aaaaa'), '2023-07-01').username]"
WRONG: list[tuple[Any, str]] = [
    ([], "A template is a JSON object"),
    ({"resources": []}, "Required property '$schema' not found in JSON"),
    (template(resource=[]), "Could not find member 'resource' on object of type 'Template'"),
    (template(parameters=[1]), "The section 'parameters' must be an object"),
    (template(parameters={"a": 1}), "parameters.a must be an object"),
    (
        template(parameters={"a": {"type": "text", "defaultValue": ""}}),
        "The type 'text' of a parameter or output",
    ),
    (template(parameters={f"p{n}": {} for n in range(257)}), "Limit: '256' and actual: '257'"),
    (template(variables={f"v{n}": 1 for n in range(513)}), "Limit: '512' and actual: '513'"),
    (template(outputs={f"o{n}": {} for n in range(65)}), "Limit: '64' and actual: '65'"),
    (template(*MANY), "The number of template resources limit exceeded. Limit: '800'"),
    (template(resources={}), "of languageVersion 2.0 an object"),
    (template(1), "A resource is a JSON object"),
    (
        template({"type": REGISTRIES, "name": "a"}),
        "Required property 'apiVersion' not found in JSON",
    ),
    (
        template(registry("aaaaa", colour="red")),
        "Could not find member 'colour' on object of type 'TemplateResource'",
    ),
    (
        template(registry("aaaaa", dependsOn="x")),
        "The property 'dependsOn' of a resource has another type",
    ),
    (template(registry("a/b")), "has incorrect segment lengths"),
    (template({**registry("a"), "type": "registries"}), "has incorrect segment lengths"),
    (
        template(registry("[concat('']")),
        "Deployment template language expression evaluation failed: 'Unable to parse",
    ),
    (template(registry("[nothing()]")), "The template function 'nothing' is not valid"),
    (template(registry("[parameters('x')]")), "The template parameter 'x' is not found"),
    (template(registry("[variables('x')]")), "The template variable 'x' is not found"),
    (
        template(registry("[div(1, 0)]")),
        "is not valid: Unable to evaluate template language function 'div'",
    ),
    (template(registry("[createArray()]")), "are texts that are not empty"),
    (template(registry("[reference('x').y]")), "'reference' is not expected at this location"),
    (
        template(registry("aaaaa", condition="yes")),
        "Evaluation result of language expression 'yes' is type 'String'",
    ),
    (template(registry("aaaaa", condition="[nothing()]")), "'nothing' is not valid"),
    (template(registry("aaaaa", dependsOn=["[div(1,0)]"])), "the divisor is zero"),
    (template(functions={}), "functions must be a list of objects"),
    (template(functions=[{"members": []}]), "functions.members must be an object"),
    (template(functions=[{"members": {"f": 1}}]), "functions.f must be an object"),
    (
        template(functions=[{"members": {"f": {"parameters": {}}}}]),
        "functions.f.parameters must be",
    ),
    (template(resources="all"), "The resources of a template are a list"),
    (template(variables={"copy": {}}), "variables.copy must be a list of objects"),
    (template(variables={"copy": [{"name": "a"}]}), "The copy of a variable needs a name, a count"),
    (template(registry("aaaaa", scope="a/b")), "The type 'a/b' and the names '' do not fit"),
    (template(registry("aaaaa"), registry("AAAAA")), "is defined multiple times in a template"),
    (
        template(registry("aaaaa", dependsOn=["bbbbb"])),
        "The resource 'bbbbb' is not defined in the template",
    ),
    (template(registry("aaaaa", copy={"name": "x"})), "needs a name and a count"),
    (
        template(registry("aaaaa", copy={"name": "x", "count": "many"})),
        "must be an integer from 0 to 800",
    ),
    (
        template(registry("aaaaa", copy={"name": "x", "count": 1, "mode": "slow"})),
        "The mode of a copy",
    ),
    (
        template(registry("aaaaa", resources=[{**registry("b"), "type": "tasks", "copy": {}}])),
        "copy is not supported on a nested resource",
    ),
    (
        template(
            registry("aaaaa", dependsOn=["bbbbb"]),
            registry("bbbbb", dependsOn=["aaaaa"]),
            registry("ccccc", dependsOn=["aaaaa"]),
        ),
        "Circular dependency detected on resource: '" + GROUP,
    ),
    (template(registry("aaaaa", tags={"x": SELF})), "Circular dependency detected on resource"),
    (
        template(variables={"a": "[reference('x')]"}),
        "The template variable 'a' is not valid: The template function 'reference'",
    ),
    (template(variables={"a": "[div(1, 0)]"}), "The template variable 'a' is not valid"),
    (
        template(variables={"a": "[nothing()]"}),
        "The template variable 'a' is not valid: The template function",
    ),
    (
        template(parameters={"a": {"type": "string", "defaultValue": "[variables('x')]"}}),
        "'variables' ('x') is not expected",
    ),
    (
        template(parameters={"a": {"type": "string", "defaultValue": "[parameters('x')]"}}),
        "The template parameter 'x' is not found",
    ),
]


@pytest.mark.parametrize(("document", "expected"), WRONG, ids=lambda value: str(value)[-60:])
def test_templates_that_are_refused(document: Any, expected: str) -> None:
    """What is wrong with a template is said in Azure's words."""
    with pytest.raises(TemplateError, match=re.escape(expected)):
        plan(document, None, PLACE)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (template(apiProfile="x"), "the member 'apiProfile' of a template"),
        (template(languageVersion="2.1-experimental"), "the languageVersion '2.1-experimental'"),
        (template(registry("aaaaa", plan={})), "the member 'plan' of a templateresource"),
        (template(registry("aaaaa", scope="/")), "templates that deploy to a tenant"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_templates_that_the_local_cloud_lacks(document: Any, expected: str) -> None:
    """What Azure takes and the local cloud does not is 501, by name."""
    with pytest.raises(CloudError, match=re.escape(expected)) as refused:
        plan(document, None, PLACE)
    assert refused.value.status == 501


def test_outputs() -> None:
    """Outputs have their types; a secure one is not shown, one may have a condition or a loop."""
    found = planned(
        parameters={"secret": {"type": "securestring", "defaultValue": "x"}},
        outputs={
            "text": {"type": "string", "value": "[concat('a', 'b')]"},
            "secret": {"type": "securestring", "value": "[parameters('secret')]"},
            "none": {"type": "string", "value": "x", "condition": False},
            "each": {"type": "array", "copy": {"count": 2, "input": "[copyIndex()]"}},
            "nothing": {"type": "string", "nullable": True, "value": "[null()]"},
        },
    )
    assert outputs(found, found.scope).shown == {
        "text": {"type": "String", "value": "ab"},
        "secret": {"type": "SecureString"},
        "each": {"type": "Array", "value": [0, 1]},
        "nothing": {"type": "String"},
    }
    wrong = planned(
        outputs={
            "one": {"type": "string", "value": 1},
            "two": {"type": "string", "value": "[div(1,0)]"},
            "right": {"type": "int", "value": 1},
            "three": {"type": "array", "copy": {"count": 1}},
        }
    )
    told = outputs(wrong, wrong.scope)
    assert {name: str(error)[:52] for name, error in told.failed.items()} == {
        "one": "Template output JToken type is not valid. Expected '",
        "two": "Unable to evaluate template language function 'div':",
        "three": "the copy of an output needs a count and an input",
    }
    assert told.shown["right"] == {"type": "Int", "value": 1}
    with pytest.raises(TemplateError, match="The template output 'x' is not valid"):
        check_outputs(planned(outputs={"x": {"type": "string", "value": "[nothing()]"}}))
