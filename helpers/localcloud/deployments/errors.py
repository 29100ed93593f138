"""What is wrong with a template, in the words of Azure Resource Manager, and where."""

from __future__ import annotations

import re

from ..lenient_json import Part, Path, Position

# How the place comes into the words: of a rule that is broken, and of a text that has not the form.
AT = " at line '{line}' and column '{column}'"
PARSED = ", line {line}, position {column}"
_PLAIN = re.compile(r"[^ '/\"\[\]()\t\n\r\f\b\\.\u0085\u2028\u2029]+")  # Newtonsoft's JsonPosition


class TemplateError(ValueError):
    """A template, a parameter or an expression that breaks a rule; ``str()`` says which.

    ``path`` leads from the body of the request to the ``part`` that is wrong, where that is known. The
    place is told between the message and its ``rest``, in the ``form`` that is given; without a rest,
    nowhere.
    """

    def __init__(
        self,
        message: str,
        rest: str = "",
        *,
        path: Path | None = None,
        part: Part = "value",
        form: str = AT,
    ) -> None:
        super().__init__(message + rest)
        self.message, self.rest, self.form = message, rest, form
        self.path, self.part = path, part
        self.text: str | None = None  # of a linked template, where it is not the request's

    def told(self, place: Position | None) -> str:
        """The words with the place that ``path`` leads to."""
        if not self.rest or self.path is None or place is None:
            return str(self)
        where = self.form.format(line=place.line, column=place.column)
        return self.message + where + self.rest


class ExpressionError(TemplateError):
    """An expression that cannot be evaluated."""


class UnreadableError(ExpressionError):
    """An expression that cannot be read."""


def written(path: Path) -> str:
    """A path as Newtonsoft.Json writes it: ``properties.template.resources[0].type``."""
    text = ""
    for one in path:
        if isinstance(one, int):
            text += f"[{one}]"
        elif _PLAIN.fullmatch(one):
            text += f".{one}" if text else one
        else:
            text += f"['{one}']"
    return text
