"""GitHub as far as this workflow needs it: smart HTTP for git, calls around a repository, its files."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Host
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..threads import Threads
from .files import RAW_HOST
from .raw import raw
from .repositories import Repositories
from .rest import rest
from .smart_http import smart_http


def app(cloud: Cloud) -> ASGIApp:
    """The service for github.com, api.github.com and raw.githubusercontent.com."""
    repositories = Repositories(cloud)
    threads = Threads(cloud.store)
    repositories.recover()
    return Starlette(
        routes=[
            Host("api.github.com", rest(cloud, repositories, threads)),
            Host(RAW_HOST, raw(cloud, repositories, threads)),
            Host("{host:path}", smart_http(cloud, repositories, threads)),
        ]
    )
