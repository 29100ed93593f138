"""Dockerfiles are read as Docker reads them; errors name file, line and instruction."""

from __future__ import annotations

import pytest

from helpers.localcloud.containers.build.dockerfile import parse
from helpers.localcloud.containers.build.variables import VariableError, expand, pairs, split
from helpers.localcloud.containers.errors import BuildError


def names(text: str) -> list[tuple[str, str, int]]:
    return [(one.name, one.rest, one.line) for one in parse(text).instructions]


def test_lines_comments_continuations() -> None:
    text = '# comment\nFROM a\n\nRUN one \\\n  # inside\n\n  && two\nCMD ["x"]\n'
    assert names(text) == [("FROM", "a", 2), ("RUN", "one   && two", 4), ("CMD", '["x"]', 8)]
    assert parse(text).instructions[2].exec_form == ["x"]


def test_escape_directive_and_windows_line_ends() -> None:
    text = "# syntax=docker/dockerfile:1\r\n# escape=`\r\nFROM a\r\nRUN one `\r\n two\\three\r\n"
    assert names(text)[1] == ("RUN", "one  two\\three", 4)


def test_what_does_not_go_on() -> None:
    assert names("FROM a\nRUN one \\\\\nENV A=1\n")[2] == ("ENV", "A=1", 3)
    for shell in ("echo $((1<<X))", "cat <<<X", "cat <<< X", 'cat <<<"X Y"', "echo a<<X"):
        [_, run] = parse(f"FROM a\nRUN {shell}\n").instructions
        assert (run.rest, run.here_documents) == (shell, ())
    [_, run] = parse("FROM a\nRUN cat <<<a <<X 3<<-Y\none\nX\n\ttwo\nY\n").instructions
    assert [(one.name, one.content) for one in run.here_documents] == [
        ("X", "one\n"),
        ("Y", "two\n"),
    ]


def test_flags_and_here_documents() -> None:
    text = """FROM --platform=linux/amd64 a AS b
COPY --from=b --chown=1:2 x y /z/
RUN <<EOF cat <<-"END"
one $HOME
EOF
\ttwo $HOME
\tEND
COPY <<file /file
text
file
RUN echo "<<no" '<<no'
"""
    found = parse(text).instructions
    assert found[0].flags == {"platform": "linux/amd64"}
    assert found[1].flags == {"from": "b", "chown": "1:2"}
    assert [(d.name, d.content, d.expand) for d in found[2].here_documents] == [
        ("EOF", "one $HOME\n", True),
        ("END", "two $HOME\n", False),
    ]
    assert found[3].here_documents[0].content == "text\n"
    assert found[4].here_documents == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM a\nFOO bar\n", "Dockerfile:2: dockerfile parse error: unknown instruction: FOO"),
        ("RUN x\n", "Dockerfile:1: RUN x: no build stage in current context"),
        ("ARG a\n", "has no FROM"),
        ("", "has no FROM"),
        ("FROM a\nCOPY\n", "Dockerfile:2: COPY: COPY requires at least one argument"),
        ("FROM a\nCOPY --what=x a b\n", "Dockerfile:2: COPY --what=x a b: unknown flag: what"),
        ("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2: unterminated here-document: .*EOF"),
        ("# escape=x\nFROM a\n", "Dockerfile:1: invalid ESCAPE"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", "1"),
        ("${A}b", "1b"),
        ("$A_", ""),
        ("${N:-d}", "d"),
        ("${E:-d}${E-d}", "d"),
        ("${A:+y}${N:+y}", "y"),
        ("${N:-${A}}", "1"),
        ("'$A'", "$A"),
        ('"$A b"', "1 b"),
        ("\\$A", "$A"),
        ("a$", "a$"),
        ('"a\\"b"', 'a"b'),
    ],
)
def test_variables(word: str, expected: str) -> None:
    assert expand(word, {"A": "1", "E": ""}) == expected


def test_pairs_and_words() -> None:
    given = "a=1 b='2 3' c=\"$A\" d=4\\ 5"
    expected = {"a": "1", "b": "2 3", "c": "x", "d": "4 5"}
    assert pairs(given, {"A": "x"}, "\\", old_form=True) == expected
    assert pairs("name a long  value", {}, "\\", old_form=True) == {"name": "a long  value"}
    assert split("a 'b c' d\\ e") == ["a", "'b c'", "d\\ e"]
    for bad in ("'open", '"open'):
        with pytest.raises(VariableError, match="matching"):
            split(bad)
    with pytest.raises(VariableError, match="N: needed"):
        expand("${N:?needed}", {})
    with pytest.raises(VariableError, match="unterminated"):
        expand("${N:-x", {})
