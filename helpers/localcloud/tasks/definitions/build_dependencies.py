"""What an image was built on, as the log and a task's ``baseImageDependencies`` tell it."""

from __future__ import annotations

from dataclasses import dataclass

from .image_names import SCRATCH, ImageName


@dataclass(frozen=True)
class BuildDependency:
    """One image that a step built; ``commit`` is of the source."""

    image: ImageName | None
    runtime: ImageName | None
    buildtime: tuple[ImageName, ...]
    commit: str

    def describe(self) -> dict[str, object]:
        """As the run's log shows it."""
        shown = self._names(reference=False)
        shown["git"] = {"git-head-revision": self.commit} if self.commit else {}
        return shown

    def describe_scan(self) -> dict[str, object]:
        """As the scan itself prints it, with the names that Docker is asked for."""
        return self._names(reference=True)

    def _names(self, *, reference: bool) -> dict[str, object]:
        shown: dict[str, object] = {}
        if self.image:
            shown["image"] = self.image.describe(reference=reference)
        if self.runtime:
            shown["runtime-dependency"] = self.runtime.describe(reference=reference)
        if self.buildtime:
            shown["buildtime-dependency"] = [
                one.describe(reference=reference) for one in self.buildtime
            ]
        return shown

    def base_images(self) -> list[dict[str, str]]:
        """As ARM shows them: type RunTime or BuildTime, registry, repository, tag, digest."""
        named = [("RunTime", self.runtime), *(("BuildTime", one) for one in self.buildtime)]
        return [
            {"type": kind, **one.describe()}
            for kind, one in named
            if one is not None and one.reference != SCRATCH
        ]
