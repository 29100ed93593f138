"""Versions and ranges of them, as Sprig's semver and semverCompare have them.

Source: Semantic Versioning 2.0.0; Masterminds/semver 1.5.0, where ^ keeps the major version alone
and a version before a release is in no range that names none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from .go_types import FunctionError, Int64, Object
from .signatures import table

_EXTRA = r"(-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
_VERSION = re.compile(r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?" + _EXTRA)
_EXTRA_VALUE = re.compile(r"[0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*")
_WILD = r"v?([0-9|x|X|*]+)(\.[0-9|x|X|*]+)?(\.[0-9|x|X|*]+)?" + _EXTRA
_SPACES = r"[\t\n\f\r ]"
_CONSTRAINT = re.compile(rf"{_SPACES}*(|=|!=|>|<|>=|=>|<=|=<|~|~>|\^){_SPACES}*({_WILD}){_SPACES}*")
_RANGE = re.compile(rf"{_SPACES}*({_WILD}){_SPACES}+-{_SPACES}+({_WILD}){_SPACES}*")
_LARGEST = (1 << 63) - 1
_CHANGES = ("IncMajor", "IncMinor", "IncPatch", "SetPrerelease", "SetMetadata")


class Version(Object):
    """A version, with the methods that a template can call."""

    go_type = "*semver.Version"
    go_kind = "ptr"
    methods = {  # noqa: RUF012 - as in the class above
        **dict.fromkeys(
            ("Major", "Minor", "Patch", "Prerelease", "Metadata", "Original", "String"), ""
        ),
        **dict.fromkeys(("IncMajor", "IncMinor", "IncPatch"), ""),
        **dict.fromkeys(("Compare", "Equal", "LessThan", "GreaterThan"), "version"),
        **dict.fromkeys(("SetPrerelease", "SetMetadata"), "string"),
    }

    def __init__(self, numbers: tuple[int, int, int], pre: str, meta: str, original: str) -> None:
        self.numbers = numbers
        self._pre = pre
        self._meta = meta
        self._original = original

    def __eq__(self, other: object) -> bool:
        return self is other  # a pointer

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        pre = f"-{self._pre}" if self._pre else ""
        return ".".join(map(str, self.numbers)) + pre + (f"+{self._meta}" if self._meta else "")

    def original(self) -> str:
        """The version as it was written."""
        return self._original

    def major(self) -> int:
        """Its first number."""
        return Int64(self.numbers[0])

    def minor(self) -> int:
        """Its second number."""
        return Int64(self.numbers[1])

    def patch(self) -> int:
        """Its third number."""
        return Int64(self.numbers[2])

    def prerelease(self) -> str:
        """What comes before its release."""
        return self._pre

    def metadata(self) -> str:
        """What tells of its build."""
        return self._meta

    def _changed(self, numbers: tuple[int, int, int], pre: str = "", meta: str = "") -> Version:
        plain = str(Version(numbers, pre, meta, ""))
        return Changed(numbers, pre, meta, ("v" if self._original[:1] == "v" else "") + plain)

    def inc_major(self) -> Version:
        """The next major version."""
        return self._changed((self.numbers[0] + 1, 0, 0))

    def inc_minor(self) -> Version:
        """The next minor version."""
        return self._changed((self.numbers[0], self.numbers[1] + 1, 0))

    def inc_patch(self) -> Version:
        """The next patch, or the release that this comes before."""
        major, minor, patch = self.numbers
        return self._changed((major, minor, patch + (not self._pre)))

    def set_prerelease(self, text: str) -> Version:
        """With another prerelease."""
        if text and not _EXTRA_VALUE.fullmatch(text):
            raise FunctionError("Invalid Prerelease string")
        return self._changed(self.numbers, text, self._meta)

    def set_metadata(self, text: str) -> Version:
        """With other metadata."""
        if text and not _EXTRA_VALUE.fullmatch(text):
            raise FunctionError("Invalid Metadata string")
        return self._changed(self.numbers, self._pre, text)

    def compare(self, other: Version) -> int:
        """-1, 0 or 1; metadata does not count."""
        if self.numbers != other.numbers:
            return -1 if self.numbers < other.numbers else 1
        if not self._pre or not other._pre:
            return bool(other._pre) - bool(self._pre)
        return _compare_pre(self._pre, other._pre)

    def equal(self, other: Version) -> bool:
        """Whether neither comes first."""
        return self.compare(other) == 0

    def less_than(self, other: Version) -> bool:
        """Whether it comes first."""
        return self.compare(other) < 0

    def greater_than(self, other: Version) -> bool:
        """Whether it comes later."""
        return self.compare(other) > 0


class Changed(Version):
    """What a change of a version gives: no pointer, so that it is printed by its fields."""

    go_type = "semver.Version"
    go_kind = "struct"
    methods = {name: Version.methods[name] for name in _CHANGES}  # noqa: RUF012

    __str__ = Object.__str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changed) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.numbers)

    def shown(self) -> Mapping[str, Any]:
        """Its fields, which templates cannot reach."""
        values = (*self.numbers, self._pre, self._meta, self._original)
        names = ("major", "minor", "patch", "pre", "metadata", "original")
        return dict(zip(names, values, strict=True))


def _compare_pre(one: str, other: str) -> int:
    for first, second in zip_longest(one.split("."), other.split("."), fillvalue=""):
        if first != second:
            return -1 if _key(first) < _key(second) else 1
    return 0


def _key(part: str) -> tuple[int, int, str]:
    if not part:
        return 0, 0, ""
    return (1, int(part), "") if part.isdecimal() and len(part) < 20 else (2, 0, part)


def version(text: str) -> Version:
    """A version that is written. Raises :class:`FunctionError`."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise FunctionError("Invalid Semantic Version")
    numbers = [int((part or "0").lstrip(".")) for part in match.group(1, 2, 3)]
    if max(numbers) > _LARGEST:
        raise FunctionError("Error parsing version segment: value out of range")
    major, minor, patch = numbers
    return Version((major, minor, patch), match[5] or "", match[7] or "", text)


