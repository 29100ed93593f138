"""Staging: what comes from outside is tested, scanned, judged, and promoted only then."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers import artifacts, downstream, forks

from .test_verdict import HIGH, WAIVER
from .world import LOCATION, NAMES, World, allow_secrets, credential, make_world, pull_token

pytestmark = pytest.mark.timeout(600)
SLOW = 240  # seconds for a run in which Syft reads a whole image, beside many other tests
GATE = "import-baseimage-node"
IMPORTER = "Container Registry Data Importer and Data Reader"
STAGING, VERIFIED = "stagereg.azurecr.io", "basereg.azurecr.io"
SBOM, REPORT = "application/vnd.cyclonedx+json", "application/sarif+json"
PLANTED = (
    'RUN mkdir -p /opt/lodash && echo \'{"name": "lodash", "version": "4.17.20"}\''
    " > /opt/lodash/package.json\n"
)


@dataclass
class Staging:
    """A registry for staging beside those of the world, with the tasks of the gate."""

    world: World
    stage: Any
    rescan: Any

    def run(self, *, rescan: bool = False, **values: str) -> tuple[str, str]:
        """Run a task, perhaps with other values; its status and log."""
        task = self.rescan if rescan else self.stage
        given = {**VALUES, **values}
        pairs = [{"name": name, "value": value} for name, value in given.items()]
        override = {"overrideTaskStepProperties": {"values": pairs}} if values else {}
        run, log = self.world.run("stagereg", task.id, within=SLOW, **override)
        self.newest = str(run.properties.run_id)
        return str(run.properties.status.value), log

    def publish(self, *, planted: bool) -> str:
        """The public image, perhaps with a package that is known to be vulnerable; its digest."""
        checkout = self.checkout("base-image-node")
        text = checkout.read("Dockerfile").replace(PLANTED, "")
        checkout.write("Dockerfile", text + (PLANTED if planted else ""))
        checkout.commit("Change what is in the image")
        checkout.push()
        tasks = self.world.client(ContainerRegistryTasksMgmtClient).tasks
        task = tasks.get("publicreg-rg", "publicreg", "node-public")
        run, log = self.world.run("publicreg", task.id)
        assert run.properties.status == "Succeeded", log
        [image, *_] = run.properties.output_images or []
        return str(image.digest)

    def checkout(self, name: str) -> forks.Checkout:
        return forks.Checkout(self.world.connection, forks.fork(self.world.connection, name))

    def write(self, path: str, text: str) -> None:
        checkout = self.checkout(GATE)
        checkout.write(path, text)
        checkout.commit(f"Change {path}")
        checkout.push()

    def waive(self, *waivers: dict[str, str]) -> None:
        self.write("scan/waivers.json", json.dumps({"waivers": waivers}))

    def digest(self, server: str, tag: str) -> str:
        client = self.world.connection.clients.registry(server)
        return str(client.get_tag_properties("node", tag).digest)

    @property
    def verified(self) -> str:
        """The digest of what the teams build on, "" for none."""
        with contextlib.suppress(ResourceNotFoundError):
            return self.digest(VERIFIED, "15-alpine")
        return ""

    def attached(self, server: str, digest: str) -> dict[str, str]:
        """What is attached to an image: artifact types and digests."""
        found = artifacts.referrers(self.world.connection, server, "node", digest)
        return {one["artifactType"]: one["digest"] for one in found}

    def report(self, server: str, digest: str) -> Any:
        registry = self.world.connection.clients.registry(server)
        manifest: Any = registry.get_manifest(
            "node", self.attached(server, digest)[REPORT]
        ).manifest
        content = registry.download_blob("node", manifest["layers"][0]["digest"])
        return json.loads(b"".join(content))["runs"][0]


VALUES = {"REGISTRY_FROM_URL": "publicreg.azurecr.io/", "REGISTRY_TO": "basereg"}


def grant(world: World, task: Any, role: str, registry: str) -> None:
    client = world.client(AuthorizationManagementClient)
    scope = (
        f"{world.cloud.subscription}/resourceGroups/{registry}-rg/providers"
        f"/Microsoft.ContainerRegistry/registries/{registry}"
    )
    [found] = client.role_definitions.list(scope, filter=f"roleName eq '{role}'")
    body = {"roleDefinitionId": found.id, "principalId": task.identity.principal_id}
    properties = {"properties": {**body, "principalType": "ServicePrincipal"}}
    client.role_assignments.create(scope, str(uuid.uuid4()), properties)


def revoke(world: World, task: Any) -> None:
    """Take every role from the identity of a task."""
    client = world.client(AuthorizationManagementClient).role_assignments
    mine = f"principalId eq '{task.identity.principal_id}'"
    for one in list(client.list_for_subscription(filter=mine)):
        client.delete_by_id(one.id)


def make_task(world: World, registry: str, name: str, file: str, *logins: str) -> Any:
    """A task of the gate's repository; it logs in to ``logins`` as itself, publicreg apart."""
    servers: dict[str, Any] = {f"{one}.azurecr.io": {"identity": "[system]"} for one in logins}
    if "publicreg" in logins:
        servers["publicreg.azurecr.io"] = credential("publicreg")
    world.task(registry, name, GATE, VALUES, credentials={"customRegistries": servers})
    step = {"type": "FileTask", "taskFilePath": file}
    tasks = world.client(ContainerRegistryTasksMgmtClient).tasks
    made = tasks.update(f"{registry}-rg", registry, name, {"properties": {"step": step}})
    allow_secrets(world, made.identity.principal_id)
    return made


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    before = dict(os.environ)
    try:
        with make_world(tmp_path_factory.mktemp("stage")) as world:
            groups = world.client(ResourceManagementClient).resource_groups
            groups.create_or_update("stagereg-rg", {"location": LOCATION})
            body = {"location": LOCATION, "sku": {"name": "Premium"}}
            registries = world.client(ContainerRegistryManagementClient).registries
            registries.begin_create("stagereg-rg", "stagereg", body).result()
            pull_token(world, "publicreg", "_repositories_pull", "publicreg-pull")
            world.task(
                "publicreg", "node-public", "base-image-node", {"REGISTRY_FROM_URL": "docker.io/"}
            )
            stage = make_task(
                world, "stagereg", "stage-node", "acr-task-stage.yaml", "publicreg", "basereg"
            )
            grant(world, stage, "AcrPush", "stagereg")
            grant(world, stage, IMPORTER, "stagereg")
            grant(world, stage, IMPORTER, "basereg")
            rescan = make_task(world, "stagereg", "rescan-node", "acr-task-rescan.yaml", "basereg")
            grant(world, rescan, "AcrPull", "basereg")
            yield Staging(world, stage, rescan)
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def clean(staging: Staging) -> str:
    """The digest of a public image without known vulnerabilities, verified."""
    staging.waive()
    digest = staging.publish(planted=False)
    if staging.verified != digest:
        status, log = staging.run()
        assert status == "Succeeded", log
        assert staging.verified == digest
    return digest


