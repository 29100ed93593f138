"""The parameters of a template: what is given, what is not, and what their definitions allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..lenient_json import Path
from .errors import ExpressionError, TemplateError, UnreadableError
from .evaluation import resolve
from .scope import Scope
from .template import invalid, unreadable_expression, validation
from .values import key_of, same, text_of, type_name

TYPES = {  # of the types of definitions, in lower case, those of their values
    **{"string": "String", "securestring": "String", "int": "Integer", "bool": "Boolean"},
    **{"object": "Object", "secureobject": "Object", "array": "Array"},
}
SECURE = ("securestring", "secureobject")
_DETAILS = "Please see https://aka.ms/arm-create-parameter-file for usage details"
_DEEPEST = 20  # definitions that name one another


def kind_of(definition: Mapping[str, Any]) -> str:
    """The type of a definition, in lower case. Raises :class:`TemplateError` for none that there is."""
    kind = str(definition.get("type", "")).lower()
    if kind not in TYPES:
        raise validation(
            f"The type '{str(definition.get('type'))[:100]}' of a parameter or output is "
            "not valid. Please see https://aka.ms/arm-syntax-parameters for usage details"
        )
    return kind


def complete(definition: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with what those that it names by ``$ref`` add."""
    found = dict(definition) if isinstance(definition, dict) else {}
    for _ in range(_DEEPEST):
        named = found.pop("$ref", None)
        if named is None:
            break
        name = str(named).removeprefix("#/definitions/")
        if not isinstance(definitions.get(name), dict):
            raise validation(f"The definition '{named}' is not found in the template")
        found = {**definitions[name], **found}
    else:
        raise validation("The definitions of the template name one another in a circle")
    return found


def read(
    declared: Mapping[str, Any], definitions: Mapping[str, Any], given: Any, scope: Scope, at: Path
) -> dict[str, Any]:
    """The values of all parameters, which are declared ``at`` a place. Raises :class:`TemplateError`.

    ``scope`` is that of default values: it finds parameters among the values that are there.
    """
    if given is not None and not isinstance(given, dict):
        raise TemplateError("The parameters of a deployment must be an object.")
    passed = dict(given or {})
    unknown = [name for name in passed if key_of(declared, name) is None]
    if unknown:
        raise validation(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; "
            "they are not present in the original template and can therefore not be provided at "
            "deployment time. The only supported parameters for this template are "
            f"'{', '.join(declared)}'. Please see https://aka.ms/arm-pass-parameter-values for usage "
            "details"
        )
    values: dict[str, Any] = {}
    whole = {}
    for name, one in declared.items():
        with located((*at, name)):
            whole[name] = complete(one, definitions)
    for name in declared:
        key = key_of(passed, name)
        if key is not None:
            values[name.lower()] = _given(name, passed[key], scope)

    def parameter(name: str) -> Any:
        return _default(name, whole, values, inside, at)

    inside = replace(scope, parameter=parameter, defaults=True)
    for name, definition in whole.items():
        value = parameter(name)
        with located((*at, name)):
            check(name, definition, definitions, value)
    return values


@contextmanager
def located(at: Path) -> Iterator[None]:
    """Says that what is wrong is ``at`` a place, where the error does not know it."""
    try:
        yield
    except TemplateError as error:
        error.path = error.path or at
        raise


def reference_of(wrapped: Any) -> Any:
    """The reference to a vault's secret that a parameter is given as; None for a value."""
    return wrapped.get("reference") if isinstance(wrapped, dict) else None


def _given(name: str, wrapped: Any, scope: Scope) -> Any:
    reference = reference_of(wrapped)
    if reference is not None and scope.place.secret is not None:
        return scope.place.secret(name, reference)
    if not isinstance(wrapped, dict) or "value" not in wrapped:
        raise TemplateError(
            f"The request content was invalid and could not be deserialized: the parameter '{name}' "
            "must be an object with a 'value'."
        )
    return wrapped["value"]


def _default(
    name: str,
    declared: dict[str, Any],
    values: dict[str, Any],
    scope: Scope,
    at: Path,
) -> Any:
    """The value of a parameter; its default is evaluated when it is asked for the first time."""
    if name.lower() in values:
        return values[name.lower()]
    key = key_of(declared, name)
    if key is None:
        raise not_found(name)
    definition = declared[key]
    if "defaultValue" not in definition:
        if definition.get("nullable"):
            return values.setdefault(name.lower(), None)
        raise _not_provided(key, (*at, key))
    try:
        value = resolve(definition["defaultValue"], scope)
    except UnreadableError as error:
        raise unreadable_expression(error, (*at, key, "defaultValue")) from None
    except ExpressionError as error:  # Azure calls it a resource, too
        raise invalid(f"The template resource '{key}'", str(error), (*at, key)) from None
    values[name.lower()] = value
    return value


def not_found(name: str) -> ExpressionError:
    """The error of an expression that asks for a parameter that there is not."""
    return ExpressionError(
        f"The template parameter '{name}' is not found. Please see "
        "https://aka.ms/arm-syntax-parameters for usage details"
    )


def _not_provided(name: str, at: Path | None = None) -> TemplateError:
    return validation(
        f"The value for the template parameter '{name}'",
        f" is not provided. {_DETAILS}",
        path=at,
    )


