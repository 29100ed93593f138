"""What a container group must be for Azure to accept it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from ..errors import CloudError
from ..shapes import TAGS, Shape
from ..store import Resource
from .routing import invalid

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # learn.microsoft.com, naming rules
RESTART_POLICIES = ("Always", "OnFailure", "Never")
MAXIMUM_CONTAINERS = 60  # learn.microsoft.com, "Quotas and limits for Azure Container Instances"
_VARIABLE: Shape = {"name": str, "value": str, "secureValue": str}
_PORT: Shape = {"protocol": str, "port": int}
_RESOURCES: Shape = {"cpu": float, "memoryInGB": float}
BODY: Shape = {
    "location": str,
    "tags": TAGS,
    "identity": {"type": str},
    "properties": {
        "osType": str,
        "restartPolicy": str,
        "sku": str,
        "containers": [
            {
                "name": str,
                "properties": {
                    "image": str,
                    "command": [str],
                    "ports": [_PORT],
                    "environmentVariables": [_VARIABLE],
                    "resources": {"requests": _RESOURCES, "limits": _RESOURCES},
                    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
                },
            }
        ],
        "imageRegistryCredentials": [
            {"server": str, "username": str, "password": str, "identity": str}
        ],
        "ipAddress": {"type": str, "ports": [_PORT], "dnsNameLabel": str, "ip": str},
        "volumes": [{"name": str, "secret": {str: str}, "emptyDir": {}}],
    },
}
_LACKING = {
    "diagnostics": "log analytics of container groups",
    "dnsConfig": "the DNS configuration of container groups",
    "encryptionProperties": "the encryption properties of container groups",
    "subnetIds": "container groups in a virtual network",
    "initContainers": "init containers",
    "extensions": "extensions of container groups",
    "confidentialComputeProperties": "confidential container groups",
}


def check(name: str, properties: dict[str, Any]) -> None:
    """Raise 400 as Azure does for properties that no container group may have, 501 for ours."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"The container group name '{name}' is invalid. It must be 1 to 63 lower-case letters, "
            "digits and hyphens, and begin and end with a letter or digit.",
            "InvalidContainerGroupName",
        )
    if properties.get("osType") != "Linux":
        if properties.get("osType") == "Windows":
            raise CloudError.not_implemented("Windows container groups")
        raise invalid(
            f"The 'osType' for container group '{name}' is invalid. The value must be one of "
            "'Windows,Linux'.",
            "InvalidOsType",
        )
    if properties["restartPolicy"] not in RESTART_POLICIES:
        raise invalid(
            f"The restart policy '{properties['restartPolicy']}' of container group '{name}' is "
            f"invalid. The value must be one of '{','.join(RESTART_POLICIES)}'.",
            "InvalidRestartPolicy",
        )
    for key, words in _LACKING.items():
        if properties.get(key):
            raise CloudError.not_implemented(words)
    containers = properties.get("containers")
    if not isinstance(containers, list) or not containers:
        raise invalid(
            f"The containers in the container group '{name}' are not specified.",
            "ContainersNotSpecified",
        )
    if len(containers) > MAXIMUM_CONTAINERS:
        raise invalid(
            f"The container group '{name}' has {len(containers)} containers; {MAXIMUM_CONTAINERS} "
            "are allowed.",
            "TooManyContainers",
        )
    for container in containers:
        _check_container(name, container)
    names = [container["name"] for container in containers]
    for twice in {item for item in names if names.count(item) > 1}:
        raise invalid(
            f"The container name '{twice}' in container group '{name}' is not unique.",
            "DuplicateContainerName",
        )
    _check_credentials(name, properties.get("imageRegistryCredentials") or [])
    _check_volumes(name, properties)
    _check_ports(name, properties)


def _check_container(group: str, container: Any) -> None:
    name = container.get("name") if isinstance(container, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            f"The container name '{name or '<null>'}' in container group '{group}' is invalid. It "
            "must be 1 to 63 lower-case letters, digits and hyphens, and begin and end with a "
            "letter or digit.",
            "InvalidContainerName",
        )
    properties = container.get("properties") or {}
    image = properties.get("image")
    if not isinstance(image, str) or not image.strip():
        raise invalid(
            f"The image is not specified in the container '{name}' in container group '{group}'.",
            "ImageNotSpecified",
        )
    requests = (properties.get("resources") or {}).get("requests") or {}
    for key in ("cpu", "memoryInGB"):
        value = requests.get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
            raise invalid(
                f"The resource requests are not specified in the container '{name}' in container "
                f"group '{group}': 'resources.requests.{key}' must be a positive number.",
                "ResourceRequestsNotSpecified",
            )
    for probe in ("livenessProbe", "readinessProbe"):
        if properties.get(probe):
            raise CloudError.not_implemented(f"the {probe} of a container")
    command = properties.get("command") or []
    if not isinstance(command, list) or not all(isinstance(part, str) for part in command):
        raise invalid(
            f"The command of the container '{name}' must be a list of strings.", "InvalidCommand"
        )
    for variable in properties.get("environmentVariables") or []:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable.get("name") or ""):
            raise invalid(
                f"The environment variable name '{variable.get('name')}' in the container '{name}' "
                f"of container group '{group}' is invalid.",
                "InvalidEnvironmentVariableName",
            )


