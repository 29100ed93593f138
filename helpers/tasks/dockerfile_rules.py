"""Rules of ``task lint`` for Dockerfiles: what the scan, the builder and triggers make of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..localcloud.containers.build.dockerfile import Dockerfile, Instruction, parse
from ..localcloud.containers.build.frontend import NEWEST
from ..localcloud.containers.build.operands import CLASSIC_FLAGS
from ..localcloud.containers.build.plan import origins
from ..localcloud.containers.errors import BuildError
from ..localcloud.containers.images.stand_in import StandIns
from ..localcloud.reference import AZURE, DOCKER_HUB, InvalidReferenceError, Reference
from ..localcloud.tasks.definitions.dependency_scan import ScanError, bases, dependencies
from ..localcloud.tasks.definitions.image_names import SCRATCH, ImageName, normalized
from .findings import ERROR, WARNING, Finding

UNKNOWN = "unset0value"  # stands for a value that only the run will have
_PLATFORM = re.compile(r"\$\{?((?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT))\b", re.ASCII)
_PLACE = re.compile(r"[^:\n]*:(\d+): ")
_BARE = re.compile(r"^\s*ARG\s+([A-Za-z_]\w*)\s*$", re.IGNORECASE | re.MULTILINE | re.ASCII)
_ON = "Set it in the step: env: [DOCKER_BUILDKIT=1]; or write it without"


@dataclass(frozen=True)
class Build:
    """How a Dockerfile is built: what a step says, or nothing that is known."""

    build_args: Sequence[str] = ()
    target: str = ""
    buildkit: bool = False
    known: bool = False  # whether a step of a task file builds it
    ignored: frozenset[str] = frozenset()  # images that the task makes itself
    stage: str = ""  # the target as docker reads it
    contexts: frozenset[str] = frozenset()  # names of --build-context


def check(file: str, data: bytes, build: Build) -> Iterator[Finding]:
    """Everything that the rules find in one Dockerfile."""
    text = data.decode(errors="replace")
    args = list(build.build_args)
    if not build.known:  # whoever builds it gives what has no default
        args += [f"{name}={UNKNOWN}" for name in _BARE.findall(text)]
    yield from _scan(file, data, args, build)
    try:
        parsed = parse(text, file, NEWEST)
    except BuildError as error:
        place = _PLACE.match(error.message)
        line = int(place[1]) if place else 1
        told = error.message[place.end() :] if place else error.message
        yield Finding(
            *(file, line, 1, ERROR, "dockerfile-refused"),
            f"the builder refuses it: {told.rstrip('.')}",
            "Correct the line and lint again: of the rest nothing was looked at yet",
        )
        return
    yield from _stages(file, parsed, build)
    if not build.buildkit:
        yield from _buildkit(file, text, parsed)


def _scan(file: str, data: bytes, args: Sequence[str], build: Build) -> Iterator[Finding]:
    try:
        found = bases(data, args, build.target)
        [first] = dependencies(found)
    except ScanError as error:
        if UNKNOWN in str(error):
            return
        yield Finding(
            *(file, error.line or 1, 1, ERROR, "scan-refuses"),
            f"the dependency scan of ACR Tasks ends the run here: {error}",
            error.advice,
        )
        return
    line = max(found.line, 1)
    runtime = first.runtime
    assert runtime is not None
    yield from _unwatched(file, line, runtime)
    for name in (runtime, *first.buildtime):
        if name.reference not in build.ignored:
            yield from missing(file, (line, 1), name.reference)


def _unwatched(file: str, line: int, name: ImageName) -> Iterator[Finding]:
    why = ""
    if UNKNOWN in name.reference or name.reference == SCRATCH:
        return
    if name.digest:
        why = "it is named by its digest, which never changes"
    elif ":" in name.repository:
        why = "the scan takes its registry, which has a port and no dot, for a part of Docker Hub's name"
    elif not _is_watched(name.registry):
        why = f"{name.registry} tells ACR Tasks of no update"
    if why:
        yield Finding(
            *(file, line, 1, WARNING, "base-image-unwatched"),
            f"no base-image trigger can watch {name.reference}: {why}",
            "Build on a tag in an Azure registry, on Docker Hub or on mcr.microsoft.com, or import it",
        )


def _is_watched(registry: str) -> bool:
    name = registry.lower()
    return name.endswith((AZURE, "mcr.microsoft.com", "docker.io", "registry.hub.docker.com"))


def missing(file: str, place: tuple[int, int], image: str) -> Iterator[Finding]:
    """A warning for an image of a public registry that this machine has not got."""
    try:
        name = Reference.parse(image)
    except InvalidReferenceError:
        return
    public = not name.registry.endswith(AZURE)
    here = image == SCRATCH or StandIns().has(name.registry, name.repository, name.tag)
    if public and not here and UNKNOWN not in image:
        hub = name.registry == DOCKER_HUB
        yield Finding(
            *(file, *place, WARNING, "image-not-here"),
            f"the local cloud has no {name.familiar}, and cannot reach "
            f"{'Docker Hub' if hub else name.registry}: a rehearsal will fail, Azure will not",
            "Push an image of this name into the local cloud first"
            if hub
            else "Publish it in a registry of the local cloud, and name that one in the rehearsal",
        )


def _stages(file: str, parsed: Dockerfile, build: Build) -> Iterator[Finding]:
    """Images that are no base of a stage, which the scan does not see; and a target that is none."""
    stages: list[str] = []
    for one in parsed.instructions:
        if one.name == "FROM":
            stages.append(one.stage_name)
        for source in origins(one):
            name = source.lower()
            known = name in stages or name.isdigit() or name in build.contexts
            if not known and "$" not in name and normalized(source) not in build.ignored:
                yield from missing(file, (one.line, 1), source)
    if build.stage and build.stage.lower() not in stages and UNKNOWN not in build.stage:
        yield Finding(
            *(file, 1, 1, ERROR, "target-missing"),
            f"the file has no stage '{build.stage}': the scan of ACR Tasks passes over it, and docker "
            f"ends with: failed to reach build target {build.stage} in Dockerfile",
            f"Name one of its stages: {', '.join(filter(None, stages)) or 'it has none with a name'}",
        )


def _buildkit(file: str, text: str, parsed: Dockerfile) -> Iterator[Finding]:
    for one in parsed.instructions:
        for what in _needs(one):
            yield Finding(
                *(file, one.line, 1, ERROR, "buildkit-off"),
                f"{what} needs BuildKit, and ACR Tasks builds with Docker's classic builder",
                _ON,
            )
        used = _PLATFORM.search(one.rest)
        if used and one.name != "FROM" and not _declared(parsed, used[1]):
            yield Finding(
                *(file, one.line, 1, WARNING, "platform-argument-empty"),
                f"{used[1]} is empty: Docker's classic builder sets no platform arguments",
                f"{_ON}, or give it: --build-arg {used[1]}=…",
            )
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    if re.match(r"#\s*syntax\s*=", first):
        yield Finding(
            *(file, 1, 1, WARNING, "syntax-ignored"),
            "Docker's classic builder ignores the line with syntax",
            _ON,
        )


def _needs(one: Instruction) -> Iterator[str]:
    classic = CLASSIC_FLAGS.get(one.name, set())
    yield from (f"{one.name} --{flag}" for flag in one.flags if flag not in classic)
    if one.here_documents:
        yield "a here-document"


def _declared(parsed: Dockerfile, name: str) -> bool:
    """Whether an ARG gives it a value of its own."""
    return any(one.name == "ARG" and f"{name}=" in one.rest for one in parsed.instructions)
