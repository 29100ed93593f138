"""Functions of templates, and values as Go prints and compares them."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.tasks.templating.functions import FUNCTIONS
from helpers.localcloud.tasks.templating.go_types import FunctionError
from helpers.localcloud.tasks.templating.signatures import checked


def call(name: str, arguments: list[Any]) -> Any:
    """The value of a function, as at the end of a pipeline."""
    function = FUNCTIONS[name]
    function.takes.check_count(name, len(arguments))
    given = [checked(one, function.takes.wanted(at)) for at, one in enumerate(arguments)]
    return function(given)


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("index", [{"a": [1, "two"]}, "a", 1], "two"),
        ("index", ["abc", 1], ord("b")),
        ("index", [{"a": 1}, "missing"], None),
        ("index", ["whole"], "whole"),
        ("slice", [[1, 2, 3], 1], [2, 3]),
        ("slice", [[1, 2], "1", 2.5], [2]),
        ("slice", [[]], None),
        ("len", ["é"], 2),
        ("len", [{"a": 1, "b": 2}], 2),
        ("not", [""], True),
        ("ne", [1, 2], True),
        ("eq", ["a", "b", "a"], True),
        ("eq", ["a", None], False),
        ("lt", [1, 2], True),
        ("lt", ["b", "a"], False),
        ("le", [2, 2], True),
        ("gt", [2.5, 1.5], True),
        ("ge", ["a", "b"], False),
        ("print", [1, 2, "a", 3], "1 2a3"),
        ("println", ["a", None, True], "a <nil> true\n"),
        ("printf", ["%d%%", 5], "5%"),
        ("printf", ["%s and %d", "one"], "one and %!d(MISSING)"),
        ("printf", ["%s", "a", 1, None], "a%!(EXTRA int=1, <nil>)"),
        ("printf", ["%t|%5t", True, False], "true|false"),
        ("printf", ["%v %v", float("inf"), float("-inf")], "+Inf -Inf"),
        ("printf", ["%v", float("nan")], "NaN"),
        ("printf", ["%T %T %T", {}, [], None], "map[string]interface {} []interface {} <nil>"),
        ("printf", ["%-4s|%04d", "a", 7], "a   |0007"),
        ("printf", ["%d", [1, 2]], "[1 2]"),
        ("printf", ["%d", "a"], "%!d(string=a)"),
        ("printf", ["%x %X %q", "hi", "hi", "hi"], '6869 6869 "hi"'),
        ("html", ["<a href='b'>&\""], "&lt;a href=&#39;b&#39;&gt;&amp;&#34;"),
        ("js", ["it's <b>\n"], "it\\'s \\u003Cb\\u003E\\u000A"),
        ("urlquery", ["a b&c"], "a+b%26c"),
    ],
)
def test_values(name: str, arguments: list[Any], value: object) -> None:
    assert call(name, arguments) == value


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("index", [[1], "a"], "cannot index slice/array with type string"),
        ("index", [[1], True], "cannot index slice/array with type bool"),
        ("index", ["abc", 3], "index out of range: 3"),
        ("index", ["é", 2], "index out of range: 2"),
        ("index", [[1], -1], "index out of range: -1"),
        ("index", [None, 1], "index of untyped nil"),
        ("index", [5, 1], "can't index item of type int"),
        ("index", [{}, "a", "b"], "index of nil pointer"),
        ("slice", ["abc", 1], "list should be type of slice or array but string"),
        ("slice", [[1], 2], "reflect.Value.Slice: slice index out of bounds"),
        ("len", [None], "len of nil pointer"),
        ("len", [5], "len of type int"),
        ("eq", [1], "missing argument for comparison"),
        ("eq", [1, "1"], "incompatible types for comparison: int and string"),
        ("lt", [1, "1"], "incompatible types for comparison: int and string"),
        ("gt", [None, None], "invalid type for comparison"),
        ("lt", [False, True], "invalid type for comparison"),
        ("ge", [True, True], "invalid type for comparison"),
        ("le", [True, 1], "incompatible types for comparison: bool and int"),
        ("gt", [[1], [2]], "invalid type for comparison"),
        ("upper", [5], "wrong type for value; expected string; got int"),
        ("until", [True], "wrong type for value; expected int; got bool"),
        ("len", [], "wrong number of args for len: want 1 got 0"),
    ],
)
def test_errors_are_in_gos_words(name: str, arguments: list[Any], message: str) -> None:
    with pytest.raises(FunctionError) as caught:
        call(name, arguments)
    assert str(caught.value).removeprefix(f"error calling {name}: ") == message


def test_a_value_that_is_missing_is_told_with_what_to_do() -> None:
    with pytest.raises(FunctionError, match="expected string .*default"):
        call("upper", [None])