def _check_credentials(group: str, credentials: list[dict[str, Any]]) -> None:
    for credential in credentials:
        if credential.get("identity"):
            raise CloudError.not_implemented("registry credentials by the identity of a group")
        missing = [key for key in ("server", "username", "password") if not credential.get(key)]
        if missing:
            raise invalid(
                f"The '{missing[0]}' in the 'imageRegistryCredentials' of container group '{group}' "
                "cannot be empty.",
                "InvalidImageRegistryCredentials",
            )


def _check_volumes(group: str, properties: dict[str, Any]) -> None:
    volumes = properties.get("volumes") or []
    for volume in volumes:
        for kind, words in (("azureFile", "Azure Files volumes"), ("gitRepo", "git volumes")):
            if volume.get(kind):
                raise CloudError.not_implemented(f"{words} of container groups")
        if not _NAME.fullmatch(str(volume.get("name"))):
            raise invalid(
                f"The volume name '{volume.get('name')}' in container group '{group}' is invalid.",
                "InvalidVolumeName",
            )
        for key, value in (volume.get("secret") or {}).items():
            _check_secret(group, volume["name"], key, value)
    known = {volume["name"] for volume in volumes}
    for container in properties["containers"]:
        for mount in container["properties"].get("volumeMounts") or []:
            path = str(mount.get("mountPath"))
            if mount.get("name") not in known:
                raise invalid(
                    f"The volume '{mount.get('name')}' that the container '{container['name']}' "
                    f"mounts is not found in container group '{group}'.",
                    "VolumeNotFound",
                )
            if not path.startswith("/") or ":" in path:
                raise invalid(
                    f"The mount path '{path}' of the container '{container['name']}' is invalid: "
                    "it must be absolute and hold no colon.",
                    "InvalidVolumeMountPath",
                )


def _check_secret(group: str, volume: str, key: str, value: Any) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise invalid(
            f"The secret '{key}' of the volume '{volume}' in container group '{group}' is not "
            "encoded in base64.",
            "InvalidSecretVolume",
        ) from None
    if not re.fullmatch(r"[-._a-zA-Z0-9]+", key) or key in (".", ".."):
        raise invalid(f"'{key}' cannot be the name of a file.", "InvalidSecretVolume")


def _check_ports(group: str, properties: dict[str, Any]) -> None:
    ip_address = properties.get("ipAddress")
    if not ip_address:
        return
    if ip_address.get("type") not in ("Public", "Private"):
        raise invalid(
            f"The type of the IP address of container group '{group}' is invalid. The value must "
            "be one of 'Public,Private'.",
            "InvalidIpAddressType",
        )
    if ip_address["type"] == "Private":
        raise CloudError.not_implemented("container groups in a virtual network")
    if ip_address.get("dnsNameLabel"):
        raise CloudError.not_implemented("DNS name labels of container groups")
    ports = ip_address.get("ports") or []
    if not ports:
        raise invalid(
            f"The ports in the 'ipAddress' of container group '{group}' cannot be empty.",
            "MissingIpAddressPorts",
        )
    inside = {
        port.get("port")
        for container in properties["containers"]
        for port in container["properties"]["ports"]
    }
    for item in ports:
        port = item.get("port")
        if not isinstance(port, int) or not 1 <= port <= 65535:
            raise invalid(
                f"The port '{port}' of container group '{group}' is not between 1 and 65535.",
                "InvalidPort",
            )
        if (item.get("protocol") or "TCP").upper() != "TCP":
            raise CloudError.not_implemented("UDP ports of container groups")
        if port not in inside:
            raise invalid(
                f"The port '{port}' in the 'ipAddress' of container group '{group}' is not exposed "
                "by any of its containers: name it in the 'ports' of one.",
                "PortNotExposed",
            )
    if len({item["port"] for item in ports}) != len(ports):
        raise invalid(
            f"The ports in the 'ipAddress' of container group '{group}' are not unique.",
            "DuplicateIpAddressPorts",
        )


def check_update(existing: Resource, properties: dict[str, Any]) -> None:
    """Raise 400 when an update changes what Azure lets nobody change in place."""
    before = existing.private["properties"]

    def fixed(of: dict[str, Any]) -> tuple[Any, ...]:
        total = [0.0, 0.0]
        for container in of["containers"]:
            requests = container["properties"]["resources"]["requests"]
            total[0] += float(requests["cpu"])
            total[1] += float(requests["memoryInGB"])
        return of["osType"], of["restartPolicy"], *(round(number, 3) for number in total)

    if fixed(before) != fixed(properties):
        raise invalid(
            f"The updates on container group '{existing.name}' are invalid. If you are going to "
            "update the os type, restart policy, network profile, CPU, memory or GPU resources for "
            "a container group, you must delete it first and then create a new one.",
            "InvalidContainerGroupUpdate",
        )
