"""What an image was built on, as the log and a task's ``baseImageDependencies`` tell it."""

from __future__ import annotations

from dataclasses import dataclass

from ...containers.build.builder import BuildResult, BuiltStage
from ...reference import DOCKER_HUB, DOCKER_HUB_SCANNED, Reference


@dataclass(frozen=True)
class ImageName:
    """An image as the dependency scan names it."""

    registry: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, text: str, digest: str) -> ImageName:
        """The parts of an image name as written; a bare one is Docker Hub's, ``library/``.

        A name with a registry is taken as it is written: ``docker.io/node`` stays without
        ``library/`` (acb, scan/dependencies.go).
        """
        found = Reference.parse(text)
        tag = found.tag or ("" if found.digest else "latest")
        first, slash, rest = text.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            return cls(DOCKER_HUB_SCANNED, found.repository, tag, digest)
        repository = rest.partition("@")[0]
        if ":" in repository.rpartition("/")[2]:
            repository = repository.rpartition(":")[0]
        return cls(first, repository, tag, digest)

    @property
    def key(self) -> tuple[str, str, str]:
        """Registry, repository and tag in one spelling: two names of one image are equal."""
        hub = self.registry in (DOCKER_HUB_SCANNED, DOCKER_HUB)
        text = f"{DOCKER_HUB if hub else self.registry}/{self.repository}"
        found = Reference.parse(text)
        return found.registry, found.repository, self.tag

    def describe(self) -> dict[str, str]:
        """Names and values, without those that are empty."""
        parts = {
            "registry": self.registry,
            "repository": self.repository,
            "tag": self.tag,
            "digest": self.digest,
        }
        return {name: value for name, value in parts.items() if value}


@dataclass(frozen=True)
class BuildDependency:
    """One image that a step built; ``commit`` is of the source."""

    image: ImageName | None
    runtime: ImageName | None
    buildtime: tuple[ImageName, ...]
    commit: str

    def describe(self) -> dict[str, object]:
        """As the run's log shows it."""
        shown: dict[str, object] = {}
        if self.image:
            shown["image"] = self.image.describe()
        if self.runtime:
            shown["runtime-dependency"] = self.runtime.describe()
        if self.buildtime:
            shown["buildtime-dependency"] = [one.describe() for one in self.buildtime]
        shown["git"] = {"git-head-revision": self.commit} if self.commit else {}
        return shown

    def base_images(self) -> list[dict[str, str]]:
        """As ARM shows them: type RunTime or BuildTime, registry, repository, tag, digest."""
        found = [{"type": "RunTime", **self.runtime.describe()}] if self.runtime else []
        return found + [{"type": "BuildTime", **one.describe()} for one in self.buildtime]


def of_build(result: BuildResult, tags: list[str], commit: str) -> list[BuildDependency]:
    """One dependency for each tag of a build; one without an image when there is no tag."""
    runtime = _name(result.runtime)
    buildtime = tuple(name for one in result.buildtime if (name := _name(one)))
    images = [ImageName.of(tag, result.digest) for tag in tags]
    names: list[ImageName | None] = [*images] or [None]
    return [BuildDependency(name, runtime, buildtime, commit) for name in names]


def _name(stage: BuiltStage | None) -> ImageName | None:
    if stage is None or not stage.digest or stage.reference.lower() == "scratch":
        return None
    return ImageName.of(stage.reference, stage.digest)
