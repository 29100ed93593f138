"""The paths of operations as templates, /subscriptions/{subscription}/…, and what requests make of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping

from ..errors import CloudError

_ROOTS = ("subscriptions", "providers", "tenants")  # what every path of ARM begins with
_PARAMETER = re.compile(r"\{(\w+)\}")


def pattern_of(template: str) -> re.Pattern[str]:
    """What matches the paths of a template, with a group for each name; without case, as ARM does."""
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
        for index, part in enumerate(_PARAMETER.split(template))
    )
    return re.compile(pattern, re.IGNORECASE)


def is_of_resource(template: str) -> bool:
    """Whether it names a resource itself, and no action on it or listing below it."""
    return template.endswith("}") and template.rpartition("/")[2] not in ("{action}", "{kind}")


def resource_of(template: str, params: Mapping[str, str]) -> str:
    """The id of the resource itself, or of what an action or a listing belongs to; "" for none."""
    place = template if is_of_resource(template) else template.rpartition("/")[0]
    return _PARAMETER.sub(lambda name: params[name[1]], place)


@functools.cache
def parent_of(template: str, type: str) -> str:
    """The template of what a resource of ``type`` is below: registries/{registry} of its tasks.

    "" for a resource of a group, and for what may be below a resource of any type.
    """
    head, provider, rest = template.rpartition("/providers/")
    if type.count("/") < 2 or "{" in type:
        return ""
    return head + provider + "/".join(rest.split("/")[:3])


def operation_name(path: str) -> str:
    """The path without what is particular to one subscription: type and action remain."""
    words = path.strip("/").split("/")
    lowered = [word.lower() for word in words]
    if "providers" in lowered:
        start = len(lowered) - lowered[::-1].index("providers")
        return "/".join([words[start], *words[start + 1 :: 2]]) if words[start:] else path
    return "/".join(["", *words[:1], *words[2::2]])


def no_operation(method: str, path: str, others: Collection[str]) -> CloudError:
    """What is said where there is no operation: 501, or 404 of a path that is nowhere, in ARM's words.

    ``others`` are the methods that the path has.
    """
    if path.strip("/").split("/")[0].lower() not in _ROOTS:
        return CloudError(
            404,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.",
        )
    has = f" (of this resource it has {', '.join(sorted(others))})" if others else ""
    return CloudError.not_implemented(f"{method} {operation_name(path)}{has}")
