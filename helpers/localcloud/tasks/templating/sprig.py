"""Functions of templates: those of Sprig that task files use.

Source: Sprig documentation. The others are known by name, and say that they are missing here.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import json
import math
import posixpath
import re
import secrets
import string
import uuid
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from . import regular_expressions
from . import sprig_dates as dates
from .go_values import FunctionError, show, to_json, truth, type_name


def refused(name: str, why: str) -> Callable[..., Any]:
    """A function that only says why it is not there."""

    def refuse(*arguments: Any) -> Any:  # noqa: ARG001
        raise FunctionError(f"the local cloud does not implement {name}: {why}")

    return refuse


def _default(fallback: Any, value: Any = None) -> Any:
    return value if truth(value) else fallback


def _number(value: Any) -> int:
    try:
        return int(float(value)) if value not in (None, "") else 0
    except (TypeError, ValueError, OverflowError):
        return 0


def _float(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0


def _divide(first: Any, second: Any) -> int:
    return int(_number(first) / _number(second))


def _round(value: Any, places: int, half: float = 0.5) -> float:
    scaled: float = _float(value) * 10**places
    whole = math.floor(scaled)
    return float((whole + (scaled - whole >= half)) / 10**places)


def _base64_decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        return str(error)  # as Sprig: what is wrong becomes the value


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _quote(*values: Any) -> str:
    return " ".join(json.dumps(show(v), ensure_ascii=False) for v in values if v is not None)


def _title(text: str) -> str:
    return re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].upper(), text)


def _separated(text: str, mark: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", mark, text)
    return re.sub(r"[\s_-]+", mark, words).lower()


def _substring(start: int, end: int, text: str) -> str:
    return text[max(start, 0) : end if end >= 0 else None]


def _truncate(length: int, text: str) -> str:
    return text[:length] if length >= 0 else text[length:]


def _indent(width: int, text: str) -> str:
    return "\n".join(" " * width + line for line in text.split("\n"))


def _wrap(width: int, text: str) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _join(separator: str, values: Any) -> str:
    items = values if isinstance(values, (list, tuple)) else [values]
    return separator.join(show(one) for one in items if one is not None)


def _numbered(parts: list[str]) -> dict[str, str]:
    return {f"_{number}": part for number, part in enumerate(parts)}


def _sequence(*bounds: int) -> str:
    if not 1 <= len(bounds) <= 3:
        return ""
    first, last = (1, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[-1])
    step = bounds[1] if len(bounds) == 3 else (1 if last >= first else -1)
    return " ".join(map(str, range(first, last + (1 if step > 0 else -1), step)))


def _set(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    values[key] = value
    return values


def _unset(values: dict[str, Any], key: str) -> dict[str, Any]:
    values.pop(key, None)
    return values


def _dictionary(*pairs: Any) -> dict[str, Any]:
    return dict(zip(map(show, pairs[::2]), [*pairs[1::2], ""], strict=False))


def _merge(target: dict[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    for other in others:
        for key, value in other.items():
            target.setdefault(key, value)
    return target


def _merge_over(target: dict[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    for other in others:
        target.update(other)
    return target


def _dig(*path: Any) -> Any:
    *names, fallback, value = path
    for name in names:
        if not isinstance(value, Mapping) or name not in value:
            return fallback
        value = value[name]
    return value


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "map"
    return "slice" if isinstance(value, (list, tuple)) else type_name(value)


def _random(characters: str) -> Callable[[int], str]:
    return lambda count: "".join(secrets.choice(characters) for _ in range(count))


def _fail(message: str) -> Any:
    raise FunctionError(message)


def _initials(text: str) -> str:
    return "".join(word[0] for word in text.split())


SPRIG: dict[str, Callable[..., Any]] = {
    # defaults and conversions
    "default": _default,
    "coalesce": lambda *values: next((value for value in values if truth(value)), None),
    "empty": lambda value=None: not truth(value),
    "ternary": lambda yes, no, test: yes if test else no,
    "all": lambda *values: all(map(truth, values)),
    "any": lambda *values: any(map(truth, values)),
    "toString": show,
    "toStrings": lambda values: [show(one) for one in values],
    "int": _number,
    "int64": _number,
    "atoi": _number,
    "float64": _float,
    "toDecimal": lambda value: int(show(value) or "0", 8),
    "toJson": to_json,
    "toPrettyJson": lambda value: to_json(value, indent=2),
    "toRawJson": lambda value: json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ),
    "fromJson": _from_json,
    "kindOf": _kind,
    "kindIs": lambda kind, value: _kind(value) == kind,
    "typeOf": type_name,
    "typeIs": lambda name, value: type_name(value) == name,
    "deepEqual": lambda a, b: type(a) is type(b) and a == b,
    # strings
    "upper": str.upper,
    "lower": str.lower,
    "swapcase": str.swapcase,
    "title": _title,
    "untitle": lambda text: re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].lower(), text),
    "trim": str.strip,
    "trimAll": lambda characters, text: text.strip(characters),
    "trimall": lambda characters, text: text.strip(characters),
    "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "replace": lambda old, new, text: text.replace(old, new),
    "split": lambda separator, text: _numbered(text.split(separator)),
    "splitn": lambda mark, count, text: _numbered(text.split(mark, count - 1)),
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
    "initials": _initials,
    "trunc": _truncate,
    "abbrev": lambda width, text: text if len(text) <= width else text[: width - 3] + "...",
    "cat": lambda *values: " ".join(show(v) for v in values if v is not None),
    "indent": _indent,
    "nindent": lambda width, text: "\n" + _indent(width, text),
    "wrap": _wrap,
    "plural": lambda one, many, count: one if count == 1 else many,
    "snakecase": lambda text: _separated(text, "_"),
    "kebabcase": lambda text: _separated(text, "-"),
    "camelcase": lambda text: "".join(_title(p) for p in re.split(r"[\s_-]+", text)),
    "base": posixpath.basename,
    "dir": lambda path: posixpath.dirname(path) or ".",
    "ext": lambda path: posixpath.splitext(path)[1],
    "clean": posixpath.normpath,
    "isAbs": posixpath.isabs,
    # encodings
    "b64enc": lambda value: base64.b64encode(show(value).encode()).decode(),
    "b64dec": _base64_decode,
    "b32enc": lambda text: base64.b32encode(text.encode()).decode(),
    "b32dec": lambda text: base64.b32decode(text).decode(),
    "sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "sha1sum": lambda text: hashlib.sha1(text.encode()).hexdigest(),  # noqa: S324
    "adler32sum": lambda text: str(zlib.adler32(text.encode())),
    "uuidv4": lambda: str(uuid.uuid4()),
    "randAlphaNum": _random(string.ascii_letters + string.digits),
    "randAlpha": _random(string.ascii_letters),
    "randNumeric": _random(string.digits),
    # time
    "now": dates.now,
    "date": dates.date,
    "dateInZone": dates.date,
    "date_in_zone": dates.date,
    "htmlDate": lambda moment: dates.date("2006-01-02", moment),
    "dateModify": dates.modify,
    "date_modify": dates.modify,
    "unixEpoch": dates.epoch,
    # numbers
    "add": lambda *values: sum(map(_number, values)),
    "add1": lambda value: _number(value) + 1,
    "sub": lambda a, b: _number(a) - _number(b),
    "mul": lambda *values: math.prod(map(_number, values)),
    "div": _divide,
    "mod": lambda a, b: _number(a) - _number(b) * _divide(a, b),
    "max": lambda *values: max(map(_number, values)),
    "biggest": lambda *values: max(map(_number, values)),
    "min": lambda *values: min(map(_number, values)),
    "floor": lambda value: float(math.floor(_float(value))),
    "ceil": lambda value: float(math.ceil(_float(value))),
    "round": _round,
    "until": lambda count: list(range(0, count, 1 if count >= 0 else -1)),
    "untilStep": lambda first, last, step: list(range(first, last, step)) if step else [],
    "seq": _sequence,
    # lists and dictionaries
    "list": lambda *values: list(values),
    "tuple": lambda *values: list(values),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "rest": lambda values: list(values[1:]),
    "initial": lambda values: list(values[:-1]),
    "append": lambda values, value: [*values, value],
    "prepend": lambda values, value: [value, *values],
    "concat": lambda *lists: [one for values in lists for one in values],
    "has": lambda value, values: value in values,
    "uniq": lambda values: [one for n, one in enumerate(values) if one not in values[:n]],
    "without": lambda values, *gone: [one for one in values if one not in gone],
    "compact": lambda values: [one for one in values if truth(one)],
    "chunk": lambda size, values: [values[n : n + size] for n in range(0, len(values), size)],
    "sortAlpha": lambda values: sorted(map(show, values)),
    "reverse": lambda values: list(reversed(values)),
    "dict": _dictionary,
    "get": lambda values, key: values.get(key, ""),
    "set": _set,
    "unset": _unset,
    "hasKey": lambda values, key: key in values,
    "keys": lambda *maps: [key for one in maps for key in sorted(one)],
    "values": lambda one: [one[key] for key in sorted(one)],
    "pick": lambda one, *names: {name: one[name] for name in names if name in one},
    "omit": lambda one, *names: {name: one[name] for name in one if name not in names},
    "pluck": lambda name, *maps: [one[name] for one in maps if name in one],
    "dig": _dig,
    "deepCopy": copy.deepcopy,
    "merge": _merge,
    "mergeOverwrite": _merge_over,
    "fail": _fail,
    "hello": lambda: "Hello!",
    "env": refused("env", "a run never sees the environment of its host"),
    "expandenv": refused("expandenv", "a run never sees the environment of its host"),
}
_MISSING = (
    "abbrevboth add1f addf ago bcrypt buildCustomCert decryptAES derivePassword divf duration "
    "durationRound encryptAES genCA genCAWithKey genPrivateKey genSelfSignedCert "
    "genSelfSignedCertWithKey genSignedCert genSignedCertWithKey getHostByName htmlDateInZone "
    "htpasswd maxf minf mulf randAscii randBytes randInt semver semverCompare shuffle subf toDate "
    "typeIsLike urlJoin urlParse wrapWith"
)
SPRIG |= {name: refused(name, "Azure has this function of Sprig") for name in _MISSING.split()}
MUST = (
    "append chunk compact dateModify deepCopy first fromJson has initial last merge mergeOverwrite "
    "prepend rest reverse toJson toPrettyJson toRawJson uniq without"
)
SPRIG |= {f"must{name[0].upper()}{name[1:]}": SPRIG[name] for name in MUST.split()}
SPRIG |= {
    f"os{name[0].upper()}{name[1:]}": SPRIG[name]
    for name in ("base", "dir", "ext", "clean", "isAbs")
}
SPRIG["mustFromJson"] = json.loads
SPRIG |= regular_expressions.FUNCTIONS