@dataclass(frozen=True)
class _Constraint:
    sign: str
    version: Version
    any_minor: bool = False
    any_patch: bool = False
    wild: bool = False

    def holds(self, one: Version) -> bool:
        if one.prerelease() and not self.version.prerelease() and (self.sign != "!=" or self.wild):
            return False
        return _CHECKS[self.sign](self, one)


def _less(constraint: _Constraint, one: Version, or_equal: bool) -> bool:
    if not constraint.wild:
        found = one.compare(constraint.version)
        return found < 0 or (or_equal and found == 0)
    major, minor, _ = constraint.version.numbers
    return one.numbers[0] <= major and (one.numbers[1] <= minor or constraint.any_minor)


def _near(constraint: _Constraint, one: Version) -> bool:
    wanted = constraint.version
    if one.less_than(wanted):
        return False
    if wanted.numbers == (0, 0, 0) and not constraint.any_minor and not constraint.any_patch:
        return True
    same_minor = one.numbers[1] == wanted.numbers[1] or constraint.any_minor
    return one.numbers[0] == wanted.numbers[0] and same_minor


def _same(constraint: _Constraint, one: Version) -> bool:
    return _near(constraint, one) if constraint.wild else one.equal(constraint.version)


def _other(constraint: _Constraint, one: Version) -> bool:
    if not constraint.wild:
        return not one.equal(constraint.version)
    major, minor, _ = constraint.version.numbers
    return one.numbers[0] != major or (one.numbers[1] != minor and not constraint.any_minor)


def _compatible(constraint: _Constraint, one: Version) -> bool:
    wanted = constraint.version
    return not one.less_than(wanted) and one.numbers[0] == wanted.numbers[0]


_CHECKS: dict[str, Callable[[_Constraint, Version], bool]] = {
    "": _same,
    "=": _same,
    "!=": _other,
    ">": lambda constraint, one: one.compare(constraint.version) > 0,
    "<": lambda constraint, one: _less(constraint, one, or_equal=False),
    ">=": lambda constraint, one: one.compare(constraint.version) >= 0,
    "=>": lambda constraint, one: one.compare(constraint.version) >= 0,
    "<=": lambda constraint, one: _less(constraint, one, or_equal=True),
    "=<": lambda constraint, one: _less(constraint, one, or_equal=True),
    "~": _near,
    "~>": _near,
    "^": _compatible,
}


def _constraint(text: str) -> _Constraint:
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise FunctionError(f"improper constraint: {text}")
    sign, written, major, minor, patch, pre = match.group(1, 2, 3, 4, 5, 6)
    made = _Constraint(sign, version("0.0.0"))
    if major in ("x", "X", "*"):
        return replace(made, wild=True)
    if minor is None or minor[1:] in ("x", "X", "*"):
        written, made = f"{major}.0.0{pre or ''}", replace(made, any_minor=True, wild=True)
    elif patch is not None and patch[1:] in ("x", "X", "*"):
        written, made = f"{major}{minor}.0{pre or ''}", replace(made, any_patch=True, wild=True)
    try:
        return replace(made, version=version(written))
    except FunctionError:
        raise FunctionError("constraint Parser Error") from None


def satisfies(ranges: str, text: str) -> bool:
    """Whether a version is in one of the ranges. Raises :class:`FunctionError`."""
    ranges = _RANGE.sub(lambda match: f">= {match[1]}, <= {match[9]}", ranges)
    choices = [[_constraint(one) for one in part.split(",")] for part in ranges.split("||")]
    found = version(text)
    return any(all(one.holds(found) for one in choice) for choice in choices)


VERSIONS = table(
    """
    string: semver
    string string: semverCompare
    """,
    {"semver": version, "semverCompare": satisfies},
)
