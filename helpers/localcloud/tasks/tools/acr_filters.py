"""The filters of ``acr purge``: a regular expression for repositories, a colon, one for tags.

acr-cli matches them with an engine of .NET's kind, with lookaheads and a time limit; so does this.
Source: acr-cli 0.19, cmd/repository/image_functions.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import regex

_PLAIN = regex.compile(r"[^\\*+?|{\[()^$.#\s]+")
# A brace that begins no count stands for itself there; here it would allow so many errors, or a count
# from nothing: a{e}, a{,2}. What an expression calls again, as (?R), is unknown there.
_BRACE = regex.compile(r"\\[pPN]\{[^}]*\}|\\.|\{[0-9]+(?:,[0-9]*)?\}|(?P<own>\{)", regex.DOTALL)
_CALL = regex.compile(r"(?:\\.|[^\\])*?(?P<call>\(\?(?:R|[+-]?[0-9]+|&\w+|P>\w+)\))", regex.DOTALL)
LONGEST = 4096  # characters of an expression


class FilterError(Exception):
    """A filter that cannot be used, in acr-cli's words where it has some."""


def split_filter(text: str) -> tuple[str, str]:
    """The expressions for repositories and for tags. Raises :class:`FilterError`.

    A colon inside of ``[…]`` or of a group's beginning (``(?i:``) does not part them.
    """
    colons, depth, at = [], 0, 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "[":
            depth += 1
        elif character == "]":
            depth = max(0, depth - 1)
        elif character == ":" and not depth and not regex.search(r"\(\?[imsU-]*$", text[:at]):
            colons.append(at)
        at += 1
    if len(colons) != 1:
        raise FilterError("unable to correctly parse filter flag")
    repository, tag = text[: colons[0]], text[colons[0] + 1 :]
    if not repository:
        raise FilterError("missing repository name/expression")
    if not tag:
        raise FilterError("missing tag name/expression")
    return repository, tag


def is_plain(expression: str) -> bool:
    """Whether an expression can match nothing but itself."""
    return _PLAIN.fullmatch(expression) is not None


class Expression:
    """A regular expression that is given ``seconds`` for each text."""

    def __init__(self, text: str, seconds: float) -> None:
        """Raises :class:`FilterError` where it is none."""
        self._text = text
        self._seconds = seconds
        if len(text) > LONGEST:
            raise FilterError(f"error parsing regexp: longer than {LONGEST} characters")
        call = _CALL.match(text)
        if call is not None:
            raise FilterError(
                f"error parsing regexp: unrecognized grouping construct: {call['call']} in `{text}`"
            )
        own = _BRACE.sub(lambda match: "\\{" if match["own"] else match[0], text)
        try:
            self._compiled: Any = regex.compile(own, regex.VERSION0)
        except (regex.error, RecursionError, OverflowError) as error:
            raise FilterError(f"error parsing regexp: {error} in `{text}`") from None
        except MemoryError:
            raise self._too_big() from None

    def finds(self, text: str) -> bool:
        """Whether something in ``text`` matches. Raises :class:`FilterError` when it takes too long."""
        try:
            found = self._compiled.search(text, timeout=self._seconds, concurrent=True)
        except TimeoutError:
            raise FilterError(
                f"match timeout after {self._seconds:g}s on input `{text}`: the filter "
                f"`{self._text}` backtracks; write it without nested repetitions"
            ) from None
        except MemoryError:
            raise self._too_big() from None
        return found is not None

    def _too_big(self) -> FilterError:
        return FilterError(
            f"the filter `{self._text}` needs more memory than a run has: write it without nested "
            "repetitions"
        )


def by_repository(
    filters: Iterable[str], known: Callable[[], Iterable[str]], seconds: float
) -> dict[str, str]:
    """The expression for the tags of each repository that a filter names.

    ``known``, all repositories there are, is asked where a filter is more than a name.
    Raises :class:`FilterError`.
    """
    parts = [split_filter(one) for one in filters]
    names = list(known()) if any(not is_plain(repository) for repository, _ in parts) else []
    found: dict[str, str] = {}
    for repository, tag in parts:
        matching = [repository]
        if not is_plain(repository):
            whole = Expression(f"^{repository}$", seconds)
            matching = [name for name in names if whole.finds(name)]
        for name in matching:
            found[name] = f"{found[name]}|{tag}" if name in found else tag
    return found
