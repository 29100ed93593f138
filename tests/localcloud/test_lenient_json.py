"""JSON as Azure Resource Manager reads it becomes JSON as everybody does."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.lenient_json import Part, position, strict

TEXTS = [
    ('{a: 1, $b: {c_2 : "d"}}', {"a": 1, "$b": {"c_2": "d"}}),
    ('{"a": 1, // b\n "c": 2}', {"a": 1, "c": 2}),
    ('{"a": "// no", "b": "/* no */"} /* yes\n */', {"a": "// no", "b": "/* no */"}),
    ("{'a': 'it\\'s \"b\"', \"c\": 'd\\\\'}", {"a": 'it\'s "b"', "c": "d\\"}),
    ('{"a": [1, 2, ], "b": {"c": 3, // d\n }, }', {"a": [1, 2], "b": {"c": 3}}),
    ('{"a": "one\ntwo\tthree"}', {"a": "one\ntwo\tthree"}),
    ('{"a": "b: c, }"}', {"a": "b: c, }"}),
    ('{"a": true, "b": null}', {"a": True, "b": None}),
]


@pytest.mark.parametrize(("text", "value"), TEXTS, ids=[text for text, _ in TEXTS])
def test_what_is_lenient_becomes_strict(text: str, value: object) -> None:
    assert json.loads(strict(text)) == value


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_what_is_strict_stays(value: object) -> None:
    assert json.loads(strict(json.dumps(value, indent=1))) == value


@given(st.text(alphabet="{}[],:'\"\\/*ab \n"))
def test_anything_can_be_read(text: str) -> None:
    assert strict(text).count("\n") >= 0


@pytest.mark.parametrize(
    "part", ['"', '\\"', "'", "/*", "//", ",", ", ", "a", "a ", "\\", "{", ",/**/"]
)
def test_what_is_long_takes_no_longer_than_its_length(part: str) -> None:
    began = time.monotonic()
    strict(part * 200_000)
    assert time.monotonic() - began < 20


LINES = """{"a": 1, template: { // a comment: {
  'b': [ {"c":   "text"},
    [1, 22 , true],
    {}
  ], /* [
  */ "d.e"
    : "two
lines", "\U0001f600": "\U0001f600x", "f\\u0041" :null, "b2": {"b": 0} }}"""


@pytest.mark.parametrize(
    ("path", "part", "place"),
    [
        ((), "value", (1, 1)),
        (("a",), "name", (1, 5)),
        (("a",), "value", (1, 7)),
        (("template",), "value", (1, 20)),
        (("template", "b"), "name", (2, 6)),
        (("template", "b"), "value", (2, 8)),
        (("template", "b"), "end", (5, 3)),
        (("template", "b", 0), "value", (2, 10)),
        (("template", "b", 0), "end", (2, 24)),
        (("template", "b", 0, "c"), "value", (2, 23)),
        (("template", "b", 1, 1), "value", (3, 10)),
        (("template", "b", 1, 2), "value", (3, 17)),
        (("template", "b", 2), "value", (4, 5)),
        (("template", "b", 2), "end", (4, 6)),
        (("template", "d.e"), "name", (7, 5)),
        (("template", "d.e"), "value", (8, 6)),
        (("template", "\U0001f600"), "name", (8, 13)),
        (("template", "\U0001f600"), "value", (8, 19)),
        (("template", "fA"), "name", (8, 32)),
        (("template", "fA"), "value", (8, 36)),
        (("template", "b2", "b"), "value", (8, 51)),
        (("template",), "end", (8, 54)),
        ((), "end", (8, 55)),
    ],
)
def test_where_a_value_is(path: tuple[str | int, ...], part: Part, place: tuple[int, int]) -> None:
    found = position(LINES, path, part)
    assert found == place
    assert position(LINES.replace("\n", "\r\n"), path, part) == place
    assert position(LINES.replace("\n", "\r"), path, part) == place


@pytest.mark.parametrize(
    "path", [("b",), ("template", "b", 3), ("template", "b", "0"), ("a", "b"), ("template", "c")]
)
def test_what_is_not_there_is_nowhere(path: tuple[str | int, ...]) -> None:
    assert position(LINES, path) is None


@pytest.mark.parametrize("text", ["", "}", "{", '{"a"', '{"a: 1', "[[[", '{"a": }', "\ufeff", "//"])
def test_what_is_no_json_is_nowhere(text: str) -> None:
    assert position(text, ("a", "b")) is None


@pytest.mark.parametrize("text", ["[1,2,", "[1,[2,", "[1,", "[1}"])
def test_what_is_not_closed_comes_to_an_end(text: str) -> None:
    assert position(text, (0,), "end") is None
    assert position(text, (1, 0), "end") is None


def test_of_a_name_that_is_given_twice_the_last_counts() -> None:
    assert position('{"a": {"b": 1}, "a": {"b": 2}}', ("a", "b")) == (1, 28)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=3), one, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from((None, 1)), st.booleans())
def test_every_value_is_found_where_json_has_it(
    value: object, indent: int | None, ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    pending: list[tuple[object, tuple[str | int, ...]]] = [(value, ())]
    while pending:
        one, path = pending.pop()
        opened, ended = position(text, path), position(text, path, "end")
        assert opened is not None
        if isinstance(one, dict | list):
            assert ended is not None
            pairs = one.items() if isinstance(one, dict) else enumerate(one)
            pending += [(inner, (*path, name)) for name, inner in pairs]
            whole = json.dumps(one, ensure_ascii=ascii)
            if indent is None and not any(two > "\uffff" for two in text):
                assert text[opened.column - 1 : ended.column] == whole
        elif indent is None and not any(two > "\uffff" for two in text):
            assert text[: opened.column].endswith(json.dumps(one, ensure_ascii=ascii))


def test_a_place_is_found_in_linear_time() -> None:
    def taken(count: int) -> float:
        text = '{"a": [' + '{"b": [1, "c"]}, ' * count + "2]}"
        began = time.perf_counter()
        assert position(text, ("a", count)) is not None
        return time.perf_counter() - began

    taken(100)
    assert taken(20_000) < 100 * taken(2_000) + 1
