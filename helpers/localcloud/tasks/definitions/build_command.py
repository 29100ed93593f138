"""The words of a ``build:`` step: what ``docker build`` and what the dependency scan make of them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from ...go_literals import boolean, size
from .dependency_scan import fields, trim_quotes

_VALUES = {
    "-t": "tag",
    "--tag": "tag",
    "-f": "file",
    "--file": "file",
    "--build-arg": "build-arg",
    "--target": "target",
    "--platform": "platform",
    "--label": "label",
    "--network": "network",
    "-m": "memory",
    "--memory": "memory",
    "--secret": "secret",
    "--build-context": "build-context",
    "--ssh": "ssh",
}
_SWITCHES = {"--no-cache": "no_cache", "--pull": "pull"}
# What changes nothing that could be seen here: other processes of this machine, caches, the display.
_IGNORED_VALUES = {
    *("--cache-from", "--progress", "--shm-size", "--ulimit", "--memory-swap", "--cgroup-parent"),
    *("-c", "--cpu-shares", "--cpu-period", "--cpu-quota", "--cpuset-cpus", "--cpuset-mems"),
}
_IGNORED_SWITCHES = {"--rm", "--force-rm", "-q", "--quiet", "--compress", "--disable-content-trust"}
_MISSING = {
    "--squash": "Docker has it with experimental features alone; write fewer RUN instructions",
    "--add-host": "a build reaches the hosts of the local cloud alone",
    "--isolation": "it is for Windows",
    "--security-opt": "what a container may do is always the same",
    "--iidfile": "the log tells the id of the image",
}
# Docker, pkg/urlutil; acr-builder, util/url.go.
_GIT = re.compile(r"(?:https?://.*\.git(?:#.+)?$|git://|github\.com/|git@)")
_URL = re.compile(r"(?:https?|oci)://", re.IGNORECASE)
_AZURE_GIT = re.compile(
    r"https://(?:[^/]*dev\.azure\.com[^/]*|[^/]*\.visualstudio\.com)/[^?]*/_git/[^?]*$",
    re.IGNORECASE,
)


class BuildCommandError(ValueError):
    """The words are no build that the local cloud can do; the text names the option."""


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

    @property
    def path(self) -> str:
        """The Dockerfile, from the working directory."""
        return _dockerfile(self.dockerfile, self.context)

    @classmethod
    def parse(cls, words: list[str]) -> BuildCommand:
        """Read the words after ``docker build``. Raises :class:`BuildCommandError`."""
        build = cls()
        contexts: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-") or word == "-":
                contexts.append(word)
                continue
            name, equals, value = word.partition("=")
            if name[:2] in ("-t", "-f", "-m", "-c") and len(name) > 2 and not name.startswith("--"):
                name, equals, value = word[:2], "=", word[2:].removeprefix("=")
            if name in _SWITCHES:
                setattr(build, _SWITCHES[name], _is_on(name, value if equals else "true"))
            elif name in _IGNORED_SWITCHES:
                continue
            elif name in _VALUES or name in _IGNORED_VALUES:
                if not equals and not rest:
                    raise BuildCommandError(f"the build option {name} needs a value")
                build._set(_VALUES.get(name, ""), value if equals else rest.pop(0))
            else:
                why = f": {_MISSING[name]}" if name in _MISSING else ""
                raise BuildCommandError(
                    f"the local cloud does not implement the build option {name}{why}"
                )
        if len(contexts) != 1:
            raise BuildCommandError(
                f"a build needs exactly one context, like '.'; it has {len(contexts)}: "
                + " ".join(contexts)
            )
        build.context = contexts[0]
        return build

    def _set(self, option: str, value: str) -> None:
        several = {"tag": self.tags, "secret": self.secrets, "ssh": self.ssh}
        several["build-context"] = self.build_contexts
        if option in several:
            several[option].append(value)
        elif option == "build-arg":
            name, equals, text = value.partition("=")
            if equals:
                self.build_args[name] = text
            else:
                self.bare_args.append(name)
        elif option == "label":
            name, _, text = value.partition("=")
            self.labels[name] = text
        elif option == "network":
            if value not in ("default", "bridge", "none", "host"):
                raise BuildCommandError(f"network {value} not found: a build has default or none")
            self.network = "none" if value == "none" else "default"
        elif option == "memory":
            memory = size(value)
            if memory is None:
                raise BuildCommandError(f"invalid argument for --memory: {value!r} is no size")
            self.memory = memory
        elif option == "file":
            self.dockerfile = value
        elif option == "target":
            self.target = value
        elif option == "platform":
            self.platform = value


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


def _is_on(name: str, value: str) -> bool:
    found = boolean(value)
    if found is None:
        raise BuildCommandError(
            f'invalid argument "{value}" for "{name}" flag: strconv.ParseBool: parsing "{value}": '
            "invalid syntax"
        )
    return found


def _dockerfile(named: str, context: str) -> str:
    return named or posixpath.join(context, "Dockerfile")


def is_remote(context: str) -> bool:
    """Whether a build context is fetched from elsewhere, and not a folder."""
    return any(pattern.match(context) for pattern in (_GIT, _URL, _AZURE_GIT))
