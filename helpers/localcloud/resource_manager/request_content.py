"""The body of a request to Azure Resource Manager as it reads it: JSON, and a little more."""

from __future__ import annotations

from typing import Any

from ..errors import CloudError
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
