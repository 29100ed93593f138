"""Container groups that may not be, and what the local cloud lacks."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.errors import CloudError

from .groups import Azure, body


def requests(gpu: Any = None, limits: Any = None) -> dict[str, Any]:
    """The resources of a container, with what is asked for besides."""
    return {"requests": {"cpu": 1, "memoryInGB": 1, "gpu": gpu}, "limits": limits}


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
    refusal = azure.refusal(**changes)
    assert (refusal.status, refusal.code) == (400, code)


@pytest.mark.parametrize(
    "changes",
    [
        {"osType": "Windows"},
        {"sku": "Confidential"},
        {"priority": "Spot"},
        {"container": {"securityContext": {"privileged": True}}},
        {"container": {"securityContext": {"allowPrivilegeEscalation": True}}},
        {"container": {"securityContext": {"seccompProfile": "e30="}}},
        {"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
        {"container": {"configMap": {"keyValuePairs": {"a": "b"}}}},
        {"confidentialComputeProperties": {"ccePolicy": "b"}},
        {"containerGroupProfile": {"id": "a", "revision": 1}},
        {"standbyPoolProfile": {"id": "a"}},
        {"identityAcls": {"defaultAccess": "System", "acls": []}},
        {"sku": "NotSpecified"},
        {"container": {"resources": requests(gpu={"count": 1, "sku": "V100"})}},
        {"container": {"resources": requests(limits={"cpu": 2})}},
        {"subnetIds": [{"id": "a"}]},
        {"dnsConfig": {"nameServers": ["1.1.1.1"]}},
        {"diagnostics": {"logAnalytics": {"workspaceId": "a", "workspaceKey": "b"}}},
        {"encryptionProperties": {"keyName": "a"}},
        {"extensions": [{"name": "a"}]},
        {"volumes": [{"name": "v", "gitRepo": {"repository": "https://example.com/a/b.git"}}]},
        {"volumes": [{"name": "v", "gitRepo": {"repository": "git@github.com:a/b.git"}}]},
        {"volumes": [{"name": "v", "gitRepo": {"repository": "https://github.com:x/a/b"}}]},
        {"volumes": [{"name": "v", "azureFile": {"shareName": "s"}}]},
    ],
)
def test_what_is_lacking_says_so(azure: Azure, changes: dict[str, Any]) -> None:
    refusal = azure.refusal(**changes)
    assert refusal.status == 501


PROBE = {"httpGet": {"port": 80}}
MOUNT = {"name": "v", "mountPath": "/a"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sku": "Cheap"}, "'sku' for container group 'web' is invalid"),
        ({"container": {"livenessProbe": {}}}, "must have one of 'exec' and 'httpGet'"),
        (
            {"container": {"readinessProbe": {**PROBE, "exec": {"command": ["a"]}}}},
            "The readinessProbe of the container 'main' in container group 'web' must have one of",
        ),
        ({"container": {"livenessProbe": {"exec": {}}}}, "no 'command' in 'exec'"),
        ({"container": {"livenessProbe": {"httpGet": {"path": "/"}}}}, "no 'port' between"),
        ({"container": {"livenessProbe": {"httpGet": {"port": 1, "scheme": "ftp"}}}}, "'scheme'"),
        (
            {"container": {"livenessProbe": {**PROBE, "initialDelaySeconds": -1}}},
            "'initialDelaySeconds' must be at least 0",
        ),
        (
            {"container": {"livenessProbe": {**PROBE, "periodSeconds": 0}}},
            "'periodSeconds' must be at least 1",
        ),
        (
            {"container": {"livenessProbe": {**PROBE, "successThreshold": 2}}},
            "'successThreshold' must be 1",
        ),
        ({"container": {"securityContext": {"runAsUser": -1}}}, "runAsUser' of the container"),
        ({"container": {"securityContext": {"runAsGroup": 1 << 32}}}, "must be between 0 and"),
        (
            {
                "container": {
                    "environmentVariables": [{"name": "A", "value": "", "secureValue": ""}]
                }
            },
            "has both 'value' and 'secureValue'",
        ),
        ({"container": {"ports": [{"port": 70000}]}}, "is not between 1 and 65535"),
        (
            {"container": {"ports": [{"port": 80}, {"port": 80}]}},
            "The port '80' is named more than",
        ),
        (
            {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "container": {"volumeMounts": [MOUNT, {**MOUNT, "mountPath": "/a/"}]},
            },
            "The mount path '/a/' of the container 'main' in container group 'web' is not unique",
        ),
        ({"volumes": [{"name": "v"}]}, "must have one of"),
        ({"volumes": [{"name": "v", "emptyDir": {"a": 1}}]}, "must be an empty object"),
        ({"volumes": [{"name": "v", "emptyDir": {}, "secret": {}}]}, "must have one of"),
        (
            {"volumes": [{"name": "v", "emptyDir": {}}] * 2},
            "'v' in container group 'web' is not uni",
        ),
        ({"volumes": [{"name": "v", "gitRepo": {}}]}, "'repository' in 'gitRepo'"),
        (
            {"volumes": [{"name": "v", "gitRepo": {"repository": "a", "directory": "../x"}}]},
            "'directory' in 'gitRepo' of the volume 'v' in container group 'web' is invalid",
        ),
        (
            {"volumes": [{"name": "v", "gitRepo": {"repository": "a", "revision": "--upload"}}]},
            "'revision' in 'gitRepo'",
        ),
        ({"initContainers": [{"name": "a"}]}, "The image is not specified in the container 'a'"),
        (
            {"initContainers": [{"name": "main", "properties": {"image": "a"}}]},
            "The container name 'main' in container group 'web' is not unique",
        ),
        (
            {
                "initContainers": [
                    {"name": f"c{i}", "properties": {"image": "a"}} for i in range(60)
                ]
            },
            "has 60 init containers; 59 are allowed",
        ),
        (
            {"container": {"resources": requests(limits={"memoryInGB": 0.5})}},
            "limit value must be greater than or equal to the request value",
        ),
        (
            {"container": {"resources": requests(limits={"memoryInGB": 3})}},
            "greater than the total request of the group: 1 GB of memory",
        ),
    ],
)
def test_what_contradicts_itself(azure: Azure, changes: dict[str, Any], words: str) -> None:
    refusal = azure.refusal(**changes)
    assert refusal.status == 400
    assert words in refusal.message


@pytest.mark.parametrize(("cpu", "memory"), [(100, 1), (1, 20), (2.5, 16.5)])
def test_more_than_a_region_gives_one_group(azure: Azure, cpu: float, memory: float) -> None:
    with pytest.raises(CloudError) as refused:
        azure.put(container={"resources": {"requests": {"cpu": cpu, "memoryInGB": memory}}})
    assert (refused.value.status, refused.value.code) == (409, "ServiceUnavailable")
    assert f"Resource requested: '{cpu:g}' CPU '{memory:g}' GB memory" in refused.value.message


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
        ("volumes", [{"name": "v", "secret": {"k": 5}}], r"secret.k' must be a string"),
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
