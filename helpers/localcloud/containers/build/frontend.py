"""Which builder reads a Dockerfile: Docker's classic one, or BuildKit with a version of its syntax."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...go_literals import boolean
from ..errors import BuildError


@dataclass(frozen=True)
class Frontend:
    """A reader of Dockerfiles; ``version`` is BuildKit's, like (1, 5); None is the classic builder.

    ``labs`` says whether its experimental forms are understood, too (``docker/dockerfile:1-labs``).
    """

    version: tuple[int, int] | None = None
    labs: bool = False

    @property
    def buildkit(self) -> bool:
        """Whether BuildKit builds."""
        return self.version is not None

    def has(self, major: int, minor: int) -> bool:
        """Whether it is BuildKit with at least this version of the Dockerfile syntax."""
        return self.version is not None and self.version >= (major, minor)


CLASSIC = Frontend()
# What Docker 23, which the agents of ACR Tasks report, has built in.
BUILDKIT = Frontend((1, 5))
# What ``docker/dockerfile:1`` and a builder that buildx has started are.
NEWEST = Frontend((1, 20))
_IMAGE = re.compile(
    r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?"
    r"(?::(?:(\d+)(?:\.(\d+)(?:\.\d+)?)?|latest|master|labs)?(-?(?:labs|experimental))?)?"
    r"(?:@sha256:[0-9a-f]{64})?"
)
# Flags of instructions, and since which version of BuildKit's syntax they are understood: first
# everywhere, then in the labs (Dockerfile release notes; 1.20 for what never left the labs).
_FLAGS: dict[str, dict[str, tuple[tuple[int, int], tuple[int, int]]]] = {
    "FROM": {"platform": ((1, 0), (1, 0))},
    "COPY": {
        "from": ((1, 0), (1, 0)),
        "chown": ((1, 0), (1, 0)),
        "chmod": ((1, 2), (1, 2)),
        "link": ((1, 4), (1, 4)),
        "parents": ((1, 20), (1, 7)),
        "exclude": ((1, 19), (1, 7)),
    },
    "ADD": {
        "chown": ((1, 0), (1, 0)),
        "chmod": ((1, 2), (1, 2)),
        "link": ((1, 4), (1, 4)),
        "keep-git-dir": ((1, 5), (1, 5)),
        "checksum": ((1, 6), (1, 5)),
        "exclude": ((1, 19), (1, 7)),
        "unpack": ((1, 17), (1, 17)),
    },
    "RUN": {
        "mount": ((1, 2), (1, 0)),
        "network": ((1, 3), (1, 1)),
        "security": ((1, 20), (1, 1)),
        "device": ((9, 0), (1, 14)),
    },
    "HEALTHCHECK": {
        **dict.fromkeys(("interval", "timeout", "start-period", "retries"), ((1, 0), (1, 0))),
        "start-interval": ((1, 6), (1, 6)),
    },
}


def buildkit_flags(frontend: Frontend, instruction: str) -> set[str]:
    """Names of the flags that BuildKit understands of an instruction in this version."""
    found = _FLAGS.get(instruction, {})
    return {name for name, since in found.items() if frontend.has(*since[frontend.labs])}


def of_syntax(image: str, default: Frontend) -> Frontend:
    """The frontend that ``# syntax=IMAGE`` names; the version is that of its tag.

    Raises :class:`BuildError` for an image that is no ``docker/dockerfile``: no frontend can be
    pulled here.
    """
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise BuildError(
            f"failed to solve with frontend gateway.v0: {image}: the local cloud runs no frontend "
            "from an image. It understands docker/dockerfile and its versions: name one of them"
        )
    labs = "labs" in image.partition(":")[2] or "experimental" in image
    if found[1] is None:
        return Frontend(NEWEST.version, labs)
    if found[1] != "1":
        raise BuildError(
            f"failed to solve with frontend gateway.v0: docker.io/{image}: not found. The local "
            "cloud understands versions 1.0 to 1.20 of docker/dockerfile"
        )
    minor = int(found[2]) if found[2] else 0
    if NEWEST.version is None or minor > NEWEST.version[1]:
        raise BuildError(
            f"the local cloud does not know {image} yet: it understands docker/dockerfile up to "
            "1.20. Name that one, or build on Azure"
        )
    version = (1, minor) if found[2] else NEWEST.version
    return Frontend(version, labs) if default.buildkit else default


def chosen(environment: Mapping[str, str], *, buildx: bool = False) -> Frontend:
    """The builder that ``docker build`` takes with these variables; ``buildx`` never is the classic.

    Raises :class:`BuildError` in Docker's words for a DOCKER_BUILDKIT that is no boolean.
    """
    if buildx:
        return NEWEST
    text = environment.get("DOCKER_BUILDKIT", "")
    if not text:
        return CLASSIC
    wanted = boolean(text)
    if wanted is None:
        raise BuildError(
            "DOCKER_BUILDKIT environment variable expects boolean value: "
            f'strconv.ParseBool: parsing "{text}": invalid syntax'
        )
    return BUILDKIT if wanted else CLASSIC
