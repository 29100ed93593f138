"""What an operation understands of a request's body: a typed model, read once for all of them."""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

import msgspec

from ..errors import CloudError, shortened
from . import tag_rules

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
    operation says. Names compare without case, as in Azure. A setting that the local cloud lacks is
    there with the value that means that it is not used: ``Annotated[…, Unused("Disabled")]``; one that
    it lacks altogether is :class:`Lacking`. What nobody has declared may be a property of a version
    that is to come, so it is 501 by name, unless it is null.
    """

    # What a service tells and nobody sets: a client may send it back as it has got it.
    READ_ONLY: ClassVar[tuple[str, ...]] = ("creationDate", "provisioningState")


class ResourceModel(Model):
    """The body of a resource: what Azure Resource Manager itself reads before the provider does.

    Raises 400, in ARM's words, for a member that no resource has.
    """

    READ_ONLY: ClassVar[tuple[str, ...]] = ("id", "name", "type", "etag", "systemData")


class Lacking:
    """The type of a property that Azure has and the local cloud does not: 501, unless it is null."""


@dataclass(frozen=True, eq=False)
class Unused:
    """Of a setting that the local cloud lacks: the ``value`` that means that it is not used.

    ``others`` are the values that Azure has besides: 501. Without any, all others are.
    """

    value: Any
    others: tuple[str, ...] = ()


class Choice:
    """The values that a property may have; it becomes the one as Azure spells it."""

    def __init__(self, *values: str) -> None:
        self.values = values


# Missing, they stay as they are; null, they go (a PATCH is a merge patch: RFC 7396).
Tags: TypeAlias = Annotated[dict[str, str] | msgspec.UnsetType | None, tag_rules.checked]
# What a resource may have beside what its provider understands (Microsoft.Resources, GenericResource).
_MEMBERS = (
    *("location", "tags", "properties", "sku", "kind", "identity", "plan", "managedBy", "zones"),
    *("managedByExtended", "extendedLocation", "scale", "placement", "apiVersion"),
)


def read(model: type[M], body: Mapping[str, Any], operation: str, *, at: str = "") -> M:
    """The body of a request to ``operation`` (``registries/importImage``), or a part, as its model.

    ``at`` is where the part is. Raises 400 InvalidRequestContent that names a property of another
    type and what it must be, 501 that names a property, or a value, that the local cloud lacks.
    """
    found = _converted(_named(model, body, at, operation), model, at, operation)
    ruled: M = _ruled(model, found, at, operation)
    return ruled


def _converted(value: Any, hint: Any, at: str, operation: str) -> Any:
    try:
        return msgspec.convert(value, hint, dec_hook=_refuse)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        what, path = match.group("what", "path") if match else (str(error), "")
    path = ".".join(filter(None, (at, path)))
    if what == Lacking.__name__:
        raise _lacking(path, operation)
    expected = _EXPECTED.fullmatch(what)
    raise _wrong(
        f"'{path}' "
        + (f"must be {_WORDS[expected['kind']]}." if expected else f"is invalid: {what}.")
    )


def understood(model: Model) -> dict[str, Any]:
    """What was given of a model, as JSON: nothing that is missing or null, but in a dictionary."""
    found: dict[str, Any] = {}
    for attribute, name in zip(
        model.__struct_fields__, model.__struct_encode_fields__, strict=True
    ):
        value = getattr(model, attribute)
        if value is not None and value is not msgspec.UNSET:
            found[name] = _plain(value)
    return found


def patch_tags(body: dict[str, Any], given: Tags) -> None:
    """Change the tags in the body of a resource as a PATCH wants them."""
    if not isinstance(given, msgspec.UnsetType):
        body["tags"] = given or {}


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return understood(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _refuse(kind: type, value: object) -> object:  # noqa: ARG001 - the signature is msgspec's
    raise ValueError(kind.__name__)


def _lacking(what: str, operation: str) -> CloudError:
    return CloudError.not_implemented(f"the property '{what}' of {operation}")


def _wrong(what: str) -> CloudError:
    return CloudError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: {what}",
    )


# -- names -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Field:
    name: str
    hint: Any


@functools.cache
def _fields(model: type[Model]) -> Mapping[str, _Field]:
    """The fields of a model by their names in lower case."""
    hints = typing.get_type_hints(model, include_extras=True)
    found = {}
    for attribute, name in zip(
        model.__struct_fields__, model.__struct_encode_fields__, strict=True
    ):
        found[name.lower()] = _Field(name, hints[attribute])
    return found


@functools.cache
def _read_only(model: type[Model]) -> frozenset[str]:
    """In lower case: what a model and those that it is made of say that nobody sets."""
    every = [one for base in model.__mro__ for one in vars(base).get("READ_ONLY", ())]
    return frozenset(one.lower() for one in every)


@functools.cache
def _parts(hint: Any) -> tuple[tuple[Any, Any, tuple[Any, ...]], ...]:
    """The hint, or the members of a union: each with its origin and arguments."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = typing.get_args(hint) if union else (hint,)
    return tuple((one, typing.get_origin(one), typing.get_args(one)) for one in members)


