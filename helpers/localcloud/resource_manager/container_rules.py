"""What a container of a container group must be for Azure to accept it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..containers.sandboxes.capabilities import CAPABILITIES, full_name
from ..errors import CloudError
from . import secret_reference_rules
from .container_group_models import (
    Container,
    ContainerProbe,
    ContainerProperties,
    EnvironmentVariable,
    InitContainer,
    InitContainerProperties,
    Port,
    ResourceRequirements,
    SecurityContext,
    VolumeMount,
)
from .routing import invalid

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # learn.microsoft.com, naming rules
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_ID = 2**31 - 1  # a user's or a group's


def check_protocol(port: Port, place: str) -> None:
    """Raise 400 for a port of a protocol that there is not, 501 for one of UDP."""
    protocol = (port.protocol or "TCP").upper()
    if protocol == "UDP":
        raise CloudError.not_implemented("UDP ports of container groups")
    if protocol != "TCP":
        raise invalid(
            f"The protocol '{port.protocol}' of the port '{port.port}' of {place} is none of 'TCP,UDP'."
        )


class ContainerRules:
    """Checks the containers of one group: 400 as Azure answers, 501 that names what we lack."""

    def __init__(self, group: str, volumes: Sequence[str]) -> None:
        self._group = group
        self._volumes = volumes

    def check(self, container: Container) -> None:
        """Raise for a container that no group may have."""
        name, properties = container.name or "", container.properties or ContainerProperties()
        self._check_common(container.name, properties)
        self._check_resources(name, properties.resources or ResourceRequirements())
        ports = [port.port for port in properties.ports or []]
        if any(port is None or not 1 <= port <= 65535 for port in ports):
            raise invalid(
                f"A port of the container '{name}' in container group '{self._group}' is not between "
                "1 and 65535.",
                "InvalidPort",
            )
        for port in properties.ports or []:
            check_protocol(port, f"the container '{name}' in container group '{self._group}'")
        for kind, probe in (
            ("livenessProbe", properties.liveness_probe),
            ("readinessProbe", properties.readiness_probe),
        ):
            if probe is not None:
                self._check_probe(name, kind, probe)
        if properties.config_map is not None and properties.config_map.key_value_pairs:
            raise CloudError.not_implemented("the configMap of a container")

    def check_init(self, container: InitContainer) -> None:
        """Raise for an init container that no group may have."""
        self._check_common(container.name, container.properties or InitContainerProperties())

    def _check_common(self, name: str | None, properties: InitContainerProperties) -> None:
        if name is None or not NAME.fullmatch(name):
            raise invalid(
                f"The container name '{name or '<null>'}' in container group '{self._group}' is "
                "invalid. It must be 1 to 63 lower-case letters, digits and hyphens, and begin and "
                "end with a letter or digit.",
                "InvalidContainerName",
            )
        if not (properties.image or "").strip():
            raise invalid(
                f"The image is not specified in the container '{name}' in container group "
                f"'{self._group}'.",
                "ImageNotSpecified",
            )
        for variable in properties.environment_variables or []:
            self._check_variable(name, variable)
        self._check_mounts(name, properties.volume_mounts or [])
        if properties.security_context is not None:
            self._check_security(name, properties.security_context)

    def _check_variable(self, container: str, variable: EnvironmentVariable) -> None:
        if not _VARIABLE.fullmatch(variable.name or ""):
            raise invalid(
                f"The environment variable name '{variable.name}' in the container '{container}' of "
                f"container group '{self._group}' is invalid.",
                "InvalidEnvironmentVariableName",
            )
        secret_reference_rules.check_variable(self._group, container, variable)

    def _check_mounts(self, container: str, mounts: Sequence[VolumeMount]) -> None:
        paths: set[str] = set()
        for mount in mounts:
            path = mount.mount_path or ""
            if mount.name not in self._volumes:
                raise invalid(
                    f"The volume '{mount.name}' that the container '{container}' mounts is not found "
                    f"in container group '{self._group}'.",
                    "VolumeNotFound",
                )
            if not path.startswith("/") or ":" in path:
                raise invalid(
                    f"The mount path '{path}' of the container '{container}' is invalid: it must be "
                    "absolute and hold no colon.",
                    "InvalidVolumeMountPath",
                )
            plain = path.rstrip("/")
            if plain in paths:
                raise invalid(
                    f"The mount path '{path}' of the container '{container}' in container group "
                    f"'{self._group}' is not unique.",
                    "InvalidVolumeMountPath",
                )
            paths.add(plain)

    def _check_resources(self, container: str, resources: ResourceRequirements) -> None:
        requests, limits = resources.requests, resources.limits
        for key, value in (
            ("cpu", requests.cpu if requests else None),
            ("memoryInGB", requests.memory_in_gb if requests else None),
        ):
            if value is None or value <= 0:
                raise invalid(
                    f"The resource requests are not specified in the container '{container}' in "
                    f"container group '{self._group}': 'resources.requests.{key}' must be a positive "
                    "number.",
                    "ResourceRequestsNotSpecified",
                )
        assert requests is not None
        if limits is None:
            return
        for word, least, limit in (
            ("Cpu", requests.cpu, limits.cpu),
            ("MemoryInGB", requests.memory_in_gb, limits.memory_in_gb),
        ):
            if limit is not None and least is not None and limit < least:
                raise invalid(
                    f"The resource requirement in container '{container}' of contain group "
                    f"'{self._group}' is invalid. The '{word}' limit value must be greater than or "
                    "equal to the request value.",
                    "ResourceLimitsLessThanRequests",
                )
        if limits.cpu is not None and limits.cpu != requests.cpu:
            raise CloudError.not_implemented(
                f"'resources.limits.cpu' of the container '{container}': CPU is not limited here"
            )

    def _check_probe(self, container: str, kind: str, probe: ContainerProbe) -> None:
        place = f"The {kind} of the container '{container}' in container group '{self._group}'"
        if (probe.exec is None) == (probe.http_get is None):
            raise invalid(f"{place} must have one of 'exec' and 'httpGet'.")
        if probe.exec is not None and not probe.exec.command:
            raise invalid(f"{place} has no 'command' in 'exec'.")
        if probe.http_get is not None:
            port = probe.http_get.port
            if port is None or not 1 <= port <= 65535:
                raise invalid(f"{place} has no 'port' between 1 and 65535 in 'httpGet'.")
            if (probe.http_get.scheme or "http").lower() not in ("http", "https"):
                raise invalid(f"{place} has a 'scheme' that is none of 'http,https'.")
        for name, value, least in (
            ("initialDelaySeconds", probe.initial_delay_seconds, 0),
            ("periodSeconds", probe.period_seconds, 1),
            ("failureThreshold", probe.failure_threshold, 1),
            ("successThreshold", probe.success_threshold, 1),
            ("timeoutSeconds", probe.timeout_seconds, 1),
        ):
            if value is not None and value < least:
                raise invalid(f"{place} is invalid: '{name}' must be at least {least}.")
        # kubernetes.io, "Configure Liveness, Readiness and Startup Probes"
        if kind == "livenessProbe" and (probe.success_threshold or 1) != 1:
            raise invalid(f"{place} is invalid: its 'successThreshold' must be 1.")

    def _check_security(self, container: str, given: SecurityContext) -> None:
        place = f"the container '{container}'"
        if given.privileged:
            raise CloudError.not_implemented(f"'securityContext.privileged' of {place}")
        if given.allow_privilege_escalation:
            raise CloudError.not_implemented(
                f"'securityContext.allowPrivilegeEscalation' of {place}: no program gets privileges "
                "of its file here"
            )
        for name, number in (("runAsUser", given.run_as_user), ("runAsGroup", given.run_as_group)):
            if number is not None and not 0 <= number <= _LARGEST_ID:
                raise invalid(
                    f"'securityContext.{name}' of {place} in container group '{self._group}' must "
                    f"be between 0 and {_LARGEST_ID}."
                )
        capabilities = given.capabilities
        for name in (capabilities.add or []) if capabilities is not None else []:
            if full_name(name) not in CAPABILITIES:
                raise CloudError.not_implemented(
                    f"the capability '{name}' in 'securityContext.capabilities.add' of {place}"
                )
