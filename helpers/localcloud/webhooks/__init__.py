"""Webhooks of registries: a worker that tells their receivers what has happened."""

from __future__ import annotations

from ..cloud import Cloud
from .worker import Worker

__all__ = ["Worker", "start"]


def start(cloud: Cloud) -> Worker:
    """Start the worker, with what the daemon before this one has not delivered."""
    worker = Worker(cloud)
    worker.start()
    return worker
