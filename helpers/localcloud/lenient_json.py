"""JSON as Azure Resource Manager reads it: with comments, bare names, single quotes, last commas.

az sends the template of a deployment as it was written, below a name without quotes. What is lenient
becomes RFC 8259 in one pass; lines stay where they are, so that an error names the right one.
"""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*"?)|(?P<single>\'(?:[^\'\\]|\\.)*\'?)'
    r"|(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))|(?P<space>\s+)|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>[,:\]}])|(?P<other>[^\"'/\sA-Za-z_$,:\]}]+|.)",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f]")


def strict(text: str) -> str:
    """The same, as RFC 8259 has it, where that can be; what is no JSON at all stays as it is."""
    parts: list[str] = []
    last = ""  # token that is no space, or "name": what follows a name or a comma decides about it
    place = 0  # of that token in ``parts``
    for match in _TOKEN.finditer(text):
        kind, part = str(match.lastgroup), match[0]
        if kind == "comment":
            parts.append("\n" * part.count("\n"))
        elif kind == "space":
            parts.append(part)
        else:
            if last == "name" and part == ":":
                parts[place] = f'"{parts[place]}"'
            elif last == "," and part in ("]", "}"):
                parts[place] = ""
            last = kind if kind == "name" else part
            place = len(parts)
            parts.append(_written(kind, part))
    return "".join(parts)


def _written(kind: str, part: str) -> str:
    if kind == "text":
        return _CONTROL.sub(_escaped, part)
    if kind == "single" and len(part) > 1:
        inside = part[1:-1].replace("\\'", "'")
        quoted = re.sub(r'\\.|"', lambda one: '\\"' if one[0] == '"' else one[0], inside)
        return _CONTROL.sub(_escaped, f'"{quoted}"')
    return part


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
