"""A template as it is written: its sections, checked for what they may hold.

Source: Azure documentation, "Understand the structure and syntax of ARM templates".
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import CloudError
from ..lenient_json import Part, Path
from . import functions, limits
from .errors import PARSED, ExpressionError, TemplateError, UnreadableError, written
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
    *("resourceGroup", "subscriptionId", "metadata", "@options"),
}
_OPTIONS = "@options"  # of the decorators of Bicep
_ONLY_NEW = "onlyIfNotExists"
_LACKING_RESOURCE = ("plan", "managedBy", "extendedLocation", "asserts", "import", "extension")
_KINDS = (("dependsOn", list), ("copy", dict), (_OPTIONS, dict))
Written = Mapping[str, Any]
_FUNCTIONS = "https://aka.ms/arm-functions"
ROOT: Path = ("properties", "template")  # where the template of a deployment is in the body


class Child(NamedTuple):
    """A resource within another, or a template: its symbolic name, "" without one, and its place."""

    symbol: str
    written: Any
    path: Path


@dataclass(frozen=True)
class Template:
    """The sections of a template."""

    parameters: dict[str, Any]
    variables: dict[str, Any]
    functions: dict[str, Any]  # by their full names, in lower case
    resources: list[Child]
    outputs: dict[str, Any]
    definitions: dict[str, Any]
    document: dict[str, Any]
    at: Path = ROOT

    @functools.cached_property
    def named_variables(self) -> dict[str, Any]:
        """The variables by their names, with those that copy loops make."""
        named = {name: value for name, value in self.variables.items() if name != "copy"}
        return named | {one["name"]: one for one in self.variables.get("copy") or []}


def read(document: Any, at: Path = ROOT) -> Template:
    """The sections of a template, which is ``at`` that place of the body.

    Raises :class:`TemplateError`, 501 for what is lacking.
    """
    if not isinstance(document, dict):
        raise unreadable("A template is a JSON object", at)
    _check_members(document, "Template", _MEMBERS, _LACKING, at)
    _check_required(document, ("$schema", "contentVersion", "resources"), at)
    sections = {name: _section(document, name, most, at) for name, most in _SECTIONS.items()}
    given = document["resources"]
    symbolic = isinstance(given, dict)
    if not isinstance(given, list | dict):
        raise unreadable("The resources of a template are a list", (*at, "resources"))
    version = document.get("languageVersion")
    if version not in (None, "1.0", "2.0"):
        raise CloudError.not_implemented(f"the languageVersion '{version}' of templates")
    if symbolic != (version == "2.0"):
        raise unreadable(
            "The resources of a template are "
            + ("a list, of one of languageVersion 2.0 an object" if symbolic else "an object"),
            (*at, "resources"),
        )
    template = Template(
        **sections,
        functions=_functions(document.get("functions"), (*at, "functions")),
        resources=children(document, at),
        definitions=_section(document, "definitions", None, at),
        document=document,
        at=at,
    )
    for _, resource, path in _all(template.resources):
        _check_resource(resource, path)
    _check_variables(template)
    return template


def _check_members(
    value: Written, kind: str, known: set[str], lacking: tuple[str, ...], at: Path
) -> None:
    names = {one.lower() for one in known}
    for name in value:
        if name in lacking:
            raise CloudError.not_implemented(f"the member '{name}' of a {kind.lower()}")
        if name.lower() not in names:
            why = f"Could not find member '{name}' on object of type '{kind}'"
            raise unreadable(why, (*at, name), "name")


def _check_required(value: Written, names: tuple[str, ...], at: Path) -> None:
    for name in names:
        if value.get(name) is None:
            raise unreadable(f"Required property '{name}' not found in JSON", at, "end")


def _check_resource(resource: Any, at: Path) -> None:
    """Raise :class:`TemplateError` for a resource without what each has, or with what none has."""
    if not isinstance(resource, dict):
        raise unreadable("A resource is a JSON object", at)
    _check_members(resource, "TemplateResource", _RESOURCE, _LACKING_RESOURCE, at)
    _check_required(resource, ("type", "apiVersion", "name"), at)
    for name, kind in (("type", str), ("apiVersion", str), ("name", str), *_KINDS):
        value = resource.get(name)
        if value is not None and (not isinstance(value, kind) or value == ""):
            why = f"The property '{name}' of a resource has another type than it must have"
            raise unreadable(why, (*at, name))
    for option in resource.get(_OPTIONS) or {}:
        if option != _ONLY_NEW:
            raise CloudError.not_implemented(f"the option '{option}' of a template's resource")


def only_new(resource: Written) -> bool:
    """Whether a resource is left alone where it is there already (``@onlyIfNotExists()``)."""
    return _ONLY_NEW in (resource.get(_OPTIONS) or {})


def children(resource: Written, at: Path) -> list[Child]:
    """The resources that are written within another, or a template, which is ``at`` that place."""
    given = resource.get("resources")
    if isinstance(given, dict):
        return [Child(name, one, (*at, "resources", name)) for name, one in given.items()]
    listed = given if isinstance(given, list) else []
    return [Child("", one, (*at, "resources", n)) for n, one in enumerate(listed)]


def _all(resources: list[Child]) -> Iterator[Child]:
    """Every resource of a template, with those that are written within one."""
    pending = resources[::-1]
    while pending:
        one = pending.pop()
        yield one
        if isinstance(one.written, dict):
            pending.extend(reversed(children(one.written, one.path)))


def _section(document: Written, name: str, most: int | None, at: Path) -> dict[str, Any]:
    at = (*at, name)
    section = document.get(name) or {}
    if not isinstance(section, dict):
        raise unreadable(f"The section '{name}' must be an object", at)
    if most is not None and len(section) > most:
        raise validation(
            f"The number of template {name} limit exceeded. Limit: '{most}' and actual: "
            f"'{len(section)}'. Please see https://aka.ms/arm-syntax-{name} for usage details",
            path=at,
        )
    for one, value in section.items():
        if name in ("parameters", "outputs") and not isinstance(value, dict):
            raise unreadable(f"{name}.{one} must be an object", (*at, one))
    return section


def _functions(given: Any, at: Path) -> dict[str, Any]:
    """The template's own functions. Raises :class:`TemplateError` for what is written in another way."""
    found: dict[str, Any] = {}
    for space in _objects("functions", given, at):
        members = _object("functions.members", space.get("members"), at)
        for name, one in members.items():
            function = _object(f"functions.{name}", one, at)
            parameters = _objects(f"functions.{name}.parameters", function.get("parameters"), at)
            output = _object(f"functions.{name}.output", function.get("output"), at)
            found[f"{space.get('namespace', '')}.{name}".lower()] = {
                "parameters": [str(each.get("name", "")).lower() for each in parameters],
                "output": output.get("value"),
            }
    return found


