"""What Bicep compiles to is deployed: symbolic names, what exists already, modules, loops, secrets."""

from __future__ import annotations

from typing import Any

from tests.deployments.planning import REGISTRIES, SCHEMA, TASKS, nested
from tests.resource_manager.deploying import Target, target, unique

__all__ = ["target"]
VERSION = "2023-07-01"
GENERATOR = {"_generator": {"name": "bicep", "version": "0.30.23.60470", "templateHash": "1"}}


def module(
    name: str, inner: dict[str, Any], parameters: dict[str, Any], *after: str
) -> dict[str, Any]:
    """A module as Bicep writes it."""
    given = {key: {"value": value} for key, value in parameters.items()}
    return nested(name, inner, properties={"parameters": given}, dependsOn=list(after))


def compiled(resources: Any, **sections: Any) -> dict[str, Any]:
    """A file of Bicep after its compiler."""
    symbolic = {"languageVersion": "2.0"} if isinstance(resources, dict) else {}
    head = {"$schema": SCHEMA, **symbolic, "contentVersion": "1.0.0.0", "metadata": GENERATOR}
    return {**head, "resources": resources, **sections}


TASK_MODULE = compiled(
    {
        "acr": {
            "existing": True,
            "type": REGISTRIES,
            "apiVersion": VERSION,
            "name": "[parameters('registryName')]",
        },
        "acr::build": {
            "type": TASKS,
            "apiVersion": "2019-04-01",
            "name": "[format('{0}/{1}', parameters('registryName'), parameters('settings').name)]",
            "location": "[parameters('location')]",
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "status": "[if(coalesce(tryGet(parameters('settings'), 'enabled'), true()), "
                "'Enabled', 'Disabled')]",
                "platform": {"os": "Linux"},
                "agentConfiguration": {"cpu": 2},
                "step": {
                    "type": "EncodedTask",
                    "encodedTaskContent": "[base64(variables('$fxv#0'))]",
                    "copy": [
                        {
                            "name": "values",
                            "count": "[length(items(parameters('settings').values))]",
                            "input": {
                                "name": "[items(parameters('settings').values)[copyIndex('values')].key]",
                                "value": "[items(parameters('settings').values)[copyIndex('values')].value]",
                            },
                        }
                    ],
                },
            },
            "dependsOn": ["acr"],
        },
    },
    definitions={
        "taskSettings": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 5},
                "enabled": {"type": "bool", "nullable": True},
                "values": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
    parameters={
        "registryName": {"type": "string"},
        "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
        "settings": {"$ref": "#/definitions/taskSettings"},
    },
    variables={"$fxv#0": "version: v1.1.0\nsteps:\n  - cmd: bash echo hi\n"},
    outputs={
        "principalId": {
            "type": "string",
            "value": "[reference('acr::build', '2019-04-01', 'full').identity.principalId]",
        },
        "server": {"type": "string", "value": "[reference('acr').loginServer]"},
    },
)


