"""Conditions of role assignments (attribute-based access control): read in one pass, then asked.

Source: learn.microsoft.com, "Azure role assignment condition format and syntax"; attributes: "Azure
attribute-based access control repository permissions in Azure Container Registry", "Authorization
actions and attributes". A condition is read in a time that grows with its length, and not faster.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

from .role_definitions import matches
from .token_reader import Token, TokenReader

LONGEST = 8192  # characters: Azure's limit of 8 KB (Azure RBAC limits)
_DEEPEST = 50  # parentheses and negations in one another
_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
REPOSITORY = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]"
ROLE, PRINCIPAL, PRINCIPAL_TYPE = (
    f"[{_ASSIGNMENTS}:{name}]" for name in ("RoleDefinitionId", "PrincipalId", "PrincipalType")
)
_OURS = ("microsoft.containerregistry/", "microsoft.authorization/")

Attributes = Mapping[str, str]  # the attributes of a request, by @Source[name]
Condition = Callable[[str, Attributes], bool]  # (action, attributes) -> whether it holds
_Values = Callable[[Attributes], Sequence[str]]
_KNOWN = {
    one.lower(): one
    for one in (
        REPOSITORY,
        *(
            f"@{source}{name}"
            for source in ("Request", "Resource")
            for name in (ROLE, PRINCIPAL, PRINCIPAL_TYPE)
        ),
    )
}
_TOKEN = re.compile(
    r"(?P<space>\s+)|'(?P<string>[^']*)'|(?P<attribute>@\w+\[[^\[\]]*\])"
    r"|(?P<sign>&&|\|\||[(){},!])|(?P<word>[\w.:/*-]+)"
)
_OPERATOR = re.compile(
    r"(?:for(?P<left>any|all)of(?P<right>any|all)values:)?"
    r"(?:string(?P<not>not)?(?P<string>equals|startswith|like)(?P<ignore>ignorecase)?"
    r"|guid(?P<notguid>not)?equals)",
    re.IGNORECASE,
)
_OTHERS = re.compile(r"(?:for\w+values:)?(?:numeric|bool|date|time)\w+", re.IGNORECASE)
_AND, _OR, _NOT = ("and", "&&"), ("or", "||"), ("not", "!")


class ConditionError(ValueError):
    """A condition that is not understood; ``lacking`` names what Azure has and the local cloud not."""

    def __init__(self, reason: str, *, lacking: str = "") -> None:
        super().__init__(reason)
        self.lacking = lacking


@functools.lru_cache(maxsize=1024)
def parse_condition(text: str) -> Condition:
    """What a condition says of an action and its attributes. Raises :class:`ConditionError`."""
    if len(text) > LONGEST:
        raise ConditionError(f"it has more than {LONGEST} characters")
    return _Parser(text).parse()


def like(value: str, pattern: Sequence[str]) -> bool:
    """Whether ``value`` is like a pattern: its characters, ``*`` any number, ``?`` one of any.

    A character with a backslash before it stands for itself. It goes back to the last ``*`` alone.
    """
    at, here, star, mark = 0, 0, -1, 0
    while at < len(value):
        part = pattern[here] if here < len(pattern) else ""
        if part == "*":
            star, mark, here = here, at, here + 1
        elif part and part in ("?", value[at], f"\\{value[at]}"):
            at, here = at + 1, here + 1
        elif star >= 0:
            here, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return all(part == "*" for part in pattern[here:])


class _Parser(TokenReader):
    """Recursive descent: AND and OR do not stand beside each other without parentheses."""

    def __init__(self, text: str) -> None:
        super().__init__(text, _tokens(text))

    def parse(self) -> Condition:
        found = self._chain(0)
        if self._peek().kind != "end":
            raise self._error("AND, OR or the end is expected")
        return found

    def _chain(self, depth: int) -> Condition:
        terms = [self._term(depth)]
        joined: tuple[str, ...] = ()
        while self._is(*_AND) or self._is(*_OR):
            operator = _AND if self._is(*_AND) else _OR
            if joined and operator is not joined:
                raise self._error("parentheses are needed where AND and OR stand together")
            joined = operator
            self._take()
            terms.append(self._term(depth))
        if len(terms) == 1:
            return terms[0]
        combine = all if joined is _AND else any
        return lambda action, given: combine(one(action, given) for one in terms)

    def _term(self, depth: int) -> Condition:
        if depth == _DEEPEST:
            raise self._error(f"it has more than {_DEEPEST} parentheses in one another")
        if self._is(*_NOT):
            self._take()
            inner = self._term(depth + 1)
            return lambda action, given: not inner(action, given)
        if self._is("("):
            self._take()
            inner = self._chain(depth + 1)
            self._expect(")")
            return inner
        if self._is("actionmatches"):
            return self._action()
        if self._is("exists"):
            self._take()
            values = self._attribute()
            return lambda _, given: bool(values(given))
        if self._is("suboperationmatches"):
            raise _lacking("the function SubOperationMatches")
        return self._comparison()

    def _action(self) -> Condition:
        self._take()
        self._expect("{")
        pattern = self._expect("string").text
        self._expect("}")
        if pattern.count("*") > 1:
            raise self._error(f"the action '{pattern}' has more than one wildcard")
        return lambda action, _: matches(pattern, action)

    def _comparison(self) -> Condition:
        left = self._attribute()
        word = self._expect("word").text
        operator = _OPERATOR.fullmatch(word)
        if operator is None and _OTHERS.fullmatch(word):
            raise _lacking(f"the operator {word}")
        if operator is None or (
            operator["left"] and (operator["string"] or "").lower() == "startswith"
        ):
            raise self._error(f"'{word}' is no operator")
        right = self._right(many=operator["left"] is not None)
        compare = _comparing(operator)
        of_left = all if (operator["left"] or "").lower() == "all" else any
        of_right = all if (operator["right"] or "").lower() == "all" else any

        def holds(_: str, given: Attributes) -> bool:
            one, others = left(given), right(given)
            return bool(one and others) and of_left(
                of_right(compare(value, other) for other in others) for value in one
            )

        return holds

    def _attribute(self) -> _Values:
        """The value of an attribute, none where the request has none."""
        token = self._expect("attribute")
        known = _KNOWN.get(token.text.lower())
        if known is not None:
            return lambda given: (given[known],) if known in given else ()
        source, _, name = token.text.rstrip("]").partition("[")
        if source.lower() in ("@request", "@resource") and name.lower().startswith(_OURS):
            raise ConditionError(f"Resource attribute {name} is not valid.")
        raise _lacking(f"the attribute {token.text}")

    def _right(self, *, many: bool) -> _Values:
        if self._peek().kind == "attribute":
            return self._attribute()
        if not self._is("{"):
            value = self._value()
            return lambda _: (value,)
        self._take()
        found = [self._value()]
        while self._is(","):
            self._take()
            found.append(self._value())
        self._expect("}")
        if len(found) > 1 and not many:
            raise self._error("several values need an operator like ForAnyOfAnyValues:StringEquals")
        return lambda _: found

    def _value(self) -> str:
        if self._peek().kind not in ("string", "word"):
            raise self._error("a value is expected")
        return self._take().text

    def _expect(self, what: str) -> Token:
        token = self._peek()
        if what not in (token.kind, token.text if token.kind == "sign" else ""):
            known = {"string": "a string in single quotes", "word": "an operator"}
            known["attribute"] = "an attribute like @Request[…], ActionMatches or Exists"
            raise self._error(f"{known.get(what, what)} is expected")
        return self._take()

    def _error(self, reason: str) -> ConditionError:
        rest = self._rest()
        where = f"at '{rest[:60]}…'" if len(rest) > 60 else f"at '{rest}'" if rest else "at its end"
        return ConditionError(f"{where}: {reason}")


def _comparing(operator: re.Match[str]) -> Callable[[str, str], bool]:
    if operator["string"] is None:
        wanted = operator["notguid"] is None
        return lambda value, other: (_guid(value) == _guid(other)) is wanted
    wanted = operator["not"] is None
    compare = _COMPARISONS[operator["string"].lower()]
    if operator["ignore"]:
        return lambda value, other: compare(value.lower(), other.lower()) is wanted
    return lambda value, other: compare(value, other) is wanted


def _like(value: str, pattern: str) -> bool:
    return like(value, re.findall(r"\\[*?\\]|.", pattern, re.DOTALL))


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda value, other: value == other,
    "startswith": lambda value, other: value.startswith(other),
    "like": _like,
}


def _guid(text: str) -> str:
    """A role definition's id is compared by the GUID that it ends with."""
    return text.rpartition("/")[2].lower()


def _lacking(what: str) -> ConditionError:
    return ConditionError(what, lacking=f"{what} in the condition of a role assignment")


def _tokens(text: str) -> list[Token]:
    """Strings, attributes, signs and words."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position : position + 60]
            raise ConditionError(f"at '{rest}': this has no meaning, or a string has no end")
        if match.lastgroup != "space":
            kind = str(match.lastgroup)
            found.append(Token(kind, match[kind], position))
        position = match.end()
    return found
