"""Container groups that the resource manager refuses: status, code, message, nothing left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.resource_manager.test_requests import CONTAINERS

from .refusing import Place, assert_refused

CONTAINER = {
    "name": "one",
    "properties": {
        "image": "hello",
        "ports": [{"port": 80}],
        "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
    },
}


def container(name: str = "one", **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": {**CONTAINER["properties"], **properties}}  # type: ignore[dict-item]


def address(*ports: Any, **more: Any) -> dict[str, Any]:
    return {"ipAddress": {"type": "Public", "ports": list(ports), **more}}


@pytest.mark.parametrize(
    ("properties", "status", "code", "message"),
    [
        ({"osType": "Windows"}, 501, "NotImplemented", "Windows container groups"),
        ({"osType": "Plan9"}, 400, "InvalidOsType", "'Windows,Linux'"),
        ({"restartPolicy": "Maybe"}, 400, "InvalidRestartPolicy", "'Maybe'"),
        ({"containers": []}, 400, "ContainersNotSpecified", "are not specified"),
        (
            {"containers": [container(f"c{number}") for number in range(61)]},
            400,
            "TooManyContainers",
            "has 61 containers; 60 are allowed",
        ),
        (
            {"containers": [CONTAINER, CONTAINER]},
            400,
            "DuplicateContainerName",
            "'one' in container group 'refused' is not unique",
        ),
        ({"containers": [container("Upper")]}, 400, "InvalidContainerName", "'Upper'"),
        ({"containers": [{}]}, 400, "InvalidContainerName", "'<null>'"),
        ({"containers": [container(image=" ")]}, 400, "ImageNotSpecified", "container 'one'"),
        (
            {"containers": [container(resources={"requests": {"cpu": 0, "memoryInGB": 1}})]},
            400,
            "ResourceRequestsNotSpecified",
            "'resources.requests.cpu' must be a positive number",
        ),
        (
            {"containers": [container(livenessProbe={"periodSeconds": 1})]},
            400,
            "InvalidRequestContent",
            "livenessProbe",
        ),
        (
            {"containers": [container(environmentVariables=[{"name": "1a"}])]},
            400,
            "InvalidEnvironmentVariableName",
            "'1a' in the container 'one'",
        ),
        (
            {"imageRegistryCredentials": [{"server": "a", "identity": "b"}]},
            400,
            "InvalidImageRegistryCredentials",
            "The identity 'b'",
        ),
        (
            {"imageRegistryCredentials": [{"server": "a", "username": "b"}]},
            400,
            "InvalidImageRegistryCredentials",
            "The 'password'",
        ),
        ({"volumes": [{"name": "UP", "emptyDir": {}}]}, 400, "InvalidVolumeName", "'UP'"),
        (
            {"volumes": [{"name": "a", "gitRepo": {"repository": "b"}}]},
            501,
            "NotImplemented",
            "the 'repository' in 'gitRepo' of the volume 'a' in container group 'refused'",
        ),
        (
            {"volumes": [{"name": "a", "secret": {"key": "?"}}]},
            400,
            "InvalidSecretVolume",
            "not encoded in base64",
        ),
        (
            {"volumes": [{"name": "a", "secret": {"..": "YQ=="}}]},
            400,
            "InvalidSecretVolume",
            "'..' cannot be the name of a file",
        ),
        (
            {"containers": [container(volumeMounts=[{"name": "a", "mountPath": "/a"}])]},
            400,
            "VolumeNotFound",
            "The volume 'a' that the container 'one' mounts",
        ),
        (
            {
                "volumes": [{"name": "a", "emptyDir": {}}],
                "containers": [container(volumeMounts=[{"name": "a", "mountPath": "a"}])],
            },
            400,
            "InvalidVolumeMountPath",
            "The mount path 'a'",
        ),
        (address({"port": 80}, type="Other"), 400, "InvalidIpAddressType", "'Public,Private'"),
        (address({"port": 80}, type="Private"), 501, "NotImplemented", "virtual network"),
        (address({"port": 80}, dnsNameLabel="a"), 501, "NotImplemented", "DNS name labels"),
        (address(), 400, "MissingIpAddressPorts", "cannot be empty"),
        (address({"port": 0}), 400, "InvalidPort", "The port '0'"),
        (address({"port": 65536}), 400, "InvalidPort", "The port '65536'"),
        (address({"port": 80, "protocol": "UDP"}), 501, "NotImplemented", "UDP ports"),
        (address({"port": 81}), 400, "PortNotExposed", "The port '81'"),
        (address({"port": 80}, {"port": 80}), 400, "DuplicateIpAddressPorts", "not unique"),
    ],
)
def test_a_container_group_that_may_not_be(
    place: Place, properties: dict[str, Any], status: int, code: str, message: str
) -> None:
    given = {"osType": "Linux", "restartPolicy": "Never", "containers": [CONTAINER], **properties}
    path = f"{{g}}/{CONTAINERS}/refused"
    answer = place.send("PUT", path, {"location": "eastus", "properties": given})
    assert_refused(answer, status, code, message)
    assert place.send("GET", path).status_code == 404
