"""The ``$filter`` of the list of all resources.

Source: REST reference, "Resources - List": eq and ne of some properties, substringof of names, tags by
name and value, joined by ``and``, and by ``or``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..odata import Comparison, FilterError, parse_alternatives
from ..store import Resource
from .filters import unsupported
from .routing import Call

_PROPERTIES: Mapping[str, Callable[[Resource], str]] = {
    "resourcetype": lambda one: one.type,
    "name": lambda one: one.name,
    "resourcegroup": lambda one: one.resource_group,
    "location": lambda one: str(one.body.get("location", "")),
    "identity/principalid": lambda one: str(
        (one.body.get("identity") or {}).get("principalId", "")
    ),
}
_PARTS = ("name", "resourcegroup")
_TAGS = ("tagname", "tagvalue")
_KNOWN = (
    "resourceType, name, resourceGroup, location and identity/principalId eq or ne 'value', "
    "substringof('value', name or resourceGroup), startswith(tagName, 'value'), tagName eq 'value', "
    "tagValue eq 'value', joined by 'and' and by 'or'"
)


class ResourceFilter:
    """Which resources a request wants; ``only`` is what all of them have, by the property's name."""

    def __init__(self, call: Call) -> None:
        """Read the filter of a request. Raises 400 InvalidFilterInQueryString."""
        text = call.query.get("$filter", "")
        try:
            self._alternatives = parse_alternatives(text)
            for found in self._alternatives:
                _check(found)
        except FilterError as error:
            raise unsupported(text, error, f": {_KNOWN}") from None
        first = self._alternatives[0] if len(self._alternatives) == 1 else []
        self.only = {one.name.lower(): one.value for one in first if one.operator == "eq"}

    def fits(self, resource: Resource) -> bool:
        """Whether the request wants it."""
        return not self._alternatives or any(_fits(resource, one) for one in self._alternatives)


def tagged(resource: Resource, wanted: Mapping[str, str]) -> bool:
    """Whether a resource has the tag of ``tagname`` (any case) and ``tagvalue``."""
    tags = {name.lower(): value for name, value in (resource.body.get("tags") or {}).items()}
    if "tagname" not in wanted:
        return "tagvalue" not in wanted or wanted["tagvalue"] in tags.values()
    value = tags.get(wanted["tagname"].lower())
    return value is not None and wanted.get("tagvalue", value) == value


def _check(found: Sequence[Comparison]) -> None:
    """Raise for a comparison that the listing does not understand."""
    wanted: dict[str, str] = {}
    for one in found:
        name, operator = one.name.lower(), one.operator
        known = {
            "eq": (*_PROPERTIES, *_TAGS),
            "ne": tuple(_PROPERTIES),
            "substringof": _PARTS,
            "startswith": ("tagname",),
        }.get(operator, ())
        if not one.quoted or name not in known:
            raise FilterError("this comparison is not known here", f"{one.name} {operator}".strip())
        if operator == "eq" and wanted.setdefault(name, one.value) != one.value:
            raise FilterError(f"{name} cannot have two values", f"{name} {operator}")


def _fits(resource: Resource, found: Sequence[Comparison]) -> bool:
    tags = {one.name.lower(): one.value for one in found if one.operator == "eq"}
    return tagged(resource, tags) and all(_holds(resource, one) for one in found)


def _holds(resource: Resource, one: Comparison) -> bool:
    name, wanted = one.name.lower(), one.value.lower()
    if one.operator == "startswith":
        return any(tag.lower().startswith(wanted) for tag in resource.body.get("tags") or {})
    if name in _TAGS:
        return True  # the two belong together
    value = _PROPERTIES[name](resource).lower()
    if one.operator == "substringof":
        return wanted in value
    if name == "location":
        wanted = wanted.replace(" ", "")
    return (value == wanted) is (one.operator == "eq")