def _named(hint: Any, value: Any, path: str, operation: str) -> Any:
    """The value with the names of its model; without what nobody sets."""
    if not isinstance(value, list | Mapping):
        return value
    for part, origin, arguments in _parts(hint):
        if origin is Annotated:
            return _named(arguments[0], value, path, operation)
        if isinstance(value, list) and origin is list:
            places = (f"{path}[{index}]" for index in range(len(value)))
            items = zip(value, places, strict=True)
            return [_named(arguments[0], one, place, operation) for one, place in items]
        if isinstance(value, Mapping) and origin is dict:
            named = {
                name: _named(arguments[1], one, f"{path}.{name}", operation)
                for name, one in value.items()
            }
            for name, one in named.items():  # msgspec does not say which
                _converted(one, arguments[1], f"{path}.{name}", operation)
            return named
        if isinstance(value, Mapping) and isinstance(part, type) and issubclass(part, Model):
            return _named_fields(part, value, path, operation)
    return value


def _named_fields(
    model: type[Model], value: Mapping[str, Any], path: str, operation: str
) -> dict[str, Any]:
    found = {}
    for name, given in value.items():
        place = f"{path}.{name}" if path else name
        field = _fields(model).get(name.lower())
        if field is not None:
            found[field.name] = _named(field.hint, given, place, operation)
        elif name.lower() not in _read_only(model):
            _refuse_unknown(model, name, given, place, operation)
    return found


def _refuse_unknown(
    model: type[Model], name: str, given: object, path: str, operation: str
) -> None:
    if issubclass(model, ResourceModel) and name.lower() not in map(str.lower, _MEMBERS):
        raise _wrong(
            f"'Could not find member '{name}' on object of type 'ResourceDefinition'. Path '{path}'.'."
        )
    if given not in (None, "", [], {}):  # an empty one asks for nothing
        raise _lacking(path, operation)


# -- values ----------------------------------------------------------------------------------------


def _ruled(hint: Any, value: Any, path: str, operation: str) -> Any:
    """The value as the rules of its type spell it, at every level. Raises what they refuse."""
    if value is None or value is msgspec.UNSET:
        return value
    for part, origin, arguments in _parts(hint):
        if origin is Annotated:
            inner = _ruled(arguments[0], value, path, operation)
            for rule in part.__metadata__:
                inner = _by(rule, inner, path, operation)
            return inner
        if isinstance(value, list) and origin is list:
            return [
                _ruled(arguments[0], one, f"{path}[{index}]", operation)
                for index, one in enumerate(value)
            ]
        if isinstance(value, dict) and origin is dict:
            return {
                name: _ruled(arguments[1], one, f"{path}.{name}", operation)
                for name, one in value.items()
            }
        if isinstance(value, Model) and isinstance(value, part):
            for attribute, field in zip(
                value.__struct_fields__, _fields(type(value)).values(), strict=True
            ):
                place = f"{path}.{field.name}" if path else field.name
                ruled = _ruled(field.hint, getattr(value, attribute), place, operation)
                setattr(value, attribute, ruled)
    return value


def _by(rule: object, value: Any, path: str, operation: str) -> Any:
    """The value as Azure spells it. Raises what the rule refuses."""
    if isinstance(rule, Unused):
        if _same(value, rule.value):
            return rule.value
        if rule.others and not any(_same(value, one) for one in rule.others):
            raise _not_one_of(path, (rule.value, *rule.others))
        raise CloudError.not_implemented(
            f"the property '{path}={_shown(value)}' of {operation}: it can only be "
            f"{_shown(rule.value)}"
        )
    if callable(rule):  # what a type checks by itself, as tags do
        return rule(value)
    if isinstance(rule, Choice):
        for one in rule.values:
            if _same(value, one):
                return one
        raise _not_one_of(path, rule.values)
    return value


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    return type(value) is type(wanted) and bool(value == wanted)


def _not_one_of(path: str, values: tuple[str, ...]) -> CloudError:
    return _wrong(f"'{path}' must be one of {', '.join(values)}.")


def _shown(value: Any) -> str:
    """A value as JSON, not too long; a text as it is."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shortened(text, 60)
