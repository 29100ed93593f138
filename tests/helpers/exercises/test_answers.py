"""What an answer may be, however it is written, and what is said of one that it cannot be."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.exercises import Choice, Digest, Names, Number, Order, Text, YesNo
from helpers.exercises.answers import AnswerError, Kind, described, is_open

DIGEST = "sha256:" + "0a" * 32
KINDS: list[Kind] = [
    *(Text("red"), Choice("Commit", "Image Update"), YesNo(), Number(), Digest()),
    *(Names(), Order("a", "b")),
]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Text(), "  Hello-World.  ", "hello-world"),
        (Choice("Commit", "Image Update"), '"image  update"', "image update"),
        (YesNo(), True, True),
        (YesNo(), "No.", False),
        (Number(), 3, 3),
        (Number(), " 3 ", 3),
        (Number(), 3.0, 3),
        (Digest(), DIGEST.upper(), DIGEST),
        (Names(), ["b", "A", "a"], {"a", "b"}),
        (Names(), "node-public", {"node-public"}),
        (Names(), {"a": 1}.keys(), {"a"}),
        (Names(), (letter for letter in "ab"), {"a", "b"}),
        (Names(), repeat("a"), {"a"}),
        (Order(), ("b", "a"), ("b", "a")),
    ],
)
def test_an_answer_is_read_however_it_is_written(kind: Kind, value: object, read: object) -> None:
    assert kind.read(value) == read


class Evil:
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise ArithmeticError("no")


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Text(), 7, "the number: 7"),
        (Text(), "  ", "the text: '  '"),
        (Text(), None, "nothing (None)"),
        (Choice("a", "b"), "c", "the text: 'c'"),
        (Choice("a", "b"), True, "the value: True"),
        (YesNo(), 1, "the number: 1"),
        (Number(), True, "the value: True"),
        (Number(), 2.5, "the number: 2.5"),
        (Number(), float("nan"), "the number: nan"),
        (Number(), float("inf"), "the number: inf"),
        (Number(), "three", "the text: 'three'"),
        (Digest(), "sha256:abc", "the text: 'sha256:abc'"),
        (Digest(), b"sha256:abc", "the bytes: b'sha256:abc'"),
        (Names(), {"a": 1}, "the dictionary: {'a': 1}"),
        (Names(), ["a", 1], "the list: ['a', 1] with the number: 1 in it"),
        (Names(), print, "a builtin_function_or_method"),
        (Order(), {"a"}, "a set, which has no order"),
        (Names(), ArithmeticError(), "an ArithmeticError"),
        (Text(), [[1] * 50] * 100_000, "the list: [[1, 1, 1, 1, 1, 1, ...], [1, 1, 1, 1, 1…"),
        (Choice("a"), [Evil()], "the list: [<Evil instance at 0x"),
    ],
)
def test_what_cannot_be_an_answer_is_called_by_its_name(
    kind: Kind, value: object, said: str
) -> None:
    with pytest.raises(AnswerError) as caught:
        kind.read(value)
    assert str(caught.value).startswith(said)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_any_value_is_read_or_refused_in_words(value: Any) -> None:
    said = [described(value)]
    for kind in KINDS:
        try:
            kind.read(value)
        except AnswerError as error:
            said.append(str(error))
    assert all(0 < len(one) < 300 for one in said)


def test_a_number_too_long_to_be_written_is_no_error() -> None:
    assert described(10**5000) == "a very large number"
    assert Number().read(10**5000) == 10**5000


def test_an_ellipsis_is_no_answer_yet_also_in_a_list() -> None:
    assert is_open(...)
    assert is_open(["a", ...])
    assert not is_open([])
    assert not is_open("...")


def test_each_kind_says_what_it_wants() -> None:
    assert [kind.wanted for kind in KINDS] == [
        'a text, such as "red"',
        'one of "Commit", "Image Update"',
        "True or False",
        "a whole number, such as 7",
        'a digest, "sha256:" and 64 hexadecimal digits',
        'a list of texts, such as ["one", "another"]',
        'a list of texts, such as ["a", "b"], in the right order',
    ]
