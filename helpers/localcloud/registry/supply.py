"""Where the content of a public registry comes from when nobody has pushed it.

Who has such content registers as its supplier, so that the registry knows nothing of how images are
made. What is supplied is assembled once, by a thread of its own, and whoever asks waits for that.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Protocol

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import AZURE, DOCKER_HUB, Reference

PATIENCE = 120.0  # seconds that a pull waits for what is being assembled
Image = tuple[Path, str, str, str]


class Supplier(Protocol):
    """Whoever has images of public registries."""

    def has(self, registry: str, repository: str, tag: str) -> bool:
        """Whether it has that image; answers at once."""

    def names(self, registry: str) -> list[str]:
        """The images of a registry that it has, as people write them."""

    def provide(self, cloud: Cloud, registry: str, repository: str, tag: str) -> str:
        """Put that image into the registry; returns its digest. May take long.

        Raises :class:`CloudError` with the reason where it cannot.
        """


_suppliers: list[Supplier] = []
_lock = threading.Lock()
_going_on: dict[Image, Future[str]] = {}


def register(supplier: Supplier) -> None:
    """Ask ``supplier`` from now on, in this process."""
    _suppliers.append(supplier)


def has(registry: str, repository: str, tag: str) -> bool:
    """Whether somebody supplies that public image."""
    return any(one.has(registry, repository, tag) for one in _suppliers)


def names(registry: str) -> list[str]:
    """The images of a public registry that somebody supplies, as people write them."""
    return [name for one in _suppliers for name in one.names(registry)]


def told_of(registry: str) -> str:
    """What to do about an image of a public registry that is not here."""
    found = names(registry)
    there = f"It has stand-ins for {', '.join(found)}. " if found else ""
    if registry == DOCKER_HUB:
        return (
            f"{there}Publish your own: push any image under this name, from a shell with the local "
            "cloud's environment (python -m helpers env) or by a task"
        )
    return (
        f"{there}Publish what you need in a registry of this cloud, or under a name of docker.io, "
        "and name that one"
    )


def answers_for(reference: Reference) -> bool:
    """Whether the local cloud has the registry of an image, or somebody supplies that image."""
    server = reference.registry
    if server == DOCKER_HUB or server.endswith(AZURE):
        return True
    return has(server, reference.repository, reference.tag)


def begin(cloud: Cloud, registry: str, repository: str, tag: str) -> Future[str] | None:
    """The digest of that public image once it is assembled; None when nobody supplies it."""
    found = next((one for one in _suppliers if one.has(registry, repository, tag)), None)
    if found is None:
        return None
    image = (cloud.home, registry, repository, tag)
    return once(image, functools.partial(found.provide, cloud, *image[1:]))


def once(image: Image, work: Callable[[], str]) -> Future[str]:
    """The digest that ``work`` returns, in a thread of its own: once for all who ask meanwhile."""
    with _lock:
        if image in _going_on:
            return _going_on[image]
        coming = _going_on[image] = Future()
    arguments = (work, image, coming)
    threading.Thread(target=_work, args=arguments, name="supply", daemon=True).start()
    return coming


def wait(coming: Future[str]) -> str:
    """The digest, for a thread that may wait. Raises :class:`CloudError`: 503 where it is late."""
    try:
        return coming.result(PATIENCE)
    except FutureTimeoutError:
        raise late() from None


def late() -> CloudError:
    """503 for a pull that has waited for long enough."""
    return CloudError(
        503,
        "UNAVAILABLE",
        f"the image is still being assembled after {PATIENCE:.0f} s: try again",
        headers={"Retry-After": "5"},
    )


def _work(work: Callable[[], str], image: Image, coming: Future[str]) -> None:
    try:
        coming.set_result(work())
    except Exception as error:  # noqa: BLE001 - for whoever waits
        coming.set_exception(error)
    finally:
        with _lock:
            del _going_on[image]