def test_a_registry_and_modules(target: Target) -> None:
    """A loop of modules, each for an object; an array of what they tell; a condition; a tag of each."""
    name = unique()
    main = compiled(
        {
            "acr": {
                "type": REGISTRIES,
                "apiVersion": VERSION,
                "name": "[variables('name')]",
                "location": "[resourceGroup().location]",
                "sku": {"name": "[if(parameters('premium'), 'Premium', 'Basic')]"},
                "tags": "[union(parameters('tags'), createObject('by', 'bicep'))]",
                "properties": {"adminUserEnabled": False},
            },
            "never": {
                "condition": "[parameters('premium')]",
                "type": REGISTRIES,
                "apiVersion": VERSION,
                "name": "[format('{0}no', variables('name'))]",
                "location": "eastus",
                "sku": {"name": "Basic"},
            },
            "tasks": {
                "copy": {"name": "tasks", "count": "[length(parameters('tasks'))]"},
                **module(
                    "[format('task-{0}', parameters('tasks')[copyIndex()].name)]",
                    TASK_MODULE,
                    {
                        "registryName": "[variables('name')]",
                        "settings": "[parameters('tasks')[copyIndex()]]",
                    },
                    "acr",
                    "never",
                ),
            },
        },
        parameters={
            "premium": {"type": "bool", "defaultValue": False},
            "tags": {"type": "object", "defaultValue": {"team": "learning"}},
            "tasks": {"type": "array"},
        },
        variables={"name": name},
        outputs={
            "principals": {
                "type": "array",
                "copy": {
                    "count": "[length(parameters('tasks'))]",
                    "input": "[reference(format('tasks[{0}]', copyIndex())).outputs.principalId.value]",
                },
            },
            "servers": {
                "type": "array",
                "value": "[map(references('tasks'), "
                "lambda('one', lambdaVariables('one').outputs.server.value))]",
            },
            "id": {"type": "string", "value": f"[resourceId('{REGISTRIES}', variables('name'))]"},
        },
    )
    tasks = [
        {"name": "build", "values": {"b": "2", "a": "1"}},
        {"name": "other", "enabled": False, "values": {}},
    ]
    done = target.deploy(main, parameters={"tasks": {"value": tasks}})
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"]["servers"]["value"] == [f"{name}.azurecr.io"] * 2
    assert done["outputs"]["id"]["value"] == f"{target.id}/providers/{REGISTRIES}/{name}"
    made = target.send("GET", f"providers/{REGISTRIES}/{name}").json()
    assert made["tags"] == {"team": "learning", "by": "bicep"}
    built, other = (
        target.send("GET", f"providers/{TASKS.replace('/tasks', '')}/{name}/tasks/{one}").json()
        for one in ("build", "other")
    )
    assert done["outputs"]["principals"]["value"] == [
        one["identity"]["principalId"] for one in (built, other)
    ]
    assert [(one["name"], one["value"]) for one in built["properties"]["step"]["values"]] == [
        ("a", "1"),
        ("b", "2"),
    ]
    assert (built["properties"]["status"], other["properties"]["status"]) == ("Enabled", "Disabled")
    assert target.names() == {name}
    short = target.begin(main, parameters={"tasks": {"value": [{"name": "x", "values": {}}]}})
    assert "Length of the value should be greater than or equal to '5'" in short.text


def test_without_symbolic_names(target: Target) -> None:
    """As Bicep compiles a file that needs none of the newer language."""
    name = unique()
    registry = {
        "type": REGISTRIES,
        "apiVersion": VERSION,
        "name": "[parameters('name')]",
        "location": "[parameters('location')]",
        "sku": {"name": "Basic"},
    }
    scope_map = {
        "type": f"{REGISTRIES}/scopeMaps",
        "apiVersion": VERSION,
        "name": "[format('{0}/{1}', parameters('name'), 'reader')]",
        "properties": {"actions": ["repositories/a/content/read"]},
        "dependsOn": [f"[resourceId('{REGISTRIES}', parameters('name'))]"],
    }
    parts = "split(format('{0}/{1}', parameters('name'), 'reader'), '/')"
    main = compiled(
        [registry, scope_map],
        parameters={
            "name": {"type": "string", "metadata": {"description": "Its name"}},
            "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
        },
        outputs={
            "server": {
                "type": "string",
                "value": f"[reference(resourceId('{REGISTRIES}', parameters('name')), "
                f"'{VERSION}').loginServer]",
            },
            "map": {
                "type": "string",
                "value": f"[resourceId('{REGISTRIES}/scopeMaps', {parts}[0], {parts}[1])]",
            },
        },
    )
    done = target.deploy(main, parameters={"name": {"value": name}})
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"]["server"]["value"] == f"{name}.azurecr.io"
    assert done["outputs"]["map"]["value"].endswith(f"{name}/scopeMaps/reader")
