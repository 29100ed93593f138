"""Container groups that may not be, and what the local cloud lacks."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.errors import CloudError

from .groups import Azure, body


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"osType": None}, "InvalidOsType"),
        ({"osType": "Plan9"}, "InvalidOsType"),
        ({"containers": []}, "ContainersNotSpecified"),
        ({"image": ""}, "ImageNotSpecified"),
        ({"container": {"resources": {}}}, "ResourceRequestsNotSpecified"),
        ({"restartPolicy": "Sometimes"}, "InvalidRestartPolicy"),
        ({"ipAddress": {"type": "Public", "ports": []}}, "MissingIpAddressPorts"),
        ({"ipAddress": {"type": "Public", "ports": [{"port": 80}]}}, "PortNotExposed"),
        ({"imageRegistryCredentials": [{"server": "a"}]}, "InvalidImageRegistryCredentials"),
        (
            {"container": {"environmentVariables": [{"name": "A B"}]}},
            "InvalidEnvironmentVariableName",
        ),
        ({"container": {"volumeMounts": [{"name": "no", "mountPath": "/x"}]}}, "VolumeNotFound"),
        ({"volumes": [{"name": "v", "secret": {"k": "%"}}]}, "InvalidSecretVolume"),
    ],
)
def test_what_azure_refuses(azure: Azure, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(CloudError) as refused:
        azure.put(**changes)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert azure.call("GET").body["value"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"osType": "Windows"},
        {"initContainers": [{"name": "a"}]},
        {"container": {"livenessProbe": {"httpGet": {"port": 80}}}},
        {"volumes": [{"name": "v", "azureFile": {"shareName": "s"}}]},
    ],
)
def test_what_is_lacking_says_so(azure: Azure, changes: dict[str, Any]) -> None:
    with pytest.raises(CloudError) as refused:
        azure.put(**changes)
    assert refused.value.status == 501


@pytest.mark.parametrize(
    ("path", "wrong", "words"),
    [
        ("containers", {"a": 1}, "'properties.containers' must be a list"),
        ("containers.0", "x", r"'properties.containers\[0\]' must be an object"),
        ("containers.0.properties", [5], r"containers\[0\].properties' must be an object"),
        ("containers.0.properties.resources", "1", "resources' must be an object"),
        ("containers.0.properties.command", "sleep 1", "command' must be a list"),
        ("containers.0.properties.command", [1], r"command\[0\]' must be a string"),
        ("containers.0.properties.ports", [80], r"ports\[0\]' must be an object"),
        ("containers.0.properties.ports", [{"port": "80"}], "port' must be an integer"),
        ("containers.0.properties.environmentVariables", ["A=1"], "must be an object"),
        (
            "containers.0.properties.environmentVariables",
            [{"name": "A", "value": 1}],
            r"environmentVariables\[0\].value' must be a string",
        ),
        ("ipAddress", "Public", "'properties.ipAddress' must be an object"),
        ("imageRegistryCredentials", {"server": "a"}, "must be a list"),
        ("volumes", [{"name": "v", "secret": {"k": 5}}], "secret.k' must be a string"),
    ],
)
def test_a_property_of_the_wrong_type_is_named(
    azure: Azure, path: str, wrong: Any, words: str
) -> None:
    sent = body()
    place: Any = sent["properties"]
    *parents, last = path.split(".")
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = wrong
    with pytest.raises(CloudError, match=words) as refused:
        azure.call("PUT", "web", sent)
    assert (refused.value.status, refused.value.code) == (400, "InvalidRequestContent")
    assert azure.call("GET").body["value"] == []


def test_an_identity_is_lacking_and_says_so(azure: Azure) -> None:
    with pytest.raises(CloudError, match="managed identities of container groups"):
        azure.call("PUT", "web", {**body(), "identity": {"type": "SystemAssigned"}})


def test_names_that_are_no_names(azure: Azure) -> None:
    for name in ("Web", "-web", "a" * 64):
        with pytest.raises(CloudError, match="container group name"):
            azure.put(name)
    with pytest.raises(CloudError, match="was not found") as missing:
        azure.call("GET", "nothing")
    assert missing.value.code == "ResourceNotFound"


def test_what_no_update_may_change(azure: Azure) -> None:
    azure.put()
    with pytest.raises(CloudError, match="you must delete it first") as refused:
        azure.put(restartPolicy="Always")
    assert refused.value.code == "InvalidContainerGroupUpdate"
