"""The ``$filter`` of Azure Resource Manager's listings: what a listing understands, and its refusals."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import CloudError, shortened
from ..odata import Comparison, FilterError, parse_filter
from .routing import Call, invalid


def conditions(
    call: Call, fields: Collection[str], functions: Collection[str] = ()
) -> dict[str, str]:
    """The values that fields must have, by their names in lower case; functions by theirs.

    ``fields`` and ``functions`` are those that the listing understands. A function without an
    argument has the value "". Raises 400 InvalidFilterInQueryString for anything else.
    """
    text = call.query.get("$filter", "")
    try:
        found = parse_filter(text)
        wanted: dict[str, str] = {}
        for one in found:
            name = _name(one, fields, functions)
            if wanted.setdefault(name, one.value) != one.value:
                raise FilterError(f"{name} cannot have two values", f"{name} {one.operator}")
    except FilterError as error:
        known = [f"{one} eq 'value'" for one in sorted(fields)] + [
            f"{one}(…)" for one in sorted(functions)
        ]
        raise unsupported(text, error, f", joined by 'and': {', '.join(known)}") from None
    return wanted


def unsupported(text: str, error: FilterError, known: str) -> CloudError:
    """400 InvalidFilterInQueryString; ``known`` ends the sentence that tells what is understood."""
    return invalid(
        f"The filter '{shortened(text)}' is not supported at '{error.part}': {error}. The local cloud "
        f"understands here{known}.",
        "InvalidFilterInQueryString",
    )


def _name(one: Comparison, fields: Collection[str], functions: Collection[str]) -> str:
    if not one.name:
        if one.operator not in (function.lower() for function in functions):
            raise FilterError("this function is not known here", f"{one.operator}(")
        return one.operator
    if one.operator != "eq" or not one.quoted:
        raise FilterError("only comparisons with a string are", f"{one.name} {one.operator}")
    if one.name.lower() not in (field.lower() for field in fields):
        raise FilterError("this field is not known here", one.name)
    return one.name.lower()
