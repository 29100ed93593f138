"""What a container group must be for Azure to accept it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from typing import Any

from ..container_instances.state import requested
from ..container_instances.volumes import clonable
from ..errors import CloudError
from ..store import Resource
from . import secret_reference_rules
from .container_group_models import (
    ContainerGroupProperties,
    ContainerProperties,
    GitRepo,
    IpAddress,
    ResourceRequirements,
    Resources,
    Volume,
)
from .container_rules import NAME, ContainerRules, check_protocol
from .routing import invalid

RESTART_POLICIES = ("Always", "OnFailure", "Never")
# learn.microsoft.com, "Quotas and limits for Azure Container Instances"
MAXIMUM_CONTAINERS = 60
MAXIMUM_INIT_CONTAINERS = 59
# learn.microsoft.com, "Resource availability & quota limits for ACI": of one group, standard
MAXIMUM_CPU, MAXIMUM_MEMORY_IN_GB = 4.0, 16.0
LABEL_SCOPES = ("Unsecure", "TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "Noreuse")
_LABEL = re.compile(r"[a-z][a-z0-9-]{3,61}[a-z0-9]")
_KINDS = ("emptyDir", "secret", "secretReference", "gitRepo")


def check(
    name: str, location: str, properties: ContainerGroupProperties, identities: Collection[str]
) -> None:
    """Raise 400 as Azure does for properties that no container group may have, 501 for ours.

    ``identities`` are the ids of the user-assigned identities that it is to have.
    """
    if not NAME.fullmatch(name):
        raise invalid(
            f"The container group name '{name}' is invalid. It must be 1 to 63 lower-case letters, "
            "digits and hyphens, and begin and end with a letter or digit.",
            "InvalidContainerGroupName",
        )
    _check_kind(name, properties)
    containers = properties.containers or []
    init_containers = properties.init_containers or []
    if not containers:
        raise invalid(
            f"The containers in the container group '{name}' are not specified.",
            "ContainersNotSpecified",
        )
    for word, given, most in (
        ("containers", containers, MAXIMUM_CONTAINERS),
        ("init containers", init_containers, MAXIMUM_INIT_CONTAINERS),
    ):
        if len(given) > most:
            raise invalid(
                f"The container group '{name}' has {len(given)} {word}; {most} are allowed.",
                "TooManyContainers",
            )
    volumes = properties.volumes or []
    _check_volumes(name, volumes)
    rules = ContainerRules(name, [str(volume.name) for volume in volumes])
    for container in containers:
        rules.check(container)
    for init_container in init_containers:
        rules.check_init(init_container)
    names = [str(one.name) for one in init_containers] + [str(one.name) for one in containers]
    for twice in sorted({item for item in names if names.count(item) > 1}):
        raise invalid(
            f"The container name '{twice}' in container group '{name}' is not unique.",
            "DuplicateContainerName",
        )
    _check_total(name, location, properties)
    _check_credentials(name, properties, identities)
    secret_reference_rules.check(name, properties, identities)
    _check_container_ports(name, properties)
    if properties.ip_address is not None:
        _check_address(name, properties.ip_address, properties)


def _check_kind(name: str, properties: ContainerGroupProperties) -> None:
    if properties.os_type != "Linux":
        if properties.os_type == "Windows":
            raise CloudError.not_implemented("Windows container groups")
        raise invalid(
            f"The 'osType' for container group '{name}' is invalid. The value must be one of "
            "'Windows,Linux'.",
            "InvalidOsType",
        )
    if properties.restart_policy not in RESTART_POLICIES:
        raise invalid(
            f"The restart policy '{properties.restart_policy}' of container group '{name}' is "
            f"invalid. The value must be one of '{','.join(RESTART_POLICIES)}'.",
            "InvalidRestartPolicy",
        )
    for word, value, ours, others in (
        ("sku", properties.sku, "Standard", ("Dedicated", "Confidential", "NotSpecified")),
        ("priority", properties.priority, "Regular", ("Spot",)),
    ):
        if value is None or value == ours:
            continue
        if value in others:
            raise CloudError.not_implemented(f"the {word} '{value}' of container groups")
        raise invalid(
            f"The '{word}' for container group '{name}' is invalid. The value must be one of "
            f"'{','.join((ours, *others))}'.",
        )


def _check_total(name: str, location: str, properties: ContainerGroupProperties) -> None:
    """Raise where a group asks for more than a region gives one, or a limit is above the group's."""
    cpu, memory = total_of(properties)
    if cpu > MAXIMUM_CPU or memory > MAXIMUM_MEMORY_IN_GB:
        raise CloudError(
            409,
            "ServiceUnavailable",
            f"The requested resource is not available in the location '{location}' at this moment. "
            "Please retry with a different resource request or in another location. Resource "
            f"requested: '{cpu:g}' CPU '{memory:g}' GB memory 'Linux' OS",
        )
    for container in properties.containers or []:
        resources = (container.properties or ContainerProperties()).resources
        limits = resources.limits if resources is not None else None
        if limits is not None and (limits.memory_in_gb or 0) > memory:
            raise invalid(
                f"The resource limit of container '{container.name}' in container group '{name}' is "
                f"greater than the total request of the group: {memory:g} GB of memory.",
                "ContainerLimitGreaterThanContainerGroupTotalRequest",
            )