def test_clean_is_promoted_with_its_sbom_and_report(staging: Staging, clean: str) -> None:
    status, log = staging.run()  # once more, if it was there already
    assert status == "Succeeded", log
    assert "The SBOM attached to it lists" in log  # Syft was not asked again
    tag = f"15-alpine-{staging.newest}"
    assert staging.digest(STAGING, tag) == staging.digest(VERIFIED, tag) == clean
    assert set(staging.attached(VERIFIED, clean)) == {SBOM, REPORT}
    assert staging.attached(VERIFIED, clean) == staging.attached(STAGING, clean)

    # The mirror, on which the test image was built, is its own: it does not wait for that.
    names = replace(NAMES, staging_registry="stagereg")
    [stage] = [
        one
        for one in downstream.waiting(staging.world.connection, names).tasks
        if one.name == "stage-node"
    ]
    assert f"{STAGING}/node:{tag}" in stage.pushed
    assert "publicreg.azurecr.io/node:15-alpine" in stage.built_on
    assert [one for one in stage.built_on if one.startswith(STAGING)] == []
    assert staging.report(VERIFIED, clean)["results"] == []
    registry = staging.world.connection.clients.registry(STAGING)
    assert registry.get_tag_properties("node", tag).can_write is False
    verified = staging.world.connection.clients.registry(VERIFIED)
    assert list(verified.list_repository_names()) == ["node"]  # neither gate nor test image
    assert all("." not in one.name for one in verified.list_tag_properties("node"))
    assert len(artifacts.referrers(staging.world.connection, VERIFIED, "node", clean)) == 2
    assert "NOTE Node.js 15 reached its end of life on 2021-06-01" in log


def test_high_stops_at_the_scan_until_it_is_waived(staging: Staging, clean: str) -> None:
    planted = staging.publish(planted=True)
    status, log = staging.run()
    assert status == "Failed"
    assert f"REFUSED HIGH {HIGH} lodash 4.17.20: fixed in 4.17.21" in log
    assert "failed to run step ID: scan: exit status 1" in log
    assert "Executing step ID: promote" not in log
    assert staging.verified == clean
    assert set(staging.attached(STAGING, planted)) == {SBOM}

    staging.waive(WAIVER)
    status, log = staging.run()
    assert status == "Succeeded", log
    assert f"WAIVED HIGH {HIGH} lodash 4.17.20" in log
    assert "The SBOM attached to it lists" in log
    assert staging.verified == planted
    [high] = [r for r in staging.report(VERIFIED, planted)["results"] if r["ruleId"] == HIGH]
    [suppression] = high["suppressions"]
    assert suppression["justification"] == WAIVER["reason"]
    assert staging.run(rescan=True)[0] == "Succeeded"

    staging.waive({**WAIVER, "expires": "2026-01-31"})
    for rescan in (False, True):  # what is in already is found by the rescan
        status, log = staging.run(rescan=rescan)
        assert status == "Failed"
        assert "fixed in 4.17.21; its waiver expired on 2026-01-31" in log
    assert staging.verified == planted


