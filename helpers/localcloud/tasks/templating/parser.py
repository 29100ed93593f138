"""Reads Go templates into a tree (Go documentation, package text/template/parse)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .constants import number, unquote
from .lexer import Lexer, TemplateError, Token, fail


@dataclass(frozen=True)
class Literal:
    """A constant; ``value`` None is nil, a ``constants.Number`` has not got its type yet."""

    value: Any


@dataclass(frozen=True)
class Chain:
    """Fields of something: of the dot (``start`` None), a variable, a function or a pipeline."""

    start: str | Pipeline | Function | None
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
    variables: tuple[str, ...]
    declares: bool
    column: int


@dataclass
class Node:
    """A piece of a template: text, an action, or a block with its branches."""

    kind: str  # text | action | if | range | with | template | break | continue
    line: int
    text: str = ""
    pipeline: Pipeline | None = None
    body: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


_STARTS = frozenset(
    (
        "bool",
        "character",
        "dot",
        "field",
        "word",
        "number",
        "nil",
        "raw",
        "string",
        "variable",
        "open",
    )
)
_CONSTANTS = frozenset(("bool", "character", "number", "nil", "raw", "string"))
_BRANCHES = ("if", "range", "with")


class Parser:
    """Builds the tree of one template; ``functions`` are the names that exist."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._text = text
        self._functions = functions
        self._tokens = list(Lexer(text).tokens())
        self._at = 0
        self._ranges = 0  # how many ``range`` are open
        self._variables = ["$"]
        self.templates: dict[str, list[Node]] = {}

    def parse(self) -> list[Node]:
        """The whole template. Raises :class:`TemplateError`."""
        nodes: list[Node] = []
        while True:
            found, ended = self._nodes(top=True)
            nodes += found
            if ended is None:
                return nodes
            if ended.kind != "define":
                raise fail(ended.line, f"unexpected {{{{{ended.kind}}}}}")
            self._define(ended)

    # -- tokens ------------------------------------------------------------------------------

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _solid(self) -> Token:
        """The next token that is no space, which is not taken yet."""
        while self._tokens[self._at].kind == "space":
            self._at += 1
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._solid()
        return self._next()

    @staticmethod
    def _unexpected(token: Token, context: str) -> TemplateError:
        if token.kind == "eof":
            return fail(token.line, "unexpected EOF")
        shown = f"<{token.text}>" if token.text == token.kind else f'"{token.text}"'
        return fail(token.line, f"unexpected {shown} in {context}")

    def _close(self, context: str) -> None:
        token = self._take()
        if token.kind != "right":
            raise self._unexpected(token, context)

    def _around(self, token: Token) -> str:
        """The action that a token is in, as it is written."""
        start = self._text.rfind("{{", 0, token.start) + 2
        end = self._text.find("}}", token.start)
        inner = self._text[start:end].strip().removeprefix("- ").removesuffix(" -").strip()
        return f"{{{{{inner}}}}}"

    # -- blocks ------------------------------------------------------------------------------

    def _nodes(self, top: bool = False) -> tuple[list[Node], Token | None]:
        """Nodes up to the end (None), or to an ``end``, ``else`` or ``define``: its word."""
        nodes: list[Node] = []
        while True:
            token = self._next()
            if token.kind == "eof":
                return nodes, None
            if token.kind == "text":
                nodes.append(Node("text", token.line, token.text))
                continue
            word = self._solid()
            if word.kind in ("end", "else") or (word.kind == "define" and top):
                return nodes, self._next()
            nodes.append(self._action(word))

    def _action(self, word: Token) -> Node:
        kind, line = word.kind, word.line
        if kind in _BRANCHES:
            self._next()
            return self._branch(kind, line)
        if kind in ("template", "block"):
            self._next()
            return self._call(word)
        if kind in ("break", "continue"):
            self._next()
            self._close(f"{{{{{kind}}}}}")
            if not self._ranges:
                raise fail(line, f"{{{{{kind}}}}} outside {{{{range}}}}")
            return Node(kind, line)
        return Node("action", line, pipeline=self._pipeline("command", "right"))

    def _branch(self, kind: str, line: int) -> Node:
        known = len(self._variables)
        node = Node(kind, line, pipeline=self._pipeline(kind, "right"))
        self._ranges += kind == "range"
        node.body, ended = self._nodes()
        self._ranges -= kind == "range"
        if ended and ended.kind == "else":
            following = self._solid()
            if following.kind == kind and kind in ("if", "with"):
                self._next()
                node.otherwise = [self._branch(kind, following.line)]
                del self._variables[known:]
                return node
            if following.kind in ("if", "with"):
                raise self._unexpected(following, "input")
            self._close("else")
            node.otherwise, ended = self._nodes()
            if ended and ended.kind != "end":
                raise fail(ended.line, "expected end; found {{else}}")
        if ended is None:
            assert node.pipeline is not None
            told = f"{{{{{kind} {node.pipeline.text}}}}} has no {{{{end}}}}"
            raise fail(line, f"unexpected EOF: {told}")
        self._close("end")
        del self._variables[known:]
        return node

    def _name(self, context: str) -> str:
        token = self._take()
        if token.kind not in ("string", "raw"):
            raise self._unexpected(token, context)
        return str(self._constant(token))

    def _define(self, word: Token) -> None:
        name = self._name("define clause")
        self._close("define clause")
        self._body(name, word)

    def _body(self, name: str, word: Token) -> None:
        outer, self._variables = self._variables, ["$"]
        ranges, self._ranges = self._ranges, 0
        body, ended = self._nodes()
        if ended is None or ended.kind != "end":
            told = f'{{{{{word.kind} "{name}"}}}} has no {{{{end}}}}'
            raise fail(word.line, f"unexpected EOF: {told}")
        self._close(f"{word.kind} clause")
        self._variables, self._ranges = outer, ranges
        known = self.templates.get(name)
        if known and _is_shown(known) and _is_shown(body):
            raise fail(word.line, f'template: multiple definition of template "{name}"')
        if not known or _is_shown(body):
            self.templates[name] = body

    def _call(self, word: Token) -> Node:
        context = f"{word.kind} clause"
        name = self._name(context)
        pipeline: Pipeline | None = None
        if word.kind == "template" and self._solid().kind == "right":
            self._next()
        else:
            pipeline = self._pipeline(context, "right")
        if word.kind == "block":
            self._body(name, word)
        return Node("template", word.line, name, pipeline)

    # -- pipelines ---------------------------------------------------------------------------

    def _pipeline(self, context: str, end: str) -> Pipeline:
        first = self._solid()
        names, declares = self._declared(context)
        commands: list[tuple[Operand, ...]] = []
        while True:
            token = self._solid()
            if token.kind == end:
                break
            if token.kind not in _STARTS:
                raise self._unexpected(token, context)
            commands.append(self._command())
        last = self._next()
        if not commands:
            raise fail(last.line, f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            one = command[0]
            if isinstance(one, Literal) or one == Chain(None, ()):
                raise fail(last.line, f"non executable command in pipeline stage {stage}")
        text = self._text[first.start : last.start].strip()
        column = first.start - self._text.rfind("\n", 0, first.start) - 1
        return Pipeline(tuple(commands), first.line, text, tuple(names), declares, column)

    def _declared(self, context: str) -> tuple[list[str], bool]:
        names: list[str] = []
        while self._solid().kind == "variable":
            start = self._at
            name = self._next().text
            sign = self._solid()
            if sign.kind in ("assign", "declare"):
                self._next()
                self._variables.append(name)
                return [*names, name], sign.kind == "declare"
            if sign.text != ",":
                self._at = start
                return names, True
            self._next()
            names.append(name)
            self._variables.append(name)
            if context != "range" or len(names) > 1:
                raise fail(sign.line, f"too many declarations in {context}")
            if self._solid().kind not in ("variable", "right", "close"):
                raise fail(sign.line, "range can only initialize variables")
        return names, True

    def _command(self) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while True:
            token = self._solid()
            if token.kind in _STARTS:
                operands.append(self._operand())
            token = self._next()
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self._at -= 1
            elif token.kind != "pipe":
                raise self._unexpected(token, "operand" if operands else "command")
            if not operands:
                raise fail(token.line, "empty command")
            return tuple(operands)

    def _operand(self) -> Operand:
        token = self._next()
        term = self._term(token)
        fields: list[str] = []
        while self._peek().kind == "field":
            fields.append(self._next().text[1:])
        if not fields:
            return term
        if token.kind in _CONSTANTS or token.kind == "dot":
            raise fail(token.line, f'unexpected . after term "{token.text}"')
        if isinstance(term, Chain):
            return Chain(term.start, (*term.fields, *fields))
        assert isinstance(term, Function)
        return Chain(term, tuple(fields))

    def _term(self, token: Token) -> Operand:
        kind, text = token.kind, token.text
        if kind in _CONSTANTS:
            return Literal(self._constant(token))
        if kind in ("dot", "field"):
            return Chain(None, (text[1:],) if kind == "field" else ())
        if kind == "variable":
            if text not in self._variables:
                raise fail(token.line, f'undefined variable "{text}" in {self._around(token)}')
            return Chain(text, ())
        if kind == "open":
            inner = self._pipeline("parenthesized pipeline", "close")
            return Chain(inner, ())
        if text not in self._functions:
            raise fail(token.line, f'function "{text}" not defined in {self._around(token)}')
        return Function(text)

    @staticmethod
    def _constant(token: Token) -> Any:
        try:
            if token.kind == "bool":
                return token.text == "true"
            if token.kind in ("number", "character"):
                return number(token.text)
            return None if token.kind == "nil" else unquote(token.text)
        except ValueError as error:
            if str(error) == "integer overflow":
                raise fail(token.line, f"integer overflow: {token.text}") from None
            wrong = "invalid syntax" if token.kind == "string" else "bad number syntax"
            wrong = "malformed character constant" if token.kind == "character" else wrong
            shown = token.text if token.kind != "number" else f'"{token.text}"'
            raise fail(token.line, f"{wrong}: {shown}") from None


def _is_shown(nodes: list[Node]) -> bool:
    """Whether there is more than spaces in it."""
    return any(node.kind != "text" or node.text.strip() for node in nodes)
