"""The clients that people use: buildah, podman, Docker's, and the SDK's asynchronous one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.containerregistry.aio import ContainerRegistryClient as AioClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity.aio import ClientSecretCredential

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.images.images import ImageStore
from tests.az import Az
from tests.registry.places import INDEX, MANIFEST, Place, digest
from tests.sdk import Sdk

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
Client = Callable[..., str]


def client_of(place: Place, folder: Path, program: str, *options: str) -> Client:
    """A function that runs a program, signed in at the registry; it returns what that prints."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **place.cloud.env,
        "XDG_RUNTIME_DIR": str(folder),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        "DOCKER_CONFIG": str(folder),
        "DOCKER_HOST": f"unix://{folder}/none",  # what needs no engine is asked of the client alone
    }

    def run(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [program, *options, *arguments],
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{program} {arguments}: {done.stderr or done.stdout}"
        return done.stdout

    account = place.cloud.account
    login = ("login", "-u", account.client_id, "--password-stdin", place.server)
    run(*login, given=account.client_secret)
    return run


def storage(folder: Path) -> list[str]:
    """Where buildah and podman keep their images: what works everywhere, and is no one else's."""
    return ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]


def remove(folder: Path) -> None:
    """Delete images: of an ordinary user, files in them belong to ids that only buildah reaches."""
    alone = [] if os.geteuid() == 0 else ["buildah", "unshare"]
    subprocess.run([*alone, "rm", "-rf", str(folder)], check=True, timeout=60)


