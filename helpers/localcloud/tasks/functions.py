"""Functions of templates: Go's own, and those of Sprig that task files use.

Source: Go documentation, text/template "Functions"; Sprig documentation.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus


class FunctionError(ValueError):
    """A function that cannot give a value."""


def show(value: Any) -> str:
    """A value as Go prints it with %v; nothing for nil."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        inner = " ".join(f"{key}:{show(value[key])}" for key in sorted(value, key=str))
        return f"map[{inner}]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(show(one) for one in value) + "]"
    return str(value)


def truth(value: Any) -> bool:
    """Whether a value counts as true: not false, 0, nil or empty."""
    return bool(value)


def _print_format(pattern: str, *arguments: Any) -> str:
    """Go's printf for the verbs s, v, d, q, t, x, f, g and %%."""
    rest = list(arguments)

    def verb(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        if not rest:
            return f"%!{match[2]}(MISSING)"
        value = rest.pop(0)
        flags = match[1]
        if match[2] in "svt":
            return f"%{flags}s" % show(value)
        if match[2] == "q":
            return json.dumps(show(value), ensure_ascii=False)
        if match[2] in "dxXof":
            if isinstance(value, str):
                return f"%!{match[2]}(string={value})"
            return str(f"%{flags}{match[2]}" % value)
        return str(f"%{flags}{match[2]}" % float(value))

    text = re.sub(r"%([-+ #0]*\d*(?:\.\d+)?)([svtdqxXofge%])", verb, pattern)
    return text + "".join(f"%!(EXTRA {show(value)})" for value in rest)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, "" if all(isinstance(v, str) for v in value.values()) else None)
        elif isinstance(value, (list, tuple, str)):
            if not isinstance(key, int) or not 0 <= key < len(value):
                raise FunctionError(f"index out of range: {show(key)}")
            value = value[key]
        else:
            raise FunctionError("index of untyped nil" if value is None else "can't index item")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise FunctionError("can't slice item")
    low = bounds[0] if bounds else 0
    high = bounds[1] if len(bounds) > 1 else len(value)
    if not 0 <= low <= high <= len(value):
        raise FunctionError(f"index out of range: {low}:{high}")
    return value[low:high]


def _length(value: Any) -> int:
    if value is None or isinstance(value, (int, float)):
        raise FunctionError(f"len of {show(value) or 'nil'}")
    return len(value.encode()) if isinstance(value, str) else len(value)


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise FunctionError("missing argument for comparison")
    for other in others:
        number = isinstance(first, (int, float)) and isinstance(other, (int, float))
        same_kind = type(first) is type(other) or number or None in (first, other)
        if not same_kind:
            raise FunctionError("incompatible types for comparison")
        if first == other:
            return True
    return False


def _less(first: Any, second: Any) -> bool:
    if isinstance(first, str) != isinstance(second, str):
        raise FunctionError("incompatible types for comparison")
    return bool(first < second)


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if truth(value)), None)


def _default(fallback: Any, value: Any = None) -> Any:
    return value if truth(value) else fallback


def _base64_encode(value: Any) -> str:
    return base64.b64encode(show(value).encode()).decode()


def _base64_decode(value: str) -> str:
    return base64.b64decode(value).decode()


def _number(value: Any) -> int:
    try:
        return int(float(value)) if value not in (None, "") else 0
    except ValueError:
        return 0


_LAYOUT = {
    "2006": "%Y", "01": "%m", "02": "%d", "15": "%H", "03": "%I", "04": "%M", "05": "%S",
    "Jan": "%b", "January": "%B", "Mon": "%a", "Monday": "%A", "PM": "%p", "MST": "%Z",
    "06": "%y", "-0700": "%z",
}  # fmt: skip


def _date(layout: str, moment: Any) -> str:
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(_number(moment), timezone.utc)
    names = sorted(_LAYOUT, key=len, reverse=True)
    pattern = re.sub("|".join(map(re.escape, names)), lambda m: _LAYOUT[m[0]], layout)
    return str(moment.strftime(pattern))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _substring(start: int, end: int, text: str) -> str:
    return text[max(start, 0) : end if end >= 0 else None]


def _truncate(length: int, text: str) -> str:
    return text[:length] if length >= 0 else text[length:]


def _indent(width: int, text: str) -> str:
    return "\n".join(" " * width + line for line in text.split("\n"))


def _join(separator: str, values: Any) -> str:
    items = values if isinstance(values, (list, tuple)) else [values]
    return separator.join(show(one) for one in items if one is not None)


def _split_dict(separator: str, text: str) -> dict[str, str]:
    return {f"_{number}": part for number, part in enumerate(text.split(separator))}


def _get(values: Mapping[str, Any], key: str) -> Any:
    return values.get(key, "")


def _set(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    values[key] = value
    return values


def _dictionary(*pairs: Any) -> dict[str, Any]:
    return dict(zip(map(show, pairs[::2]), [*pairs[1::2], ""], strict=False))


def _refused(name: str, why: str) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:  # noqa: ARG001
        raise FunctionError(f"the local cloud does not implement {name}: {why}")

    return refuse


def _quote(*values: Any) -> str:
    return " ".join(json.dumps(show(v), ensure_ascii=False) for v in values if v is not None)


def _title(text: str) -> str:
    return re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].upper(), text)


def _regex_replace(pattern: str, text: str, replacement: str) -> str:
    return re.sub(pattern, re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement), text)


def _first(values: Sequence[Any]) -> Any:
    return values[0] if values else None


def _last(values: Sequence[Any]) -> Any:
    return values[-1] if values else None


