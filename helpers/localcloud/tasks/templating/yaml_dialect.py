"""A values file as the engine's reader takes it: nodes of YAML as Go's values.

Source: yaml.v2 (gopkg.in/yaml.v2), decode.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .budget import ITEMS
from .go_types import AnyMap, Uint64, Values
from .yaml_nodes import BINARY, Node, YamlError, read, resolve

__all__ = ["YamlError", "read_values"]

_UNFIT = "yaml: unmarshal errors:\n"


class _Reader:
    """Turns nodes into values; counts them, since aliases repeat what they name."""

    def __init__(self) -> None:
        self._count = 0
        self._inside: set[int] = set()

    def value(self, node: Node) -> Any:
        self._count += 1
        if self._count > ITEMS:
            raise node.wrong("document contains excessive aliasing")
        if node.target is not None:
            return self._followed(node, self.value)
        if node.is_scalar:
            value = resolve(node)[1]
            great = isinstance(value, int) and value >= 1 << 63
            return Uint64(value) if great else value
        if node.is_mapping:
            return self.fill(node, AnyMap(), self.key)
        return [self.value(one) for one in node.children]

    def _followed(self, node: Node, use: Callable[[Node], Any]) -> Any:
        if id(node) in self._inside or node.target is None:
            raise node.wrong(f"anchor '{node.value}' value contains itself")
        self._inside.add(id(node))
        try:
            return use(node.target)
        finally:
            self._inside.remove(id(node))

    def fill(self, node: Node, values: Any, key_of: Callable[[Node], Any]) -> Any:
        for key, value in node.pairs():
            if key.is_merge:
                self._merge(value, values, key_of)
            else:
                values[key_of(key)] = self.value(value)
        return values

    def _merge(self, node: Node, values: Any, key_of: Callable[[Node], Any]) -> None:
        # What is taken over counts from where it stands; of several the first wins.
        for one in node.merged():
            if one.target is None:
                self.fill(one, values, key_of)
            else:
                self._followed(one, lambda target: self.fill(target, values, key_of))

    def key(self, node: Node) -> Any:
        key = self.value(node)
        if isinstance(key, (list, dict)):
            raise node.wrong("invalid map key")
        return key

    def name(self, node: Node) -> str:
        """A key that is to be a text keeps its spelling."""
        if node.target is not None:
            return str(self._followed(node, self.name))
        if not node.is_scalar:
            raise YamlError(_UNFIT + node.unfit("string"))
        tag, value = resolve(node)
        if value is None:
            return ""
        return str(value) if tag == BINARY else node.value


def read_values(text: str) -> Values:
    """A values file: names and what they stand for. Raises :class:`YamlError`."""
    root = read(text)
    node = root.target if root is not None and root.target is not None else root
    if node is None or node.is_null:
        return Values()
    if not node.is_mapping:
        told = node.unfit("templating.Values")
        raise YamlError(f"{_UNFIT}{told} (it must map names to values)")
    reader = _Reader()
    values: Values
    try:
        values = reader.fill(node, Values(), reader.name)
    except RecursionError:
        raise YamlError("yaml: it is nested too deeply") from None
    return values
