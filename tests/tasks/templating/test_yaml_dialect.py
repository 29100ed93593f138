"""What the engine's reader makes of YAML; the expected values were given by yaml.v2 itself."""

from __future__ import annotations

import math
from typing import Any

import pytest

from helpers.localcloud.tasks.templating.go_types import AnyMap, Uint64, Values
from helpers.localcloud.tasks.templating.yaml_dialect import YamlError, read_values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("0o17", 15),
        ("017", 15),
        ("08", 8.0),
        ("0b101", 5),
        ("-0x1F", -31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("+.5", 0.5),
        ("685_230.15", 685230.15),
        ("-.INF", -math.inf),
        ("n", False),
        ("On", True),
        ("nO", "nO"),
        ("~", None),
        ("nULL", "nULL"),
        ("=", "="),
        ("2001-02-28", "2001-02-28"),
        ("99999999999999999999", 1e20),
        ("18446744073709551615", 18446744073709551615),
        ("inf", "inf"),
        ("1,000", "1,000"),
        ("'y'", "y"),
        ("!!str 12", "12"),
        ("!!float 1", 1.0),
        ("!!binary aGk=", "hi"),
        ("!mine 12", "12"),
        ("[1, 2.5, y, ~]", [1, 2.5, True, None]),
    ],
)
def test_a_value(text: str, value: Any) -> None:
    found = read_values(f"k: {text}")["k"]
    assert found == value
    assert isinstance(found, type(value))


def test_types_of_whole_numbers_and_mappings() -> None:
    values = read_values("a: 18446744073709551615\nb: {1: x}\n")
    assert isinstance(values, Values)
    assert isinstance(values["a"], Uint64)
    assert isinstance(values["b"], AnyMap)
    assert values["b"] == {1: "x"}


def test_names_keep_their_spelling() -> None:
    assert list(read_values("1: a\nyes: b\n0x1: c\n~: d")) == ["1", "yes", "0x1", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{<<: {p: 1}, p: 2}", {"p": 2}),
        ("{p: 2, <<: {p: 1}}", {"p": 1}),  # what comes later holds
        ("{<<: [{p: 1}, {p: 2, q: 3}]}", {"p": 1, "q": 3}),
    ],
)
def test_merges(text: str, expected: dict[str, int]) -> None:
    assert read_values(f"k: {text}")["k"] == expected


@pytest.mark.parametrize("text", ["", "# nothing", "---", "~", "a: &x {b: 1}\nc: *x"])
def test_what_may_be_empty_or_aliased(text: str) -> None:
    assert set(read_values(text)) <= {"a", "c"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", r"line 1, column 1: cannot unmarshal !!seq into templating\.Values"),
        ("hello world", "cannot unmarshal !!str `hello w...`"),
        ("a: [", "yaml: line 1"),
        ("a: *x", "line 1, column 4: unknown anchor 'x' referenced"),
        ("a: &x [*x]", "contains itself"),
        ("k: {[a]: b}", "invalid map key"),
        ("[a]: b", "cannot unmarshal !!seq into string"),
        ("k: {<<: 5}", "map merge requires map"),
        ("k: !!int x", "cannot decode !!str `x` as a !!int"),
        ("k: !!binary '*'", "invalid base64"),
        ("a: \x01", "line 1|not allowed|unacceptable"),
        ("k: " + "[" * 5000, "nested too deeply|line 1"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message):
        read_values(text)


def test_aliases_of_aliases_have_an_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 9)]
    with pytest.raises(YamlError, match="excessive aliasing"):
        read_values("\n".join(lines))
