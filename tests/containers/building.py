"""A folder to build from, and what has become of it."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.builder import BuildResult
from helpers.localcloud.containers.engine import Session
from helpers.localcloud.containers.images.images import ImageStore

BASE = "node:15-alpine"


class Context:
    """A folder to build from, and the log of the last build."""

    def __init__(self, folder: Path, session: Session, cloud: Cloud) -> None:
        self.folder = folder
        self.session = session
        self.cloud = cloud
        self.log: list[str] = []

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def build(self, dockerfile: str, *, tag: str = "test:1", **options: Any) -> BuildResult:
        self.write("Dockerfile", dockerfile)
        self.log = []
        return self.session.build(self.folder, tags=[tag], log=self.log.append, **options)

    def run(self, *argv: str, image: str = "test:1", **options: Any) -> tuple[int, str]:
        lines: list[str] = []
        code = self.session.run(
            image, arguments=list(argv), log=lines.append, timeout=20, **options
        )
        assert isinstance(code, int)
        return code, "\n".join(lines)

    def entry(self, result: BuildResult, path: str) -> tuple[int, int, int]:
        """Mode, user and group of a path in the topmost layer that has it."""
        for layer in reversed(ImageStore(self.cloud).image(result.digest).layers):
            with (
                self.cloud.content.open(layer["digest"]) as file,
                tarfile.open(fileobj=file) as tar,
            ):
                if path in tar.getnames():
                    member = tar.getmember(path)
                    return member.mode, member.uid, member.gid
        raise AssertionError(path)

    def config(self, result: BuildResult) -> dict[str, Any]:
        return dict(ImageStore(self.cloud).image(result.digest).settings)
