"""What a PATCH may change of a repository, a tag or a manifest: its four attributes.

Source: azure-rest-api-specs, Azure.ContainerRegistry data plane 2021-07-01, ChangeableAttributes.
"""

from __future__ import annotations

import re

import msgspec

from ..errors import CloudError
from ..request_body import parse_json
from .entries import ATTRIBUTES

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_WRONG = re.compile(r"Expected .* - at `\$\.(?P<name>\w+)`", re.DOTALL)


class ChangeableAttributes(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body of the request: what is missing, or null, stays as it is."""

    delete_enabled: bool | None = None
    list_enabled: bool | None = None
    read_enabled: bool | None = None
    write_enabled: bool | None = None
    quarantine_state: str | None = None
    quarantine_details: str | None = None


def read(body: bytes) -> dict[str, bool]:
    """The attributes that a request's body gives a value.

    Raises 400 UNSUPPORTED that names what is no attribute, or neither true nor false; 501 for the
    marks of a quarantine, which the local cloud does not have.
    """
    try:
        given = parse_json(body or b"{}")
        changes = msgspec.convert(given, ChangeableAttributes)
    except msgspec.ValidationError as error:
        match = _UNKNOWN.fullmatch(str(error)) or _WRONG.fullmatch(str(error))
        if match is None:
            raise _unsupported("the body must be a JSON object of attributes") from None
        raise _unsupported(f"{match['name']} cannot be changed") from None
    except ValueError as error:
        raise _unsupported(
            f"the body must be a JSON object of attributes, and is no JSON: {error}"
        ) from None
    for name in ("quarantineState", "quarantineDetails"):
        if isinstance(given, dict) and given.get(name) is not None:
            raise CloudError.not_implemented(f"the attribute {name} of a registry")
    found = msgspec.to_builtins(changes)
    return {name: found[name] for name in ATTRIBUTES if found[name] is not None}


def _unsupported(what: str) -> CloudError:
    return CloudError(
        400, "UNSUPPORTED", f"{what}; attributes are {', '.join(ATTRIBUTES)}, true or false"
    )
