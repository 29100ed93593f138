"""A template with three registries, a vault and three tasks, from the request to its end."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from .clouds import manager
from .report import Figure, compared
from .sides import Side, Started, each

_REGISTRIES = "Microsoft.ContainerRegistry/registries"
_STEP = {"type": "EncodedTask", "encodedTaskContent": "[base64('version: v1.1.0')]"}
_TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"prefix": {"type": "string"}},
    "resources": [
        {
            "type": _REGISTRIES,
            "apiVersion": "2023-07-01",
            "name": "[concat(parameters('prefix'), copyIndex())]",
            "location": "[resourceGroup().location]",
            "sku": {"name": "Basic"},
            "copy": {"name": "registries", "count": 3},
        },
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "[parameters('prefix')]",
            "location": "[resourceGroup().location]",
            "properties": {
                "tenantId": "[subscription().tenantId]",
                "sku": {"family": "A", "name": "standard"},
                "accessPolicies": [],
            },
        },
        {
            "type": f"{_REGISTRIES}/tasks",
            "apiVersion": "2019-04-01",
            "name": "[concat(parameters('prefix'), copyIndex(), '/build')]",
            "location": "[resourceGroup().location]",
            "dependsOn": ["registries"],
            "copy": {"name": "tasks", "count": 3},
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "status": "Enabled",
                "platform": {"os": "Linux"},
                "agentConfiguration": {"cpu": 2},
                "step": _STEP,
            },
        },
    ],
    "outputs": {
        "server": {
            "type": "string",
            "value": "[reference(concat(parameters('prefix'), '0')).loginServer]",
        }
    },
}


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """The median of five deployments of new resources, for each side."""
    found = each(sides, folder, _measure)
    return [compared("deployment of 7 resources", found, "s", 1, "median of 5, asked for its end")]


def _measure(started: Started) -> float:
    http, group = manager(started.running)
    return statistics.median(_deploy(http, group, turn) for turn in range(5))


def _deploy(http: requests.Session, group: str, turn: int) -> float:
    url = f"{group}/providers/Microsoft.Resources/deployments/turn{turn}"
    given = {"prefix": {"value": f"deployed{turn}"}}
    body = {"properties": {"mode": "Incremental", "template": _TEMPLATE, "parameters": given}}
    began = time.monotonic()
    begun = http.put(url, json=body, timeout=60)
    begun.raise_for_status()
    place = begun.headers["Azure-AsyncOperation"]
    while (told := http.get(place, timeout=60).json())["status"] in ("Running", "InProgress"):
        time.sleep(0.02)
    ended = time.monotonic()
    if told["status"] != "Succeeded":
        raise RuntimeError(f"the deployment ended as {told}")
    return ended - began
