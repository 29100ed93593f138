"""What can go wrong with a container, a build or a layer: foreseeable, and told to who asked."""

from __future__ import annotations

from ..errors import CloudError


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message says why and what to do."""


class BuildError(CloudError):
    """A Dockerfile cannot be read or built; the text names file, line and instruction."""

    def __init__(self, message: str, exit_status: int = 1) -> None:
        super().__init__(400, "BuildFailed", message)
        self.exit_status = exit_status


class LayerError(BuildError):
    """A layer that is damaged, writes outside its root or holds what a layer may not hold."""
