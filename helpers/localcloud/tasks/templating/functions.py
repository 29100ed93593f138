"""Functions of templates: Go's own, and Sprig's in sprig.py; what they are given is checked as in Go.

Source: Go documentation, text/template "Functions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

from .go_values import (
    FunctionError,
    equal,
    escape_html,
    escape_js,
    less,
    print_format,
    print_line,
    print_values,
    show,
    truth,
    type_name,
)
from .sprig import MUST, SPRIG, refused

__all__ = ["FUNCTIONS", "FunctionError", "call", "show", "truth"]

_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "s": ("string", (str,)),
    "i": ("int", (int,)),
    "b": ("bool", (bool,)),
    "l": ("[]interface {}", (list, tuple)),
    "m": ("map[string]interface {}", (Mapping,)),
}


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, (list, tuple, str)):
            items = value.encode() if isinstance(value, str) else value
            value = items[_position(key, len(items) - 1)]
        else:
            raise FunctionError(
                "index of untyped nil"
                if value is None
                else f"can't index item of type {type_name(value)}"
            )
    return value


def _position(key: Any, last: int) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= last:
        raise FunctionError(f"index out of range: {show(key)}")
    return key


def _slice(value: Any, *bounds: Any) -> Any:
    """Go's slice; of a text it counts bytes."""
    if not isinstance(value, (str, list, tuple)):
        raise FunctionError(
            "slice of untyped nil"
            if value is None
            else f"can't slice item of type {type_name(value)}"
        )
    if isinstance(value, str) and len(bounds) == 3:
        raise FunctionError("cannot 3-index slice a string")
    items = value.encode() if isinstance(value, str) else value
    found = [_position(bound, len(items)) for bound in bounds]
    for low, high in pairwise(found):
        if low > high:
            raise FunctionError(f"invalid slice index: {low} > {high}")
    low = found[0] if found else 0
    high = found[1] if len(found) > 1 else len(items)
    part = items[low:high]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, tuple, Mapping)):
        raise FunctionError(
            f"len of {'nil pointer' if value is None else 'type ' + type_name(value)}"
        )
    return len(value.encode()) if isinstance(value, str) else len(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **SPRIG,
    "and": lambda first, *rest: None,  # noqa: ARG005 - evaluated lazily by the template itself
    "or": lambda first, *rest: None,  # noqa: ARG005
    "not": lambda value: not truth(value),
    "eq": equal,
    "ne": lambda a, b: not equal(a, b),
    "lt": less,
    "le": lambda a, b: less(a, b) or equal(a, b),
    "gt": lambda a, b: less(b, a),
    "ge": lambda a, b: less(b, a) or equal(a, b),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": print_values,
    "println": print_line,
    "printf": print_format,
    "html": escape_html,
    "js": escape_js,
    "urlquery": lambda *values: quote_plus(print_values(*values)),
    "call": refused("call", "task files hold no functions"),
}
# What a function takes, one letter for each argument: s string, i int, b bool, l list, m map, a any.
_TAKEN = """
s    upper lower swapcase title untitle trim nospace initials snakecase kebabcase camelcase
s    b64dec b32enc b32dec sha256sum sha1sum adler32sum fromJson regexQuoteMeta atoi fail
s    printf base dir ext clean isAbs
ss   trimAll trimall trimPrefix trimSuffix split splitList contains hasPrefix hasSuffix
ss   regexMatch regexFind
sss  replace regexReplaceAll regexReplaceAllLiteral
ssi  regexFindAll regexSplit plural
is   repeat trunc abbrev indent nindent wrap
i    randAlphaNum randAlpha randNumeric until
iis  substr
iii  untilStep seq
sis  splitn
sa   join date dateModify date_modify
sas  dateInZone date_in_zone
aab  ternary
l    first last rest initial append prepend uniq without compact sortAlpha reverse toStrings
al   has
il   chunk
ll   concat
ms   get set unset hasKey
m    values pick omit merge mergeOverwrite keys
sm   pluck
"""
_SIGNATURES = {
    name: kinds
    for kinds, *names in (line.split() for line in _TAKEN.strip().splitlines())
    for name in names
}
_SIGNATURES |= {
    f"must{name[0].upper()}{name[1:]}": _SIGNATURES[name]
    for name in (*MUST.split(), *(name for name in SPRIG if name.startswith("regex")))
    if name in _SIGNATURES
}


def call(name: str, arguments: Sequence[Any]) -> Any:
    """The value of a function. Raises :class:`FunctionError` with Go's words."""
    for kind, value in zip(_SIGNATURES.get(name, ""), arguments, strict=False):
        if kind not in _KINDS:
            continue
        wanted, types = _KINDS[kind]
        if not isinstance(value, types) or (kind == "i" and isinstance(value, bool)):
            hint = ""
            if value is None:
                hint = (
                    ' (it has no value: give it one, like {{ .Values.NAME | default "…" }}; secrets'
                    " have none while it is found out which ones there are)"
                )
            got = "interface {}" if value is None else type_name(value)
            raise FunctionError(f"wrong type for value; expected {wanted}; got {got}{hint}")
    try:
        return FUNCTIONS[name](*arguments)
    except FunctionError:
        raise
    except TypeError:
        raise FunctionError(f"wrong number or type of arguments for {name}") from None
    except (ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise FunctionError(str(error) or type(error).__name__) from None
