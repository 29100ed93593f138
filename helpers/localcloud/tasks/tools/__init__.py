"""Programs that task steps call by name, provided by the local cloud: docker and az."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...cloud import Cloud
from ...containers.engine import Session
from ...principals import Principal
from ...root_folder import RootFolder


@dataclass
class ToolContext:
    """What a tool may use: the run's container host, its identity, its folders and its log."""

    session: Session
    cloud: Cloud
    identity: Principal | None
    state: Path  # what a tool keeps for later steps of the run, out of reach of their containers
    workspace: RootFolder  # the step's working directory
    environment: dict[str, str]
    log: Callable[[str], None]
    cancelled: Callable[[], bool] = lambda: False  # whether the step is to end
    registry: str = ""  # the login server of the run's registry
    error: Callable[[str], None] | None = None  # standard error, where it is kept apart

    def tell(self, text: str) -> None:
        """Print what is no result: an error, a warning."""
        (self.error or self.log)(text)
