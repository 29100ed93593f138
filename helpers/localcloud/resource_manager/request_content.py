"""The body of a request to Azure Resource Manager as it reads it: JSON, and a little more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CloudError, shortened
from ..lenient_json import strict
from ..request_body import parse_json


def parse(content: bytes) -> dict[str, Any]:
    """The object that a body is, {} where there is none. Raises 400 InvalidRequestContent."""
    if not content.strip():
        return {}
    try:
        parsed = parse_json(content)
    except ValueError as error:
        parsed = _parse_leniently(content, str(error))
    if not isinstance(parsed, dict):
        raise _invalid("The request content was invalid: expected a JSON object.")
    return parsed


def check_type(given: str | None, content: bytes) -> None:
    """Raise 415 UnsupportedMediaType for a body that is sent as anything but JSON."""
    if given is None:  # nobody says what it is: it is looked at
        return
    media_type = given.partition(";")[0].strip().lower()
    if content.strip() and not media_type.endswith(("/json", "+json")):
        raise CloudError(
            415,
            "UnsupportedMediaType",
            f"The content media type '{shortened(media_type) or '<null>'}' is not supported. Only "
            "'application/json' is supported.",
        )


def check_identity(body: Mapping[str, Any], path: str, type: str) -> None:
    """Raise 400 where ``id``, ``name`` or ``type`` of a body are not those of the resource at ``path``.

    A client may send back what it has read of a resource, and not what it has read of another one.
    """
    words = ("id", "name", "type")
    told = {key.lower(): str(body[key]) for key in body if key.lower() in words and body[key]}
    given = {name: value.lower() for name, value in told.items()}
    place = path.lower()
    name = place.rpartition("/")[2]
    kinds = place.rpartition("/providers/")[2].split("/")[2::2]
    if given.get("name", name) not in (name, "/".join(kinds)):
        raise CloudError(
            400,
            "MismatchingResourceName",
            f"The provided resource name '{shortened(told['name'])}' did not match the name in "
            f"the Url '{path.rpartition('/')[2]}'.",
        )
    known = {"type": type.lower()} if "/" in type else {}
    if not type.startswith("Microsoft.Authorization/"):  # of which one id is told at many scopes
        known["id"] = place
    for word, wanted in known.items():
        if given.get(word, wanted) != wanted:
            raise _invalid(
                f"The request content was invalid: '{word}' is '{shortened(told[word])}', and the "
                f"request is about '{path}'."
            )


def _parse_leniently(content: bytes, refusal: str) -> Any:
    """What is no JSON, as ARM takes it; what a strict reader says where that is nothing, either."""
    try:
        return parse_json(strict(content.decode("utf-8-sig")).encode())
    except ValueError:
        raise _invalid(
            f"The request content was invalid and could not be parsed: {refusal}"
        ) from None


def _invalid(message: str) -> CloudError:
    return CloudError(400, "InvalidRequestContent", message)
