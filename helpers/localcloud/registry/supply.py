"""Where the content of a public registry comes from when nobody has pushed it: stand-in images."""

from __future__ import annotations

from ..cloud import Cloud
from ..errors import CloudError


def supply(cloud: Cloud, registry: str, repository: str, tag: str) -> str | None:
    """The digest of the stand-in for a public image, assembled when needed; None without one.

    Raises 500 with the reason when this machine cannot assemble it.
    """
    from ..containers.errors import SandboxError
    from ..containers.images.stand_in import provide

    try:
        return provide(cloud, registry, repository, tag)
    except SandboxError as error:
        raise CloudError(500, "UNKNOWN", str(error)) from None
