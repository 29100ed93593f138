"""Who a container runs as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A user as ``/etc/passwd`` of the image, or a plain number, names it."""

    uid: int
    gid: int
    name: str
    home: str
    groups: tuple[int, ...] = ()  # that it is a member of besides


class UnknownUserError(ValueError):
    """The image has no such user or group."""