def _object(what: str, value: Any, at: Path) -> dict[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    raise unreadable(f"{what} must be an object", at)


def _objects(what: str, value: Any, at: Path) -> list[dict[str, Any]]:
    if value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        return value or []
    raise unreadable(f"{what} must be a list of objects", at)


def _check_variables(template: Template) -> None:
    at = (*template.at, "variables")
    for one in _objects("variables.copy", template.variables.get("copy"), (*at, "copy")):
        if not isinstance(one.get("name"), str) or not {"count", "input"} <= one.keys():
            raise validation(
                "The copy of a variable needs a name, a count and an input", path=(*at, "copy")
            )
    for name, value in template.variables.items():
        check_expressions(template, value, f"The template variable '{name}'", (*at, name))


def check_expressions(
    template: Template, value: Any, what: str, at: Path, *, told: bool = False
) -> None:
    """Read every expression below ``value``: its functions, parameters and variables exist.

    Raises :class:`TemplateError`, which begins with ``what`` it is of, and ``at`` which place that is:
    in the words, too, where it is ``told``.
    """
    for text in expressions(value):
        try:
            for call in calls(parse(text)):
                _check_call(template, call)
        except UnreadableError as error:
            raise unreadable_expression(error, (*at, *_way(value, text))) from None
        except ExpressionError as error:
            raise invalid(
                what, f"{error}. Please see {_FUNCTIONS} for usage details", at, told
            ) from None


def _way(value: Any, text: str) -> Path:
    """The way to a text below a value; to the value of the property where it is a name."""
    pending: list[tuple[Any, Path]] = [(value, ())]
    while pending:
        one, path = pending.pop()
        if one == text:
            return path
        if isinstance(one, dict):
            if text in one:
                return (*path, text)
            pending.extend((inner, (*path, name)) for name, inner in one.items())
        elif isinstance(one, list):
            pending.extend((inner, (*path, n)) for n, inner in enumerate(one))
    return ()


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


def unreadable(why: str, at: Path, part: Part = "value") -> TemplateError:
    """The error of a template that has not the form of one ``at`` a place."""
    message = f"Deployment template parse failed: '{why}. Path '{written(at)}'"
    return TemplateError(message, ".'.", path=at, part=part, form=PARSED)


def unreadable_expression(error: UnreadableError, at: Path) -> TemplateError:
    """The error of a template with an expression that cannot be read."""
    return TemplateError(
        f"Deployment template language expression evaluation failed: '{error}.'. Please see "
        f"{_FUNCTIONS} for usage details.",
        path=at,
    )


def validation(why: str, rest: str = "", *, path: Path | None = None) -> TemplateError:
    """The error of a template that can be read, and breaks a rule.

    Between ``why`` and the ``rest``, its place is told.
    """
    message = f"Deployment template validation failed: '{why}"
    if rest:
        return TemplateError(message, f"{rest.rstrip('.')}.'.", path=path)
    return TemplateError(f"{message.rstrip('.')}.'.", path=path)


def invalid(what: str, why: str, at: Path, told: bool = True) -> TemplateError:
    """The error of a resource, parameter, variable or output: ``what`` it is, and why it is wrong."""
    rest = f" is not valid: {why}"
    return validation(what, rest, path=at) if told else validation(what + rest, path=at)
