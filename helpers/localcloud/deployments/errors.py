"""What is wrong with a template, in the words of Azure Resource Manager."""

from __future__ import annotations


class TemplateError(ValueError):
    """A template, a parameter or an expression that breaks a rule; ``str()`` says which."""


class ExpressionError(TemplateError):
    """An expression that cannot be read or evaluated."""
