"""Reads a Dockerfile: instructions with their flags, forms, here-documents and line numbers.

Source: Dockerfile reference, "Format", "Parser directives", "Here-documents".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import BuildError
from .frontend import CLASSIC, Frontend, of_syntax
from .operands import BLANKS, REPEATED, OperandError, check, checked_flags, flags_of, words_of
from .variables import SPACES

INSTRUCTIONS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    )
)
BLANK = "".join(SPACES)
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = ("escape", "syntax")
_LONGEST_LINE = 64 * 1024 - 1  # bytes; bufio.MaxScanTokenSize of Go
# A word of its own, as BuildKit reads it: the shift in $((1<<X)) is none.
_HEREDOC = re.compile(r"""(?:^|(?<=\s))\d*<<(-?)(?:"([^\s<"]+)"|'([^\s<']+)'|([^\s<"']+))""")


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
    words: tuple[str, ...] = field(default=())  # names and values of ENV and LABEL take turns
    json: bool = False
    repeated: tuple[tuple[str, str], ...] = field(default=())  # --mount and --exclude, in order
    end: int = 0  # its last line

    @property
    def exec_form(self) -> list[str] | None:
        """The words of the JSON form, or None for the shell form."""
        return list(self.words) if self.json else None

    @property
    def stage_name(self) -> str:
        """What FROM names the stage that it opens, in small letters; "" where it names none."""
        return self.words[2].lower() if len(self.words) == 3 else ""


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile; ``escape`` is its escape character, ``frontend`` the builder for it."""

    name: str
    escape: str
    instructions: tuple[Instruction, ...]
    frontend: Frontend = CLASSIC

    @property
    def openings(self) -> list[Instruction]:
        """Every FROM: each opens a stage."""
        return [one for one in self.instructions if one.name == "FROM"]

    def error(self, instruction: Instruction, message: str, exit_status: int = 1) -> BuildError:
        """An error at an instruction of this file."""
        return BuildError(
            f"{self.name}:{instruction.line}: {instruction.text}: {message}", exit_status
        )


def parse(text: str, name: str = "Dockerfile", frontend: Frontend = CLASSIC) -> Dockerfile:
    """Read the text of a Dockerfile. Raises :class:`BuildError` with file, line and instruction."""
    if not text:
        raise BuildError(f"the Dockerfile ({name}) cannot be empty")
    return _Reader(text.removeprefix("\ufeff"), name, frontend).read()


class _Reader:
    """Line after line of one Dockerfile."""

    def __init__(self, text: str, name: str, frontend: Frontend) -> None:
        self._lines = [line.removesuffix("\r") for line in text.split("\n")]
        if not self._lines[-1]:
            self._lines.pop()
        self._name = name
        self._frontend = frontend
        self._escape = "\\"
        self._position = 0
        self._directives: set[str] | None = set()  # those seen; None where none may follow

    def read(self) -> Dockerfile:
        """All of it: first what can be read at all, then what each instruction takes."""
        found = []
        while (logical := self._logical_line()) is not None:
            line, start = logical
            if line.strip():
                found.append(self._instruction(line.strip(), start))
        if not found:
            raise self._unread(len(self._lines), "file with no instructions")
        checked: list[Instruction] = []
        for instruction, given in found:
            self._check(instruction, given, checked[-1] if checked else None)
            if not checked and instruction.name not in ("FROM", "ARG"):
                raise BuildError(
                    f"{self._name}:{instruction.line}: {instruction.text}: no build stage in "
                    "current context: the first instruction must be FROM (or ARG)"
                )
            checked.append(instruction)
        if not any(one.name == "FROM" for one in checked):
            raise BuildError(
                f"{self._name}: No image was generated. Is your Dockerfile empty? It has no FROM "
                "instruction, so nothing to build"
            )
        return Dockerfile(self._name, self._escape, tuple(checked), self._frontend)

    # -- lines -------------------------------------------------------------------------------

    def _next(self) -> str:
        line = self._lines[self._position]
        self._position += 1
        if len(line) > _LONGEST_LINE or len(line.encode(errors="replace")) > _LONGEST_LINE:
            raise self._unread(
                self._position,
                f"dockerfile line greater than max allowed size of {_LONGEST_LINE}",
            )
        self._directive(line.lstrip(BLANK))
        return line

    def _logical_line(self) -> tuple[str, int] | None:
        """Continued lines as one, without comments and empty lines in between; and its number."""
        if self._position >= len(self._lines):
            return None
        line = self._next().lstrip(BLANK)
        start = self._position
        joined, goes_on = self._continued("" if line.startswith("#") else line)
        parts = [joined]
        while goes_on and self._position < len(self._lines):
            line = self._next()
            if line.lstrip(BLANK).startswith("#") or not line.lstrip(BLANK):
                continue
            line, goes_on = self._continued(line)
            parts.append(line)
        if not goes_on and parts == [""]:
            return "", start
        return "".join(parts) or self._escape, start

    def _continued(self, line: str) -> tuple[str, bool]:
        """The line without the escape character at its end, and whether it has one."""
        bare = line.rstrip(" \t")
        if not bare.endswith(self._escape):
            return line, False
        if bare.endswith(self._escape * 2):
            return line, False  # escaped itself
        return bare[:-1], True

    def _directive(self, line: str) -> None:
        if self._directives is None:
            return
        match = _DIRECTIVE.fullmatch(line)
        key = match[1].lower() if match else ""
        known = (*_DIRECTIVES, "check") if self._frontend.has(1, 8) else _DIRECTIVES
        if match is None or key not in known:
            self._directives = None
            return
        if key in self._directives:
            raise self._unread(self._position, f"only one {key} parser directive can be used")
        self._directives.add(key)
        if key == "syntax" and self._frontend.buildkit:
            self._frontend = of_syntax(match[2], self._frontend)
        if key == "escape":
            if match[2] not in ("\\", "`"):
                raise self._unread(
                    self._position,
                    f"invalid escape token '{match[2]}' does not match ` or \\",
                )
            self._escape = match[2]

    # -- instructions ------------------------------------------------------------------------

    def _instruction(self, line: str, start: int) -> tuple[Instruction, list[str]]:
        """An instruction that is read, not checked, and its flags as they are written."""
        parts = BLANKS.split(line, maxsplit=1)
        name = parts[0].upper()
        given, rest = flags_of(parts[1]) if len(parts) > 1 else ([], "")
        rest = rest.strip(BLANK)
        try:
            words, is_json = self._words(name, rest)
        except OperandError as error:
            raise self._unread(start, str(error)) from None
        documents = []
        if name in ("RUN", "COPY", "ADD") and self._frontend.has(
            1, 3 if self._frontend.labs else 4
        ):
            for match in _HEREDOC.finditer(_outside_quotes(rest)):
                document, self._position = _here_document(
                    self._name, start, self._lines, self._position, match
                )
                documents.append(document)
        return (
            Instruction(
                *(name, rest, {}, start, line, tuple(documents), tuple(words), is_json),
                repeated=tuple(_repeated(given)),
                end=self._position,
            ),
            given,
        )

    def _words(self, name: str, rest: str) -> tuple[list[str], bool]:
        if name != "ONBUILD" or not rest:
            return words_of(name, rest, self._escape)
        inner = BLANKS.split(rest, maxsplit=1)
        below, _ = self._words(
            inner[0].upper(), flags_of(inner[1])[1].strip(BLANK) if len(inner) > 1 else ""
        )
        return [inner[0], *below], False

    def _check(self, instruction: Instruction, given: list[str], above: Instruction | None) -> None:
        where = f"{self._name}:{instruction.line}: dockerfile parse error line {instruction.line}"
        if instruction.name not in INSTRUCTIONS:
            told = f"It knows {', '.join(sorted(INSTRUCTIONS))}"
            if above and not self._frontend.has(1, 4) and _begins_here_document(above):
                told = (
                    f"Line {above.line} begins a here-document, which needs BuildKit: env "
                    "DOCKER_BUILDKIT=1 of the step"
                )
            raise BuildError(f"{where}: unknown instruction: {instruction.name}. {told}")
        if instruction.name == "HEALTHCHECK" and instruction.words[:1] in (("NONE",), ("none",)):
            given = []  # not even looked at
        try:
            instruction.flags.update(checked_flags(instruction.name, given, self._frontend))
            check(
                *(instruction.name, instruction.words),
                is_json=instruction.json,
                flags=instruction.flags,
            )
        except OperandError as error:
            raise BuildError(f"{where}: {error}") from None

    def _unread(self, line: int, message: str) -> BuildError:
        return BuildError(f"{self._name}:{line}: failed to parse Dockerfile: {message}")


def _repeated(given: list[str]) -> Iterator[tuple[str, str]]:
    for word in given:
        flag, _, value = word[2:].partition("=")
        if flag in REPEATED:
            yield flag, value


def _begins_here_document(instruction: Instruction) -> bool:
    name, rest = instruction.name, instruction.rest
    return name in ("RUN", "COPY", "ADD") and _HEREDOC.search(_outside_quotes(rest)) is not None


def _outside_quotes(text: str) -> str:
    """``text`` with everything blanked that is quoted, unless it is the name of a here-document."""
    kept = re.sub(r"""(<<-?)(["'])([^\s<"']+)\2""", r"\1\3\0", text)
    blank = re.sub(r"""(["'])(?:\\.|(?!\1).)*\1""", lambda m: " " * len(m[0]), kept)
    return re.sub(r"(<<-?)([^\s<\0]+)\0", r"\1'\2'", blank.replace("<<<", "   "))


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
