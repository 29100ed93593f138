"""What a PATCH may change of a repository, a tag or a manifest: its attributes.

Source: azure-rest-api-specs, Azure.ContainerRegistry data plane 2021-07-01, ChangeableAttributes; of the
marks of a manifest 2019-08-15-preview, ManifestChangeableAttributes, and Azure/acr docs/preview/quarantine.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..errors import CloudError, shortened
from ..request_body import parse_json
from .entries import ATTRIBUTES, Attributes
from .quarantine import DETAILS, FAILED, PASSED, STATE

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_WRONG = re.compile(r"Expected .* - at `\$\.(?P<name>\w+)`", re.DOTALL)
_LARGEST = 64 * 1024  # bytes of details: every pull of the manifest reads them


class ChangeableAttributes(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body of the request: what is missing, or null, stays as it is."""

    delete_enabled: bool | None = None
    list_enabled: bool | None = None
    read_enabled: bool | None = None
    write_enabled: bool | None = None


class ManifestAttributes(ChangeableAttributes):
    """A manifest has the marks of a quarantine, too."""

    quarantine_state: str | None = None
    quarantine_details: str | None = None


def read(body: bytes) -> Attributes:
    """The attributes of a repository or a tag that a request's body gives a value.

    Raises 400 UNSUPPORTED that names what is no attribute, or neither true nor false.
    """
    return _read(body, ChangeableAttributes, "")


def read_of_manifest(body: bytes) -> Attributes:
    """The attributes of a manifest, with the marks of a quarantine, that a body gives a value.

    Raises 400 UNSUPPORTED that names what is no attribute, or what its value must be.
    """
    marks = f"; {STATE} is {PASSED} or {FAILED}, {DETAILS} a JSON object as a text"
    found = _read(body, ManifestAttributes, marks)
    state, details = found.get(STATE), found.get(DETAILS)
    if state not in (None, PASSED, FAILED):
        raise _unsupported(f"{STATE} cannot be {shortened(str(state))!r}", marks)
    if isinstance(details, str):
        _check_details(details, marks)
    return found


def _check_details(details: str, marks: str) -> None:
    content = details.encode()
    if len(content) > _LARGEST:
        raise _unsupported(
            f"{DETAILS} has {len(content)} bytes, at most {_LARGEST} are kept", marks
        )
    try:
        parsed = parse_json(content)
    except ValueError as error:
        raise _unsupported(f"{DETAILS} is no JSON: {error}", marks) from None
    if not isinstance(parsed, dict):
        raise _unsupported(f"{DETAILS} is JSON, but no object", marks)


def _read(body: bytes, model: type[ChangeableAttributes], marks: str) -> Attributes:
    try:
        changes = msgspec.convert(parse_json(body or b"{}"), model)
    except msgspec.ValidationError as error:
        match = _UNKNOWN.fullmatch(str(error)) or _WRONG.fullmatch(str(error))
        if match is None:
            raise _unsupported("the body must be a JSON object of attributes", marks) from None
        raise _unsupported(f"{match['name']} cannot be changed", marks) from None
    except ValueError as error:
        raise _unsupported(
            f"the body must be a JSON object of attributes, and is no JSON: {error}", marks
        ) from None
    found: dict[str, Any] = msgspec.to_builtins(changes)
    return {name: value for name, value in found.items() if value is not None}


def _unsupported(what: str, marks: str) -> CloudError:
    return CloudError(
        400, "UNSUPPORTED", f"{what}; attributes are {', '.join(ATTRIBUTES)}, true or false{marks}"
    )
