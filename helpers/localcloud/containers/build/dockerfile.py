"""Reads a Dockerfile: instructions with their flags, forms, here-documents and line numbers.

Source: Dockerfile reference, "Format", "Parser directives", "Here-documents".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ..errors import BuildError
from .frontend import CLASSIC, Frontend

INSTRUCTIONS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    )
)
FLAGS = {
    "FROM": {"platform"},
    "COPY": {"from", "chown", "chmod", "link"},
    "ADD": {"chown", "chmod", "link"},
    "RUN": {"network", "security", "mount"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
}
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?\s*")
# A word of its own, as BuildKit reads it: the shift in $((1<<X)) is none.
_HEREDOC = re.compile(r"""(?:^|(?<=\s))\d*<<(-?)(?:"(\w+)"|'(\w+)'|(\w+))""")


@dataclass(frozen=True)
class HereDocument:
    """The text between ``<<NAME`` and ``NAME``; ``expand`` is false when NAME is quoted."""

    name: str
    content: str
    expand: bool


@dataclass(frozen=True)
class Instruction:
    """One instruction: ``text`` is as written, on one line; ``rest`` is it without name and flags."""

    name: str
    rest: str
    flags: dict[str, str]
    line: int
    text: str
    here_documents: tuple[HereDocument, ...] = field(default=())

    @property
    def exec_form(self) -> list[str] | None:
        """The words of the JSON form, or None for the shell form."""
        if not self.rest.startswith("["):
            return None
        try:
            words = json.loads(self.rest)
        except ValueError:
            return None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
        return None


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile; ``escape`` is its escape character, ``frontend`` the builder for it."""

    name: str
    escape: str
    instructions: tuple[Instruction, ...]
    frontend: Frontend = CLASSIC

    def error(self, instruction: Instruction, message: str, exit_status: int = 1) -> BuildError:
        """An error at an instruction of this file."""
        return BuildError(
            f"{self.name}:{instruction.line}: {instruction.text}: {message}", exit_status
        )


def parse(text: str, name: str = "Dockerfile", frontend: Frontend = CLASSIC) -> Dockerfile:
    """Read the text of a Dockerfile. Raises :class:`BuildError` with file, line and instruction."""
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    escape = _escape(lines, name)
    found: list[Instruction] = []
    position = 0
    while position < len(lines):
        start = position
        logical, position = _logical_line(lines, position, escape)
        if not logical:
            continue
        instruction, position = _instruction(name, logical, start + 1, lines, position)
        if not found and instruction.name not in ("FROM", "ARG"):
            raise BuildError(
                f"{name}:{start + 1}: {instruction.text}: no build stage in current context: the "
                "first instruction must be FROM (or ARG)"
            )
        found.append(instruction)
    if not any(one.name == "FROM" for one in found):
        raise BuildError(f"{name}: the Dockerfile has no FROM instruction, so nothing to build")
    return Dockerfile(name, escape, tuple(found), frontend)


def _escape(lines: list[str], name: str) -> str:
    escape = "\\"
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            if match[2] not in ("\\", "`"):
                raise BuildError(f"{name}:{number}: invalid ESCAPE '{match[2]}': must be ` or \\")
            escape = match[2]
    return escape


def _logical_line(lines: list[str], position: int, escape: str) -> tuple[str, int]:
    """Join continued lines; comments and empty lines in between are dropped."""
    joined = ""
    while position < len(lines):
        line = lines[position]
        position += 1
        stripped = line.strip()
        if stripped.startswith("#") or not stripped:
            if joined:
                continue
            return "", position
        bare = line.rstrip()
        if bare.endswith(escape) and not bare.endswith(escape * 2):
            joined += bare[:-1] if joined else bare[:-1].lstrip()
            continue
        return (joined + line).strip(), position
    return joined.strip(), position


def _instruction(
    file: str, logical: str, number: int, lines: list[str], position: int
) -> tuple[Instruction, int]:
    word, _, rest = logical.partition(" ") if " " in logical else (logical, "", "")
    parts = logical.split(None, 1)
    word, rest = parts[0], parts[1] if len(parts) > 1 else ""
    name = word.upper()
    where = f"{file}:{number}: {logical}"
    if name not in INSTRUCTIONS:
        raise BuildError(
            f"{file}:{number}: dockerfile parse error: unknown instruction: {word}. It knows "
            f"{', '.join(sorted(INSTRUCTIONS))}"
        )
    if not rest:
        raise BuildError(f"{where}: {name} requires at least one argument")
    documents: list[HereDocument] = []
    if name in ("RUN", "COPY", "ADD"):
        for match in _HEREDOC.finditer(_outside_quotes(rest)):
            document, position = _here_document(file, number, lines, position, match)
            documents.append(document)
    flags: dict[str, str] = {}
    while name in FLAGS:
        flag = _FLAG.match(rest)
        if flag is None:
            break
        if flag[1] not in FLAGS[name]:
            raise BuildError(f"{where}: unknown flag: {flag[1]}")
        flags[flag[1]] = flag[2] or ""
        rest = rest[flag.end() :]
    return Instruction(name, rest, flags, number, logical, tuple(documents)), position


def _outside_quotes(text: str) -> str:
    """``text`` with everything blanked that is quoted, unless it is the name of a here-document."""
    kept = re.sub(r"""<<(-?)(["'])(\w+)\2""", r"<<\1\3", text)
    quoted = {match[3] for match in re.finditer(r"""<<(-?)(["'])(\w+)\2""", text)}
    blank = re.sub(r"""(["'])(?:\\.|(?!\1).)*\1""", lambda m: " " * len(m[0]), kept)
    return re.sub(
        r"<<(-?)(\w+)",
        lambda m: f"<<{m[1]}'{m[2]}'" if m[2] in quoted else m[0],
        blank.replace("<<<", "   "),
    )


def _here_document(
    file: str, number: int, lines: list[str], position: int, match: re.Match[str]
) -> tuple[HereDocument, int]:
    name = match[2] or match[3] or match[4]
    content: list[str] = []
    while position < len(lines):
        line = lines[position].lstrip("\t") if match[1] else lines[position]
        position += 1
        if line == name:
            text = "".join(f"{one}\n" for one in content)
            return HereDocument(name, text, expand=match[4] is not None), position
        content.append(line)
    raise BuildError(f"{file}:{number}: unterminated here-document: no line with only {name}")
