"""The words of a ``build:`` step: what ``docker build`` and what the dependency scan make of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import ArgumentsError, UsageError
from .dependency_scan import fields, trim_quotes
from .extra_hosts import extra_hosts
from .flags import Options, memory_of

_OPTIONS = Options(
    "build",
    values=(
        *("-t --tag", "-f --file", "--build-arg", "--target", "--platform", "--label", "--network"),
        *("-m --memory", "--secret", "--build-context", "--ssh", "--add-host", "--isolation"),
    ),
    switches=("--no-cache", "--pull"),
    # What changes nothing that could be seen here: other processes of this machine, caches, display.
    ignored_values=(
        *("--cache-from", "--progress", "--shm-size", "--ulimit", "--memory-swap"),
        *("--cgroup-parent", "-c --cpu-shares", "--cpu-period", "--cpu-quota"),
        *("--cpuset-cpus", "--cpuset-mems"),
    ),
    ignored_switches=("--rm", "--force-rm", "-q --quiet", "--compress", "--disable-content-trust"),
    missing={
        "--iidfile": "the log tells the id of the image",
        "-o --output": "what a build makes is an image; a container of it can copy files to /workspace",
        "--cache-to": "write cache: enabled into the step",
    },
    refused={
        "--squash": '"--squash" is only supported on a Docker daemon with experimental features enabled',
        "--security-opt": "Error response from daemon: The daemon on this platform does not support "
        "setting security options on build",
    },
)
# Docker, pkg/urlutil; acr-builder, util/url.go.
_GIT = re.compile(r"(?:https?://.*\.git(?:#.+)?$|git://|github\.com/|git@)")
_URL = re.compile(r"(?:https?|oci)://", re.IGNORECASE)
_AZURE_GIT = re.compile(
    r"https://(?:[^/]*dev\.azure\.com[^/]*|[^/]*\.visualstudio\.com)/[^?]*/_git/[^?]*$",
    re.IGNORECASE,
)


@dataclass
class BuildCommand:
    """A build: its context, and what the options say."""

    context: str = ""
    dockerfile: str = ""  # relative to the working directory; "" = Dockerfile in the context
    tags: list[str] = field(default_factory=list)
    build_args: dict[str, str] = field(default_factory=dict)
    bare_args: list[str] = field(default_factory=list)  # whose values are the step's variables
    target: str = ""
    platform: str = ""
    no_cache: bool = False
    pull: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    network: str = "default"  # or none
    memory: int = 0  # bytes of each RUN; 0 = as without it
    # For BuildKit alone; the classic builder does not look at secrets and keys.
    secrets: list[str] = field(default_factory=list)
    build_contexts: list[str] = field(default_factory=list)
    ssh: list[str] = field(default_factory=list)
    hosts: list[tuple[str, str]] = field(default_factory=list)  # addresses and names for RUN

    @property
    def path(self) -> str:
        """The Dockerfile, from the working directory."""
        return _dockerfile(self.dockerfile, self.context)

    @classmethod
    def parse(cls, words: list[str]) -> BuildCommand:
        """Read the words after ``docker build``. Raises :class:`UsageError`."""
        read = _OPTIONS.read(words)
        if len(read.arguments) != 1:
            raise ArgumentsError(
                "a build needs exactly one context, like '.'; it has "
                f"{len(read.arguments)}: {' '.join(read.arguments)}"
            )
        isolation = read.last("isolation", "default")
        if isolation not in ("", "default"):
            raise UsageError(f'Error response from daemon: Unsupported isolation: "{isolation}"')
        return cls(
            context=read.arguments[0],
            dockerfile=read.last("file"),
            tags=read.all("tag"),
            build_args=_pairs(one for one in read.all("build-arg") if "=" in one),
            bare_args=[one for one in read.all("build-arg") if "=" not in one],
            target=read.last("target"),
            platform=read.last("platform"),
            no_cache=read.is_set("no-cache"),
            pull=read.is_set("pull"),
            labels=_pairs(read.all("label")),
            network=_network(read.last("network", "default")),
            memory=memory_of(read.last("memory", "0")),
            secrets=read.all("secret"),
            build_contexts=read.all("build-context"),
            ssh=read.all("ssh"),
            hosts=extra_hosts(read.all("add-host"), "build"),
        )


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    return dict(text.partition("=")[::2] for text in texts)


def _network(name: str) -> str:
    if name not in ("default", "bridge", "none", "host"):
        raise UsageError(f"network {name} not found: a build has default or none")
    return "none" if name == "none" else "default"


@dataclass(frozen=True)
class ScannedCommand:
    """The build as the dependency scan sees it: by words between spaces, without a shell.

    It knows ``-f``, ``--file``, ``-t``, ``--tag``, ``--target`` and ``--build-arg`` in front of their
    value alone, as words of their own: ``--file=D`` is none to it. Its context is the last word that
    is no option and does not follow one, whether that option takes a value or not. Source: acr-builder,
    builder/parse.go, util/parse.go.
    """

    dockerfile: str  # relative to the working directory; "" = Dockerfile in the context
    target: str
    context: str
    tags: tuple[str, ...]
    build_args: tuple[str, ...]

    @property
    def path(self) -> str:
        """The Dockerfile that is scanned, from the working directory."""
        return _dockerfile(self.dockerfile, self.context)

    @classmethod
    def of(cls, build: str) -> ScannedCommand:
        """Read the text of ``build:``."""
        dockerfile, target, context = "", "", "."
        tags: list[str] = []
        build_args: list[str] = []
        before = ""
        for word in (trim_quotes(one) for one in fields(build)):
            if before in ("-f", "--file"):
                dockerfile = word
            elif before == "--target":
                target = word
            elif before in ("-t", "--tag"):
                tags.append(word)
            elif before == "--build-arg":
                build_args.append(word)
            elif not before.startswith("-") and not word.startswith("-"):
                context = word
            before = word
        return cls(dockerfile, target, context, tuple(tags), tuple(build_args))


def _dockerfile(named: str, context: str) -> str:
    return named or posixpath.join(context, "Dockerfile")


def is_remote(context: str) -> bool:
    """Whether a build context is fetched from elsewhere, and not a folder."""
    return any(pattern.match(context) for pattern in (_GIT, _URL, _AZURE_GIT))
