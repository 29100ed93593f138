"""The words of a cmd, checked against a real /bin/sh."""

from __future__ import annotations

import subprocess

import pytest

from helpers.localcloud.tasks.definitions.words import ShellError, split

COMMANDS = [
    "docker pull node:15-alpine",
    "bash -c 'echo a | cat; exit 1'",
    'bash -c "echo \\"quoted\\" \\$HOME"',
    "a\\ b 'c d'e\"f\"  ''",
    "one $MISSING two",
    'one "$MISSING" two ${NAME}x',
    "one $NAME two",
    "lone $ sign and 5$",
    "word # a comment",
    "no#comment",
    "az login \\\n  --identity",
    "A='hello world' B=hello world C=\"$NAME\" D=$NAME",
    "$1abc $# $? ${1} [$*]",
    '${NAME:-x} ${MISSING:-a b} "${MISSING:-a b}" ${MISSING-} ${NAME:+set} ${MISSING:+set}',
    "~ ~/x a~ ~nobody-here x=~",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_words_are_those_of_sh(command: str) -> None:
    environment = {"NAME": "two words", "HOME": "/home of/somebody"}
    script = f"printf '%s\\0' {command}\n"
    expected = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, env=environment, check=True, text=True
    ).stdout.split("\0")[:-1]
    assert split(command, environment) == expected


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("echo a > file", "redirection"),
        ("echo a | cat", "pipe"),
        ("a && b", "'&&'"),
        ("a; b", "';'"),
        ("echo $(date)", "command substitution"),
        ('echo "`date`"', "command substitution"),
        ("a\nb", "line break"),
        ("echo 'open", "not closed"),
        ("echo ${A%b}", "parameter expansion"),
        ("echo ${A:-$B}", "parameter expansion"),
    ],
)
def test_operators_of_the_agents_shell_are_refused_by_name(command: str, named: str) -> None:
    with pytest.raises(ShellError, match=named):
        split(command)
