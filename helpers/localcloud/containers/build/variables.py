"""Words and variables of Dockerfile instructions: quotes, escapes, ``${NAME:-default}``.

Source: Dockerfile reference, "Environment replacement".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VariableError(ValueError):
    """A substitution that is malformed or refuses to go on."""


def split(text: str, escape: str = "\\") -> list[str]:
    """Words separated by blanks, with their quotes and escapes still in them."""
    words: list[str] = []
    current = ""
    quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        if character == escape and quote != "'" and position + 1 < len(text):
            current += text[position : position + 2]
            position += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character.isspace():
            if current:
                words.append(current)
                current = ""
            position += 1
            continue
        current += character
        position += 1
    if quote:
        raise VariableError(f"unexpected end of statement while looking for matching {quote}")
    return [*words, current] if current else words


def expand(
    word: str, variables: Mapping[str, str], escape: str = "\\", *, keep_quotes: bool = False
) -> str:
    """The word with its variables replaced and its quotes and escapes taken away."""
    result = ""
    quote = ""
    position = 0
    while position < len(word):
        character = word[position]
        following = word[position + 1 : position + 2]
        if character == escape and quote != "'":
            if (quote == '"' and following not in ('"', "$", escape)) or (
                keep_quotes and following not in ("$", escape)
            ):
                result += character
            result += following
            position += 2
        elif character in "\"'" and quote in ("", character):
            quote = "" if quote else character
            result += character if keep_quotes else ""
            position += 1
        elif character == "$" and quote != "'":
            value, position = _variable(word, position + 1, variables, escape)
            result += value
        else:
            result += character
            position += 1
    return result


def _variable(
    text: str, position: int, variables: Mapping[str, str], escape: str
) -> tuple[str, int]:
    """The value of the variable whose name starts at ``position``, and where the text goes on."""
    if not text.startswith("{", position):
        match = _NAME.match(text, position)
        if match is None:
            return "$", position
        return variables.get(match[0], ""), match.end()
    match = _NAME.match(text, position + 1)
    if match is None:
        raise VariableError(f"bad substitution in {text!r}")
    name, position = match[0], match.end()
    if text.startswith("}", position):
        return variables.get(name, ""), position + 1
    colon = text.startswith(":", position)
    position += colon
    operator = text[position : position + 1]
    end = _closing(text, position + 1)
    word = text[position + 1 : end]
    value = variables.get(name)
    given = value is not None and (bool(value) or not colon)
    if operator == "-":
        return (value or "" if given else expand(word, variables, escape)), end + 1
    if operator == "+":
        return (expand(word, variables, escape) if given else ""), end + 1
    if operator == "?":
        if not given:
            raise VariableError(f"{name}: {word or 'not set'}")
        return value or "", end + 1
    raise VariableError(f"unsupported modifier ({operator}) in substitution of {name}")


def _closing(text: str, position: int) -> int:
    depth = 1
    for index in range(position, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise VariableError(f"unterminated substitution in {text!r}")


def pairs(
    rest: str, variables: Mapping[str, str], escape: str, *, old_form: bool
) -> dict[str, str]:
    """``NAME=value …`` of ENV, LABEL and ARG; ``old_form`` also takes ``NAME the whole rest``."""
    words = split(rest, escape)
    if old_form and "=" not in words[0]:
        name, _, value = rest.strip().partition(" ")
        if not value.strip():
            raise VariableError(f"{name} needs a value: {name}=value")
        return {expand(name, variables, escape): expand(value.strip(), variables, escape)}
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise VariableError(
                f"syntax error - can't find = in {word!r}. Must be of the form: name=value"
            )
        name = expand(name, variables, escape)
        if not name:
            raise VariableError(f"names can not be blank: {word!r}")
        found[name] = expand(value, variables, escape)
    return found
