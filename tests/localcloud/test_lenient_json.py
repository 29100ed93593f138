"""JSON as Azure Resource Manager reads it becomes JSON as everybody does."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud.lenient_json import strict

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
