"""YAML as the engine's reader takes it: which plain scalar is of which type, and what merges do.

Source: yaml.v2 (gopkg.in/yaml.v2), resolve.go and decode.go; YAML 1.1 with octal numbers of 1.2.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .go_types import AnyMap, Uint64, Values, to_text

TAGS = "tag:yaml.org,2002:"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_FLOATS = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_POINT = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:[Tt]| )(\d\d?):(\d\d?):(\d\d?)(?:\.\d+)?(?:Z| ?[-+]\d\d:\d\d)?)?"
)
_SCALARS = frozenset(("str", "bool", "int", "float", "null", "timestamp"))
_DEEPEST = 200  # levels that a text may have at most, by its brackets and by where its lines begin
_LONGEST = 4000  # characters of a line
_BLOCKS = re.compile(r"^[ \t?:-]*", re.MULTILINE)  # what lines of nested blocks begin with
_ITEMS = 1 << 17  # of all lists and mappings together, with what aliases repeat


class YamlError(ValueError):
    """A text that is no YAML, or not of the wanted shape; names the lines."""


def tag_of(text: str) -> str:
    """The tag of a plain scalar, without its prefix: str, int, float, bool, null …"""
    return _resolved(text)[0]


def _resolved(text: str) -> tuple[str, Any]:
    if text in _NULL:
        return "null", None
    if text in _TRUE or text in _FALSE:
        return "bool", text in _TRUE
    if text == "<<":
        return "merge", text
    if text in _FLOATS:
        return "float", _FLOATS[text]
    if text[0] == ".":
        return ("float", float(text)) if _POINT.fullmatch(text) else ("str", text)
    if text[0] not in "+-0123456789":
        return "str", text
    return _numbered(text)


def _numbered(text: str) -> tuple[str, Any]:
    if _is_date(text):
        return "timestamp", text
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        number = integer(plain)
        if -(1 << 63) <= number < 1 << 63:
            return "int", number
        if number < 1 << 64 and plain[0] not in "+-" and number >= 0:
            return "int", Uint64(number)
    if _FLOAT.fullmatch(plain):
        number_or_none = float(plain)
        if abs(number_or_none) != float("inf"):
            return "float", number_or_none
    return "str", text


def integer(plain: str) -> int:
    """A whole number as Go reads it with base 0. Raises ValueError."""
    digits = plain.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    return int(plain, 8 if octal else 0)


def _is_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, day, *clock = (int(part or 0) for part in match.groups())
    days = (31, 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28, 31, 30, 31, 30)
    limits = (*days, 31, 31, 30, 31, 30, 31)
    hours, minutes, seconds = clock
    return (
        1 <= month <= 12
        and 1 <= day <= limits[month - 1]
        and hours < 24
        and minutes < 60
        and seconds < 60
    )


def _tag(kind: type[Node], text: str | None, implicit: Any) -> str:
    if kind is ScalarNode:
        plain = implicit[0] if isinstance(implicit, tuple) else implicit
        return TAGS + (tag_of(text or "") if plain else "str")
    return TAGS + ("seq" if kind is SequenceNode else "map")


class _Loader(yaml.SafeLoader):
    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        return _tag(kind, value, implicit)


def compose(text: str) -> Node | None:
    """The first document of a YAML text; its nodes have the tags of this dialect.

    Read by libyaml, which yaml.v2 was made after and which is ten times as fast as the reader in
    Python. That one reads what libyaml refuses, and says where it is wrong; and what could be nested
    deeply, which libyaml's stack has no limit for. Raises :class:`YamlError`.
    """
    if not text:
        return None
    depth = text.count("[") + text.count("{") + max(map(len, _BLOCKS.findall(text)))
    longest = max(map(len, text.splitlines()), default=0)
    if yaml.__with_libyaml__ and depth <= _DEEPEST and longest <= _LONGEST:
        with suppress(yaml.YAMLError, ValueError):  # a text that is no Unicode is refused below
            return next(yaml.compose_all(text, _fast_loader()), None)
    try:
        return next(yaml.compose_all(text, _Loader), None)
    except yaml.YAMLError as error:
        raise YamlError(_where(error)) from None
    except RecursionError:
        raise YamlError("yaml: it is nested too deeply") from None
    except ValueError as error:
        raise YamlError(f"yaml: {error}") from None


def _fast_loader() -> type[Any]:
    """The loader on libyaml; some installations of PyYAML are without."""
    if not _FAST:

        class _FastLoader(yaml.CSafeLoader):
            def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
                return _tag(kind, value, implicit)

        _FAST.append(_FastLoader)
    return _FAST[0]


_FAST: list[type[Any]] = []


def _where(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"yaml: line {mark.line + 1}: {problem}" if mark else f"yaml: {problem}"


def scalar(node: ScalarNode) -> Any:
    """The value of a scalar. Raises :class:`YamlError` where its tag says otherwise."""
    tag, text = node.tag.removeprefix(TAGS), str(node.value)
    if tag == "binary":
        try:
            return to_text(base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True))
        except (binascii.Error, ValueError):
            raise _wrong(node, "!!binary value contains invalid base64 data") from None
    if tag not in _SCALARS or not node.tag.startswith(TAGS):
        return text  # of a tag of somebody's own
    if tag == "str":
        return text
    found, value = _resolved(text)
    if found == "timestamp":
        return text
    if found == "int" and tag == "float":
        return float(value)
    if found != tag:
        raise _wrong(node, f"cannot decode !!{found} `{text}` as a !!{tag}")
    return value


def _wrong(node: Node, problem: str) -> YamlError:
    return YamlError(f"yaml: line {node.start_mark.line + 1}: {problem}")


class _Reader:
    """Turns nodes into values; counts them, since aliases repeat what they name."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[Node] = []

    def value(self, node: Node) -> Any:
        self._count += 1
        if self._count > _ITEMS:
            raise _wrong(node, "document contains excessive aliasing")
        if isinstance(node, ScalarNode):
            return scalar(node)
        if any(one is node for one in self._open):
            raise _wrong(node, "an anchor's value contains itself")
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self.fill(node, AnyMap(), self.key)
            return [self.value(one) for one in node.value]
        finally:
            self._open.pop()

    def fill(self, node: MappingNode, values: Any, key_of: Callable[[Node], Any]) -> Any:
        for key_node, value_node in node.value:
            if key_node.tag == f"{TAGS}merge":
                self._merge(value_node, values, key_of)
            else:
                values[key_of(key_node)] = self.value(value_node)
        return values

    def _merge(self, node: Node, values: Any, key_of: Callable[[Node], Any]) -> None:
        nodes = reversed(node.value) if isinstance(node, SequenceNode) else [node]
        for one in nodes:
            if not isinstance(one, MappingNode):
                raise _wrong(one, "map merge requires map or sequence of maps as the value")
            if any(other is one for other in self._open):
                raise _wrong(one, "an anchor's value contains itself")
            self._open.append(one)
            self.fill(one, values, key_of)
            self._open.pop()

    def key(self, node: Node) -> Any:
        key = self.value(node)
        if isinstance(key, (list, dict)):
            raise _wrong(node, "invalid map key")
        return key

    def name(self, node: Node) -> str:
        """A key that is to be a text keeps its spelling."""
        if not isinstance(node, ScalarNode):
            shape = "map" if isinstance(node, MappingNode) else "seq"
            line = node.start_mark.line + 1
            raise YamlError(
                f"yaml: unmarshal errors:\n  line {line}: cannot unmarshal !!{shape} into string"
            )
        value = scalar(node)
        if value is None:
            return ""
        return value if isinstance(value, str) else str(node.value)


def read_values(text: str) -> Values:
    """A values file: names and what they stand for. Raises :class:`YamlError`."""
    node = compose(text)
    if node is None or (isinstance(node, ScalarNode) and scalar(node) is None):
        return Values()
    if not isinstance(node, MappingNode):
        tag = node.tag.removeprefix(TAGS)
        shown = f" `{_shortened(node.value)}`" if isinstance(node, ScalarNode) else ""
        line = node.start_mark.line + 1
        raise YamlError(
            f"yaml: unmarshal errors:\n  line {line}: cannot unmarshal !!{tag}{shown} into "
            "templating.Values (it must map names to values)"
        )
    reader = _Reader()
    values: Values
    try:
        values = reader.fill(node, Values(), reader.name)
    except RecursionError:
        raise YamlError("yaml: it is nested too deeply") from None
    return values


def _shortened(text: str) -> str:
    return text if len(text) <= 10 else text[:7] + "..."
