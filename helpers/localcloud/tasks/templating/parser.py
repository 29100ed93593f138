"""Reads Go templates into a tree (Go documentation, package text/template)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from ..errors import TaskError

_OPEN = re.compile(r"\{\{(-(?=\s))?")
_COMMENT = re.compile(r"\s*/\*.*?\*/", re.DOTALL)
# The end of an action, or a text in which there is none.
_CLOSE = re.compile(
    r'"(?:\\.|[^"\\\n])*"|`[^`]*`|' + r"'(?:\\.|[^'\\\n])*'|(?P<trim>(?<=\s)-)?(?P<end>\}\})",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<raw>`[^`]*`)
    |(?P<character>'(?:[^'\\]|\\.)')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?))
    |(?P<declare>:=)|(?P<assign>=)|(?P<pipe>\|)|(?P<open>\()|(?P<close>\))|(?P<comma>,)
    |(?P<variable>\$\w*(?:\.\w+)*)
    |(?P<field>(?:\.\w+)+)
    |(?P<dot>\.)
    |(?P<word>\w+)""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "a": "\a", "b": "\b"}
NAME = "gotpl"


class TemplateError(TaskError):
    """A template that cannot be read or executed; names the line and the expression, as Go does."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"template: {NAME}:{line}: {reason}")
        self.line = line
        self.reason = reason


def fail(line: int, message: str) -> TemplateError:
    """An error at a line of the template."""
    return TemplateError(line, message)


@dataclass(frozen=True)
class Literal:
    """A constant; ``value`` None is nil."""

    value: Any


@dataclass(frozen=True)
class Chain:
    """Fields of something: of the dot (``start`` None), a variable (its name), or a pipeline."""

    start: str | Pipeline | None
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """The name of a function."""

    name: str


Operand = Literal | Chain | Function


@dataclass(frozen=True)
class Pipeline:
    """Commands whose results go on as the last argument; may declare or assign variables."""

    commands: tuple[tuple[Operand, ...], ...]
    line: int
    text: str
    variables: tuple[str, ...] = ()
    declares: bool = False


@dataclass
class Node:
    """A piece of a template: text, an action, or a block with its branches."""

    kind: str  # text | action | if | range | with | define | template | break | continue
    line: int
    text: str = ""
    pipeline: Pipeline | None = None
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


@dataclass
class _Token:
    kind: str
    text: str
    adjacent: bool  # nothing stands between it and the token before


