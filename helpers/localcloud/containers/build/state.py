"""What the instructions of one build share, and what they do to it."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...cloud import Cloud
from ...media_types import OCI_LAYER
from ..errors import BuildError
from ..images.images import Descriptor, Image, ImageStore
from ..images.layers import Entry, pack
from ..images.owners import Owners
from ..sandboxes.container import Mount
from .build_cache import BuildCache
from .build_context import BuildContext, ContextError, ImageTree
from .dockerfile import Dockerfile, Instruction, parse
from .frontend import Frontend
from .stage import Stage
from .variables import expand

Log = Callable[[str], None]
_PREDEFINED = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
SCRATCH = "scratch"  # the name of no image
_EMPTY = "empty"  # a folder that nobody writes to
PREDEFINED = frozenset((*_PREDEFINED, *(name.lower() for name in _PREDEFINED)))


class Host(Protocol):
    """What a build needs of the container host that it runs on.

    ``scope`` tells whose the caches of its builds are.
    """

    @property
    def scope(self) -> str: ...

    def resolve(self, reference: str, log: Log) -> Image:
        """The image of a FROM or ``--from``, pulled when it is not there."""

    def execute(  # noqa: PLR0913 (all that decides what a RUN does)
        self,
        stage: Stage,
        lowers: list[Path],
        upper: Path,
        argv: list[str],
        environment: Mapping[str, str],
        log: Log,
        *,
        network: str = "default",
        mounts: Sequence[Mount] = (),
        hostname: str = "",
    ) -> int:
        """Run a command on the layers of a stage; what it writes goes to ``upper``."""

    def copies_mounts(self) -> bool:
        """Whether mounts are copies, which are written back when the command has ended."""

    def check(self) -> None:
        """Raise :class:`SandboxError` when the run was stopped, or its time is over."""


@dataclass
class BuildState:
    """What the instructions of one build share: its files, images, cache and log."""

    cloud: Cloud
    host: Host
    dockerfile: Dockerfile
    context: BuildContext
    log: Log
    build_args: Mapping[str, str]
    no_cache: bool
    target: str | None
    stages: list[Stage] = field(default_factory=list)
    used_args: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.images = ImageStore(self.cloud)
        self.cache = BuildCache(self.cloud)

    @property
    def frontend(self) -> Frontend:
        """Which builder this is."""
        return self.dockerfile.frontend

    def given_predefined(self) -> dict[str, str]:
        """The arguments that need no ARG, as far as they were given."""
        return {name: self.build_args[name] for name in PREDEFINED & set(self.build_args)}

    def variables(self, stage: Stage) -> Mapping[str, str]:
        """What instructions may refer to now: arguments, over which ENV wins."""
        return ChainMap(stage.environment, stage.arguments, self.given_predefined())

    def run_environment(self, stage: Stage) -> dict[str, str]:
        """What a RUN sees: arguments, predefined ones that were given, and the image's variables."""
        return dict(self.variables(stage))

    def expanded(self, word: str, variables: Mapping[str, str]) -> str:
        """A word with its variables replaced. Raises :class:`VariableError`."""
        return expand(word, variables, self.dockerfile.escape, self.frontend)

    def declared(
        self, instruction: Instruction, variables: Mapping[str, str]
    ) -> dict[str, str | None]:
        """Names of an ARG with their values, given ones before defaults; None without any."""
        found: dict[str, str | None] = {}
        for word in instruction.words:
            name, equals, value = word.partition("=")
            key = self.expanded(name, variables)
            default = self.expanded(value, variables) if equals else None
            found[key] = self.build_args.get(key, default)
        self.used_args.update(found)
        return found

    def global_argument(self, instruction: Instruction, arguments: dict[str, str]) -> None:
        """An ARG before the first FROM."""
        for name, value in self.declared(instruction, arguments).items():
            if value is not None:
                arguments[name] = value

    def triggers(self, stage: Stage) -> list[Instruction]:
        """What ONBUILD of the base image has, which is done once. Raises :class:`BuildError`."""
        found: list[Instruction] = []
        for text in stage.remove("OnBuild") or []:
            _, *read = parse(
                f"FROM scratch\n{text}", self.dockerfile.name, self.frontend
            ).instructions
            if len(read) != 1 or read[0].name == "FROM":
                raise BuildError(
                    f"onbuild trigger should be a single expression, not: {text}. It is in the "
                    f"configuration of {stage.base}"
                )
            found += read
        return found

    def remembered(self, key: str) -> tuple[bool, Descriptor | None]:
        """Whether an instruction is known and need not be done again, and the layer that it made."""
        return (False, None) if self.no_cache else self.cache.get(key)

    def seen(self, key: str, layer: Descriptor | None) -> bool:
        """Whether an instruction that makes this layer is known; from now on it is."""
        known, _ = self.remembered(key)
        if not known:
            self.cache.put(key, layer)
        return known

    def metadata(self, stage: Stage, created_by: str) -> None:
        """An instruction that changes the configuration only."""
        if self.seen(self.cache.key(stage.id, created_by), None):
            self.log(" ---> Using cache")
        else:
            name = secrets.token_hex(6)
            self.log(f" ---> Running in {name}")
            self.log(f"Removing intermediate container {name}")
        stage.record(f"/bin/sh -c #(nop) {created_by}", None)

    def layer(self, stage: Stage, created_by: str, entries: list[Entry]) -> None:
        """An instruction that adds files."""
        descriptor = self.store(entries)
        key = self.cache.key(stage.id, created_by, descriptor and descriptor["digest"])
        if self.seen(key, descriptor):
            self.log(" ---> Using cache")
        stage.record(f"/bin/sh -c #(nop) {created_by}", descriptor)

    def store(self, entries: list[Entry]) -> Descriptor | None:
        """Store a layer of entries; None when there are none."""
        if not entries:
            return None
        digest, size = pack(self.cloud.content, entries)
        return {"mediaType": OCI_LAYER, "digest": digest, "size": size}

    @contextmanager
    def unpacking(self, *, wanted: bool) -> Iterator[Path | None]:
        """A folder for what archives hold while a layer is made of it; None where none is wanted."""
        if not wanted:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="add-", dir=self.cloud.scratch) as scratch:
            yield Path(scratch)

    def source(self, stage: Stage, name: str) -> ImageTree:
        """The files of ``--from``: an earlier stage by name or number, or an image."""
        earlier = self._stage(stage, name)
        if earlier is None and name == SCRATCH:
            raise ContextError(f"invalid from flag value {name}: '{name}' is a reserved name")
        image = None if earlier is not None else self.host.resolve(name, self.log)
        layers = earlier.layers if earlier is not None else list(image.layers if image else ())
        return self.tree(self.images.unpacked(layers), self.images.owners(layers))

    def tree(self, lowers: Sequence[Path], owners: Owners | None = None) -> ImageTree:
        """The files of these layers; without any there is an empty root."""
        return ImageTree(lowers or [self.cloud.folder(_EMPTY)], owners)

    def _stage(self, stage: Stage, name: str) -> Stage | None:
        """The earlier stage of this name or number; None where it is no stage's."""
        for earlier in self.stages:
            if earlier is not stage and earlier.name and name.lower() == earlier.name:
                return earlier
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", name):
            return None
        number = int(name)
        if number == stage.index:
            raise ContextError(f"invalid from flag value {name}: refers to current build stage")
        if not 0 <= number < len(self.stages):
            raise ContextError(f"invalid from flag value {name}: index out of bounds")
        return self.stages[number]
