"""Container registries: every *.azurecr.io, and Docker Hub under its names."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..cloud import Cloud
from .catalog import Catalog
from .service import service


def app(cloud: Cloud) -> ASGIApp:
    """The service for the registries' hosts."""
    return service(cloud, Catalog(cloud))
