"""What a build by BuildKit is given beside its context: secrets and named contexts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...root_folder import RootFolder


@dataclass(frozen=True)
class Resources:
    """``contexts`` are those of ``--build-context``: a folder, or the name of an image.

    The values of ``secrets`` are in no layer, no log and no cache key.
    """

    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    contexts: Mapping[str, RootFolder | str] = field(default_factory=dict)


NOTHING = Resources()
