"""What stands after the name of an instruction: its words, its flags, and which of them it takes.

Source: Dockerfile reference; the parser of moby/buildkit (frontend/dockerfile/parser and
frontend/dockerfile/instructions) tells what it does with everything else, and in which words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ...go_literals import nanoseconds
from .frontend import Frontend, buildkit_flags
from .variables import SPACES, quoted

BLANKS = re.compile(r"[\t\v\f\r ]+")
_HALF = re.compile(r"[\ud800-\udfff]")  # half of a surrogate pair: no character
_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_INTERVALS = ("interval", "timeout", "start-period", "start-interval")
_MILLISECOND = 1_000_000
_LONGEST = 100  # characters of an interval
REPEATED = ("mount", "exclude")
_BOOLEAN_FLAGS = frozenset(("link", "parents", "keep-git-dir", "unpack"))
CLASSIC_FLAGS = {  # what the classic builder does
    "FROM": {"platform"},
    "COPY": {"from", "chown"},
    "ADD": {"chown"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "retries"},
}
# Flags that it knows, too, and refuses when it comes to them: they need BuildKit.
_KNOWN_FLAGS = {"COPY": {"chmod"}, "ADD": {"chmod"}, "RUN": {"mount"}}
_WITHOUT_FLAGS = ("ARG", "STOPSIGNAL")  # they do not look at them
_ONE_ARGUMENT = ("MAINTAINER", "WORKDIR", "USER", "STOPSIGNAL")
_SOME_ARGUMENTS = ("ENV", "LABEL", "ONBUILD", "HEALTHCHECK", "EXPOSE", "VOLUME", "ARG", "SHELL")


class OperandError(ValueError):
    """What an instruction does not take, in Docker's words."""


def flags_of(text: str) -> tuple[list[str], str]:
    """The words that begin with ``--``, without their quotes, and what is after them."""
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position] in SPACES:
            position += 1
            continue
        if not text.startswith("--", position):
            return found, text[position:]
        word, position = _flag(text, position)
        if word == "--":
            return found, text[position:]
        found.append(word)
    return found, ""


def _flag(text: str, position: int) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while position < len(text):
        character = text[position]
        if not quote and character in SPACES:
            break
        position += 1
        if character == "\\":
            word.append(text[position : position + 1])
            position += 1
        elif quote and character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        else:
            word.append(character)
    return "".join(word), position


def words_of(name: str, rest: str, escape: str) -> tuple[list[str], bool]:
    """The words of an instruction, and whether they are in JSON form; ENV's are names and values.

    Raises :class:`OperandError` for what cannot be read at all.
    """
    if name in ("ENV", "LABEL"):
        return _names_and_values(name, rest, escape), False
    if name == "ARG":
        return _quoted_words(rest, escape), False
    if name == "HEALTHCHECK":
        kind, _, command = _cut(rest)
        words, is_json = _json(command)
        return [*([kind] if kind else []), *(words if is_json else [command] * bool(command))], (
            is_json
        )
    if name in ("CMD", "ENTRYPOINT", "RUN", "SHELL", "ADD", "COPY", "VOLUME"):
        words, is_json = _json(rest)
        if is_json:
            return words, True
    if not rest:
        return [], False
    if name in ("ADD", "COPY", "EXPOSE", "FROM", "VOLUME"):
        return BLANKS.split(rest), False
    return [rest], False


def _cut(text: str) -> tuple[str, str, str]:
    for position, character in enumerate(text):
        if character in SPACES:
            return text[:position], " ", text[position:].lstrip("".join(SPACES))
    return text, "", ""


def _json(text: str) -> tuple[list[str], bool]:
    text = text.lstrip("".join(SPACES))
    if not text.startswith("["):
        return [], False
    try:
        words, _ = _DECODER.raw_decode(text)  # what follows the array is not looked at
    except RecursionError:
        words = [None]
    except ValueError:
        return [], False
    if not all(isinstance(word, str) for word in words):
        raise OperandError("when using JSON array syntax, arrays must be comprised of strings only")
    return [_HALF.sub("\ufffd", word) for word in words], True