def total_of(properties: ContainerGroupProperties) -> tuple[float, float]:
    """The CPUs and the memory, in GB, that all containers of a group ask for."""
    cpu = memory = 0.0
    for container in properties.containers or []:
        resources = (container.properties or ContainerProperties()).resources
        requests = (resources or ResourceRequirements()).requests or Resources()
        cpu += requests.cpu or 0.0
        memory += requests.memory_in_gb or 0.0
    return round(cpu, 3), round(memory, 3)


def _check_credentials(
    group: str, properties: ContainerGroupProperties, identities: Collection[str]
) -> None:
    known = {one.lower() for one in identities}
    for credential in properties.image_registry_credentials or []:
        if credential.identity and credential.identity.lower() not in known:
            raise invalid(
                f"The identity '{credential.identity}' in the 'imageRegistryCredentials' of container "
                f"group '{group}' is not a user-assigned identity of the group.",
                "InvalidImageRegistryCredentials",
            )
        secret = credential.password or credential.password_reference
        needed = {"server": credential.server}
        if not credential.identity:
            needed |= {"username": credential.username, "password": secret}
        for key, value in needed.items():
            if not value:
                raise invalid(
                    f"The '{key}' in the 'imageRegistryCredentials' of container group '{group}' "
                    "cannot be empty.",
                    "InvalidImageRegistryCredentials",
                )
        if credential.password and credential.password_reference:
            raise invalid(
                f"The 'imageRegistryCredentials' of container group '{group}' have both 'password' "
                f"and 'passwordReference' for '{credential.server}': give one of them.",
                "InvalidImageRegistryCredentials",
            )


def _check_volumes(group: str, volumes: list[Volume]) -> None:
    names = [volume.name for volume in volumes]
    for volume in volumes:
        if not NAME.fullmatch(str(volume.name)):
            raise invalid(
                f"The volume name '{volume.name}' in container group '{group}' is invalid.",
                "InvalidVolumeName",
            )
        if names.count(volume.name) > 1:
            raise invalid(
                f"The volume name '{volume.name}' in container group '{group}' is not unique.",
                "InvalidVolumeName",
            )
        secret = (volume.secret, volume.secret_reference) != (None, None)  # it may have both
        kinds = (volume.empty_dir is not None, secret, volume.git_repo is not None)
        if sum(kinds) != 1:
            raise invalid(
                f"The volume '{volume.name}' in container group '{group}' must have one of "
                f"'{','.join(_KINDS)},azureFile'.",
            )
        if volume.empty_dir:
            raise invalid(
                f"The 'emptyDir' of the volume '{volume.name}' in container group '{group}' must be "
                "an empty object."
            )
        if volume.git_repo is not None:
            _check_git(group, str(volume.name), volume.git_repo)
        for key, value in (volume.secret or {}).items():
            _check_secret(group, str(volume.name), key, value)
        for key in volume.secret_reference or {}:
            _check_file(key)
            if key in (volume.secret or {}):
                raise invalid(
                    f"The secret '{key}' of the volume '{volume.name}' in container group '{group}' is "
                    "in both 'secret' and 'secretReference'.",
                    "InvalidSecretVolume",
                )


