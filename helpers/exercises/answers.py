"""What an answer may be: each kind reads a value, however it is written, or says what it should be."""

from __future__ import annotations

import re
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_SHOWN = 40  # characters of a value in a message
_MOST = 1000  # of a list: whatever yields more without an end is no answer


class AnswerError(ValueError):
    """A value that cannot be an answer to this exercise; the message says what it is."""


class Kind(ABC):
    """A kind of answer."""

    @property
    @abstractmethod
    def wanted(self) -> str:
        """What the answer is, to follow on "The answer is"."""

    @abstractmethod
    def read(self, value: object) -> Any:
        """The answer as it is compared. Raises :class:`AnswerError`."""


@dataclass(frozen=True)
class Text(Kind):
    """Words; upper and lower case, spaces around them and quotation marks make no difference.

    ``such_as``: an example that gives nothing away.
    """

    such_as: str = ""

    @property
    def wanted(self) -> str:
        """A text, and an example."""
        return f'a text, such as "{self.such_as}"' if self.such_as else "a text"

    def read(self, value: object) -> str:
        """The text as :func:`plain` makes it."""
        if not isinstance(value, str) or not value.strip():
            raise AnswerError(described(value))
        return plain(value)


@dataclass(frozen=True)
class Choice(Kind):
    """One of several texts."""

    options: tuple[str, ...]

    def __init__(self, *options: str) -> None:
        object.__setattr__(self, "options", options)

    @property
    def wanted(self) -> str:
        """The list of them."""
        return "one of " + ", ".join(f'"{one}"' for one in self.options)

    def read(self, value: object) -> str:
        """The option that is meant, as :func:`plain` makes it."""
        if not isinstance(value, str) or plain(value) not in map(plain, self.options):
            raise AnswerError(described(value))
        return plain(value)


class YesNo(Kind):
    """True or False."""

    @property
    def wanted(self) -> str:
        """Both."""
        return "True or False"

    def read(self, value: object) -> bool:
        """Also from the words."""
        if isinstance(value, bool):
            return value
        words = {"yes": True, "true": True, "no": False, "false": False}
        if isinstance(value, str) and plain(value) in words:
            return words[plain(value)]
        raise AnswerError(described(value))


class Number(Kind):
    """A whole number."""

    @property
    def wanted(self) -> str:
        """A number, and an example."""
        return "a whole number, such as 7"

    def read(self, value: object) -> int:
        """Also from a text of digits."""
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value.strip()):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise AnswerError(described(value))
        return int(value)


class Digest(Kind):
    """The digest of a manifest. Rule: OCI image specification, "Digests"; ACR has sha256 alone."""

    @property
    def wanted(self) -> str:
        """What one looks like."""
        return 'a digest, "sha256:" and 64 hexadecimal digits'

    def read(self, value: object) -> str:
        """In lower case."""
        text = plain(value) if isinstance(value, str) else ""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
            raise AnswerError(described(value))
        return text


@dataclass(frozen=True)
class Names(Kind):
    """Several texts, in any order. ``such_as``: an example that gives nothing away."""

    such_as: tuple[str, ...] = ("one", "another")

    def __init__(self, *such_as: str) -> None:
        object.__setattr__(self, "such_as", such_as or ("one", "another"))

    @property
    def wanted(self) -> str:
        """A list of texts, and an example."""
        return "a list of texts, such as [" + ", ".join(f'"{one}"' for one in self.such_as) + "]"

    def read(self, value: object) -> Any:
        """A set; a single text is a list of one."""
        return frozenset(self._texts(value))

    def _texts(self, value: object) -> list[str]:
        if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
            raise AnswerError(described(value))
        texts = [value] if isinstance(value, str) else list(islice(value, _MOST))
        for one in texts:
            if not isinstance(one, str):
                raise AnswerError(f"{described(value)} with {described(one)} in it")
        return [plain(one) for one in texts]


class Order(Names):
    """Several texts whose order counts."""

    @property
    def wanted(self) -> str:
        """A list, and that its order counts."""
        return f"{super().wanted}, in the right order"

    def read(self, value: object) -> Any:
        """A tuple; a set has no order."""
        if isinstance(value, set | frozenset):
            raise AnswerError("a set, which has no order")
        return tuple(self._texts(value))


def plain(text: str) -> str:
    """A text without what makes no difference: case, surrounding quotes and points, runs of spaces."""
    return re.sub(r"\s+", " ", text.strip(" \t\r\n\"'`.")).casefold()


def is_open(value: object) -> bool:
    """Whether ``...`` stands where an answer should be."""
    if isinstance(value, list | tuple):
        return any(one is ... for one in value)
    return value is ...


def described(value: object) -> str:
    """A value as a reader calls it: what it is, and how it begins."""
    if value is None:
        return "nothing (None)"
    kind = _KINDS.get(type(value))
    if kind is None:
        return named(value)
    if isinstance(value, Collection) and not value:
        return f"an empty {kind.split()[-1]}"
    try:
        shown = _BRIEF.repr(value)
    except ValueError:  # a number too long to be written out
        return "a very large number"
    return f"{kind}: {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"


def named(value: object) -> str:
    """A value by its type, whatever that is."""
    name = type.__getattribute__(type(value), "__name__")
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


# Looks no further into a value than is shown of it, and survives whatever is in there.
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = _SHOWN + 1

_KINDS: dict[type, str] = {
    str: "the text",
    bool: "the value",
    int: "the number",
    float: "the number",
    bytes: "the bytes",
    list: "the list",
    tuple: "the tuple",
    set: "the set",
    frozenset: "the set",
    dict: "the dictionary",
}
