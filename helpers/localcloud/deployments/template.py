"""A template as it is written: its sections, checked for what they may hold.

Source: Azure documentation, "Understand the structure and syntax of ARM templates".
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CloudError
from . import functions, limits
from .errors import ExpressionError, TemplateError
from .syntax import Call, Literal, calls, is_expression, parse
from .values import key_of

_SECTIONS = {
    **{"parameters": limits.PARAMETERS, "variables": limits.VARIABLES, "outputs": limits.OUTPUTS},
}
_MEMBERS = {
    *("$schema", "contentVersion", "languageVersion", "metadata", "resources", "functions"),
    *("definitions", *_SECTIONS),
}
_LACKING = ("apiProfile", "imports", "extensions", "rules")
_RESOURCE = {
    *("type", "apiVersion", "name", "location", "tags", "sku", "kind", "identity", "properties"),
    *("dependsOn", "condition", "copy", "scope", "resources", "comments", "zones", "existing"),
    *("resourceGroup", "subscriptionId", "metadata"),
}
_LACKING_RESOURCE = ("plan", "managedBy", "extendedLocation", "asserts", "import", "extension")
Written = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """The sections of a template; ``resources`` with their symbolic names, "" where there are none."""

    parameters: dict[str, Any]
    variables: dict[str, Any]
    functions: dict[str, Any]  # by their full names, in lower case
    resources: list[tuple[str, dict[str, Any]]]
    outputs: dict[str, Any]
    definitions: dict[str, Any]
    document: dict[str, Any]

    @functools.cached_property
    def named_variables(self) -> dict[str, Any]:
        """The variables by their names, with those that copy loops make."""
        named = {name: value for name, value in self.variables.items() if name != "copy"}
        return named | {one["name"]: one for one in self.variables.get("copy") or []}


def read(document: Any) -> Template:
    """The sections of a template. Raises :class:`TemplateError`, 501 for what is lacking."""
    if not isinstance(document, dict):
        raise _unreadable("A template is a JSON object")
    _check_members(document, "Template", _MEMBERS, _LACKING)
    for name in ("$schema", "contentVersion", "resources"):
        if document.get(name) is None:
            raise _unreadable(
                f"Required property '{name}' not found in JSON. Path 'properties.template'"
            )
    sections = {name: _section(document, name, most) for name, most in _SECTIONS.items()}
    given = document["resources"]
    symbolic = isinstance(given, dict)
    if not isinstance(given, list | dict):
        raise _unreadable("The resources of a template are a list")
    version = document.get("languageVersion")
    if version not in (None, "1.0", "2.0"):
        raise CloudError.not_implemented(f"the languageVersion '{version}' of templates")
    if symbolic != (version == "2.0"):
        raise _unreadable(
            "The resources of a template are "
            + ("a list, of one of languageVersion 2.0 an object" if symbolic else "an object")
        )
    resources = children(document)
    template = Template(
        **sections,
        functions=_functions(document.get("functions")),
        resources=resources,
        definitions=_section(document, "definitions", None),
        document=document,
    )
    for _, resource in _all(resources):
        _check_resource(resource)
    _check_variables(template)
    return template


def _check_members(value: Written, kind: str, known: set[str], lacking: tuple[str, ...]) -> None:
    names = {one.lower() for one in known}
    for name in value:
        if name in lacking:
            raise CloudError.not_implemented(f"the member '{name}' of a {kind.lower()}")
        if name.lower() not in names:
            raise _unreadable(
                f"Could not find member '{name}' on object of type '{kind}'. Path '{name}'"
            )


def _check_resource(resource: Any) -> None:
    """Raise :class:`TemplateError` for a resource without what each has, or with what none has."""
    if not isinstance(resource, dict):
        raise _unreadable("A resource is a JSON object")
    _check_members(resource, "TemplateResource", _RESOURCE, _LACKING_RESOURCE)
    for name in ("type", "apiVersion", "name"):
        if not isinstance(resource.get(name), str) or not resource[name]:
            raise _unreadable(
                f"Required property '{name}' not found in JSON. Path 'properties.template.resources'"
            )
    for name, kind in (("dependsOn", list), ("copy", dict)):
        if not isinstance(resource.get(name), kind | None):
            raise _unreadable(
                f"The property '{name}' of a resource has another type than it must have"
            )


def children(resource: Written) -> list[tuple[str, Any]]:
    """The resources that are written within another, or a template, with their symbolic names."""
    given = resource.get("resources")
    if isinstance(given, dict):
        return list(given.items())
    return [("", one) for one in given] if isinstance(given, list) else []


def _all(resources: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    pending = list(reversed(resources))
    while pending:
        symbol, resource = pending.pop()
        yield symbol, resource
        if isinstance(resource, dict):
            pending.extend(reversed(children(resource)))


def _section(document: Written, name: str, most: int | None) -> dict[str, Any]:
    section = document.get(name) or {}
    if not isinstance(section, dict):
        raise _unreadable(f"The section '{name}' must be an object")
    if most is not None and len(section) > most:
        raise validation(
            f"The number of template {name} limit exceeded. Limit: '{most}' and actual: "
            f"'{len(section)}'. Please see https://aka.ms/arm-syntax-{name} for usage details"
        )
    for one, value in section.items():
        if name in ("parameters", "outputs") and not isinstance(value, dict):
            raise _unreadable(f"{name}.{one} must be an object")
    return section


def _functions(given: Any) -> dict[str, Any]:
    """The template's own functions. Raises :class:`TemplateError` for what is written in another way."""
    found: dict[str, Any] = {}
    for space in _objects("functions", given):
        members = _object("functions.members", space.get("members"))
        for name, one in members.items():
            function = _object(f"functions.{name}", one)
            parameters = _objects(f"functions.{name}.parameters", function.get("parameters"))
            output = _object(f"functions.{name}.output", function.get("output"))
            found[f"{space.get('namespace', '')}.{name}".lower()] = {
                "parameters": [str(each.get("name", "")).lower() for each in parameters],
                "output": output.get("value"),
            }
    return found


