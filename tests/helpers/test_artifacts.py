"""Content of any kind: pushed and pulled by us, and by the clients that others use for it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from helpers import artifacts, charts, signatures
from helpers.clouds import Connection
from helpers.errors import HelpersError
from tests.conftest import LocalCloud
from tests.registry.places import MANIFEST, Place

NOTE = "application/vnd.example.note"
CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: site\nversion: 0.1.0+green\ndescription: A page\n",
    "values.yaml": b"image: {repository: site, digest: none}\n",
    "templates/page.yaml": b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: page}\n",
}
# In a process of its own: Helm's library is Go's, which reads the proxy once.
HELM = """
import json, sys
from helm_python.registry import RegistryClient
server, user, password, action, *rest = json.load(sys.stdin)
with RegistryClient(credentials_file=rest.pop(0)) as client:
    client.login(server, user, password)
    if action == "push":
        print(json.dumps(client.push(rest[0], f"oci://{server}/helm")))
    else:
        print(json.dumps(client.tags(f"oci://{server}/helm/site")))
        client.pull(f"oci://{server}/helm/site", version=rest[0], destination=rest[1])
"""


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    return Place(local_cloud)


def test_what_is_attached_is_listed_once(connection: Connection, place: Place) -> None:
    image = place.push("app", "v1")
    where = (place.server, "app")
    described = artifacts.descriptor(connection, *where, "v1")
    assert (described.media_type, described.digest) == (MANIFEST, image)
    assert described == artifacts.descriptor(connection, *where, image)
    assert artifacts.referrers(connection, *where, image) == []
    attached = artifacts.attach(connection, *where, "v1", NOTE, b"hello")
    assert artifacts.attach(connection, *where, image, NOTE, b"hello") == attached
    other = artifacts.attach(connection, *where, "v1", NOTE, b"other")
    found = artifacts.referrers(connection, *where, image)
    assert {one["digest"] for one in found} == {attached, other}
    assert {one["artifactType"] for one in found} == {NOTE}
    shown = connection.clients.registry(place.server).get_manifest("app", attached).manifest
    assert shown is not None
    assert shown["subject"] == described.as_oci()


def test_what_there_is_not_is_named(connection: Connection, place: Place) -> None:
    with pytest.raises(HelpersError, match="answers 404 to HEAD app/manifests/none"):
        artifacts.attach(connection, place.server, "app", "none", NOTE, b"hello")
    with pytest.raises(HelpersError, match=r"nobody00.azurecr.io gives no token \(404\)"):
        artifacts.referrers(connection, "nobody00.azurecr.io", "app", f"sha256:{'0' * 64}")


def push(connection: Connection, place: Place, repository: str, files: dict[str, bytes]) -> str:
    """Push an artifact of some files, as the SDK does; its digest."""
    registry = connection.clients.registry(place.server)
    config, size = registry.upload_blob(repository, BytesIO(b"{}"))
    layers = []
    for name, content in files.items():
        digest, length = registry.upload_blob(repository, BytesIO(content))
        layer = artifacts.Descriptor("text/markdown", digest, length).as_oci()
        layers.append({**layer, "annotations": {artifacts.TITLE: name.strip("/")}})
    manifest = {
        "schemaVersion": 2,
        "mediaType": artifacts.OCI_MANIFEST,
        "artifactType": "readme/example",
        "config": artifacts.Descriptor(artifacts.EMPTY, config, size).as_oci(),
        "layers": layers,
    }
    return registry.set_manifest(repository, manifest, tag="v1")


def test_what_was_pushed_is_pulled(connection: Connection, place: Place) -> None:
    digest = push(connection, place, "read", {"readme.md": b"# Read me\n"})
    for reference in ("v1", digest):
        found = artifacts.pull(connection, place.server, "read", reference)
        assert found.files == {"readme.md": b"# Read me\n"}
        assert (found.digest, found.artifact_type) == (digest, "readme/example")


def test_two_files_of_one_name_are_refused(connection: Connection, place: Place) -> None:
    digest = push(connection, place, "twice", {"same": b"one", "same/": b"two"})
    with pytest.raises(HelpersError, match="two files of the name 'same'"):
        artifacts.pull(connection, place.server, "twice", digest)


def test_what_is_not_there_cannot_be_pulled(connection: Connection, place: Place) -> None:
    nowhere = f"sha256:{'0' * 64}"
    for reference, named in (("none", ":none"), (nowhere, f"@{nowhere}")):
        with pytest.raises(HelpersError, match="is not there") as told:
            artifacts.pull(connection, place.server, "nothing", reference)
        assert f"{place.server}/nothing{named}" in str(told.value)


def test_referrers_of_one_type_are_found(connection: Connection, place: Place) -> None:
    image = place.push("typed", "v1")
    where = (place.server, "typed")
    artifacts.attach(connection, *where, image, NOTE, b"{}")
    marked = artifacts.attach(
        connection,
        *where,
        image,
        signatures.ARTIFACT_TYPE,
        b"{}",
        media_type=signatures.ENVELOPE_TYPE,
        annotations={"org.example.kind": "signature"},
    )
    [found] = artifacts.referrers(connection, *where, image, signatures.ARTIFACT_TYPE)
    assert found["digest"] == marked
    assert found["annotations"] == {"org.example.kind": "signature"}
    assert artifacts.referrers(connection, *where, image, "application/none") == []
    layer = artifacts.pull(connection, *where, marked).manifest["layers"][0]
    assert layer["mediaType"] == "application/jose+json"


def login(connection: Connection, registry: str) -> tuple[str, str]:
    """User name and password of docker login for the caller, as az acr login --expose-token has it."""
    import requests

    token = connection.credential.get_token("https://management.azure.com/.default").token
    form = {"grant_type": "access_token", "service": registry, "access_token": token}
    answer = requests.post(f"https://{registry}/oauth2/exchange", data=form, timeout=30)
    return "00000000-0000-0000-0000-000000000000", str(answer.json()["refresh_token"])


def test_oras_reads_what_we_push_and_we_read_what_oras_pushes(
    connection: Connection, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oras.client import OrasClient

    def oras() -> Any:
        # With tokens, this client pushes to no registry that tells pull and push apart: it keeps the
        # token of its first request, whatever the next one needs.
        client = OrasClient(hostname=place.server, auth_backend="basic")
        client.auth.set_basic_auth(*login(connection, place.server))
        return client

    made = push(connection, place, "oras", {"readme.md": b"# Read me\n"})
    [pulled] = oras().pull(target=f"{place.server}/oras:v1", outdir=str(tmp_path))
    assert Path(pulled).read_bytes() == b"# Read me\n"
    assert oras().get_manifest(f"{place.server}/oras:v1")["artifactType"] == ("readme/example")
    monkeypatch.chdir(tmp_path)
    Path("readme.md").write_bytes(b"# Another\n")
    oras().push(
        target=f"{place.server}/oras:v2",
        files=["readme.md:text/markdown"],
        disable_path_validation=True,
    )
    assert artifacts.pull(connection, place.server, "oras", "v2").files == {
        "readme.md": b"# Another\n"
    }
    assert artifacts.pull(connection, place.server, "oras", "v2").digest != made


def test_helm_reads_our_chart_and_we_read_helms(
    connection: Connection, place: Place, tmp_path: Path
) -> None:
    pytest.importorskip("helm_python", reason="its wheel is for Linux on amd64")
    credentials = str(tmp_path / "config.json")
    chart = charts.chart(CHART)
    archive = tmp_path / "site-0.1.0+green.tgz"
    archive.write_bytes(chart.packed())

    def helm(*words: str) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-c", HELM],
            input=json.dumps(
                [place.server, *login(connection, place.server), words[0], credentials, *words[1:]]
            ),
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    helm("push", str(archive))
    theirs = artifacts.pull(connection, place.server, "helm/site", chart.tag)
    assert charts.unpack(theirs.files["layer-0"]).files == CHART

    registry = connection.clients.registry(place.server)
    config, size = registry.upload_blob("helm/site", BytesIO(json.dumps(chart.metadata).encode()))
    layer, length = registry.upload_blob("helm/site", BytesIO(chart.packed()))
    manifest = {
        "schemaVersion": 2,
        "config": artifacts.Descriptor(charts.CONFIG_TYPE, config, size).as_oci(),
        "layers": [artifacts.Descriptor(charts.CONTENT_TYPE, layer, length).as_oci()],
        "annotations": chart.annotations,
    }
    registry.set_manifest("helm/site", manifest, tag=chart.tag)
    ours = artifacts.pull(connection, place.server, "helm/site", chart.tag)
    assert ours.files == theirs.files
    assert theirs.manifest["annotations"].pop("org.opencontainers.image.created")
    assert ours.manifest["annotations"] == theirs.manifest["annotations"]
    assert ours.artifact_type == theirs.artifact_type == charts.CONFIG_TYPE
    assert ours.manifest["layers"] == theirs.manifest["layers"]

    target = tmp_path / "pulled"
    target.mkdir()
    [tags] = helm("pull", "0.1.0+green", str(target))
    assert tags == ["0.1.0+green"]
    [found] = target.iterdir()
    assert hashlib.sha256(found.read_bytes()).hexdigest() == layer.partition(":")[2]
