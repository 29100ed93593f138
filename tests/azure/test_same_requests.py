"""cloud="azure" sends the very requests that cloud="local" sends; no subscription is needed.

A shell is given what a reader gives it for Azure (a service principal, a GitHub token) and a
network in which the hosts of Azure are those of a local cloud. Every request of the notebooks is
written down between client and socket, in both modes, and compared byte by byte, except for what
no two runs of the same mode have in common: tokens, dates, ids, digests.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.clouds import local_environment
from helpers.localcloud import daemon
from helpers.tutorial import ROOT

NAMES = {
    "public_registry": "contosopublic",
    "base_artifacts_registry": "contosobase",
    "registry": "contosoteam",
    "vault": "contoso-secrets",
    "instance": "contoso-site",
    "staging_registry": "contosostaging",
}
# What differs between two runs of the same mode, each with its reason.
VARYING = (
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "JWT"),  # access and refresh tokens
    (r"(?i)(?<=client_secret=)[^&]+", "SECRET"),  # of the service principal
    (r"(?i)(?<=authorization: basic )\S+", "PASSWORD"),  # token passwords of registries, git
    (r"gh[a-z]_\w+", "GITHUB-TOKEN"),
    (r'(?<="value": ")[^"]{40,}(?=")', "SECRET"),  # a secret on its way into the vault
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "ID"),  # subscription, tenant, assignments
    (r"(?i)(?<=x-ms-client-request-id: )\S+", "ID"),
    (r"(?:sha256[:%3A]+)[0-9a-f]{64}", "DIGEST"),  # of images with times in them
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"(?i)(?<=content-length: )\d+", "LENGTH"),  # of bodies with the above in them
    (r"(?<=runs/)[a-z]{2}[0-9a-z]+", "RUN"),  # run ids begin with letters of the registry's id
    (r"(?<=hello-world/_tags/)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=15-alpine-)[a-z]{2}[0-9][0-9a-z]*", "RUN"),
    (r"(?:[?&](?:sig|se|st|sv|sr|sp)=[^&\s]*)+", "?SAS"),  # of logs
    (r"(?i)(?<=x-ms-range: )bytes=\S+", "RANGE"),  # how much of a log is there already
    (r"(?i)(?<=range: )bytes=\S+", "RANGE"),
    (r"(?<=logs/)[^?\s]+(?=/rawtext)", "RUN"),
    (r"(?<=host: )\S+\.blob\.core\.windows\.net", "BLOBS"),
    (r"(?<=Host: )\S+\.blob\.core\.windows\.net", "BLOBS"),
    (r"(?<=Host: )127\.0\.0\.\d+(?::\d+)?", "SITE"),  # address of the container instance
    (r"(?i)(?<=x-ms-date: )[^\r\n]+", "DATE"),
)
NOT_COMPARED = (".blob.core.windows.net",)  # how often a growing log is asked for


def written(path: Path) -> set[tuple[str, str, str]]:
    """The requests, without what varies, and each of them once: polling repeats itself."""
    found = set()
    for line in path.read_text().splitlines():
        request = json.loads(line)
        head, body, host = request["head"], request["body"], request["host"]
        if host.endswith(NOT_COMPARED) or host.startswith("127."):
            continue
        if "git-receive-pack" in head:
            body = "<pack>"  # compressed objects, with ids in them
        for pattern, instead in VARYING:
            head, body = re.sub(pattern, instead, head), re.sub(pattern, instead, body)
        found.add((host, head, body))
    return found


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[dict[str, Path]]:
    made = {name: tmp_path / name for name in ("local", "azure")}
    yield made
    for home in made.values():
        daemon.down(home)


def start(cloud: str, home: Path, folder: Path) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "PYTEST_"))}
    environment = {
        **kept,
        "LOCALCLOUD_HOME": str(home),
        "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ROOT}",
        "REQUESTS_WRITTEN_TO": str(folder / f"{cloud}.jsonl"),
    }
    running = daemon.up(home)  # by this process: what the services send is not what is compared
    if cloud == "azure":
        # The network of a reader who is signed in; the helpers know nothing of a local cloud.
        environment |= local_environment(running)
        environment["LOCALCLOUD_HOME"] = str(folder / "none")
    words = [word for name, value in NAMES.items() for word in ("-p", name, value)]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "helpers", "run", "--output", str(folder / f"out-{cloud}")),
            *("-p", "cloud", cloud, *words),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.timeout(300)
def test_both_modes_send_the_same_requests(homes: dict[str, Path], tmp_path: Path) -> None:
    running = {cloud: start(cloud, home, tmp_path) for cloud, home in homes.items()}
    try:
        outputs = {cloud: one.communicate(timeout=280)[0] for cloud, one in running.items()}
    finally:
        for one in running.values():
            one.kill()
    for cloud, one in running.items():
        assert one.returncode == 0, outputs[cloud]
        index = html.unescape((tmp_path / f"out-{cloud}" / "index.html").read_text())
        assert f"10 of 10 notebooks passed on the cloud '{cloud}'" in index
    assert not (tmp_path / "none").exists()  # cloud="azure" has not started a local cloud
    local, azure = (written(tmp_path / f"{cloud}.jsonl") for cloud in ("local", "azure"))
    assert len(local) > 100
    hosts = {host for host, _, _ in local}
    assert {
        "management.azure.com",
        "login.microsoftonline.com",
        "api.github.com",
        "github.com",
        "contosoteam.azurecr.io",
        "contoso-secrets.vault.azure.net",
    } <= hosts
    assert azure == local
