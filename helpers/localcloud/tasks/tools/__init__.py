"""Programs that task steps call by name, provided by the local cloud: docker and az."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...cloud import Cloud
from ...containers.engine import Session
from ...containers.sandboxes.container import Mount
from ...identities import Identities
from ...root_folder import RootFolder
from .volumes import Volumes

Log = Callable[[str], None]


class ToolImages(Protocol):
    """The images that the local cloud has programs for, as the steps of one run use them."""

    def call(self, words: list[str]) -> tuple[str, list[str]] | None:
        """The tool and its words, where an image and its command are nothing but a call of it."""

    def run(
        self, tool: str, words: list[str], environment: Mapping[str, str], directory: str, log: Log
    ) -> int:
        """Run a tool in ``directory`` of the workspace; its exit status."""

    def build(
        self, words: list[str], environment: Mapping[str, str], directory: str, log: Log
    ) -> int:
        """``docker build`` in ``directory`` of the workspace; its exit status."""

    def mount(self, image: str, environment: Mapping[str, str], network: str) -> list[Mount]:
        """What lets a container of ``image`` call the tools that its image has."""


@dataclass
class ToolContext:
    """What a tool may use: the run's container host, its identities, its folders and its log."""

    session: Session
    cloud: Cloud
    identities: Identities
    state: Path  # what a tool keeps for later steps of the run, out of reach of their containers
    workspace: RootFolder  # /workspace of the step
    environment: dict[str, str]
    log: Log
    tools: ToolImages
    volumes: Volumes  # those with names that ``docker`` knows
    cancelled: Callable[[], bool] = lambda: False  # whether the step is to end
    registry: str = ""  # the login server of the run's registry
    error: Log | None = None  # standard error, where it is kept apart
    directory: str = ""  # the working directory, in the workspace
    downloads: Callable[[str, Log], str] | None = None  # how the step pulls an image

    def pull(self, image: str, log: Log) -> str:
        """Pull an image as often as the step says; its digest. Raises :class:`CloudError`."""
        return (self.downloads or self.session.pull)(image, log)

    def tell(self, text: str) -> None:
        """Print what is no result: an error, a warning."""
        (self.error or self.log)(text)
