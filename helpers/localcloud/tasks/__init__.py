"""Stub, to be replaced."""

from __future__ import annotations

from ..cloud import Cloud


class Worker:
    """Does nothing yet."""

    def stop(self) -> None:
        """Stop."""


def start(cloud: Cloud) -> Worker:
    """Start the worker."""
    return Worker()
