"""Sprig's functions of regular expressions: RE2, as in Go, so that no pattern takes for ever.

Source: Go documentation, packages regexp and regexp/syntax (its errors); Sprig documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import re2

from .go_format import SIZE
from .go_types import FunctionError, StringList, runes
from .signatures import table

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # they would go to the daemon's log
# RE2's words for what Go says in others (re2, parse.cc; regexp/syntax, parse.go).
_WORDS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
    "pattern too large - compile failed": "expression too large",
}
# What stands for itself in a pattern, and \C, a byte, which RE2 knows and Go does not.
_ESCAPE = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(?P<byte>C)|\\.", re.DOTALL)
_GROUP = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<name>\w+))")


def compiled(pattern: str) -> Any:
    """The expression. Raises :class:`FunctionError` with Go's words."""
    if any(match["byte"] for match in _ESCAPE.finditer(pattern)):
        raise FunctionError("error parsing regexp: invalid escape sequence: `\\C`")
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        words, found, rest = error.args[0].decode("utf-8", "replace").partition(": ")
        about = f": `{rest}`" if found else ""
        raise FunctionError(f"error parsing regexp: {_WORDS.get(words, words)}{about}") from None


def _matches(expression: Any, text: str) -> Iterator[Any]:
    """All matches, one after the other; as in Go an empty one is none where another has ended."""
    end = -1
    for match in expression.finditer(text):
        if match.start() == match.end() == end:
            continue
        end = match.end()
        yield match


def matches(pattern: str, text: str) -> bool:
    """Whether the expression is found in a text; what is no expression is not, as in Sprig."""
    try:
        return compiled(pattern).search(text) is not None
    except FunctionError:
        return False


def find(expression: Any, text: str) -> str:
    """The first match, or nothing."""
    match = expression.search(text)
    return match[0] if match else ""


def find_all(expression: Any, text: str, count: int) -> StringList:
    """The matches, at most ``count``; all of them when it is negative."""
    found = islice(_matches(expression, text), count if count >= 0 else None)
    return StringList(match[0] for match in found) or StringList.nil()


def replace(expression: Any, text: str, replacement: str) -> str:
    """``$1``, ``${1}`` and ``${name}`` are groups; one that there is not is empty; ``$$`` is $."""

    def expand(match: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            if reference["dollar"]:
                return "$"
            name = reference["braced"] or reference["name"]
            try:
                return match[int(name) if name.isdecimal() else name] or ""
            except (LookupError, ValueError):
                return ""

        return _GROUP.sub(group, replacement)

    return _replaced(expression, text, expand)


def replace_literal(expression: Any, text: str, replacement: str) -> str:
    """Every match replaced by a text in which ``$`` means nothing."""
    return _replaced(expression, text, lambda _: replacement)


def _replaced(expression: Any, text: str, new: Callable[[Any], str]) -> str:
    parts: list[str] = []
    end = size = 0
    for match in _matches(expression, text):
        parts += [text[end : match.start()], new(match)]
        size += len(parts[-1])
        if size > SIZE:
            break  # whoever called weighs it
        end = match.end()
    return "".join([*parts, text[end:]])


def split(expression: Any, text: str, count: int) -> StringList:
    """The text between the matches, at most ``count`` pieces; all when it is negative.

    (Go, Regexp.Split.)
    """
    if count == 0:
        return StringList.nil()
    if expression.pattern and not text:
        return StringList([""])
    parts: list[str] = []
    begin = end = 0
    for match in _matches(expression, text):
        if len(parts) == count - 1:
            break
        end = match.start()
        if match.end() != 0:
            parts.append(text[begin:end])
        begin = match.end()
    return StringList([*parts, text[begin:]] if end != len(text) else parts)


def panicking(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an expression, which Go's MustCompile makes: its error names the whole pattern."""

    def call(pattern: str, *arguments: Any) -> Any:
        try:
            expression = compiled(pattern)
        except FunctionError as error:
            shown = f"`{pattern}`" if "`" not in pattern else f'"{pattern}"'
            raise FunctionError(f"regexp: Compile({shown}): {error}") from None
        return function(
            expression, *[runes(one) if isinstance(one, str) else one for one in arguments]
        )

    return call


EXPRESSIONS = table(
    """
    string string: regexMatch regexFind
    string string int: regexFindAll regexSplit
    string string string: regexReplaceAll regexReplaceAllLiteral
    """,
    {
        "regexMatch": matches,
        "regexFind": panicking(find),
        "regexFindAll": panicking(find_all),
        "regexReplaceAll": panicking(replace),
        "regexReplaceAllLiteral": panicking(replace_literal),
        "regexSplit": panicking(split),
    },
)
