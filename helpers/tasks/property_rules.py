"""Rules of ``task lint`` for names that ACR Tasks passes over: of properties, and of ``{{.Run}}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from ..localcloud.tasks.definitions import aliases
from ..localcloud.tasks.definitions.task_shapes import ALIASES, TASK
from ..localcloud.tasks.definitions.yaml_values import ListOf, Shape, Struct
from ..localcloud.tasks.errors import TaskError
from ..localcloud.tasks.templating.yaml_nodes import Node, YamlError, read
from .findings import WARNING, Finding

_ACTION = re.compile(r"\{\{.*?\}\}")
_RUN = re.compile(r"\.Run\.(\w+)", re.ASCII)
_WHERE = {"graph.Task": "the file", "graph.wrapper": "the file"}


def ignored(name: str, text: str, rendered: str = "") -> Iterator[Finding]:
    """Properties that the engine does not know, and passes over without a word.

    They are looked for in the file as it is written, and in what was ``rendered`` of it where
    templates make it no YAML; a block that only holds anchors is meant so.
    """
    try:
        parts = aliases.split(text)
    except TaskError:
        return
    try:
        root, lines = read(parts.rest), parts.rest_lines
    except YamlError:
        root, lines = read(rendered), []
    yield from _unknown(name, text, root, TASK, lines)
    try:
        root = read(parts.alias)
    except YamlError:
        return
    yield from _unknown(name, text, root, ALIASES, parts.alias_lines)


def _unknown(
    name: str, text: str, root: Node | None, shape: Shape, lines: Sequence[int]
) -> Iterator[Finding]:
    if root is None:
        return
    targets = {id(one.target) for one in _nodes(root) if one.target is not None}
    for key, value, owner in _walk(root, shape, set()):
        held = any(id(one) in targets for one in _nodes(value))
        if held or key.value.startswith("x-") or "{{" in key.value:
            continue
        line = lines[key.line - 1] if lines else _line(text, key.value)
        where = _WHERE.get(owner.name, f"a {owner.name.rpartition('.')[2].lower()}")
        yield Finding(
            *(name, line, key.column if lines else 1, WARNING, "property-ignored"),
            f"ACR Tasks ignores '{key.value}': {where} has no such property",
            _suggestion(key.value, owner.fields) or "Take it out, or look for its right place",
        )


def _walk(node: Node, shape: Shape, seen: set[int]) -> Iterator[tuple[Node, Node, Struct]]:
    """Keys that ``shape`` does not have, with their values and the mapping's shape."""
    node = node.target or node
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.is_sequence:  # a list, or the several mappings of <<
        for one in node.children:
            yield from _walk(one, shape.item if isinstance(shape, ListOf) else shape, seen)
    elif node.is_mapping and isinstance(shape, Struct):
        for key, value in node.pairs():
            if key.is_merge:
                yield from _walk(value, shape, seen)
            elif key.is_scalar and key.value in shape.fields:
                yield from _walk(value, shape.fields[key.value], seen)
            elif key.is_scalar:
                yield key, value, shape


def _nodes(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.children)


def _line(text: str, name: str) -> int:
    found = re.search(rf"""^[\s-]*["']?{re.escape(name)}["']?\s*:""", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 1


def _suggestion(name: str, known: Iterable[str]) -> str:
    by_small = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_small, n=1, cutoff=0.6)
    return f"Write '{by_small[close[0]]}', if that is meant" if close else ""


def run_names(name: str, text: str, known: Sequence[str]) -> Iterator[Finding]:
    """Names of ``{{.Run}}`` that no run has: they are empty, and nothing says so."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            continue
        for action in _ACTION.finditer(line):
            for used in _RUN.finditer(action[0]):
                if used[1] not in known:
                    yield Finding(
                        *(name, number, action.start() + 1, WARNING, "run-name-unknown"),
                        f".Run.{used[1]} is empty: a run has no such name",
                        _suggestion(used[1], known) or f"The names are {', '.join(known)}",
                    )
