"""What a task can be: platform, step, triggers and credentials; the first and last are a run's, too.

Source: REST reference of Microsoft.ContainerRegistry, "Tasks - Create", "- Update" and "Registries -
Schedule Run", 2025-03-01-preview.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias

import msgspec

from ..resource_types import TASK_TYPE
from ..shapes import LARGEST
from .identity import ResourceIdentity
from .models import Choice, Lacking, Model, ResourceModel, Tags, Unused, read, understood
from .routing import invalid

_Status: TypeAlias = Annotated[str | None, Choice("Enabled", "Disabled")]


class SetValue(Model):
    """One value of a task file, or argument of a build."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("type",)  # of an argument, in versions until 2018
    name: str | None = None
    value: str | None = None
    is_secret: bool | None = None


class PlatformProperties(Model):
    """What the agent is."""

    os: str | None = None
    architecture: Annotated[str | None, Choice("amd64", "x86", "386", "arm", "arm64")] = None
    variant: Lacking | None = None


class AgentProperties(Model):
    """How large the agent is."""

    cpu: Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)] | None = None


class SecretObject(Model):
    """A secret itself, or the URL of one in a vault."""

    type: Annotated[str | None, Choice("Opaque", "Vaultsecret")] = None
    value: str | None = None


class SourceRegistryCredentials(Model):
    """How the run logs in to its own registry."""

    login_mode: Annotated[str | None, Choice("Default", "None")] = None
    identity: str | None = None


class CustomRegistryCredentials(Model):
    """How it logs in to another one."""

    user_name: SecretObject | None = None
    password: SecretObject | None = None
    identity: str | None = None


class Credentials(Model):
    """How a run logs in to registries."""

    source_registry: SourceRegistryCredentials | None = None
    custom_registries: dict[str, CustomRegistryCredentials | None] | None = None


class _Step(Model):
    """What every kind of step has."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("baseImageDependencies",)
    type: str | None = None
    context_path: str | None = None
    context_access_token: str | None = None


class DockerBuildStep(_Step):
    """Build an image."""

    image_names: list[str] | None = None
    is_push_enabled: bool | None = None
    no_cache: bool | None = None
    docker_file_path: str | None = None
    target: str | None = None
    arguments: list[SetValue] | None = None


class FileTaskStep(_Step):
    """Run the task file of a source."""

    task_file_path: str | None = None
    values_file_path: str | None = None
    values: list[SetValue] | None = None


class EncodedTaskStep(_Step):
    """Run a task file that is in the task."""

    encoded_task_content: str | None = None
    encoded_values_content: str | None = None
    values: list[SetValue] | None = None


class AuthInfo(Model):
    """What the service sets a webhook with."""

    token_type: Annotated[str | None, Choice("PAT", "OAuth")] = None
    token: str | None = None
    scope: str | None = None
    refresh_token: Lacking | None = None
    expires_in: Lacking | None = None


class SourceProperties(Model):
    """A repository, and the branch that is watched."""

    source_control_type: Annotated[str | None, Unused("Github", ("VisualStudioTeamService",))] = (
        None
    )
    repository_url: str | None = None
    branch: str | None = None
    source_control_auth_properties: AuthInfo | None = None


class SourceTrigger(Model):
    """Runs the task after a commit."""

    name: str | None = None
    status: _Status = None
    source_repository: SourceProperties | None = None
    source_trigger_events: list[Annotated[str, Unused("commit", ("pullrequest",))]] | None = None


class TimerTrigger(Model):
    """Runs the task by the clock."""

    name: str | None = None
    status: _Status = None
    schedule: str | None = None


class BaseImageTrigger(Model):
    """Runs the task after a push of what its image is built on."""

    name: str | None = None
    status: _Status = None
    base_image_trigger_type: Annotated[str | None, Choice("Runtime", "All")] = None
    update_trigger_payload_type: Annotated[str | None, Choice("Default", "Token")] = None
    update_trigger_endpoint: Lacking | None = None  # nobody would call it


class TriggerProperties(Model):
    """What runs the task."""

    timer_triggers: list[TimerTrigger] | None = None
    source_triggers: list[SourceTrigger] | None = None
    base_image_trigger: BaseImageTrigger | None = None


class TaskProperties(Model):
    """``step`` is read by its own kind."""

    status: _Status = None
    platform: PlatformProperties | None = None
    agent_configuration: AgentProperties | None = None
    agent_pool_name: Lacking | None = None
    timeout: int | None = None
    step: dict[str, Any] | None = None
    trigger: TriggerProperties | None = None
    credentials: Credentials | None = None
    log_template: Lacking | None = None
    is_system_task: Annotated[bool | None, Unused(False)] = None


class Task(ResourceModel):
    """The body of Tasks_Create and Tasks_Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    identity: ResourceIdentity | None = None
    properties: TaskProperties | None = None


STEPS: Mapping[str, type[_Step]] = {
    "Docker": DockerBuildStep,
    "FileTask": FileTaskStep,
    "EncodedTask": EncodedTaskStep,
}


def properties_of(given: Task, kind: str | None = None) -> dict[str, Any]:
    """The properties of a task as JSON, as far as they are given; ``kind``: of the step that it has.

    Raises 400 InvalidTaskStep for a kind of step that does not exist, and what :func:`read` raises.
    """
    properties = given.properties or TaskProperties()
    found = understood(properties)
    if properties.step is not None:
        named = properties.step.get("type") or kind
        if not isinstance(named, str) or named not in STEPS:
            raise invalid(
                f"The step type '{named}' of the task is invalid: it is one of {', '.join(STEPS)}.",
                "InvalidTaskStep",
            )
        found["step"] = understood(
            read(STEPS[named], properties.step, TASK_TYPE, at="properties.step")
        )
    return found
