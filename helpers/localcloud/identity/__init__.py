"""Entra ID's login, the managed-identity endpoints, and the part of Graph that az ad asks."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Host
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..threads import Threads
from .graph import graph
from .login import login
from .managed_identity import managed_identity


def app(cloud: Cloud) -> ASGIApp:
    """The service for login.microsoftonline.com, graph.microsoft.com and 169.254.169.254."""
    threads = Threads(cloud.store)
    return Starlette(
        routes=[
            Host("graph.microsoft.com", graph(cloud, threads)),
            Host("169.254.169.254", managed_identity(cloud, threads)),
            Host("{host:path}", login(cloud, threads)),
        ]
    )
