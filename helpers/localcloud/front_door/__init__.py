"""The front door: an HTTP CONNECT proxy on loopback that answers for Azure's real host names."""

from .server import FrontDoor

__all__ = ["FrontDoor"]
