"""The resources that a template declares: loops turned, children named in full, ids known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import CloudError
from ..lenient_json import Path
from ..resource_types import DEPLOYMENT_TYPE
from . import limits
from .errors import ExpressionError, UnreadableError
from .evaluation import copy_count, resolve
from .functions.resources import GROUP, interleaved
from .scope import Scope
from .template import Child, Template, children, invalid, unreadable_expression, validation
from .values import text_of, type_name

_DEPLOYMENT = DEPLOYMENT_TYPE.lower()
_USAGE = "Please see https://aka.ms/arm-syntax-resources for usage details"


@dataclass
class Declared:
    """One resource: what is ``written`` of it, and the scope in which that is evaluated."""

    id: str
    type: str
    name: str
    api_version: str
    written: dict[str, Any]
    scope: Scope = field(repr=False)
    symbol: str = ""
    loop: str = ""  # name of the copy loop that it comes from
    wanted: bool = True  # its condition
    existing: bool = False
    depends_on: list[str] = field(default_factory=list)
    path: Path = ()  # to where it is written
    turn: int = 0
    batch: int = 0  # turns of a serial loop that are made at once; 0: all

    @property
    def made(self) -> bool:
        """Whether the deployment makes it: it is wanted, and does not exist already."""
        return self.wanted and not self.existing

    @property
    def nested(self) -> bool:
        """Whether it is a deployment within the deployment."""
        return self.type.lower() == _DEPLOYMENT

    @property
    def base(self) -> str:
        """Where a nested deployment makes its resources: a group or the subscription."""
        return self.id.rpartition("/providers/")[0]


def declare(template: Template, scope: Scope, base: str) -> list[Declared]:
    """All resources of a template that is deployed to ``base``. Raises :class:`TemplateError`."""
    found = []
    for child in template.resources:
        for one in _turns(child, scope, base, None):
            found.append(one)
            if len(found) > limits.RESOURCES:
                raise validation(
                    "The number of template resources limit exceeded. Limit: "
                    f"'{limits.RESOURCES}' and actual: more than that. {_USAGE}",
                    path=child.path,
                )
    seen: set[str] = set()
    for one in found:
        if one.made:
            if one.id.lower() in seen:
                raise validation(
                    f"The resource '{one.type}/{one.name}'",
                    f" is defined multiple times in a template. {_USAGE}",
                    path=one.path,
                )
            seen.add(one.id.lower())
    return found


def _turns(child: Child, scope: Scope, base: str, parent: Declared | None) -> Iterator[Declared]:
    symbol, written, path = child
    copy = written.get("copy")
    if copy is None:
        yield from _family(child, scope, base, parent)
        return
    if parent is not None:
        raise invalid(
            f"The template resource '{written['name']}'",
            "copy is not supported on a nested resource. Please see https://aka.ms/arm-copy for "
            "usage details",
            path,
        )
    if not isinstance(copy, dict) or "count" not in copy or "name" not in copy:
        raise validation(
            f"The copy of the resource '{written['name']}'",
            " needs a name and a count",
            path=(*path, "copy"),
        )
    with _named(written, path):
        loop = _text(copy["name"], scope)
        count = copy_count(loop, copy["count"], scope)
    batch = _batch(copy, (*path, "copy"))
    for turn in range(count):
        named = child._replace(symbol=f"{symbol}[{turn}]" if symbol else "")
        for one in _family(named, scope.looped(loop, turn), base, None):
            one.loop, one.turn, one.batch = loop, turn, batch
            yield one


def _batch(copy: dict[str, Any], path: Path) -> int:
    mode = str(copy.get("mode") or "parallel").lower()
    size = copy.get("batchSize", 1)
    if mode not in ("parallel", "serial") or not isinstance(size, int) or size < 1:
        why = "The mode of a copy is parallel or serial, its batchSize at least 1"
        raise validation(why, path=path)
    return size if mode == "serial" else 0


def _family(child: Child, scope: Scope, base: str, parent: Declared | None) -> Iterator[Declared]:
    """A resource and those that are written within it."""
    with _named(child.written, child.path):
        one = _declared(child, scope, base, parent)
    yield one
    for below in children(child.written, child.path):
        for made in _turns(below, scope, base, one):
            made.wanted = made.wanted and one.wanted
            yield made


def _declared(child: Child, scope: Scope, base: str, parent: Declared | None) -> Declared:
    symbol, written, path = child
    kind, name = (_text(written[key], scope) for key in ("type", "name"))
    if parent is not None:
        kind, name = f"{parent.type}/{kind}", f"{parent.name}/{name}"
    if "/" not in kind or kind.count("/") != name.strip("/").count("/") + 1:
        raise validation(
            f"The template resource '{name}' for type '{kind}'",
            " has incorrect segment lengths. A nested resource type must have identical number of "
            "segments as its resource name. A root resource type must have segment length one "
            f"greater than its resource name. {_USAGE}",
            path=(*path, "type"),
        )
    wanted = resolve(written.get("condition", True), scope)
    depends_on = resolve(written.get("dependsOn") or [], scope)
    if not isinstance(wanted, bool):
        raise invalid(
            f"The template resource '{name}'",
            f"Evaluation result of language expression '{text_of(written['condition'])[:200]}' is "
            f"type '{type_name(wanted)}', expected type is 'Boolean'. Please see "
            "https://aka.ms/arm-functions for usage details",
            path,
        )
    return Declared(
        _id(written, kind, name, scope, base),
        kind,
        name,
        _text(written["apiVersion"], scope),
        written,
        scope,
        symbol,
        wanted=wanted,
        existing=written.get("existing") is True,
        depends_on=[text_of(one) for one in depends_on],
        path=path,
    )


def _id(written: dict[str, Any], kind: str, name: str, scope: Scope, base: str) -> str:
    names = name.split("/")
    subscription = "/" + "/".join(base.strip("/").split("/")[:2])
    if kind.lower() == GROUP:
        return f"{subscription}/resourceGroups/{name}"
    place = base
    if written.get("scope") is not None:
        if written["scope"] == "/":
            raise CloudError.not_implemented("templates that deploy to a tenant")
        place = _text(written["scope"], scope)
        if not place.startswith("/"):
            words = place.split("/")
            below = interleaved("/".join([words[0], *words[1::2]]), words[2::2])
            place = f"{base}/{below}"
    if written.get("subscriptionId") is not None:
        place = f"/subscriptions/{_text(written['subscriptionId'], scope)}"
        subscription = place
    if written.get("resourceGroup") is not None:
        place = f"{subscription}/resourceGroups/{_text(written['resourceGroup'], scope)}"
    return f"{place.rstrip('/')}/{interleaved(kind, names)}"


def _text(value: Any, scope: Scope) -> str:
    text = resolve(value, scope)
    if not isinstance(text, str) or not text.strip("/"):
        raise ExpressionError("its name, type, apiVersion and scope are texts that are not empty")
    return text


@contextmanager
def _named(written: dict[str, Any], path: Path) -> Iterator[None]:
    """Says of which resource an expression is that cannot be evaluated."""
    try:
        yield
    except UnreadableError as error:
        raise unreadable_expression(error, path) from None
    except ExpressionError as error:
        what = f"The template resource '{written['name'][:200]}'"
        raise invalid(what, str(error), path) from None