@pytest.fixture(scope="module")
def buildah(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("buildah")
    yield client_of(place, folder, "buildah", *storage(folder))
    remove(folder)


@pytest.fixture(scope="module")
def podman(place: Place) -> Iterator[Client]:
    folder = Path(tempfile.mkdtemp(prefix="podman"))  # podman takes a runroot of 50 characters
    podman = client_of(place, folder, "podman", *storage(folder), "--events-backend", "none")
    yield podman
    podman("system", "migrate")  # ends what it keeps running for an ordinary user
    remove(folder)


@pytest.fixture(scope="module")
def built(place: Place, buildah: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that buildah has made and pushed, in both formats, and with zstd."""
    name = f"{place.server}/clients/built"
    for tag, options in (
        ("zstd", ("--format", "oci", "--compression-format", "zstd")),
        ("oci", ("--format", "oci")),
        ("docker", ("--format", "v2s2")),
    ):
        folder = tmp_path_factory.mktemp(tag)
        (folder / "Dockerfile").write_text('FROM scratch\nCOPY motd /etc/\nENTRYPOINT ["/none"]\n')
        (folder / "motd").write_text(
            tag * 1000
        )  # of what it finds pushed it takes that compression
        buildah("bud", "--isolation", "chroot", "-t", name, str(folder))
        buildah("push", *options, name, f"docker://{name}:{tag}")
    buildah("rmi", "--all", "--force")
    return name


def test_buildah_pushes_and_pulls(place: Place, buildah: Client, built: str) -> None:
    kinds = {}
    for tag in ("oci", "docker", "zstd"):
        [pulled] = buildah("pull", "--quiet", f"{built}:{tag}").split()
        config = json.loads(buildah("inspect", "--type", "image", pulled))["OCIv1"]["config"]
        assert config["Entrypoint"] == ["/none"]
        answer = place.http.get(place.url(f"clients/built/manifests/{tag}"))
        kinds[tag] = answer.headers["Content-Type"]
    assert kinds == {"oci": MANIFEST, "docker": DOCKER, "zstd": MANIFEST}


def test_what_buildah_compressed_with_zstandard_is_unpacked(place: Place, built: str) -> None:
    answer = place.http.get(place.url("clients/built/manifests/zstd"))
    [layer] = answer.json()["layers"]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    cloud = Cloud(place.cloud.home)
    try:
        images = ImageStore(cloud)
        [folder] = images.lowers(images.image(answer.headers["Docker-Content-Digest"]))
        assert (folder / "etc/motd").read_text() == "zstd" * 1000
    finally:
        cloud.close()


def test_podman_pulls_pushes_and_makes_a_list(place: Place, podman: Client, built: str) -> None:
    podman("pull", "--quiet", f"{built}:oci")
    podman("tag", f"{built}:oci", f"{built}:podman")
    podman("push", f"{built}:podman")
    assert place.http.get(place.url("clients/built/manifests/podman")).status_code == 200
    everything = f"{place.server}/clients/everything"
    podman("manifest", "create", everything)
    podman("manifest", "add", everything, f"docker://{built}:podman")
    podman("manifest", "push", "--all", everything, f"docker://{everything}:v1")
    answer = place.http.get(place.url("clients/everything/manifests/v1"))
    assert (answer.headers["Content-Type"], len(answer.json()["manifests"])) == (INDEX, 1)
    podman("pull", "--quiet", f"{everything}:v1")
    listed = podman("search", "--list-tags", "--format", "{{.Tag}}", built).split()
    assert {"oci", "docker", "podman"} <= set(listed)


def test_podman_finds_repositories_by_a_part_of_the_name(
    place: Place, podman: Client, built: str
) -> None:
    found = podman("search", "--format", "{{.Name}}", f"{place.server}/clients/buil").split()
    assert found == [built]
    assert podman("search", "--format", "{{.Name}}", f"{place.server}/nothing-of-it").split() == []


def docker_manifest(place: Place, repository: str) -> bytes:
    """As Docker writes them: its client makes the text anew, and must come to the same digest."""
    config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
    for data in (config, b"layer"):
        place.push_blob(repository, data)
    described = {
        "schemaVersion": 2,
        "mediaType": DOCKER,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config),
            "digest": digest(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": 5,
                "digest": digest(b"layer"),
            }
        ],
    }
    return json.dumps(described, indent=3).encode()


def test_docker_makes_a_manifest_list(place: Place, tmp_path: Path) -> None:
    docker = client_of(place, tmp_path / "docker", "docker")
    data = docker_manifest(place, "clients/docker")
    assert place.put("clients/docker", "v1", data, DOCKER).status_code == 201
    image, everything = f"{place.server}/clients/docker:v1", f"{place.server}/clients/list:v1"
    assert json.loads(docker("manifest", "inspect", image))["config"]["digest"] in data.decode()
    docker("manifest", "create", everything, image)
    pushed = docker("manifest", "push", "--purge", everything).split()[-1]
    shown = json.loads(docker("manifest", "inspect", everything))
    assert [one["digest"] for one in shown["manifests"]] == [digest(data)]
    by_tag, by_digest = (
        place.url(f"clients/list/manifests/{reference}") for reference in ("v1", pushed)
    )
    for accept, kind, named in (
        (DOCKER_LIST, DOCKER_LIST, pushed),
        (DOCKER, DOCKER, digest(data)),  # who does not know lists gets the image for linux/amd64
        ("*/*", DOCKER, digest(data)),
    ):
        for method in ("GET", "HEAD"):
            answer = place.http.request(method, by_tag, headers={"Accept": accept})
            assert answer.headers["Content-Type"] == kind, accept
            assert answer.headers["Docker-Content-Digest"] == named
        exact = place.http.get(by_digest, headers={"Accept": accept})
        assert exact.headers["Content-Type"] == DOCKER_LIST
        assert digest(exact.content) == pushed
    other = json.loads(place.http.get(by_digest).content)
    other["manifests"][0]["platform"] = {"os": "linux", "architecture": "s390x"}
    assert place.put("clients/list", "v2", json.dumps(other).encode(), DOCKER_LIST).ok
    answer = place.http.get(place.url("clients/list/manifests/v2"), headers={"Accept": DOCKER})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")


def test_az_lists_what_refers_to_an_image(az: Az, place: Place) -> None:
    repository, kind = "clients/referred", "application/vnd.example.signature"
    image = place.push(repository, "v1")
    subject = place.http.get(place.url(f"{repository}/manifests/v1"))
    described = {"mediaType": MANIFEST, "digest": image, "size": len(subject.content)}
    signature = json.loads(place.manifest(repository, b"signature"))
    data = json.dumps({**signature, "artifactType": kind, "subject": described}).encode()
    assert place.put(repository, digest(data), data).status_code == 201
    which = ("--registry", place.name, "--name", f"{repository}:v1")
    found = az.json("acr", "manifest", "list-referrers", *which)["manifests"]
    assert [(one["digest"], one["artifactType"]) for one in found] == [(digest(data), kind)]
    assert az.json("acr", "manifest", "list-referrers", *which, "--recursive")
    az.ok("acr", "manifest", "delete", *which, "-y")
    assert "is not found" in az.refused("acr", "manifest", "show", *which)


# -- the SDK -------------------------------------------------------------------------------------


def test_the_sdk_deletes_a_blob_that_no_manifest_needs(sdk: Sdk, place: Place) -> None:
    client = sdk.client(ContainerRegistryClient, f"https://{place.server}")
    repository = f"blobs/{sdk.form}"
    pushed = place.push(repository, "v1", sdk.form.encode())
    [needed] = client.get_manifest(repository, "v1").manifest["layers"]
    alone, size = client.upload_blob(repository, io.BytesIO(b"nobody needs it"))
    assert size == 15
    client.delete_blob(repository, alone)
    assert place.http.head(place.url(f"{repository}/blobs/{alone}")).status_code == 404
    with pytest.raises(HttpResponseError) as refused:
        client.delete_blob(repository, needed["digest"])
    assert refused.value.status_code == 405
    assert client.get_manifest(repository, "v1").digest == pushed
    client.delete_repository(repository)


# -- the SDK's asynchronous client ---------------------------------------------------------------


def test_the_asynchronous_sdk(place: Place) -> None:
    asyncio.run(_asynchronously(place))


async def _asynchronously(place: Place) -> None:
    options: dict[str, Any] = dict(place.cloud.options)
    if sys.version_info < (3, 11):  # aiohttp, which is its own, stands on what that lacks by now
        options["transport"] = AsyncioRequestsTransport()
    account = place.cloud.account
    who = (account.tenant_id, account.client_id, account.client_secret)
    repository = "clients/asynchronous"
    data = bytes(range(256)) * 20_000  # more than the 4 MiB of a chunk
    async with (
        ClientSecretCredential(*who, **options) as credential,
        AioClient(f"https://{place.server}", credential, **options) as client,
    ):
        layer = await client.upload_blob(repository, io.BytesIO(data))
        config = await client.upload_blob(repository, io.BytesIO(b"{}"))
        assert layer == (digest(data), len(data))
        parts = [
            {"mediaType": "application/octet-stream", "digest": name, "size": size}
            for name, size in (config, layer)
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": parts[0],
            "layers": parts[1:],
        }
        pushed = await client.set_manifest(repository, manifest, tag="v1")
        assert (await client.get_manifest(repository, "v1")).manifest == manifest
        stream = await client.download_blob(repository, layer[0])
        assert b"".join([part async for part in stream]) == data
        names = [one.name async for one in client.list_tag_properties(repository)]
        digests = [one.digest async for one in client.list_manifest_properties(repository)]
        assert (names, digests) == (["v1"], [pushed])
        assert repository in [one async for one in client.list_repository_names()]
        locked = await client.update_tag_properties(repository, "v1", can_write=False)
        assert not locked.can_write
        with pytest.raises(HttpResponseError, match="The operation is disallowed") as refused:
            await client.delete_manifest(repository, pushed)
        assert refused.value.status_code == 405
        await client.update_tag_properties(repository, "v1", can_write=True)
        await client.delete_repository(repository)
        with pytest.raises(ResourceNotFoundError):
            await client.get_repository_properties(repository)
