"""How long others wait while one client floods the cloud, or feeds it poison."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import ssl
import tarfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import requests

from helpers.localcloud.api_versions import newest

from .clouds import client, manager, registry
from .probe import probing
from .report import Figure, compared, percentile
from .sides import Side, Started, each
from .wire import Server, Wire

PUTS, ROUNDS = 200, 5
_POISONED = 20.0  # seconds for which the poison is looked at
_JSON = "application/json"
_VERSION = {"api-version": "2019-06-01-preview"}
_TEMPLATES = (
    '{{ regexMatch "(a+)+$" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" }}',
    '{{ $x := "a" }}{{ range until 40 }}{{ $x = cat $x $x }}{{ end }}',
    '{{ repeat 300000000 "a" }}',
)


def measure_poison(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """p99 of a GET of a resource group while runs with poisoned task files and filters go on."""
    waits = [found * 1000 for found in each(sides, folder, _poison)]
    return [compared("GET while poison is taken, p99", waits, "ms", 50, f"for {_POISONED:.0f} s")]


def _poison(started: Started) -> float:
    http, group = manager(started.running)
    url = registry(http, group, "poisoned")
    subscription = group.partition("/resourceGroups")[0]
    long = " and ".join(["Status eq 'Failed'"] * 3000)[:65000]

    def run(body: dict[str, object]) -> None:
        with contextlib.suppress(requests.RequestException):
            http.post(f"{url}/scheduleRun", params=_VERSION, json=body, timeout=_POISONED)

    def ask(address: str, text: str) -> None:
        with contextlib.suppress(requests.RequestException):
            http.get(address, params={**_VERSION, "$filter": text}, timeout=_POISONED)

    with probing(http, group) as times, ThreadPoolExecutor(8) as pool:
        ends = time.monotonic() + _POISONED
        for template in _TEMPLATES:
            text = f"version: v1.1.0\nsteps:\n  - cmd: bash echo {template}\n"
            pool.submit(run, _encoded(text))
        pool.submit(_ignoring, http, url)
        pool.submit(ask, f"{url}/runs", "and " * 16_000)
        pool.submit(ask, f"{subscription}/resources", long)
        time.sleep(max(0.0, ends - time.monotonic()))
    return percentile(times, 99)


def _encoded(text: str) -> dict[str, object]:
    return {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(text.encode()).decode(),
        "values": [],
        "platform": {"os": "Linux"},
    }


def _ignoring(http: requests.Session, url: str) -> None:
    """A build whose .dockerignore has ten ``**/``, over a deep path."""
    files = {
        "Dockerfile": "FROM docker.io/library/node:15-alpine\nCOPY . /c\n",
        ".dockerignore": "**/" * 10 + "b\n",
        "/".join("a" * 28) + "/a": "",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    with contextlib.suppress(requests.RequestException):
        place = http.post(f"{url}/listBuildSourceUploadUrl", params=_VERSION, timeout=60).json()
        plain = requests.Session()
        plain.trust_env, plain.proxies, plain.verify = False, http.proxies, http.verify
        headers = {"x-ms-blob-type": "BlockBlob"}
        plain.put(place["uploadUrl"], data=buffer.getvalue(), headers=headers, timeout=60)
        body = {
            "type": "DockerBuildRequest",
            "sourceLocation": place["relativePath"],
            "dockerFilePath": "Dockerfile",
            "imageNames": ["ignored:1"],
            "isPushEnabled": False,
            "platform": {"os": "Linux"},
        }
        http.post(f"{url}/scheduleRun", params=_VERSION, json=body, timeout=_POISONED)


def measure_puts(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Two hundred PUTs of tasks with source triggers at once, five times: refusals, p99 of a GET.

    Once they are too short for a percentile: some thirty GETs are answered meanwhile.
    """
    errors, waits, usual = zip(*each(sides, folder, _puts), strict=True)
    return [
        compared(f"5xx of {PUTS} PUTs of tasks at once", errors, "", 0, "with source triggers"),
        compared("… GET meanwhile, p99", [wait * 1000 for wait in waits], "ms", 100),
        compared("… GET meanwhile, median", [wait * 1000 for wait in usual], "ms"),
    ]


def _puts(started: Started) -> tuple[int, float, float]:
    running = started.running
    manages, group = manager(running)
    started.settle()
    url = registry(manages, group, "flooded")
    account = running.account
    plain = client(running)
    headers = {"Authorization": f"Bearer {account.github_token}"}
    made = plain.post(
        "https://api.github.com/user/repos", json={"name": "source"}, headers=headers, timeout=60
    )
    made.raise_for_status()
    source = f"https://github.com/{account.github_owner}/source.git#main"
    together = threading.Barrier(PUTS)

    body = json.dumps(_task(source, account.github_token)).encode()
    server = Server(
        "https://management.azure.com",
        ssl.create_default_context(cafile=running.ca_file),
        running.proxy_url,
        {"Authorization": str(manages.headers["Authorization"])},
    )
    version = urlencode(_VERSION)
    tasks = f"{urlsplit(url).path}/tasks"
    asked = f"{urlsplit(group).path}?api-version={newest(group)}"

    def put(number: int) -> list[int]:
        found = []
        with Wire(server) as wire:
            wire.tell("GET", asked)  # connected, before all of them write
            for turn in range(ROUNDS):
                together.wait(120)
                try:
                    answer = wire.ask("PUT", f"{tasks}/task-{number}-{turn}?{version}", body, _JSON)
                    answer.read()
                    found.append(answer.status)
                except (OSError, http.client.HTTPException):
                    found.append(599)
        return found

    with ThreadPoolExecutor(PUTS) as pool, probing(manages, group) as times:
        statuses = [status for found in pool.map(put, range(PUTS)) for status in found]
    refused = sum(status >= 500 for status in statuses)
    return refused, percentile(times, 99), percentile(times, 50)


def _task(source: str, token: str) -> dict[str, object]:
    return {
        "location": "eastus",
        "properties": {
            "platform": {"os": "Linux"},
            "step": {
                "type": "FileTask",
                "taskFilePath": "acr-task.yaml",
                "contextPath": source,
                "contextAccessToken": token,
            },
            "trigger": {
                "sourceTriggers": [
                    {
                        "name": "source",
                        "sourceTriggerEvents": ["commit"],
                        "sourceRepository": {
                            "sourceControlType": "Github",
                            "repositoryUrl": source,
                            "branch": "main",
                            "sourceControlAuthProperties": {"tokenType": "PAT", "token": token},
                        },
                    }
                ]
            },
        },
    }
