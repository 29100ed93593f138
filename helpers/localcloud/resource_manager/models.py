"""What an operation understands of a request's body: a typed model, read once for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ..errors import CloudError

M = TypeVar("M", bound="Model")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<kind>[a-z]+)(?: \| null)?`, got `\w+`")
_WORDS = {
    **{"object": "an object", "array": "a list", "str": "a string", "bool": "true or false"},
    **{"int": "an integer", "float": "a number"},
}


class Model(msgspec.Struct, rename="camel", kw_only=True):
    """The properties that an operation understands, by the names that they have in Azure's SDKs.

    Every one may be missing or null, so its type ends in ``| None = None``: what is required, the
    operation says. One that Azure has and the local cloud lacks is declared as :class:`Lacking`;
    any other is ignored, as Azure Resource Manager does.
    """


class Lacking:
    """The type of a property that Azure has and the local cloud does not: 501, unless it is null."""


def read(model: type[M], body: Mapping[str, Any], operation: str) -> M:
    """The body of a request to ``operation`` (``registries/importImage``) as its model.

    Raises 400 InvalidRequestContent that names a property of another type and what it must be,
    501 that names a property that the local cloud lacks.
    """
    try:
        return msgspec.convert(body, model, dec_hook=_refuse)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        what, path = match.group("what", "path") if match else (str(error), "")
    if what == Lacking.__name__:
        raise CloudError.not_implemented(f"the property '{path}' of {operation}")
    expected = _EXPECTED.fullmatch(what)
    needed = f"must be {_WORDS[expected['kind']]}." if expected else f"is invalid: {what}."
    raise CloudError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{path}' {needed}",
    )


def _refuse(kind: type, value: object) -> object:  # noqa: ARG001 - the signature is msgspec's
    raise ValueError(kind.__name__)
