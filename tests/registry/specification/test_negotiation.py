"""What clients that there are say they accept, and what each gets: the manifest as it was pushed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.registry.places import INDEX, MANIFEST, Place

from .contents import described, error, get, image, index, named, put

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# Each a header of its own: Docker's engine and Helm send several, the others one with all of them.
ACCEPTED = {
    "containerd": [", ".join([DOCKER, DOCKER_LIST, MANIFEST, INDEX, "*/*"])],
    "docker": [SIGNED, "application/json", DOCKER, DOCKER_LIST, INDEX, MANIFEST],
    "skopeo": [", ".join([MANIFEST, DOCKER, SIGNED, DOCKER_LIST, INDEX])],
    "az": [f"*/*, {INDEX}, {MANIFEST}, {DOCKER}, {DOCKER_LIST}"],
    "with weights": [f"{DOCKER};q=0.1,{DOCKER_LIST};q=0.2 ,\t{MANIFEST};q=1,{INDEX};v=1;q=0.9"],
}


@pytest.fixture(scope="module")
def pushed(place: Place) -> dict[str, bytes]:
    """A manifest of each kind under a tag of its own."""
    oci = image(place, "negotiated")
    docker = json.dumps({**json.loads(oci), "mediaType": DOCKER}).encode()
    children = [
        {**described(data, kind), "platform": {"os": "linux", "architecture": architecture}}
        for data, kind, architecture in ((docker, DOCKER, "amd64"), (oci, MANIFEST, "arm64"))
    ]
    listed = json.dumps(
        {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children}
    ).encode()
    made = {"oci": oci, "docker": docker, "index": index(children), "list": listed}
    for tag, data in made.items():
        put(place, "negotiated", data, tag)
    return made


@pytest.mark.parametrize("client", ACCEPTED)
def test_clients_get_what_was_pushed(
    place: Place, pushed: dict[str, bytes], client: str, tmp_path: Path
) -> None:
    account, headers = place.cloud.account, tmp_path / "headers"
    headers.write_text("".join(f"Accept: {one}\n" for one in ACCEPTED[client]))
    for tag, data in pushed.items():
        for reference in (tag, named(data)):
            done = subprocess.run(
                [
                    *("curl", "--silent", "--fail-with-body", "--header", f"@{headers}"),
                    *("--write-out", "\n%{content_type}", "--config", "-"),
                    place.url(f"negotiated/manifests/{reference}"),
                ],
                env=place.cloud.env,
                input=f'user = "{account.client_id}:{account.client_secret}"\n'.encode(),
                capture_output=True,
                check=False,
                timeout=60,
            )
            body, _, kind = done.stdout.rpartition(b"\n")
            assert body == data, (tag, done.stdout, done.stderr)
            assert kind.decode() == json.loads(data)["mediaType"]


def test_who_knows_one_kind_gets_no_other(place: Place, pushed: dict[str, bytes]) -> None:
    kinds = {"oci": MANIFEST, "docker": DOCKER, "index": INDEX, "list": DOCKER_LIST}
    for tag, data in pushed.items():
        for accepted in kinds.values():
            for reference in (tag, named(data)):
                answer = get(place, f"negotiated/manifests/{reference}", Accept=accepted)
                if tag in ("oci", "index") and accepted != kinds[tag]:
                    assert (answer.status_code, error(answer)) == (404, "MANIFEST_UNKNOWN")
                elif tag == "list" and reference == tag and accepted != DOCKER_LIST:
                    assert answer.content == pushed["docker"]  # that of its default platform
                else:
                    assert answer.content == data, (tag, accepted)
