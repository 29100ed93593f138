"""Task aliases: ``$Registry`` and the like, and the images that the first word of a cmd stands for.

Source: acr-builder, graph/preprocessor.go; documentation of task aliases (aka.ms/acr/tasks/task-aliases).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from .errors import TaskError

FIRST_VERSION = "v1.1.0"  # compared as text, as the engine does
DEFAULT_VERSION = "v1.0.0"
VERSIONS = ("1.0-preview-1", "v1.0.0", "v1.1.0")
PRESETS = {
    name: "{{.Run." + name + "}}"
    for name in (
        *("ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture"),
        *("Commit", "Branch"),
    )
}
IMAGES = {
    "acr": "mcr.microsoft.com/acr/acr-cli:0.19",
    "az": "mcr.microsoft.com/acr/azure-cli:2ff604c",
    "bash": "mcr.microsoft.com/acr/bash:2ff604c",
    "curl": "mcr.microsoft.com/acr/curl:2ff604c",
    "cssc": "mcr.microsoft.com/acr/cssc:2ff604c",
}
_VERSION = re.compile(r"""^version:\s*["']?([^\s"'#]+)""", re.MULTILINE)


def find_version(text: str) -> str:
    """The version that a task file names, v1.0.0 without one."""
    match = _VERSION.search(text)
    return match[1] if match else DEFAULT_VERSION


def supports_aliases(version: str) -> bool:
    """Whether a task file of that version has aliases."""
    return version >= FIRST_VERSION


def split(text: str) -> tuple[str, str]:
    """The ``alias:`` block of a task file, and the rest; comment lines are dropped from both."""
    alias: list[str] = []
    rest: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if line and not line[0].isspace():
            inside = line.startswith("alias:")
        (alias if inside else rest).append(line)
    return "\n".join(alias), "\n".join(rest)


def definitions(alias_text: str, read: Callable[[str], str]) -> tuple[dict[str, str], str]:
    """Names with their values, and the directive character, of an alias block.

    ``read`` gives the text of a file that ``src`` names. Raises :class:`TaskError`.
    """
    found: dict[str, str] = {**PRESETS, **IMAGES}
    directive = "$"
    block = _mapping(alias_text).get("alias") or {}
    if not isinstance(block, dict):
        raise TaskError("alias must have values or src")
    sources = block.get("src") or []
    for source in [sources] if isinstance(sources, str) else sources:
        found.update(_values(_mapping(read(str(source)))))
    own = _values(block.get("values") or {})
    found.update(own)
    if "directive" in found:
        directive = found.pop("directive")
        if len(directive) != 1:
            raise TaskError("$ directive can only be overwritten by a single character")
        if directive.isalnum():
            raise TaskError("overwrite directives can only be symbols")
    for name in found:
        if not name.isascii() or not name.isalnum():
            raise TaskError(
                f"alias key names only support alphanumeric characters: {name!r} is not one"
            )
    return found, directive


def _mapping(text: str) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TaskError(f"failed to read the aliases: {error}") from None
    return parsed if isinstance(parsed, dict) else {}


def _values(block: dict[str, Any]) -> dict[str, str]:
    return {str(name): "" if value is None else str(value) for name, value in block.items()}


def replace(text: str, names: dict[str, str], directive: str = "$") -> str:
    """``$Name`` replaced where it is known; ``$$`` is one ``$``, an unknown name stays."""
    sign = re.escape(directive)

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return directive
        return names.get(match[1], match[0])

    return re.sub(rf"{sign}{sign}|{sign}([A-Za-z0-9]+)", one, text)


def expand_command(command: str, names: dict[str, str]) -> str:
    """A cmd whose first word is an alias, with that alias replaced."""
    first, blank, rest = command.lstrip().partition(" ")
    return names.get(first, first) + blank + rest
