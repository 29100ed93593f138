"""The OData ``$filter`` of a list of runs: comparisons joined by ``and`` (Runs_List, REST reference)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import CloudError, shortened
from ..odata import OPERATORS, FilterError, parse_filter


@dataclass(frozen=True)
class Clause:
    """One comparison: ``operator`` is eq, ne, gt, ge, lt, le or contains; case does not count."""

    name: str
    operator: str
    value: str

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether a run with these fields matches."""
        by_name = {name.lower(): value for name, value in fields.items()}
        value, wanted = by_name[self.name.lower()].lower(), self.value.lower()
        if self.operator == "contains":
            return wanted in value
        if self.name.lower().endswith("time"):
            value, wanted = value.rstrip("z")[: len(wanted.rstrip("z"))], wanted.rstrip("z")
        return {
            "eq": value == wanted,
            "ne": value != wanted,
            "gt": value > wanted,
            "ge": value >= wanted,
            "lt": value < wanted,
            "le": value <= wanted,
        }[self.operator]


def matches(clauses: Iterable[Clause], fields: Mapping[str, str]) -> bool:
    """Whether a run with these fields matches every clause."""
    return all(clause.matches(fields) for clause in clauses)


def parse(text: str, fields: Sequence[str]) -> list[Clause]:
    """The clauses of a filter, none of an empty one.

    Raises 400 for what is not understood, and for a field that is none of ``fields``.
    """
    try:
        found = parse_filter(text)
        for one in found:
            if not one.name or one.name.lower().endswith("/any"):
                raise FilterError("a run has no such thing", one.name or one.operator)
            if one.operator not in (*OPERATORS, "contains"):
                raise FilterError("of runs this is not known", f"{one.operator}(")
    except FilterError as error:
        raise CloudError(
            400,
            "InvalidFilter",
            f"The $filter '{shortened(text)}' is not understood at '{error.part}': {error}. An "
            "example: TaskName eq 'build' and Status eq 'Failed'.",
        ) from None
    for one in found:
        if one.name.lower() not in (field.lower() for field in fields):
            *others, last = fields
            raise CloudError(
                400,
                "InvalidFilter",
                f"The property '{one.name}' of $filter is unknown. Known are {', '.join(others)} "
                f"and {last}.",
            )
    return [Clause(one.name, one.operator, one.value) for one in found]
