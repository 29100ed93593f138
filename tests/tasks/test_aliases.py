"""Task aliases: the version that has them, their block, the directive, and what is replaced."""

from __future__ import annotations

import pytest

from helpers.localcloud.tasks.definitions import aliases
from helpers.localcloud.tasks.errors import TaskError


def no_file(name: str) -> str:
    raise AssertionError(f"{name} was read")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("version: v1.1.0\nsteps: []\n", "v1.1.0"),
        ("\n# a comment\n\nversion : v1.1.0\n", "v1.1.0"),
        ("steps: []\nversion: v1.1.0\n", "v1.1.0"),  # wherever it stands
        ("env: [A=1]\n'version':   'v1.1.0' \nversion: v1.0.0\n", "v1.1.0"),  # the first
        (" version: v1.1.0\n", ""),
        ("versions: v1.1.0\n", ""),
        ('"version": "v1.1.0"\n', "v1.1.0"),  # as programs write it
        ("version: v1.1.0 # as text\n", "v1.1.0 # as text"),  # it is not read as YAML
        ("", ""),
    ],
)
def test_version(text: str, version: str) -> None:
    assert aliases.find_version(text) == version


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("v1.1.0", True),
        ("v1.2", True),
        ("v9", True),  # a comparison of texts
        ("v1.0.0", False),
        ("1.0-preview-1", False),
        ('"v1.1.0"', False),
        ("", False),
    ],
)
def test_versions_are_compared_as_texts(version: str, supported: bool) -> None:
    assert aliases.supports_aliases(version) is supported


def test_block_is_taken_out_and_comments_are_dropped() -> None:
    text = """version: v1.1.0
# a comment
alias:
  values:
    # another
    one: first
env: [A=1]
steps:
  - cmd: >
      one
      # not a part of the command
      two
"""
    parts = aliases.split(text)
    assert parts.alias == "alias:\n  values:\n    one: first\n"
    assert parts.alias_lines == [3, 4, 6]
    assert parts.rest.splitlines() == [
        "version: v1.1.0",
        "env: [A=1]",
        "steps:",
        "  - cmd: >",
        "      one",
        "      two",
    ]
    assert parts.rest_lines == [1, 7, 8, 9, 10, 12]


def test_own_values_win_over_files_and_those_over_presets() -> None:
    files = {
        "one.yaml": "a: file one\nb: file one\nc: file one\naz: my/az:1\n",
        "two.yaml": "b: file two\nc: file two\n",
    }
    block = "alias:\n  src: [one.yaml, two.yaml]\n  values:\n    c: own\n    n: 1.10\n"
    names, directive = aliases.definitions(block, files.__getitem__)
    assert directive == "$"
    assert (names["a"], names["b"], names["c"], names["n"]) == (
        "file one",
        "file two",
        "own",
        "1.10",
    )
    assert names["az"] == "my/az:1"
    assert names["Registry"] == "{{.Run.Registry}}"
    assert "TaskName" not in names


def test_presets_without_a_block() -> None:
    names, directive = aliases.definitions("", no_file)
    assert directive == "$"
    assert set(names) == {
        *("ID", "SharedVolume", "Registry", "RegistryName", "Date", "OS", "Architecture"),
        *("Commit", "Branch", "acr", "az", "bash", "curl", "cssc"),
    }


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("alias:\n  directive: ab", "can only be overwritten by a single character"),
        ("alias:\n  directive: a", "overwritten directives may not be alphanumeric characters"),
        ("alias:\n  values:\n    a-b: c", "alias key names only support alphanumeric characters"),
        (
            "alias:\n  values: [a]",
            "line 2, column 11: cannot unmarshal !!seq into map[string]string",
        ),
        (
            "alias:\n  src: one.yaml",
            "line 2, column 8: cannot unmarshal !!str `one.yaml` into []string",
        ),
        ("alias:\n  src: [bad.yaml]", "the alias file 'bad.yaml' cannot be read: yaml: line 1"),
        ("alias: [", "error during alias unmarshaling: yaml: line 1, column 9: did not find"),
    ],
)
def test_wrong_blocks(block: str, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        aliases.definitions(block, {"bad.yaml": "a: b: c"}.__getitem__)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$one $two", "1 $two"),
        ("$one$one/$oneself", "11/$oneself"),
        ("$$one $$$one", "$one $1"),
        ("$ alone, at the end $", "$ alone, at the end $"),
        ("$two$one", "$two$one"),  # what follows an unknown name is plain text
        ("a$one-b ${one}", "a1-b ${one}"),
        ("nothing", "nothing"),
        ("price: 5$", "price: 5$"),
        ("$one", "1"),
    ],
)
def test_replacement(text: str, expected: str) -> None:
    assert aliases.replace(text, {"one": "1"}) == expected


def test_replacement_with_another_directive() -> None:
    assert aliases.replace("&one $one &&one", {"one": "1"}, "&") == "1 $one &one"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("az login", "image:1 login"),
        ("  az", "image:1"),
        ("azure login", "azure login"),
        ("run az", "run az"),
    ],
)
def test_only_the_first_word_of_a_command_is_an_alias(command: str, expected: str) -> None:
    assert aliases.expand_command(command, {"az": "image:1"}) == expected
