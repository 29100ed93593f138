"""Container registries: every *.azurecr.io, and Docker Hub under its names."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..cloud import Cloud
from ..events import ResourceDeleted
from .catalog import Catalog
from .service import service


def app(cloud: Cloud) -> ASGIApp:
    """The service for the registries' hosts."""
    catalog = Catalog(cloud)

    def forget(event: ResourceDeleted) -> None:
        if event.type.lower() == "microsoft.containerregistry/registries":
            catalog.forget_registry(event.resource_id.rsplit("/", 1)[-1].lower() + ".azurecr.io")

    cloud.events.subscribe(ResourceDeleted, forget)
    return service(cloud, catalog)
