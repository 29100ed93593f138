"""Azure Blob Storage, as far as registries use it: run logs to read, sources to upload."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..cloud import Cloud
from .service import BlobService


def app(cloud: Cloud) -> ASGIApp:
    """The service for the requests to ``*.blob.core.windows.net``."""
    return BlobService(cloud).app()