def test_a_failing_test_ends_it_as_well(staging: Staging, clean: str) -> None:
    before = staging.checkout("base-image-node").read("Dockerfile")
    changed = staging.checkout("base-image-node")
    changed.replace("Dockerfile", "BACKGROUND_COLOR DeepSkyBlue", "BACKGROUND_COLOR Red")
    changed.commit("Red")
    changed.push()
    red = staging.publish(planted=False)
    status, log = staging.run()
    back = staging.checkout("base-image-node")
    back.write("Dockerfile", before)
    back.commit("Back")
    back.push()
    assert status == "Failed"
    assert "failed to run step ID: test: exit status 1" in log
    assert "Executing step ID: attach" not in log
    assert staging.verified == clean != red


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (f"scan/advisories/{HIGH}.json", "{", "NO VERDICT: the advisory database is unreadable"),
        ("scan/waivers.json", '{"waivers": [{"id": "GHSA-1"}]}', "(GHSA-1) in /gate/waivers.json"),
    ],
)
def test_without_a_verdict_nothing_is_promoted(
    staging: Staging, clean: str, path: str, text: str, said: str
) -> None:
    before = staging.checkout(GATE).read(path)
    staging.write(path, text)
    status, log = staging.run()
    staging.write(path, before)
    assert (status, said in log) == ("Failed", True), log
    assert "failed to run step ID: scan: exit status 2" in log


def test_the_threshold_of_a_policy_artifact(staging: Staging, clean: str) -> None:
    planted = staging.publish(planted=True)
    registry = staging.world.connection.clients.registry(VERIFIED)
    content = json.dumps({"failOn": "CRITICAL", "onlyFixed": True}).encode()
    layer, size = registry.upload_blob("policies/gate", BytesIO(content))
    config, _ = registry.upload_blob("policies/gate", BytesIO(b"{}"))
    title = {"org.opencontainers.image.title": "policy/policy.json"}
    digest = registry.set_manifest(
        "policies/gate",
        {
            "schemaVersion": 2,
            "mediaType": artifacts.OCI_MANIFEST,
            "artifactType": "application/vnd.example.policy",
            "config": artifacts.Descriptor(artifacts.EMPTY, config, 2).as_oci(),
            "layers": [
                {
                    **artifacts.Descriptor("application/json", layer, size).as_oci(),
                    "annotations": title,
                }
            ],
        },
        tag="1",
    )
    policy = f"{VERIFIED}/policies/gate@{digest}"
    status, log = staging.run(POLICY=policy)
    assert status == "Succeeded", log
    assert f"POLICY {policy}: refuse CRITICAL and above that have a fix" in log
    assert f"REPORTED HIGH {HIGH} lodash 4.17.20" in log
    assert staging.verified == planted
    other = f"{VERIFIED}/node@{planted}"
    status, log = staging.run(POLICY=other)
    assert (status, f"{other} is no artifact with a policy.json" in log) == ("Failed", True), log


def test_what_has_no_sbom_is_not_rescanned(staging: Staging, clean: str) -> None:
    parameters = {
        "source": {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"},
        "targetTags": ["node:15-alpine"],
        "mode": "Force",
    }
    registries = staging.world.client(ContainerRegistryManagementClient).registries
    registries.begin_import_image("basereg-rg", "basereg", parameters).result()
    status, log = staging.run(rescan=True)
    assert (status, "has no SBOM attached: stage it first" in log) == ("Failed", True), log


def test_the_gate_that_imports_needs_no_right_to_push(staging: Staging) -> None:
    world = staging.world
    task = make_task(world, "teamreg", "import-node", "acr-task-import.yaml", "publicreg")
    grant(world, task, "AcrPush", "teamreg")  # which is another right
    grant(world, task, "AcrPull", "publicreg")
    digest = staging.publish(planted=False)
    run, log = world.run("teamreg", task.id)
    assert run.properties.status == "Failed"
    assert "failed to run step ID: import-base-image" in log
    assert "could not be found in subscription" in log
    revoke(world, task)
    grant(world, task, IMPORTER, "teamreg")
    grant(world, task, IMPORTER, "publicreg")
    run, log = world.run("teamreg", task.id)
    assert run.properties.status == "Succeeded", log
    tags = {f"15-alpine-{run.properties.run_id}", "15-alpine"}
    assert {staging.digest("teamreg.azurecr.io", tag) for tag in tags} == {digest}
    assert "ACCEPTED" in log
