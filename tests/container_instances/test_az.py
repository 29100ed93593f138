"""Container groups by the real az: a file of everything, export, identities, logs, exec, labels."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.az import Az
from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create, push_folder

from .running_groups import IMAGE, Groups

FILE = """
apiVersion: '2023-05-01'
location: eastus
name: whole
type: Microsoft.ContainerInstance/containerGroups
identity: {type: SystemAssigned}
tags: {team: blue}
properties:
  osType: Linux
  restartPolicy: OnFailure
  initContainers:
  - name: prepare
    properties:
      image: IMAGE
      command: [sh, -c, 'echo prepared > /data/note; test -f /site/page.txt']
      volumeMounts:
      - {name: data, mountPath: /data}
      - {name: site, mountPath: /site}
  containers:
  - name: main
    properties:
      image: IMAGE
      command: [sh, -c, 'id -u; cat /data/note; cat /secret/word; node -e "$PROGRAM"; exec sleep 600']
      environmentVariables:
      - {name: WORD, value: plain}
      - {name: HIDDEN, secureValue: hidden-word}
      - name: PROGRAM
        value: >-
          fetch(process.env.IDENTITY_ENDPOINT + '?api-version=2019-08-01&resource=https://vault.azure.net',
          {headers: {'X-IDENTITY-HEADER': process.env.IDENTITY_HEADER}}).then(r => r.json()).then(t =>
          console.log(JSON.parse(atob(t.access_token.split('.')[1])).oid))
      resources: {requests: {cpu: 0.5, memoryInGB: 0.5}, limits: {memoryInGB: 0.5}}
      securityContext: {runAsUser: 1234, runAsGroup: 1234}
      livenessProbe:
        exec: {command: [test, -f, /data/note]}
        periodSeconds: 5
      readinessProbe:
        exec: {command: ['true']}
      volumeMounts:
      - {name: data, mountPath: /data}
      - {name: words, mountPath: /secret, readOnly: true}
  volumes:
  - {name: data, emptyDir: {}}
  - {name: words, secret: {word: c2hpYmJvbGV0aAo=}}
  - name: site
    gitRepo: {repository: 'https://github.com/OWNER/REPOSITORY', directory: '.'}
"""


@pytest.fixture(scope="module")
def repository(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """owner/name of a public repository with a page."""
    name = create(local_cloud)
    work = tmp_path_factory.mktemp("work")
    (work / "page.txt").write_text("page\n")
    push_folder(local_cloud, work, name)
    return name


def logs(az: Az, groups: Groups, name: str, word: str) -> str:
    """What a group has written, once a word is in it."""
    deadline = time.monotonic() + 40
    while word not in (text := az.ok("container", "logs", "-g", groups.name, "-n", name)):
        assert time.monotonic() < deadline, text
    return text


def test_a_file_of_everything_and_its_export(
    groups: Groups, az: Az, repository: str, tmp_path: Path
) -> None:
    file = tmp_path / "whole.yaml"
    text = FILE.replace("IMAGE", IMAGE).replace("OWNER/REPOSITORY", repository)
    file.write_text(text)
    az.ok("container", "create", "-g", groups.name, "-f", str(file))
    shown = az.json("container", "show", "-g", groups.name, "-n", "whole")
    assert shown["instanceView"]["state"] == "Running"
    assert shown["initContainers"][0]["instanceView"]["currentState"]["exitCode"] == 0
    principal = shown["identity"]["principalId"]
    written = logs(az, groups, "whole", principal)
    assert written.split()[:3] == ["1234", "prepared", "shibboleth"]
    assert "hidden" not in json.dumps(shown)
    exported = tmp_path / "exported.yaml"
    az.ok("container", "export", "-g", groups.name, "-n", "whole", "-f", str(exported))
    again: dict[str, Any] = yaml.safe_load(exported.read_text())
    given = yaml.safe_load(text)
    assert again["identity"] == {"type": "SystemAssigned"}
    assert again["tags"] == {"team": "blue"}
    [container], [first] = again["properties"]["containers"], given["properties"]["containers"]
    for key in ("securityContext", "livenessProbe", "readinessProbe", "volumeMounts", "command"):
        assert container["properties"][key] == first["properties"][key]
    # What was exported makes the same group, but for what nobody may read.
    az.ok("container", "create", "-g", groups.name, "-n", "whole", "-f", str(exported))
    assert (
        az.json("container", "show", "-g", groups.name, "-n", "whole")["identity"]["principalId"]
        == principal
    )


def test_an_image_is_pulled_as_a_user_assigned_identity(groups: Groups, az: Az) -> None:
    registry = f"r{uuid.uuid4().hex[:12]}"
    identity = az.json("identity", "create", "-g", groups.name, "-n", "puller")
    az.ok("acr", "create", "-g", groups.name, "-n", registry, "--sku", "Basic")
    az.ok("acr", "import", "-n", registry, "--source", IMAGE, "--image", "node:1")
    words = (
        *("container", "create", "-g", groups.name, "-n", "pulled", "--os-type", "Linux"),
        *("--image", f"{registry}.azurecr.io/node:1", "--cpu", "0.5", "--memory", "0.5"),
        *("--assign-identity", identity["id"], "--acr-identity", identity["id"]),
        *("--command-line", "sh -c 'echo pulled; sleep 600'"),
    )
    assert "InaccessibleImage" in az.refused(*words)
    scope = az.json("acr", "show", "-n", registry)["id"]
    az.assign(identity["principalId"], "AcrPull", scope)
    made = az.json(*words)
    assert made["instanceView"]["state"] == "Running"
    assert list(made["identity"]["userAssignedIdentities"]) == [identity["id"]]
    assert logs(az, groups, "pulled", "pulled") == "pulled"


def test_a_label_and_another_group_that_wants_it(groups: Groups, az: Az) -> None:
    label = f"az-{uuid.uuid4().hex[:8]}"
    words = (
        *("container", "create", "-g", groups.name, "--image", IMAGE, "--os-type", "Linux"),
        *("--cpu", "0.5", "--memory", "0.5", "--ip-address", "Public", "--dns-name-label", label),
        *("--command-line", "sleep 600"),
    )
    made = az.json(*words, "-n", "labelled")
    assert made["ipAddress"]["fqdn"] == f"{label}.eastus.azurecontainer.io"
    told = az.refused(*words, "-n", "second")
    assert f"(DnsNameLabelAlreadyTaken) The DNS name label '{label}'" in told


def test_attach_ends_with_the_container(groups: Groups, az: Az) -> None:
    az.ok(
        *("container", "create", "-g", groups.name, "-n", "brief", "--image", IMAGE),
        *("--os-type", "Linux", "--cpu", "0.5", "--memory", "0.5", "--restart-policy", "Never"),
        *("--command-line", "sh -c 'echo brief; sleep 1'"),
    )
    assert "brief" in az.ok("container", "attach", "-g", groups.name, "-n", "brief")
