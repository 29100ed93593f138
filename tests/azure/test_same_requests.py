"""Two readers side by side, with names of their own, one in each mode: both send the same requests.

For cloud="azure" no subscription is needed: a shell is given what a reader gives it for Azure (a
service principal, a GitHub token) and a network in which the hosts of Azure are those of a local
cloud. Every request of the notebooks is written down between client and socket, in both modes, and
compared byte by byte, except for what no two runs of the same mode have in common (tokens, dates,
ids, digests) and for the names.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.clouds import local_environment
from helpers.localcloud import daemon
from helpers.tutorial import ROOT, chapters
from tests.readers import environment

NAMES = {
    "public_registry": "contosopublic",
    "base_artifacts_registry": "contosobase",
    "registry": "contosoteam",
    "vault": "contoso-secrets",
    "instance": "contoso-site",
    "staging_registry": "contosostaging",
    "location": "westeurope",
    "github_owner": "contoso-learner",
    "group_pattern": "rg-{}-contoso",
}
WORDS = {"local": "contoso", "azure": "fabrikam"}  # what the names of a reader have in common
# What differs between two runs of the same mode, each with its reason.
VARYING = (
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "JWT"),  # access and refresh tokens
    (r"(?i)(?<=client_secret=)[^&]+", "SECRET"),  # of the service principal
    (r"(?i)(?<=authorization: basic )\S+", "PASSWORD"),  # token passwords of registries, git
    (r"gh[a-z]_\w+", "GITHUB-TOKEN"),
    (r'(?<="value": ")[^"]{40,}(?=")', "SECRET"),  # a secret on its way into the vault
    (r'(?<="password": ")[^"]+', "PASSWORD"),  # with which a container instance pulls
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "ID"),  # subscription, tenant, assignments
    (r"(?i)(?<=x-ms-client-request-id: )\S+", "ID"),
    (r"(?:sha256[:%3A]+)[0-9a-f]{64}", "DIGEST"),  # of images with times in them
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"(?i)(?<=content-length: )\d+", "LENGTH"),  # of bodies with the above in them
    (r"\b\d{19}\b", "EDITION"),  # of the team's base image: the time, in nanoseconds
    (r"(?<=runs/)[a-z]{2}[0-9a-z]+", "RUN"),  # run ids begin with letters of the registry's id
    (r"(?<=hello-world/_tags/)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=hello-world:)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=shop:)(?!stable)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=shop/_tags/)(?!stable)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=shop/manifests/)(?!stable|another)[a-z]{2}[0-9a-z]+", "RUN"),
    (r"(?<=15-alpine-)[a-z]{2}[0-9a-z]+", "RUN"),
    (
        r"(?<=0\.1\.0[_+])[a-z]{2}[0-9a-z]+",
        "RUN",
    ),  # a chart has its image's run in its version
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
# Staging has a name from the start in the local cloud, and none on Azure until the reader gives it
# one. Live objects of the notebooks before 11, which take no such name, look whether it is there.
ASKED_LOCALLY = "/resourceGroups/rg-acmestaging-"


def written(path: Path, word: str) -> set[tuple[str, str, str]]:
    """The requests, without what varies, and each of them once: polling repeats itself."""
    found = set()
    for line in path.read_text().splitlines():
        request = json.loads(line)
        head, body, host = request["head"], request["body"], request["host"]
        if host.endswith(NOT_COMPARED) or host.startswith("127.") or ASKED_LOCALLY in head:
            continue
        if "git-receive-pack" in head:
            body = "<pack>"  # compressed objects, with ids in them
        for pattern, instead in VARYING:
            head, body = re.sub(pattern, instead, head), re.sub(pattern, instead, body)
        found.add(
            (host.replace(word, "NAME"), head.replace(word, "NAME"), body.replace(word, "NAME"))
        )
    return found


@dataclass(frozen=True)
class Reader:
    """How the tutorial went for one of the two: exit status, output, report, requests."""

    status: int
    output: str
    folder: Path
    requests: Path

    def page(self, name: str) -> str:
        return html.unescape((self.folder / f"{name}.html").read_text())


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reader]]:
    """Both have run every notebook, at the same time and in the same cloud."""
    folder = tmp_path_factory.mktemp("readers")
    running = {cloud: start(cloud, folder) for cloud in WORDS}
    try:
        outputs = {cloud: one.communicate(timeout=580)[0] for cloud, one in running.items()}
        yield {
            cloud: Reader(one.returncode, outputs[cloud], folder / cloud, folder / f"{cloud}.jsonl")
            for cloud, one in running.items()
        }
    finally:
        for one in running.values():
            one.kill()
        daemon.down(folder / "cloud")


def start(cloud: str, folder: Path) -> subprocess.Popen[str]:
    own = environment(
        LOCALCLOUD_HOME=str(folder / "cloud"),
        PYTHONPATH=f"{Path(__file__).parent}{os.pathsep}{ROOT}",
        REQUESTS_WRITTEN_TO=str(folder / f"{cloud}.jsonl"),
    )
    running = daemon.up(folder / "cloud")  # by this process: what services send is not compared
    if cloud == "azure":
        # The network of a reader who is signed in; the helpers know nothing of a local cloud.
        own |= local_environment(running)
        own["LOCALCLOUD_HOME"] = str(folder / "none")
    names = {name: value.replace("contoso", WORDS[cloud]) for name, value in NAMES.items()}
    words = [word for name, value in names.items() for word in ("-p", name, value)]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "helpers", "run", "--output", str(folder / cloud)),
            *("-p", "cloud", cloud, *words),
        ],
        cwd=ROOT,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cloud", WORDS)
def test_every_notebook_passes_beside_another_reader_and_the_report_shows_the_site(
    readers: dict[str, Reader], cloud: str
) -> None:
    reader = readers[cloud]
    assert reader.status == 0, reader.output
    count = len(chapters())
    assert f"{count} of {count} notebooks passed" in reader.output
    index = reader.page("index")
    assert f"<h1>{count} of {count} notebooks passed</h1>" in index
    assert f"<dd>{'the local cloud' if cloud == 'local' else 'Azure'}</dd>" in index
    assert re.search(
        r"part-08.*data:image/svg\+xml.*What the gate said.*REFUSED: a red", index, re.S
    )
    # The gate's run, which the public image started, has started that of the team.
    team = WORDS[cloud]
    assert re.search(
        rf"hello-world</td><td>{team}team</td>\n<td>Image Update \S+, pushed by <a", index
    )
    assert index.count('<tr class="passed">') == count
    assert index.count('style="background:Green"') >= 2  # of a row, and of the site
    for color in ("DeepSkyBlue", "Red", "Green"):
        assert f'style="background:{color}"' in index
    assert "Green</dd>" in index
    assert "background:Red" not in index.partition("part-08")[2]  # the gate keeps it out
    assert (reader.folder / "images" / "scenario.svg").is_file()
    folded = reader.page("04-hello-world").split("With the Azure CLI</summary>")[1]
    assert "REGISTRY_RG" in folded.split("</details>")[0]
    for chapter in chapters():
        assert (reader.folder / f"{chapter.name}.html").stat().st_size > 10_000
    [other] = set(WORDS.values()) - {WORDS[cloud]}
    page = reader.page("08-watch-the-gate")
    assert f"{WORDS[cloud]}team" in page
    assert f"{other}team" not in page
    assert "acmerockets.azurecr.io" not in page


@pytest.mark.timeout(600)
def test_both_modes_send_the_same_requests(readers: dict[str, Reader]) -> None:
    folder = readers["azure"].folder.parent
    assert not (folder / "none").exists()  # cloud="azure" has not started a local cloud
    local, azure = (written(readers[cloud].requests, word) for cloud, word in WORDS.items())
    assert len(local) > 100
    hosts = {host for host, _, _ in local}
    assert {
        "management.azure.com",
        "login.microsoftonline.com",
        "api.github.com",
        "github.com",
        "NAMEteam.azurecr.io",
        "NAME-secrets.vault.azure.net",
    } <= hosts
    assert azure == local