def _check_git(group: str, volume: str, given: GitRepo) -> None:
    place = f"of the volume '{volume}' in container group '{group}'"
    if not given.repository:
        raise invalid(f"The 'repository' in 'gitRepo' {place} cannot be empty.")
    parts = (given.directory or "").split("/")
    if ".." in parts or (given.directory or "").startswith("/") or "\0" in (given.directory or ""):
        raise invalid(
            f"The 'directory' in 'gitRepo' {place} is invalid: it must be relative and not contain "
            "'..'."
        )
    if (given.revision or "").startswith("-"):
        raise invalid(f"The 'revision' in 'gitRepo' {place} is invalid.")
    if not clonable(given.repository):
        raise CloudError.not_implemented(
            f"the 'repository' in 'gitRepo' {place}: nothing leaves this machine, and its "
            "repositories are at https://github.com/OWNER/NAME"
        )


def _check_secret(group: str, volume: str, key: str, value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(
            f"The secret '{key}' of the volume '{volume}' in container group '{group}' is not "
            "encoded in base64.",
            "InvalidSecretVolume",
        ) from None
    _check_file(key)


def _check_file(key: str) -> None:
    if not re.fullmatch(r"[-._a-zA-Z0-9]+", key) or key in (".", ".."):
        raise invalid(f"'{key}' cannot be the name of a file.", "InvalidSecretVolume")


def container_ports(properties: ContainerGroupProperties) -> list[int]:
    """The ports that the containers of a group name."""
    return [
        port.port or 0
        for container in properties.containers or []
        for port in (container.properties or ContainerProperties()).ports or []
    ]


def _check_container_ports(group: str, properties: ContainerGroupProperties) -> None:
    """Raise where two containers, which share one network, name the same port."""
    ports = container_ports(properties)
    for twice in sorted({port for port in ports if ports.count(port) > 1}):
        raise invalid(
            f"The port '{twice}' is named more than once by the containers of container group "
            f"'{group}', which share their ports.",
            "DuplicateContainerPorts",
        )


def _check_address(group: str, given: IpAddress, properties: ContainerGroupProperties) -> None:
    if given.type not in ("Public", "Private"):
        raise invalid(
            f"The type of the IP address of container group '{group}' is invalid. The value must "
            "be one of 'Public,Private'.",
            "InvalidIpAddressType",
        )
    if given.type == "Private":
        raise CloudError.not_implemented("container groups in a virtual network")
    _check_label(group, given)
    ports = given.ports or []
    if not ports:
        raise invalid(
            f"The ports in the 'ipAddress' of container group '{group}' cannot be empty.",
            "MissingIpAddressPorts",
        )
    inside = container_ports(properties)
    for item in ports:
        port = item.port
        if port is None or not 1 <= port <= 65535:
            raise invalid(
                f"The port '{port}' of container group '{group}' is not between 1 and 65535.",
                "InvalidPort",
            )
        check_protocol(item, f"container group '{group}'")
        if port not in inside:
            raise invalid(
                f"The port '{port}' in the 'ipAddress' of container group '{group}' is not exposed "
                "by any of its containers: name it in the 'ports' of one.",
                "PortNotExposed",
            )
    if len({item.port for item in ports}) != len(ports):
        raise invalid(
            f"The ports in the 'ipAddress' of container group '{group}' are not unique.",
            "DuplicateIpAddressPorts",
        )


def _check_label(group: str, given: IpAddress) -> None:
    label, scope = given.dns_name_label, given.auto_generated_domain_name_label_scope
    if label is not None and not _LABEL.fullmatch(label):
        raise invalid(
            f"The DNS name label '{label}' in container group '{group}' is invalid. It can contain "
            "only lowercase letters, numbers and hyphens. The first character must be a letter. The "
            "last character must be a letter or number. The value must be between 5 and 63 "
            "characters long.",
            "InvalidDnsNameLabel",
        )
    if scope is not None and scope not in LABEL_SCOPES:
        raise invalid(
            f"The 'autoGeneratedDomainNameLabelScope' of container group '{group}' is invalid. The "
            f"value must be one of '{','.join(LABEL_SCOPES)}'.",
        )


def check_update(existing: Resource, properties: dict[str, Any]) -> None:
    """Raise 400 when an update changes what Azure lets nobody change in place."""
    before = existing.private["properties"]

    def fixed(of: dict[str, Any]) -> tuple[Any, ...]:
        return of["osType"], of["restartPolicy"], *(round(number, 3) for number in requested(of))

    if fixed(before) != fixed(properties):
        raise invalid(
            f"The updates on container group '{existing.name}' are invalid. If you are going to "
            "update the os type, restart policy, network profile, CPU, memory or GPU resources for "
            "a container group, you must delete it first and then create a new one.",
            "InvalidContainerGroupUpdate",
        )