def check(
    name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any], value: Any
) -> None:
    """Raise :class:`TemplateError` unless ``value`` is what the definition allows."""
    if value is None and definition.get("nullable"):
        return
    kind = kind_of(definition)
    if type_name(value) != TYPES[kind]:
        raise validation(
            f"Template parameter JToken type is not valid. Expected '{TYPES[kind]}'. Actual "
            f"'{type_name(value)}'. {_DETAILS}"
        )
    shown = "" if kind in SECURE else f" '{text_of(value)[:200]}'"
    start = f"The provided value{shown} for the template parameter '{name}'"
    allowed = definition.get("allowedValues")
    if isinstance(allowed, list) and not _allows(allowed, value):
        listed = ",".join(map(text_of, allowed))
        raise validation(
            start,
            f" is not valid. The parameter value is not part of the allowed value(s): '{listed}'",
        )
    size = len(value) if isinstance(value, str | list) else 0
    for limit, measured, words in (
        ("minLength", size, "Length of the value should be greater than or equal to"),
        ("maxLength", size, "Length of the value should be less than or equal to"),
        ("minValue", value, "The value should be greater than or equal to"),
        ("maxValue", value, "The value should be less than or equal to"),
    ):
        bound = definition.get(limit)
        if not isinstance(bound, int) or not isinstance(measured, int):
            continue
        if measured < bound if limit.startswith("min") else measured > bound:
            raise validation(start, f" is not valid. {words} '{bound}'. {_DETAILS}")
    _check_inside(name, definition, definitions, value)


def _allows(allowed: list[Any], value: Any) -> bool:
    if isinstance(value, list):  # of a list, each item must be allowed
        return all(any(same(item, one) for one in allowed) for item in value) or any(
            same(value, one) for one in allowed
        )
    if isinstance(value, str):
        return any(isinstance(one, str) and one.lower() == value.lower() for one in allowed)
    return any(same(value, one) for one in allowed)


def _check_inside(
    name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any], value: Any
) -> None:
    """What user-defined types say of properties and items."""
    properties = definition.get("properties")
    if isinstance(value, dict) and isinstance(properties, dict):
        for one, inner in properties.items():
            whole = complete(inner, definitions)
            key = key_of(value, one)
            if key is None or value[key] is None:
                if whole.get("nullable"):
                    continue
                raise _not_provided(f"{name}.{one}")
            check(f"{name}.{one}", whole, definitions, value[key])
    if isinstance(value, dict):
        _check_further(name, definition, definitions, value)
        _check_discriminated(name, definition, definitions, value)
    if isinstance(value, list):
        _check_items(name, definition, definitions, value)


def _check_further(
    name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any], value: dict[str, Any]
) -> None:
    """The properties that the definition does not name."""
    properties, further = definition.get("properties"), definition.get("additionalProperties")
    known = properties if isinstance(properties, dict) else {}
    for key, one in value.items():
        if key_of(known, key) is not None:
            continue
        if further is False:
            raise validation(f"The property '{name}.{key}' is not permitted. {_DETAILS}")
        if isinstance(further, dict):
            check(f"{name}.{key}", complete(further, definitions), definitions, one)


def _check_items(
    name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any], value: list[Any]
) -> None:
    """The items: the first ones may have definitions of their own (a tuple)."""
    first, items = definition.get("prefixItems") or [], definition.get("items")
    for index, one in enumerate(value):
        place = f"{name}[{index}]"
        if index < len(first):
            check(place, complete(first[index], definitions), definitions, one)
        elif items is False:
            raise validation(f"The item '{place}' is not permitted. {_DETAILS}")
        elif isinstance(items, dict):
            check(place, complete(items, definitions), definitions, one)
    for index in range(len(value), len(first)):
        if not complete(first[index], definitions).get("nullable"):
            raise _not_provided(f"{name}[{index}]")


def _check_discriminated(
    name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any], value: dict[str, Any]
) -> None:
    """An object of one of several types: a property of it says of which."""
    told = definition.get("discriminator")
    if told is None:
        return
    property_name = told.get("propertyName") if isinstance(told, dict) else None
    known = told.get("mapping") if isinstance(told, dict) else None
    if not isinstance(property_name, str) or not isinstance(known, dict):
        raise validation(
            f"The discriminator of the template parameter '{name}' needs a propertyName and a mapping"
        )
    key = key_of(value, property_name)
    if key is None:
        raise _not_provided(f"{name}.{property_name}")
    if not isinstance(value[key], str) or value[key] not in known:
        raise validation(
            f"The provided value '{text_of(value[key])[:200]}' for the template parameter "
            f"'{name}.{property_name}'",
            " is not valid. The parameter value is not part of the allowed value(s): "
            f"'{','.join(known)}'",
        )
    whole = complete(known[value[key]], definitions)
    if whole.get("additionalProperties") is False:  # what says of which type it is, is permitted
        own = {property_name: {"type": "string"}}
        whole = {**whole, "properties": {**own, **(whole.get("properties") or {})}}
    check(name, whole, definitions, value)


def shown(
    declared: Mapping[str, Any],
    definitions: Mapping[str, Any],
    values: Mapping[str, Any],
    references: Mapping[str, Any],
) -> dict[str, Any]:
    """The parameters as a deployment shows them: no secure value, and the reference of a secret."""
    described: dict[str, Any] = {}
    for name, definition in declared.items():
        kind = kind_of(complete(definition, definitions))
        described[name] = {"type": shown_type(kind)}
        if name.lower() in references:
            described[name]["reference"] = references[name.lower()]
        elif kind not in SECURE:
            described[name]["value"] = values.get(name.lower())
    return described


def shown_type(kind: str) -> str:
    """The type of a definition as a deployment shows it: String, SecureString, Int …"""
    return f"Secure{TYPES[kind]}" if kind in SECURE else kind.capitalize()
