"""YAML that yaml.v2 takes otherwise than libyaml alone; the answers were given by yaml.v2 itself."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.tasks.templating.yaml_dialect import read_values
from helpers.localcloud.tasks.templating.yaml_nodes import YamlError, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[PATH=/bin:, a:]", ["PATH=/bin:", "a:"]),
        ("{x: a:, z: b}", {"x": "a:", "z": "b"}),
        ('"it\\\'s"', "it's"),
        ("'it\\'", "it\\"),
        ("! 5", "5"),
        ("'~'", "~"),
        ("!!omap [a]", ["a"]),
        ("!!set {a}", {"a": None}),
        ("[&a 1, &a 2, *a]", [1, 2, 2]),
        ("&x {b: 1, <<: {b: 2}}", {"b": 2}),
        ("{<<: [{b: 1}, {b: 2, c: 3}]}", {"b": 1, "c": 3}),
        ("|+\n  a\n\n", "a\n\n"),
        ("\ue000 [a:]", "\ue000 [a:]"),
    ],
)
def test_what_only_that_reader_takes(text: str, value: Any) -> None:
    assert read_values(f"k: {text}")["k"] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b: c", "yaml: line 1, column 5: mapping values are not allowed"),
        ("a: [\n", "yaml: line 1, column 5: did not find expected node content"),
        ("a:\n  - 'b\n", "yaml: line 2, column .*: found unexpected end of stream"),
        ("a:\n\t- b\n", "yaml: line 2, column 1: found character that cannot start any token"),
        ("- " * 10_001 + "a", "line 1: exceeded max depth of 10000"),
        ('a: "\ud800"', "the text is no Unicode"),
        ("a: " + '"\\\'" ' * 300, "line 1"),
        ("a: [" + "b:," * 300 + "]", "more than 200 places"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(YamlError, match=told):
        read(text)


def test_only_the_first_document_is_read() -> None:
    assert read_values("a: 1\n---\nb: [\n") == {"a": 1}
    assert read("") is read("# nothing\n") is None
