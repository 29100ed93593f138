"""Patterns of paths: Go's wildcards in sources, and the lines of a .dockerignore.

Both are matched by RE2: no pattern takes for ever. Source: package path/filepath of Go (Match);
Docker's build context documentation, ".dockerignore files", and moby's fileutils.PatternMatcher.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

import re2

Matcher = Callable[[str], bool]
_BOM = "\ufeff"
_LITERAL_IN_IGNORE = ".$"  # of the characters that mean something to a regular expression


class PatternError(ValueError):
    """A pattern that cannot be read."""


def has_wildcards(path: str) -> bool:
    """Whether a source is a pattern: a character after a backslash is itself."""
    escaped = False
    for character in path:
        if not escaped and character in "*?[":
            return True
        escaped = character == "\\" and not escaped
    return False


def wildcards(pattern: str) -> Matcher:
    """What tells whether a path matches Go's wildcards. Raises :class:`PatternError`."""
    expression: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            expression.append("[^/]*")
        elif character == "?":
            expression.append("[^/]")
        elif character == "[":
            text, position = _class(pattern, position)
            expression.append(text)
        elif character == "\\":
            if position == len(pattern):
                raise PatternError("syntax error in pattern")
            expression.append(_literal(pattern[position]))
            position += 1
        else:
            expression.append(_literal(character))
    return _matcher(f"^(?s:{''.join(expression)})$")


def _class(pattern: str, position: int) -> tuple[str, int]:
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", position)):
        low, position = _member(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _member(pattern, position + 1)
        # One from high to low holds nothing; the rest of the class may.
        ranges.append(f"{_code(low)}-{_code(high)}" if low <= high else "")
    members = "".join(ranges)
    if not members:
        return ("(?s:.)" if negated else r"[^\x00-\x{10FFFF}]"), position + 1
    return f"[{'^' * negated}{members}]", position + 1


def _member(pattern: str, position: int) -> tuple[str, int]:
    character = pattern[position : position + 1]
    if character == "\\":
        position += 1
        character = pattern[position : position + 1]
    elif character in ("-", "]"):
        character = ""
    if not character or position + 1 == len(pattern):
        raise PatternError("syntax error in pattern")
    return character, position + 1


def _code(character: str) -> str:
    return f"\\x{{{ord(character):X}}}"


def _literal(character: str) -> str:
    return character if character.isalnum() or character in "/_-" else _code(character)


def _matcher(expression: str) -> Matcher:
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except re2.error:
        raise PatternError("syntax error in pattern") from None

    def match(path: str) -> bool:
        """A byte that is no UTF-8 is any character."""
        text = path.encode(errors="surrogateescape").decode(errors="replace")
        return compiled.search(text) is not None

    return match


class _Line:
    """A line of an ignore file: ``dirs`` is how many parts its path has."""

    def __init__(self, line: str) -> None:
        line = posixpath.normpath(line.strip())
        self.exception = line.startswith("!")
        self.path = line[1:] if self.exception else line
        if not self.path:
            raise PatternError('illegal exclusion pattern: "!"')
        wildcards(self.path)  # for its errors
        self.dirs = self.path.count("/") + 1
        self.match = _matcher(_ignore_expression(self.path))


def _ignore_expression(pattern: str) -> str:
    expression = ["^"]
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*" and pattern.startswith("*", position):
            position += 1
            position += pattern.startswith("/", position)
            expression.append("(.*/)?" if position < len(pattern) else ".*")
        elif character == "*":
            expression.append("[^/]*")
        elif character == "?":
            expression.append("[^/]")
        elif character == "\\" and position < len(pattern):
            expression.append("\\" + pattern[position])
            position += 1
        else:
            expression.append("\\" * (character in f"{_LITERAL_IN_IGNORE}\\") + character)
    return "".join([*expression, "$"])


class IgnoreFile:
    """What a .dockerignore leaves out. Raises :class:`PatternError` for a line it cannot read."""

    def __init__(self, text: str = "") -> None:
        self._lines = [_read(line) for line in _patterns(text)]
        self._exceptions = [f"{one.path}/" for one in self._lines if one.exception]

    def ignores(self, path: str) -> bool:
        """Whether it leaves out this path."""
        ignored = False
        parents = path.split("/")[:-1]
        for line in self._lines:
            if line.exception != ignored:
                continue
            if line.match(path) or (
                parents and line.dirs <= len(parents) and line.match("/".join(parents[: line.dirs]))
            ):
                ignored = not line.exception
        return ignored

    def may_hold(self, folder: str) -> bool:
        """Whether something in a folder that it leaves out may be an exception."""
        return any(one.startswith(f"{folder}/") for one in self._exceptions)


def _read(line: str) -> _Line:
    try:
        return _Line(line)
    except PatternError as error:
        raise PatternError(f"{error}: {line[:100]}") from None


def _patterns(text: str) -> Sequence[str]:
    found = []
    for raw in text.removeprefix(_BOM).split("\n"):
        line = raw.removesuffix("\r")
        if line.startswith("#") or not line.strip():
            continue
        line = line.strip()
        exception = line.startswith("!")
        line = line[exception:].strip()
        if line:
            line = posixpath.normpath(line)
            # Two slashes at the beginning stay with POSIX, not with Go.
            line = f"/{line.lstrip('/')}" if line.startswith("/") else line
            line = line[1:] if len(line) > 1 and line.startswith("/") else line
        found.append("!" * exception + line)
    return found