def _object(what: str, value: Any) -> dict[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    raise _unreadable(f"{what} must be an object")


def _objects(what: str, value: Any) -> list[dict[str, Any]]:
    if value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        return value or []
    raise _unreadable(f"{what} must be a list of objects")


def _check_variables(template: Template) -> None:
    for one in _objects("variables.copy", template.variables.get("copy")):
        if not isinstance(one.get("name"), str) or not {"count", "input"} <= one.keys():
            raise validation("The copy of a variable needs a name, a count and an input")
    for name, value in template.variables.items():
        check_expressions(template, value, f"The template variable '{name}' is not valid")


def check_expressions(template: Template, value: Any, where: str) -> None:
    """Read every expression below ``value``: its functions, parameters and variables exist.

    Raises :class:`TemplateError`, which begins with ``where`` it is.
    """
    for text in expressions(value):
        try:
            for call in calls(parse(text)):
                _check_call(template, call)
        except ExpressionError as error:
            raise validation(
                f"{where}: {error}. Please see https://aka.ms/arm-functions for usage details"
            ) from None


def _check_call(template: Template, call: Call) -> None:
    if call.name in template.functions:
        return
    functions.find(call.name, call.written)
    first = call.arguments[0] if call.arguments else None
    if not isinstance(first, Literal) or not isinstance(first.value, str):
        return
    if call.name == "parameters" and key_of(template.parameters, first.value) is None:
        raise ExpressionError(f"The template parameter '{first.value}' is not found")
    if call.name == "variables" and key_of(template.named_variables, first.value) is None:
        raise ExpressionError(f"The template variable '{first.value}' is not found")


def expressions(value: Any) -> Iterator[str]:
    """Every expression below a value of a template."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            if is_expression(one):
                yield one
        elif isinstance(one, dict):
            pending.extend(one)
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def without_template(resource: Written) -> Written:
    """What is written of a resource but for a template within it, which is read on its own."""
    properties = resource.get("properties")
    if not isinstance(properties, dict):
        return resource
    kept = {name: value for name, value in properties.items() if name != "template"}
    return {**resource, "properties": kept}


def _unreadable(why: str) -> TemplateError:
    """The error of a template that has not the form of one."""
    return TemplateError(f"Deployment template parse failed: '{why}.'.")


def validation(why: str) -> TemplateError:
    """The error of a template that can be read, and breaks a rule."""
    return TemplateError(f"Deployment template validation failed: '{why.rstrip('.')}.'.")
