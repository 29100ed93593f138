"""What the body of a container group may say: what is understood, and what Azure has and we lack.

Azure's names, by the SDK and the specifications of its API versions up to 2026-08-01-preview.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .identity import ResourceIdentity
from .models import Lacking, Model, ResourceModel, Tags


class Port(Model):
    """A port that a container has, or that the group's address has."""

    protocol: str | None = None
    port: int | None = None


class EnvironmentVariable(Model):
    """A variable; a secure value is never shown, what refers to a secret is."""

    name: str | None = None
    value: str | None = None
    secure_value: str | None = None
    secure_value_reference: str | None = None


class Resources(Model):
    """CPUs and memory."""

    cpu: float | None = None
    memory_in_gb: float | None = msgspec.field(default=None, name="memoryInGB")
    gpu: Lacking | None = None


class ResourceRequirements(Model):
    """What a container is given, and what it may use."""

    requests: Resources | None = None
    limits: Resources | None = None


class VolumeMount(Model):
    """Where a container has a volume."""

    name: str | None = None
    mount_path: str | None = None
    read_only: bool | None = None


class ContainerExec(Model):
    """A command in a container."""

    command: list[str] | None = None


class HttpHeader(Model):
    """A header field of a request."""

    name: str | None = None
    value: str | None = None


class ContainerHttpGet(Model):
    """A request to a container."""

    path: str | None = None
    port: int | None = None
    scheme: str | None = None
    http_headers: list[HttpHeader] | None = None


class ContainerProbe(Model):
    """How a container is asked whether it lives, or is ready. Times are seconds."""

    exec: ContainerExec | None = None
    http_get: ContainerHttpGet | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    failure_threshold: int | None = None
    success_threshold: int | None = None
    timeout_seconds: int | None = None


class Capabilities(Model):
    """Rights of root that a container gets, or does not get."""

    add: list[str] | None = None
    drop: list[str] | None = None


class SecurityContext(Model):
    """As whom a container runs, and with which rights."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    seccomp_profile: Lacking | None = None


class ConfigMap(Model):
    """Settings by name."""

    key_value_pairs: dict[str, str] | None = None


class InitContainerProperties(Model):
    """What an init container is: it has no ports, resources or probes of its own."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("instanceView",)
    image: str | None = None
    command: list[str] | None = None
    environment_variables: list[EnvironmentVariable] | None = None
    volume_mounts: list[VolumeMount] | None = None
    security_context: SecurityContext | None = None


class ContainerProperties(InitContainerProperties):
    """What a container is."""

    ports: list[Port] | None = None
    resources: ResourceRequirements | None = None
    liveness_probe: ContainerProbe | None = None
    readiness_probe: ContainerProbe | None = None
    config_map: ConfigMap | None = None


class InitContainer(Model):
    """An init container of a group."""

    name: str | None = None
    properties: InitContainerProperties | None = None


class Container(Model):
    """A container of a group."""

    name: str | None = None
    properties: ContainerProperties | None = None


class ImageRegistryCredential(Model):
    """How images of one registry are pulled."""

    server: str | None = None
    username: str | None = None
    password: str | None = None
    password_reference: str | None = None
    identity: str | None = None
    identity_url: Lacking | None = None


class IpAddress(Model):
    """The address of a group; ``ip`` and ``fqdn`` are Azure's to say."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("ip", "fqdn")
    type: str | None = None
    ports: list[Port] | None = None
    dns_name_label: str | None = None
    auto_generated_domain_name_label_scope: str | None = None


class GitRepo(Model):
    """A clone of a repository."""

    repository: str | None = None
    directory: str | None = None
    revision: str | None = None


class Volume(Model):
    """A volume of a group."""

    name: str | None = None
    empty_dir: dict[str, Any] | None = None
    secret: dict[str, str] | None = None
    secret_reference: dict[str, str] | None = None
    git_repo: GitRepo | None = None
    azure_file: Lacking | None = None


class SecretReference(Model):
    """A secret of a vault by its URL, with the identity that may read it: containers use its name."""

    name: str | None = None
    identity: str | None = None
    secret_reference_uri: str | None = None


class ContainerGroupProperties(Model):
    """What a container group is."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("instanceView", "isCreatedFromStandbyPool")
    os_type: str | None = None
    restart_policy: str | None = None
    sku: str | None = None
    priority: str | None = None
    containers: list[Container] | None = None
    init_containers: list[InitContainer] | None = None
    image_registry_credentials: list[ImageRegistryCredential] | None = None
    ip_address: IpAddress | None = None
    volumes: list[Volume] | None = None
    secret_references: list[SecretReference] | None = None
    confidential_compute_properties: Lacking | None = None
    container_group_profile: Lacking | None = None
    diagnostics: Lacking | None = None
    dns_config: Lacking | None = None
    encryption_properties: Lacking | None = None
    extensions: Lacking | None = None
    identity_acls: Lacking | None = None
    network_profile: Lacking | None = None
    standby_pool_profile: Lacking | None = None
    subnet_ids: Lacking | None = None


class ContainerGroup(ResourceModel):
    """The body of ContainerGroups_CreateOrUpdate."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    zones: Lacking | None = None
    identity: ResourceIdentity | None = None
    properties: ContainerGroupProperties | None = None


class TagsPatch(ResourceModel):
    """The body of ContainerGroups_Update: tags, and whatever else, which is refused."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
