"""Templates of the tests, and the place that they are deployed to."""

from __future__ import annotations

from typing import Any

from helpers.localcloud.deployments.plan import Plan, plan
from helpers.localcloud.deployments.scope import Place

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/learning"
REGISTRIES = "Microsoft.ContainerRegistry/registries"
TASKS = f"{REGISTRIES}/tasks"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
PLACE = Place(
    subscription={
        "id": SUBSCRIPTION,
        "subscriptionId": SUBSCRIPTION.rpartition("/")[2],
        "tenantId": "tenant",
        "displayName": "Local cloud",
    },
    group={"id": GROUP, "name": "learning", "location": "eastus"},
    tenant_id="tenant",
    deployer={"objectId": "me", "tenantId": "tenant"},
    deployment={"name": "first"},
)


def template(*resources: Any, **sections: Any) -> dict[str, Any]:
    """A template with those resources and sections."""
    document = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources)}
    return {**document, **sections}


def group(name: str, location: str) -> dict[str, Any]:
    """A resource group as a template of a subscription declares it."""
    return {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2022-09-01",
        "name": name,
        "location": location,
    }


def registry(name: str, **more: Any) -> dict[str, Any]:
    """A registry as a template declares it."""
    return {
        "type": REGISTRIES,
        "apiVersion": "2023-07-01",
        "name": name,
        "location": "eastus",
        "sku": {"name": "Basic"},
        **more,
    }


def task(name: str, **more: Any) -> dict[str, Any]:
    """A task with a managed identity."""
    step = {"type": "EncodedTask", "encodedTaskContent": "[base64('version: v1.1.0')]"}
    properties = {"status": "Enabled", "platform": {"os": "Linux"}, "step": step}
    return {
        "type": TASKS,
        "apiVersion": "2019-04-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "identity": {"type": "SystemAssigned"},
        "properties": {**properties, "agentConfiguration": {"cpu": 2}},
        **more,
    }


def nested(name: str, inner: Any, scope: str = "inner", **more: Any) -> dict[str, Any]:
    """A deployment within a deployment."""
    options = {"expressionEvaluationOptions": {"scope": scope}}
    properties = {"mode": "Incremental", "template": inner, **options, **more.pop("properties", {})}
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": name,
        "properties": properties,
        **more,
    }


def planned(*resources: Any, given: Any = None, **sections: Any) -> Plan:
    """The plan of a template with those resources, for :data:`PLACE`."""
    return plan(template(*resources, **sections), given, PLACE)


def names(found: Plan) -> list[str]:
    """The resources of a plan, by their names."""
    return [one.name for one in found.resources]
