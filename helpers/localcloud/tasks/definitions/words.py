"""The words of a ``cmd``, as the shell in front of ``docker run`` would make them.

The hosted agent runs ``/bin/sh -c "docker run … CMD"``: quotes, backslashes and variables of ``cmd``
are that shell's. Its operators (pipes, redirections, lists) would act on the agent, outside the
container; there is no such shell here, so they are refused rather than misunderstood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_OPERATORS = "|&;<>()`"
_NAMES = {
    "|": "a pipe ('|')",
    "&": "'&' or '&&'",
    ";": "';'",
    "<": "a redirection ('<')",
    ">": "a redirection ('>')",
    "(": "a subshell ('(')",
    ")": "a subshell (')')",
    "`": "a command substitution ('`')",
    "\n": "a line break",
    "$(": "a command substitution ('$(')",
}
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_SPECIAL = {"#": "0", "?": "0", "0": "/bin/sh", "$": "1", "-": ""}  # of a shell without arguments
_VARIABLE = re.compile(rf"\$(?:({_NAME}|[0-9#?$@*!-])|\{{({_NAME}|[0-9]+|[#?$@*!-])\}})")
_DEFAULT = re.compile(rf"\$\{{({_NAME}|[0-9]+)(:?)([-+])")
# What the agent's shell knows before a step has said anything.
AGENT = {"HOME": "/root", "PWD": "/workspace", "IFS": " \t\n", "OPTIND": "1", "PPID": "0"}


class ShellError(ValueError):
    """A ``cmd`` that only a shell on the agent could run."""


def split(command: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The words of ``command``; ``$NAME`` comes from ``environment``, "" where it is not set.

    Without an environment it is that of the agent. Raises :class:`ShellError` that names the operator
    and where it stands.
    """
    return _Words(command.strip(), AGENT if environment is None else environment).split()


class _Words:
    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._text = text
        self._environment = environment
        self._at = 0
        self._words: list[str] = []
        self._word: str | None = None

    def split(self) -> list[str]:
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in " \t\r":
                self._finish()
                self._at += 1
            elif character == "'":
                self._add(self._until("'"))
            elif character == '"':
                self._double()
            elif character == "\\":
                self._escape()
            elif character == "$":
                self._variable(quoted=False)
            elif character == "#" and self._word is None:
                self._at = self._line()
            elif character == "~" and self._word is None:
                self._tilde()
            elif character in _OPERATORS or character == "\n":
                raise self._refuse(character)
            else:
                self._add(character)
                self._at += 1
        self._finish()
        return self._words

    def _line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _add(self, text: str) -> None:
        self._word = (self._word or "") + text

    def _finish(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
            self._word = None

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise ShellError(f"the quotation mark {quote} is not closed")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        return text

    def _double(self) -> None:
        self._add("")
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._at += 1
                return
            if character == "\\" and self._text[self._at + 1 : self._at + 2] in tuple('$`"\\\n'):
                following = self._text[self._at + 1]
                self._add("" if following == "\n" else following)
                self._at += 2
            elif character == "$":
                self._variable(quoted=True)
            elif character == "`":
                raise self._refuse(character)
            else:
                self._add(character)
                self._at += 1
        raise ShellError('the quotation mark " is not closed')

    def _escape(self) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following != "\n":
            self._add(following or "\\")
        self._at += 2

    def _tilde(self) -> None:
        """The home directory, where a word begins with ``~`` or ``~/`` (POSIX 2.6.1)."""
        at_end = self._text[self._at + 1 : self._at + 2] in ("", "/", " ", "\t", "\r", "\n")
        self._add(self._environment.get("HOME", "~") if at_end else "~")
        self._at += 1

    def _variable(self, *, quoted: bool) -> None:
        if self._text.startswith("$(", self._at):
            raise self._refuse("$(")
        match = _VARIABLE.match(self._text, self._at)
        if match is None:
            if self._text.startswith("${", self._at):
                self._default(quoted=quoted)
                return
            self._add("$")
            self._at += 1
            return
        name = match[1] or match[2]
        self._at = match.end()
        self._value(self._environment.get(name, _SPECIAL.get(name, "")), quoted=quoted)

    def _value(self, value: str, *, quoted: bool) -> None:
        if quoted:
            self._add(value)
            return
        # Outside quotes the value is split at white space, and an empty one leaves no word.
        parts = re.split("[ \t\n]+", value)
        for index, part in enumerate(parts):
            if index:
                self._finish()
            if part:
                self._add(part)

    def _default(self, *, quoted: bool) -> None:
        """``${NAME:-word}`` and its kin (POSIX 2.6.2), where the word holds no further expansion."""
        match = _DEFAULT.match(self._text, self._at)
        end = self._text.find("}", self._at)
        if match is None or end < 0 or set(self._text[match.end() : end]) & set("$`'\"\\"):
            raise ShellError(
                "it uses a parameter expansion of the shell on the agent ('${…}'), which the "
                'local cloud does not have: run a shell in the container, like bash -c "…"'
            )
        name, colon, kind = match.groups()
        value = self._environment.get(name, _SPECIAL.get(name))
        known = bool(value) if colon else value is not None
        word = self._text[match.end() : end]
        self._at = end + 1
        chosen = (word if known else "") if kind == "+" else (value or "") if known else word
        self._value(chosen, quoted=quoted)

    def _refuse(self, operator: str) -> ShellError:
        words = len(self._words) + 1
        return ShellError(
            f"it uses {_NAMES[operator]} at word {words}, which a shell on the agent would act on, "
            "outside the container. The local cloud has no such shell: quote it, or run a shell "
            "in the container, like bash -c '…'"
        )
