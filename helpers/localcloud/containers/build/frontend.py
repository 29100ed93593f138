"""Which builder reads a Dockerfile: Docker's classic one, or BuildKit with a version of its syntax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import BuildError

# Go's strconv.ParseBool, which the docker command reads DOCKER_BUILDKIT with.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


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


def chosen(environment: Mapping[str, str], *, buildx: bool = False) -> Frontend:
    """The builder that ``docker build`` takes with these variables; ``buildx`` never is the classic.

    Raises :class:`BuildError` in Docker's words for a DOCKER_BUILDKIT that is no boolean.
    """
    if buildx:
        return NEWEST
    text = environment.get("DOCKER_BUILDKIT", "")
    if not text:
        return CLASSIC
    if text not in _BOOLEANS:
        raise BuildError(
            "DOCKER_BUILDKIT environment variable expects boolean value: "
            f'strconv.ParseBool: parsing "{text}": invalid syntax'
        )
    return BUILDKIT if _BOOLEANS[text] else CLASSIC
