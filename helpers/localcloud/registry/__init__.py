"""Stub, to be replaced."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from ..cloud import Cloud


def app(cloud: Cloud) -> ASGIApp:
    """Answers nothing yet."""
    return Starlette()
