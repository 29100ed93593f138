"""Pulls the image of a container with the credentials of its group."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cloud import Cloud
from ..reference import DOCKER_HUB, DOCKER_HUB_NAMES

if TYPE_CHECKING:
    from ..reference import Reference
    from ..registry.credentials import Credential


@dataclass(frozen=True)
class PulledImage:
    """What a container needs of its image."""

    digest: str
    lowers: tuple[Path, ...]
    environment: dict[str, str]
    argv: tuple[str, ...]
    working_dir: str
    user: str
    platform: str = ""
    stop_signal: int = signal.SIGTERM
    volumes: tuple[str, ...] = ()


def check(cloud: Cloud, name: str, credentials: Sequence[dict[str, Any]]) -> None:
    """Raise what :func:`pull` would raise for an image that there is not, or that is not for all.

    Answers at once: what stands in for a public image is not assembled for that.
    """
    from ..reference import Reference
    from ..registry.client import RegistryClient

    reference = Reference.parse(name)
    RegistryClient(cloud).check(reference, _credential(cloud, reference, credentials))


def pull(cloud: Cloud, name: str, credentials: Sequence[dict[str, Any]]) -> PulledImage:
    """Pull ``name`` with the credential for its registry, if the group has one.

    Raises CloudError naming image and reason, ValueError for what is no image reference.
    """
    from ..containers.images.images import ImageStore
    from ..containers.sandboxes.container import signal_of
    from ..reference import Reference
    from ..registry.client import RegistryClient
    from .unpacking import unpack

    reference = Reference.parse(name)
    digest = RegistryClient(cloud).pull(reference, _credential(cloud, reference, credentials))
    image = ImageStore(cloud).image(digest)
    return PulledImage(
        digest=digest,
        lowers=tuple(unpack(cloud, image)),
        environment=image.env,
        argv=(*image.entrypoint, *image.command),
        working_dir=image.working_dir,
        user=image.user,
        platform=image.platform,
        volumes=image.volumes,
        stop_signal=signal_of(str(image.settings.get("StopSignal", ""))) or signal.SIGTERM,
    )


def _credential(
    cloud: Cloud, reference: Reference, credentials: Sequence[dict[str, Any]]
) -> Credential | None:
    from ..registry.credentials import Credential
    from ..registry.tokens import exchange_credential

    for item in credentials:
        if _server(str(item["server"])) != reference.registry.lower():
            continue
        if not item.get("identity"):
            return Credential(str(item["username"]), str(item["password"]))
        identity = cloud.principals.find(resource_id=str(item["identity"]))
        if identity is None:
            raise ValueError(f"the identity {item['identity']} was deleted")
        return exchange_credential(cloud, reference.registry, identity)
    return None


def _server(given: str) -> str:
    """The registry that a credential is for: people write it with scheme or slash, too."""
    server = given.removeprefix("https://").strip("/").lower()
    return DOCKER_HUB if server in DOCKER_HUB_NAMES else server