class Parser:
    """Builds the tree of one template; ``functions`` are the names that exist."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._functions = functions
        self._pieces = list(self._split(text))
        self._position = 0
        self._ranges = 0  # how many ``range`` are open
        self.templates: dict[str, list[Node]] = {}

    def parse(self) -> list[Node]:
        """The whole template. Raises :class:`TemplateError`."""
        nodes, ended = self._nodes()
        if ended:
            raise fail(ended[0], f"unexpected {{{{{ended[1]}}}}}")
        return nodes

    @staticmethod
    def _split(text: str) -> Any:
        """Text and actions in turn: ("text", line, text) and ("action", line, content)."""
        position, line = 0, 1
        trim = False
        while opened := _OPEN.search(text, position):
            before = text[position : opened.start()]
            shown = before.lstrip() if trim else before
            yield "text", line, shown.rstrip() if opened[1] else shown
            line += before.count("\n")
            comment = _COMMENT.match(text, opened.end())
            closed = _CLOSE.search(text, comment.end() if comment else opened.end())
            while closed and not closed["end"]:
                closed = _CLOSE.search(text, closed.end())
            if closed is None:
                raise fail(line, "unclosed action")
            if not comment:
                yield "action", line, text[opened.end() : closed.start()].strip()
            line += text.count("\n", opened.start(), closed.end())
            position, trim = closed.end(), bool(closed["trim"])
        yield "text", line, text[position:].lstrip() if trim else text[position:]

    def _nodes(self) -> tuple[list[Node], tuple[int, str] | None]:
        """Nodes up to the end, or to an ``end`` or ``else`` (line and words)."""
        nodes: list[Node] = []
        while self._position < len(self._pieces):
            kind, line, content = self._pieces[self._position]
            self._position += 1
            if kind == "text":
                if content:
                    nodes.append(Node("text", line, content))
                continue
            word = re.match(r"\w+", content)
            keyword = word[0] if word else ""
            rest = content[len(keyword) :].strip()
            if keyword in ("end", "else"):
                return nodes, (line, content)
            if keyword in ("if", "range", "with"):
                nodes.append(self._block(keyword, line, rest))
            elif keyword in ("define", "block"):
                nodes += self._define(keyword, line, rest)
            elif keyword == "template":
                nodes.append(self._call(line, rest))
            elif keyword in ("break", "continue") and not rest:
                if not self._ranges:
                    raise fail(line, f"{{{{{keyword}}}}} outside {{{{range}}}}")
                nodes.append(Node(keyword, line))
            elif not content:
                raise fail(line, "missing value for command")
            else:
                nodes.append(Node("action", line, pipeline=self._pipeline(content, line)))
        return nodes, None

    def _block(self, keyword: str, line: int, rest: str) -> Node:
        if not rest:
            raise fail(line, f"missing value for {keyword}")
        node = Node(keyword, line, pipeline=self._pipeline(rest, line))
        self._ranges += keyword == "range"
        node.body, ended = self._nodes()
        self._ranges -= keyword == "range"
        if ended and ended[1] != "end":
            after = ended[1].removeprefix("else").strip()
            if after:  # {{else if …}} is {{else}}{{if …}} with one {{end}}
                word, _, condition = after.partition(" ")
                if word not in ("if", "with"):
                    raise fail(ended[0], f"unexpected <{after}> in else")
                node.otherwise = [self._block(word, ended[0], condition.strip())]
                return node
            node.otherwise, ended = self._nodes()
        if ended is None or ended[1] != "end":
            raise fail(line, f"unexpected EOF: {{{{{keyword} {rest}}}}} has no {{{{end}}}}")
        return node

    def _define(self, keyword: str, line: int, rest: str) -> list[Node]:
        match = re.match(r'"([^"]*)"\s*', rest)
        if match is None:
            raise fail(line, f"unexpected {rest!r} in {keyword} clause")
        body, ended = self._nodes()
        if ended is None or ended[1] != "end":
            raise fail(line, f'unexpected EOF: {{{{{keyword} "{match[1]}"}}}} has no {{{{end}}}}')
        self.templates[match[1]] = body
        if keyword == "define":
            return []
        return [self._call(line, rest)]

    def _call(self, line: int, rest: str) -> Node:
        match = re.match(r'"([^"]*)"\s*', rest)
        if match is None:
            raise fail(line, f"unexpected {rest!r} in template clause")
        argument = rest[match.end() :]
        pipeline = self._pipeline(argument, line) if argument else None
        return Node("template", line, match[1], pipeline)

    # -- pipelines ---------------------------------------------------------------------------

    def _pipeline(self, text: str, line: int) -> Pipeline:
        tokens = self._tokens(text, line)
        pipeline = self._read_pipeline(tokens, line, text)
        if tokens:
            raise fail(line, f"unexpected <{tokens[0].text}> in command {{{{{text}}}}}")
        return pipeline

    def _tokens(self, text: str, line: int) -> list[_Token]:
        tokens: list[_Token] = []
        position, adjacent = 0, False
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise fail(line, f"unexpected {text[position]!r} in command {{{{{text}}}}}")
            if match.lastgroup == "space":
                adjacent = False
            else:
                tokens.append(_Token(match.lastgroup, match[0], adjacent))
                adjacent = True
            position = match.end()
        return tokens

    def _read_pipeline(self, tokens: list[_Token], line: int, text: str) -> Pipeline:
        names: list[str] = []
        declares = False
        kinds = [token.kind for token in tokens[:4]]
        if kinds[:2] in (["variable", "declare"], ["variable", "assign"]):
            names, declares = [tokens[0].text], kinds[1] == "declare"
            del tokens[:2]
        elif kinds == ["variable", "comma", "variable", "declare"]:
            names, declares = [tokens[0].text, tokens[2].text], True
            del tokens[:4]
        commands: list[tuple[Operand, ...]] = []
        while True:
            operands: list[Operand] = []
            while tokens and tokens[0].kind not in ("pipe", "close"):
                operands.append(self._operand(tokens, line, text))
            if not operands:
                raise fail(line, f"missing value for command {{{{{text}}}}}")
            commands.append(tuple(operands))
            if not tokens or tokens[0].kind == "close":
                return Pipeline(tuple(commands), line, text, tuple(names), declares)
            tokens.pop(0)

    def _operand(self, tokens: list[_Token], line: int, text: str) -> Operand:
        token = tokens.pop(0)
        kind, shown = token.kind, token.text
        if kind in _LITERALS:
            try:
                return Literal(_LITERALS[kind](shown))
            except ValueError:
                raise fail(line, f'bad number syntax: "{shown}" in {{{{{text}}}}}') from None
        if kind == "dot":
            return Chain(None, ())
        if kind == "field":
            return Chain(None, tuple(shown[1:].split(".")))
        if kind == "variable":
            name, *fields = shown.split(".")
            return Chain(name, tuple(fields))
        if kind == "open":
            return self._parenthesized(tokens, line, text)
        if kind != "word":
            raise fail(line, f"unexpected <{shown}> in command {{{{{text}}}}}")
        if shown in _WORDS:
            return Literal(_WORDS[shown])
        if shown not in self._functions:
            raise fail(line, f'function "{shown}" not defined in {{{{{text}}}}}')
        return Function(shown)

    def _parenthesized(self, tokens: list[_Token], line: int, text: str) -> Operand:
        inner = self._read_pipeline(tokens, line, text)
        if not tokens:
            raise fail(line, f"unclosed left paren in {{{{{text}}}}}")
        tokens.pop(0)
        fields: tuple[str, ...] = ()
        if tokens and tokens[0].kind == "field" and tokens[0].adjacent:
            fields = tuple(tokens.pop(0).text[1:].split("."))
        return Chain(inner, fields)


def _number(shown: str) -> int | float:
    """A number as Go reads it: with 0x, octal after a 0, with underscores. Raises ValueError."""
    plain = shown.replace("_", "")
    if "x" not in plain.lower() and any(c in plain for c in ".eE"):
        return float(plain)
    octal = plain.lstrip("+-").startswith("0") and plain.lstrip("+-").isdigit()
    return int(plain, 8 if octal else 0)


def unquote(text: str) -> str:
    """The characters of a Go string literal without its quotes."""

    def escape(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU":
            return chr(int(code[1:], 16))
        return _ESCAPES.get(code, code)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", escape, text)


_WORDS = {"true": True, "false": False, "nil": None}
_LITERALS: dict[str, Callable[[str], Any]] = {
    "string": lambda shown: unquote(shown[1:-1]),
    "character": lambda shown: ord(unquote(shown[1:-1])),
    "raw": lambda shown: shown[1:-1],
    "number": _number,
}