def _no_constant(name: str) -> None:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _quoted_words(text: str, escape: str) -> list[str]:
    """Words between blanks, with quotes and escapes still in them."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if not quote and character in SPACES:
            if word:
                words.append("".join(word))
                word = []
            continue
        if character == escape and quote != "'":
            if position == len(text):
                break
            word += [character, text[position]]
            position += 1
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        word.append(character)
    return [*words, "".join(word)] if word else words


def _names_and_values(name: str, rest: str, escape: str) -> list[str]:
    words = _quoted_words(rest, escape)
    if not words:
        return []
    if "=" not in words[0]:
        parts = BLANKS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise OperandError(f"{name} must have two arguments")
        return parts
    found: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise OperandError(
                f"Syntax error - can't find = in {quoted(word)}. Must be of the form: name=value"
            )
        found += [key, value]
    return found


def checked_flags(name: str, given: Sequence[str], frontend: Frontend) -> dict[str, str]:
    """Flags by their names. Raises :class:`OperandError` for one that the instruction lacks."""
    if name in _WITHOUT_FLAGS:
        return {}
    if frontend.buildkit:
        known = buildkit_flags(frontend, name)
    else:
        known = CLASSIC_FLAGS.get(name, set()) | _KNOWN_FLAGS.get(name, set())
    flags: dict[str, str] = {}
    for word in given:
        flag, equals, value = word[2:].partition("=")
        if flag not in known:
            raise OperandError(f"{'u' if frontend.has(1, 11) else 'U'}nknown flag: {flag}")
        if flag in flags and flag not in REPEATED:
            raise OperandError(f"Duplicate flag specified: {flag}")
        if flag in _BOOLEAN_FLAGS:
            flags[flag] = _boolean(flag, equals, value)
        elif not equals:
            raise OperandError(f"Missing a value on flag: {flag}")
        else:
            flags[flag] = value
    return flags


def _boolean(flag: str, equals: str, value: str) -> str:
    if equals and not value:
        raise OperandError(f"Missing a value on flag: {flag}")
    if value.lower() not in ("", "true", "false"):
        raise OperandError(f"Expecting boolean value for flag {flag}, not: {value}")
    return value.lower() or "true"


def check(name: str, words: Sequence[str], *, is_json: bool, flags: dict[str, str]) -> None:
    """Whether an instruction takes these words. Raises :class:`OperandError` where it does not."""
    _check_number(name, len(words))
    if name in ("ENV", "LABEL") and not all(words[::2]):
        raise OperandError(f"{name} names can not be blank")
    if name == "ARG" and any(word.startswith("=") for word in words):
        raise OperandError("ARG names can not be blank")
    if name == "VOLUME" and not all(word.strip() for word in words):
        raise OperandError("VOLUME specified can not be an empty string")
    if name == "SHELL" and not is_json:
        raise OperandError("SHELL requires the arguments to be in JSON form")
    if name == "FROM":
        _check_stage(words)
    elif name == "ONBUILD":
        _check_trigger(words[0].upper())
    elif name == "HEALTHCHECK":
        _check_health(words, flags)


def _check_number(name: str, number: int) -> None:
    if name in _SOME_ARGUMENTS and not number:
        raise OperandError(f"{name} requires at least one argument")
    if name in _ONE_ARGUMENT and number != 1:
        raise OperandError(f"{name} requires exactly one argument")
    if name in ("ADD", "COPY") and number < 2:
        raise OperandError(
            f"{name} requires at least two arguments, but only one was provided. Destination could "
            "not be determined."
        )


def _check_stage(words: Sequence[str]) -> None:
    if len(words) == 3 and words[1].lower() == "as":
        if not _STAGE_NAME.fullmatch(words[2].lower()):
            raise OperandError(
                f"invalid name for build stage: {quoted(words[2])}, name can't start with a number "
                "or contain symbols"
            )
    elif len(words) != 1:
        raise OperandError("FROM requires either one or three arguments")


def _check_trigger(name: str) -> None:
    if name == "ONBUILD":
        raise OperandError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if name in ("MAINTAINER", "FROM"):
        raise OperandError(f"{name} isn't allowed as an ONBUILD trigger")


def _check_health(words: Sequence[str], flags: dict[str, str]) -> None:
    kind = words[0].upper()
    if kind == "NONE":
        if len(words) > 1:
            raise OperandError("HEALTHCHECK NONE takes no arguments")
        return
    if kind != "CMD":
        raise OperandError(f"Unknown type {quoted(kind)} in HEALTHCHECK (try CMD)")
    if len(words) < 2:
        raise OperandError("Missing command after HEALTHCHECK CMD")
    for flag in _INTERVALS:
        if flags.get(flag):
            _check_interval(flag, flags[flag])
    if flags.get("retries"):
        _check_retries(flags["retries"])


def _check_interval(flag: str, text: str) -> None:
    duration = nanoseconds(text) if len(text) <= _LONGEST else None
    if duration is None:
        raise OperandError(f"time: invalid duration {quoted(text)}")
    if duration < _MILLISECOND:
        raise OperandError(f"Interval {quoted(flag)} cannot be less than 1ms")


def _check_retries(text: str) -> None:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise OperandError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    if abs(int(text[:20])) >= 1 << 31:
        raise OperandError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    if int(text) < 1:
        raise OperandError(f"--retries must be at least 1 (not {int(text)})")
