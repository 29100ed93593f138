"""Task aliases: ``$Registry`` and the like, and the images that the first word of a cmd stands for.

Source: acr-builder, graph/preprocessor.go; documentation of task aliases (aka.ms/acr/tasks/task-aliases).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TaskError
from .task_shapes import ALIASES, NAMES
from .yaml_values import Document, YamlError

FIRST_VERSION = "v1.1.0"  # compared as text, as the engine does
DIRECTIVE = "$"
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
_COMMENT = re.compile(r"[ \t\f\r]*#")
_ALIAS = re.compile(r"alias[ \t\f\r]*:")
_TOP_LEVEL = re.compile(r"[^ \t\n\f\r:]+[^:]*:")
_NAME = re.compile(r"[a-zA-Z0-9]+")
_QUOTES = "\"'"
_LONGEST = 1 << 16  # bytes of a line: the engine's reader stops at a longer one


def find_version(text: str) -> str:
    """The version that decides on aliases: the first line ``version: …`` of a task file, else "".

    It is not read as YAML: quotes around name and value mean nothing, and the line must begin with
    them.
    """
    for line in text.split("\n"):
        if line.strip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if colon and not name[:1].isspace() and name.strip().strip(_QUOTES) == "version":
            return value.strip().strip(_QUOTES)
    return ""


def supports_aliases(version: str) -> bool:
    """Whether a task file of that version has aliases."""
    return version >= FIRST_VERSION


@dataclass(frozen=True)
class Parts:
    """The ``alias:`` block of a task file and the rest; comment lines are dropped from both.

    ``alias_lines`` and ``rest_lines`` tell for each line where it stood in the file, from 1.
    """

    alias: str
    rest: str
    alias_lines: list[int]
    rest_lines: list[int]


def split(text: str) -> Parts:
    """Take a task file of any version apart. Raises :class:`TaskError` for a line that is too long.

    Lines end with a line feed then, whatever they ended with before (SeparateAliasFromRest).
    """
    alias: list[tuple[int, str]] = []
    rest: list[tuple[int, str]] = []
    inside = False
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) >= _LONGEST // 4 and len(line.encode(errors="replace")) >= _LONGEST:
            raise TaskError(
                f"line {number} of the task file has {_LONGEST} bytes or more: the engine stops "
                "reading there, and drops the rest of the file. Break the line"
            )
        if _COMMENT.match(line):
            continue
        if not inside and _ALIAS.match(line):
            inside = True
        elif inside and _TOP_LEVEL.match(line):
            inside = False
        (alias if inside else rest).append((number, line.removesuffix("\r") + "\n"))
    return Parts(
        "".join(line for _, line in alias),
        "".join(line for _, line in rest),
        [number for number, _ in alias],
        [number for number, _ in rest],
    )


def definitions(alias_text: str, read: Callable[[str], str]) -> tuple[dict[str, str], str]:
    """Names with their values, and the directive character, of a rendered alias block.

    Its own values win over those of ``src``, a later file over an earlier one, and all of them over
    the presets. ``read`` gives the text of a file that ``src`` names. Raises :class:`TaskError`.
    """
    try:
        block = Document(alias_text).read(ALIASES).get("alias") or {}
    except YamlError as error:
        raise TaskError(f"error during alias unmarshaling: {error}") from None
    directive = block.get("directive") or DIRECTIVE
    found = {**PRESETS, **IMAGES}
    for source in block.get("src") or ():
        found |= _from_file(source, read)
    found |= block.get("values") or {}
    if len(directive) != 1:
        raise TaskError(
            "$ directive can only be overwritten by a single character, "
            f"and {directive!r} has {len(directive)}"
        )
    if _NAME.fullmatch(directive):
        raise TaskError(
            f"overwritten directives may not be alphanumeric characters, and {directive!r} is one"
        )
    for name in found:
        if not _NAME.fullmatch(name):
            raise TaskError(
                f"alias key names only support alphanumeric characters, and {name!r} has others"
            )
    return found, directive


def _from_file(source: str, read: Callable[[str], str]) -> dict[str, str]:
    """The names of a file of ``src``: a plain mapping of names to values."""
    try:
        names: dict[str, str] = Document(read(source)).read(NAMES)
    except YamlError as error:
        raise TaskError(f"the alias file '{source}' cannot be read: {error}") from None
    return names


def replace(text: str, names: dict[str, str], directive: str = DIRECTIVE) -> str:
    """``$Name`` replaced where it is known; ``$$`` is one ``$``, an unknown name stays.

    After an unknown name the next character is plain text, even a directive.
    """
    output: list[str] = []
    at = 0
    while (start := text.find(directive, at)) >= 0:
        output.append(text[at:start])
        at = start + 1
        if text.startswith(directive, at):
            output.append(directive)
            at += 1
            continue
        match = _NAME.match(text, at)
        name = match[0] if match else ""
        at += len(name)
        if name in names:
            output.append(names[name])
        else:
            output.append(directive + name + text[at : at + 1])
            at += 1
    output.append(text[at:])
    return "".join(output)


def expand_command(command: str, names: dict[str, str]) -> str:
    """A cmd whose first word is an alias, with that alias replaced."""
    first, blank, rest = command.strip().partition(" ")
    return names[first] + blank + rest if first in names else command
