"""What a reader calls a cell of a notebook: the heading that it stands under, and its id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def code_cells(cells: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The code cells in order, each with the heading that it stands under; '' before the first."""
    heading = ""
    for cell in cells:
        if cell.cell_type == "markdown":
            # A comment in a block of shell begins as a heading does.
            found = _HEADING.findall(_FENCED.sub("", cell.source))
            heading = found[-1].strip() if found else heading
        elif cell.cell_type == "code":
            yield heading, cell


def name_of(heading: str, cell: Any) -> str:
    """``What the gate said (log)``: a name that says where, and that no other cell has."""
    return f"{heading} ({cell.id})" if heading else str(cell.id)
