"""GitHub as far as this workflow needs it: smart HTTP for git, and the calls around a repository."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Host
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..threads import Threads
from .repositories import Repositories
from .rest import rest
from .smart_http import smart_http


def app(cloud: Cloud) -> ASGIApp:
    """The service for github.com and api.github.com."""
    repositories = Repositories(cloud)
    threads = Threads(cloud.store)
    repositories.recover()
    return Starlette(
        routes=[
            Host("api.github.com", rest(cloud, repositories, threads)),
            Host("{host:path}", smart_http(cloud, repositories, threads)),
        ]
    )
