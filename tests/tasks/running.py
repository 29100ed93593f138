"""A registry of a running local cloud, and runs in it, as clients see them."""

from __future__ import annotations

import base64
import io
import tarfile
import time
import uuid
from dataclasses import dataclass
from typing import Any

import requests
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.run_statuses import FINAL
from tests.conftest import LocalCloud

HEAD = "version: v1.1.0\nsteps:\n"
BASE = "docker.io/library/node:15-alpine"


def archive(files: dict[str, str], level: int = 9) -> bytes:
    """Files as az packs a source, compressed by that level of gzip."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=level) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content.encode()), 0o755
            tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


@dataclass
class Ended:
    """A run that has ended, with its log."""

    id: str
    properties: dict[str, Any]
    log: str
    complete: str

    @property
    def status(self) -> str:
        return str(self.properties["status"])

    @property
    def lines(self) -> list[str]:
        """The log's lines, without the time in front."""
        lines = self.log.split("\r\n")
        return [line[20:] if line[4:5] == "/" and line[19:20] == " " else line for line in lines]


class Registry:
    """A registry of its own group."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.group = f"group-{uuid.uuid4().hex[:8]}"
        self.name = f"registry{uuid.uuid4().hex[:8]}"
        self.server = f"{self.name}.azurecr.io"
        groups = cloud.client(ResourceManagementClient).resource_groups
        groups.create_or_update(self.group, {"location": "eastus"})
        parameters = {"location": "eastus", "sku": {"name": "Premium"}}
        made = cloud.client(ContainerRegistryManagementClient).registries
        made.begin_create(self.group, self.name, parameters).result()
        self.tasks = cloud.client(ContainerRegistryTasksMgmtClient)
        self.http = cloud.http()

    @property
    def id(self) -> str:
        return (
            f"{self.cloud.subscription}/resourceGroups/{self.group}/providers/"
            f"Microsoft.ContainerRegistry/registries/{self.name}"
        )

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request to the resource manager, below the registry's id."""
        return self.http.request(
            method,
            f"https://management.azure.com{self.id}{path}",
            params={"api-version": "2025-03-01-preview"},
            json=body,
            headers={"Authorization": f"Bearer {self.cloud.token()}"},
            timeout=60,
        )

    def schedule(self, body: dict[str, Any]) -> str:
        """Queue a run; its id."""
        answer = self.call("POST", "/scheduleRun", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["properties"]["status"] == "Queued"
        return str(answer.json()["properties"]["runId"])

    def text(self, task: str, **more: Any) -> str:
        """Queue a run of a task file without a source."""
        content = base64.b64encode(task.encode()).decode()
        body = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content, **more}
        return self.schedule(body)

    def file(self, location: str, path: str = "task.yaml", **more: Any) -> str:
        """Queue a run of a task file of a source; its id."""
        body = {"type": "FileTaskRunRequest", "taskFilePath": path, "sourceLocation": location}
        return self.schedule({**body, "platform": {"os": "Linux"}, **more})

    def files(self, files: dict[str, str], **more: Any) -> str:
        """Queue a run of the task.yaml among ``files``; its id."""
        return self.file(self.upload(files), **more)

    def upload(self, files: dict[str, str]) -> str:
        """Upload files as an archive; the relative path."""
        answer = self.call("POST", "/listBuildSourceUploadUrl").json()
        headers = {"x-ms-blob-type": "BlockBlob"}
        put = self.http.put(answer["uploadUrl"], data=archive(files), headers=headers, timeout=60)
        assert put.status_code == 201, put.text
        return str(answer["relativePath"])

    def get(self, run: str) -> dict[str, Any]:
        """The properties of a run."""
        properties: dict[str, Any] = self.call("GET", f"/runs/{run}").json()["properties"]
        return properties

    def log(self, run: str) -> tuple[str, str]:
        """The log so far, and what its metadata says of completion."""
        link = self.call("POST", f"/runs/{run}/listLogSasUrl").json()["logLink"]
        answer = self.http.get(link, timeout=60)
        if answer.status_code == 404:
            return "", ""
        return answer.content.decode(), answer.headers.get("x-ms-meta-Complete", "")

    def wait(self, run: str, timeout: float = 90) -> Ended:
        """Wait for the end of a run."""
        deadline = time.monotonic() + timeout
        while (properties := self.get(run))["status"] not in FINAL:
            assert time.monotonic() < deadline, self.log(run)[0]
            time.sleep(0.1)
        log, complete = self.log(run)
        return Ended(run, properties, log, complete)

    def wait_for(self, run: str, text: str, timeout: float = 60) -> None:
        """Wait until the log says ``text``."""
        deadline = time.monotonic() + timeout
        while text not in self.log(run)[0]:
            assert time.monotonic() < deadline, self.log(run)[0]
            time.sleep(0.1)

    def task(self, name: str, step: dict[str, Any], **properties: Any) -> dict[str, Any]:
        """Create a task with an identity; its body."""
        body = {
            "location": "eastus",
            "identity": {"type": "SystemAssigned"},
            "properties": {"platform": {"os": "Linux"}, "step": step, **properties},
        }
        answer = self.call("PUT", f"/tasks/{name}", body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def start_task(self, name: str, **override: Any) -> str:
        """Queue a run of a task; its id."""
        body = {"type": "TaskRunRequest", "taskId": f"{self.id}/tasks/{name}"}
        return self.schedule({**body, "overrideTaskStepProperties": override})
