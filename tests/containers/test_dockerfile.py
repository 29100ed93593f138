"""Dockerfiles are read as Docker reads them; errors name file, line and instruction."""

from __future__ import annotations

import pytest

from helpers.localcloud.containers.build.dockerfile import parse
from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, NEWEST
from helpers.localcloud.containers.build.variables import (
    VariableError,
    expand,
    expand_words,
    quoted,
)
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
        [_, run] = parse(f"FROM a\nRUN {shell}\n", frontend=BUILDKIT).instructions
        assert (run.rest, run.here_documents) == (shell, ())
    [_, run] = parse(
        "FROM a\nRUN cat <<<a <<X 3<<-Y\none\nX\n\ttwo\nY\n", frontend=BUILDKIT
    ).instructions
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
    found = parse(text, frontend=BUILDKIT).instructions
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
        (
            "FROM a\nFOO bar\n",
            "Dockerfile:2: dockerfile parse error line 2: unknown instruction: FOO",
        ),
        ("RUN x\n", "Dockerfile:1: RUN x: no build stage in current context"),
        ("ARG a\n", "has no FROM"),
        ("", r"the Dockerfile \(Dockerfile\) cannot be empty"),
        ("# c\n", "Dockerfile:1: failed to parse Dockerfile: file with no instructions"),
        (
            "FROM a\nCOPY\n",
            "Dockerfile:2: dockerfile parse error line 2: COPY requires at least two",
        ),
        (
            "FROM a\nCOPY --what=x a b\n",
            "Dockerfile:2: dockerfile parse error line 2: Unknown flag: what",
        ),
        ("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2: unterminated here-document: .*EOF"),
        ("# escape=x\nFROM a\n", "Dockerfile:1: .*invalid escape token 'x'"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        parse(text, frontend=BUILDKIT if "<<" in text else CLASSIC)


def test_a_here_document_is_named_where_the_classic_builder_stops() -> None:
    with pytest.raises(BuildError, match="instruction: NOT. Line 2 begins a here-document, which"):
        parse("FROM a\nCOPY <<E /f\nnot one\nE\n")
    for above in ("RUN echo '<<E'", "ENV A <<E"):
        with pytest.raises(BuildError, match="instruction: NOT. It knows ADD"):
            parse(f"FROM a\n{above}\nNOT one\n")


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
    assert expand(word, {"A": "1", "E": ""}, frontend=NEWEST) == expected


def test_pairs_and_words() -> None:
    [_, env, old, arg] = parse(
        "FROM a\nENV a=1 b='2 3' c=\"$A\" d=4\\ 5\nENV name a long  value\nARG x 'y z'=1\n"
    ).instructions
    assert env.words == ("a", "1", "b", "'2 3'", "c", '"$A"', "d", "4\\ 5")
    assert (old.words, arg.words) == (("name", "a long  value"), ("x", "'y z'=1"))
    assert expand_words("$A 'b c' d\\ e", {"A": "1 2"}) == ["1", "2", "b c", "d e"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'open", "unexpected end of statement while looking for matching single-quote"),
        ('"open', "unexpected end of statement while looking for matching double-quote"),
        ("${N:?needed}", "N: needed"),
        ("${N:?}", "N: is not allowed to be unset"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${N:-x", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${A:=x}", "unsupported modifier (=) in substitution"),
        ("${A-x}", "missing ':' in substitution"),
        ("${A/1/2}", "missing ':' in substitution"),
        ("${A:-" * 200, "more than 100 substitutions inside of each other"),
    ],
)
def test_what_the_classic_builder_does_not_expand(word: str, message: str) -> None:
    with pytest.raises(VariableError) as raised:
        expand(word, {"A": "1", "E": ""}, "\\", CLASSIC)
    assert str(raised.value) == f"failed to process {quoted(word)}: {message}"


def test_a_dockerfile_of_ten_thousand_lines() -> None:
    text = "FROM a\nENV \\\n" + "A=1 \\\n" * 5_000 + " B=2\n" + "RUN x\n" * 5_000
    found = parse(text).instructions
    assert (len(found), len(found[1].words), found[-1].line) == (5_002, 10_002, 10_003)
    with pytest.raises(BuildError, match="line greater than max allowed size of 65535"):
        parse(f"FROM a\nENV A={'x' * 70_000}\n")
