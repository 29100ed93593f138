"""Task runs that are written over HTTP, and the runs that they schedule."""

from __future__ import annotations

import base64
from typing import Any

from tests.tasks.running import Registry


def content(command: str) -> str:
    text = f"version: v1.1.0\nsteps:\n  - cmd: {command}\n"
    return base64.b64encode(text.encode()).decode()


def encoded(command: str, **more: Any) -> dict[str, Any]:
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content(command)}
    return {**request, "platform": {"os": "Linux"}, **more}


def put(registry: Registry, name: str, request: Any, **more: Any) -> Any:
    body = {"location": "eastus", "properties": {"runRequest": request, **more}}
    return registry.call("PUT", f"/taskRuns/{name}", body)


def run_id(answer: Any) -> str:
    return str(answer.json()["properties"]["runResult"]["properties"]["runId"])


def ended(registry: Registry, answer: Any) -> dict[str, Any]:
    """The task run as soon as the run that a PUT has scheduled is over."""
    registry.wait(run_id(answer))
    shown: dict[str, Any] = registry.call("GET", answer.json()["id"].split(registry.name)[1]).json()
    return shown
