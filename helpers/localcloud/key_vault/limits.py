"""What describes a secret, and how much of it there may be.

Source: "About Azure Key Vault secrets": content type, attributes, tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CloudError

_CONTENT_TYPE, _TAGS, _TAG = 255, 15, 512  # characters, how many, characters of a name or value
_LAST_SECOND = 253402300799  # of the year 9999: clients make dates of it


def check_described(body: Mapping[str, Any]) -> None:
    """Raise 400 BadParameter for a content type, times and tags that Key Vault does not take."""
    if len(body.get("contentType") or "") > _CONTENT_TYPE:
        raise CloudError(
            400,
            "BadParameter",
            f"The secret's contentType has more than {_CONTENT_TYPE} characters.",
        )
    attributes = body.get("attributes") or {}
    for name in ("nbf", "exp"):
        if not 0 <= (attributes.get(name) or 0) <= _LAST_SECOND:
            raise CloudError(
                400, "BadParameter", f"The attribute '{name}' is no time of the years 1970 to 9999."
            )
    tags = body.get("tags") or {}
    if None in tags.values():
        raise CloudError(400, "BadParameter", "The value of a tag is a string.")
    if len(tags) > _TAGS:
        raise CloudError(400, "BadParameter", f"A secret has up to {_TAGS} tags.")
    if any(max(len(name), len(value)) > _TAG for name, value in tags.items()):
        raise CloudError(
            400, "BadParameter", f"The name or value of a tag has more than {_TAG} characters."
        )
