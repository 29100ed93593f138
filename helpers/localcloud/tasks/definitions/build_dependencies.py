"""What an image was built on, as the log and a task's ``baseImageDependencies`` tell it."""

from __future__ import annotations

from dataclasses import dataclass

from .image_names import ImageName


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