def _fail(message: str) -> Any:
    raise FunctionError(message)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    # Go
    "and": lambda *values: None,  # noqa: ARG005 - evaluated lazily by the template itself
    "or": lambda *values: None,  # noqa: ARG005
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    "lt": _less,
    "le": lambda a, b: _less(a, b) or _equal(a, b),
    "gt": lambda a, b: _less(b, a),
    "ge": lambda a, b: _less(b, a) or _equal(a, b),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": lambda *values: "".join(map(show, values)),
    "println": lambda *values: " ".join(map(show, values)) + "\n",
    "printf": _print_format,
    "html": lambda *values: html.escape("".join(map(show, values))),
    "js": lambda *values: json.dumps("".join(map(show, values)))[1:-1],
    "urlquery": lambda *values: quote_plus("".join(map(show, values))),
    "call": _refused("call", "task files hold no functions"),
    # Sprig: defaults and conversions
    "default": _default,
    "coalesce": _coalesce,
    "empty": lambda value=None: not truth(value),
    "ternary": lambda yes, no, test: yes if test else no,
    "toString": show,
    "int": _number,
    "int64": _number,
    "atoi": _number,
    "float64": lambda value: float(value or 0),
    "toJson": lambda value: json.dumps(value, separators=(",", ":")),
    "toPrettyJson": lambda value: json.dumps(value, indent=2),
    "fromJson": json.loads,
    "kindOf": lambda value: {str: "string", bool: "bool", int: "int"}.get(type(value), "map"),
    # Sprig: strings
    "upper": lambda text: show(text).upper(),
    "lower": lambda text: show(text).lower(),
    "title": _title,
    "untitle": lambda text: re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].lower(), text),
    "trim": lambda text: show(text).strip(),
    "trimAll": lambda characters, text: text.strip(characters),
    "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "replace": lambda old, new, text: text.replace(old, new),
    "split": _split_dict,
    "splitList": lambda separator, text: text.split(separator),
    "join": _join,
    "contains": lambda part, text: part in text,
    "hasPrefix": lambda prefix, text: text.startswith(prefix),
    "hasSuffix": lambda suffix, text: text.endswith(suffix),
    "quote": _quote,
    "squote": lambda *values: " ".join(f"'{show(v)}'" for v in values if v is not None),
    "repeat": lambda count, text: text * count,
    "substr": _substring,
    "nospace": lambda text: re.sub(r"\s", "", text),
    "trunc": _truncate,
    "abbrev": lambda width, text: text if len(text) <= width else text[: width - 3] + "...",
    "cat": lambda *values: " ".join(show(v) for v in values if v is not None),
    "indent": _indent,
    "nindent": lambda width, text: "\n" + _indent(width, text),
    "snakecase": lambda text: re.sub(r"(?<!^)(?=[A-Z])|[\s-]+", "_", text).lower(),
    "kebabcase": lambda text: re.sub(r"(?<!^)(?=[A-Z])|[\s_]+", "-", text).lower(),
    "camelcase": lambda text: "".join(_title(p) for p in re.split(r"[\s_-]+", text)),
    "regexMatch": lambda pattern, text: re.search(pattern, text) is not None,
    "regexFind": lambda pattern, text: (re.search(pattern, text) or [""])[0],
    "regexFindAll": lambda pattern, text, n: re.findall(pattern, text)[: n if n >= 0 else None],
    "regexReplaceAll": _regex_replace,
    "regexSplit": lambda pattern, text, n: re.split(pattern, text, maxsplit=max(n - 1, 0)),
    # Sprig: encodings
    "b64enc": _base64_encode,
    "b64dec": _base64_decode,
    "sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "sha1sum": lambda text: hashlib.sha1(text.encode()).hexdigest(),  # noqa: S324
    "uuidv4": lambda: str(uuid.uuid4()),
    # Sprig: time
    "now": _now,
    "date": _date,
    "dateInZone": lambda layout, moment, zone: _date(layout, moment),  # noqa: ARG005
    "unixEpoch": lambda moment=None: str(int(moment.timestamp() if moment else time.time())),
    # Sprig: numbers
    "add": lambda *values: sum(map(_number, values)),
    "add1": lambda value: _number(value) + 1,
    "sub": lambda a, b: _number(a) - _number(b),
    "mul": lambda *values: math.prod(map(_number, values)),
    "div": lambda a, b: int(_number(a) / _number(b)),
    "mod": lambda a, b: _number(a) % _number(b),
    "max": lambda *values: max(map(_number, values)),
    "min": lambda *values: min(map(_number, values)),
    "until": lambda count: list(range(count)),
    # Sprig: lists and dictionaries
    "list": lambda *values: list(values),
    "tuple": lambda *values: list(values),
    "first": _first,
    "last": _last,
    "rest": lambda values: list(values[1:]),
    "initial": lambda values: list(values[:-1]),
    "append": lambda values, value: [*values, value],
    "prepend": lambda values, value: [value, *values],
    "concat": lambda *lists: [one for values in lists for one in values],
    "has": lambda value, values: value in values,
    "uniq": lambda values: list(dict.fromkeys(values)),
    "without": lambda values, *gone: [one for one in values if one not in gone],
    "sortAlpha": lambda values: sorted(map(show, values)),
    "reverse": lambda values: list(reversed(values)),
    "dict": _dictionary,
    "get": _get,
    "set": _set,
    "unset": lambda values, key: {k: v for k, v in values.items() if k != key},
    "hasKey": lambda values, key: key in values,
    "keys": lambda *maps: [key for one in maps for key in sorted(one)],
    "values": lambda one: [one[key] for key in sorted(one)],
    "merge": lambda target, *others: {
        **{k: v for one in reversed(others) for k, v in one.items()},
        **target,
    },
    "fail": _fail,
    "env": _refused("env", "a run never sees the environment of its host"),
    "expandenv": _refused("expandenv", "a run never sees the environment of its host"),
}
