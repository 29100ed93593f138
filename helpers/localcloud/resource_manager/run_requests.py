"""What a run request says: of scheduleRun, and of a task run, which keeps it.

Source: REST reference of Microsoft.ContainerRegistry, "Registries - Schedule Run" (2025-03-01-preview).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..resource_types import TASK_TYPE
from ..store import Resource
from .models import Lacking, Model, read
from .routing import Call, authorize, invalid, not_found
from .task_models import AgentProperties, Credentials, PlatformProperties, SetValue
from .tasks import mask as mask_task


class OverrideTaskStepProperties(Model):
    """What one run of a task has instead of what the task says."""

    context_path: str | None = None
    file: str | None = None
    target: str | None = None
    update_trigger_token: str | None = None
    values: list[SetValue] | None = None
    arguments: list[SetValue] | None = None


class _RunRequest(Model):
    """What all kinds have; the kind itself is ``type``."""

    type: str | None = None
    is_archive_enabled: bool | None = None
    agent_pool_name: Lacking | None = None
    log_template: Lacking | None = None


class _Unattended(_RunRequest):
    """What a request without a task has."""

    timeout: int | None = None
    platform: PlatformProperties | None = None
    agent_configuration: AgentProperties | None = None
    source_location: str | None = None
    credentials: Credentials | None = None


class DockerBuildRequest(_Unattended):
    """Build an image."""

    image_names: list[str] | None = None
    is_push_enabled: bool | None = None
    no_cache: bool | None = None
    docker_file_path: str | None = None
    target: str | None = None
    arguments: list[SetValue] | None = None


class FileTaskRunRequest(_Unattended):
    """Run the task file of a source."""

    task_file_path: str | None = None
    values_file_path: str | None = None
    values: list[SetValue] | None = None


class EncodedTaskRunRequest(_Unattended):
    """Run a task file that is in the request."""

    encoded_task_content: str | None = None
    encoded_values_content: str | None = None
    values: list[SetValue] | None = None


class TaskRunRequest(_RunRequest):
    """Run a task."""

    task_id: str | None = None
    override_task_step_properties: OverrideTaskStepProperties | None = None


_KINDS: dict[str, type[_RunRequest]] = {
    one.__name__: one
    for one in (TaskRunRequest, DockerBuildRequest, FileTaskRunRequest, EncodedTaskRunRequest)
}


def read_request(given: Mapping[str, Any], operation: str) -> dict[str, Any]:
    """A run request with what its kind understands, and nothing that is null.

    Raises 400 for a kind that does not exist and for a property of another type, 501 for one that
    only Azure has.
    """
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise invalid(
            f"The run request type '{kind}' is invalid: it is one of {', '.join(_KINDS)}.",
            "InvalidRunRequest",
        )
    read_as = read(_KINDS[kind], given, operation)
    understood: dict[str, Any] = without_null(msgspec.to_builtins(read_as))
    return understood


def without_null(value: Any) -> Any:
    """A JSON value without what is null, at every level."""
    if isinstance(value, dict):
        return {name: without_null(one) for name, one in value.items() if one is not None}
    return [without_null(one) for one in value] if isinstance(value, list) else value


def task_of(call: Call, registry: Resource, request: Mapping[str, Any]) -> Resource | None:
    """The task that a request names, None for a request without one.

    Raises 400 for one of another registry, 404 for one that is not there, 403 for a caller that may
    not read it.
    """
    if request["type"] != TaskRunRequest.__name__:
        return None
    task_id = request.get("taskId")
    if not task_id:
        raise invalid("The TaskRunRequest requires 'taskId', the ARM id of the task.")
    if not task_id.lower().startswith(f"{registry.key}/tasks/"):
        raise invalid(
            f"The task '{task_id}' does not belong to the registry '{registry.name}': schedule "
            "the run at the task's own registry."
        )
    task = call.cloud.store.get(task_id)
    if task is None or task.type.lower() != TASK_TYPE.lower():
        raise not_found(TASK_TYPE, task_id)
    authorize(call.cloud, call.principal, f"{TASK_TYPE}/read", task.id)
    return task


def mask(request: dict[str, Any], *, details: bool = False) -> dict[str, Any]:
    """A request as a read shows it, without secrets; ``details`` as of a task's listDetails."""
    properties = {"step": request, "credentials": request.get("credentials")}
    masked = mask_task(properties, details=details)
    shown: dict[str, Any] = masked["step"]
    if masked["credentials"]:
        shown["credentials"] = masked["credentials"]
    override = "overrideTaskStepProperties"
    if override in shown:
        shown[override] = mask_task({"step": shown[override]}, details=details)["step"]
    return shown
