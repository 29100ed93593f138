"""What to do about an error that a cell of a notebook ended with: one sentence with the next step."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import parameters
from .errors import HelpersError
from .headings import code_cells

if TYPE_CHECKING:
    from .clouds import Connection

_EXPIRED = (
    "ExpiredAuthenticationToken",
    "InvalidAuthenticationToken",
    "AADSTS700082",
    "AADSTS50173",
)
_SHOWN = 50  # characters of a cell's first line


@dataclass(frozen=True)
class Cell:
    """A code cell of a notebook: its place, the heading that it stands under, what it defines."""

    number: int
    heading: str
    source: str
    defines: frozenset[str]

    def __str__(self) -> str:
        lines = [line for line in self.source.splitlines() if line.strip()]
        first = lines[0] if lines else ""
        shown = first if len(first) <= _SHOWN else first[:_SHOWN].rstrip() + "…"
        under = f' under "{self.heading}"' if self.heading else ""
        return f"code cell {self.number}{under}, which begins with: {shown}"


def on(
    error: BaseException,
    connection: Connection | None,
    ran: Sequence[str],
    number: str = "",
) -> str | None:
    """The sentence for ``error``, or None for one that the reader's own code has made.

    ``ran`` are the sources of the cells that this kernel has run, the last of which failed;
    ``number`` is the notebook's, where it is known.
    """
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        return _on_missing_name(error, ran, number)
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, HelpersError):
            return str(one)
    if connection is None or not any(_is_of_the_network(one) for one in chain):
        return None
    try:
        connection.check()
    except HelpersError as lost:
        return str(lost)
    if any(_has_expired(one) for one in chain):
        return _sign_in(connection)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised from or during."""
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or now.__context__


# -- the cloud ------------------------------------------------------------------------------------


def _is_of_the_network(error: BaseException) -> bool:
    """Whether this may be the cloud that cannot be reached, or does not know who asks."""
    home = type(error).__module__.partition(".")[0]
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    unreached = home in ("requests", "urllib3", "ssl", "subprocess") or isinstance(error, OSError)
    if home in ("azure", "msal"):
        return status is None or status in (401, 502, 503, 504)
    return unreached and (status is None or status == 401)


def _has_expired(error: BaseException) -> bool:
    from azure.core.exceptions import ClientAuthenticationError

    status = getattr(error, "status_code", None)
    said = str(error)
    return (
        isinstance(error, ClientAuthenticationError)
        or status == 401
        or any(code in said for code in _EXPIRED)
    )


def _sign_in(connection: Connection) -> str:
    if connection.is_local:
        return (
            "The local cloud does not accept this sign-in any more: the token has expired, or "
            "belongs to somebody else. Restart the kernel and run the notebook from its first cell."
        )
    return (
        "Azure does not accept this sign-in any more: it has expired, or was revoked. Sign in "
        "again, for instance with: az login. Then restart the kernel and run the notebook from its "
        "first cell."
    )


# -- names ----------------------------------------------------------------------------------------


def _on_missing_name(error: NameError, ran: Sequence[str], number: str) -> str | None:
    name = getattr(error, "name", None) or _quoted(str(error))
    failing = ran[-1] if ran else ""
    cells = _cells_of(number, failing)
    place = next((one.number for one in cells if one.source.strip() == failing.strip()), None)
    makers = [one for one in cells if name in one.defines and one.number != place]
    if not makers or not name:
        return None
    before = [one for one in makers if place is None or one.number < place]
    maker = before[0] if before else makers[0]
    known = {source.strip() for source in ran[:-1]}
    if not before:
        return (
            f"{name} is made further down, in {maker}. Run the cells in their order, from the top."
        )
    if not number:
        return (
            f"{name} is not there: this kernel has not run the cells above, maybe because it was "
            "restarted. Run them first (in JupyterLab: Run, Run All Above Selected Cell), then this "
            f"one again. {name} is made by {maker}."
        )
    if maker.source.strip() in known:
        return (
            f"{name} is not there: the cell that makes it was run, but did not get so far. It is "
            f"{maker}. Run it again, then this one."
        )
    return (
        f"{name} is not there: the cell that makes it has not been run. It is {maker}. Run it, "
        "then this one again."
    )


def _quoted(text: str) -> str:
    found = re.search(r"name '(\w+)' is not defined", text)
    return found[1] if found else ""


def _cells_of(number: str, failing: str) -> list[Cell]:
    """The cells of the notebook of that number, else of the one that has the failing cell."""
    for path in sorted(parameters.NOTEBOOKS.glob(f"{number or '[0-9][0-9]'}-*.ipynb")):
        cells = _read(path)
        if number or any(one.source.strip() == failing.strip() for one in cells):
            return cells
    return []


def _read(path: Path) -> list[Cell]:
    try:
        notebook = parameters.read(path)
    except HelpersError:
        return []
    return [
        Cell(number, heading, cell.source, _defined(cell.source))
        for number, (heading, cell) in enumerate(code_cells(notebook.cells), start=1)
    ]


def _defined(source: str) -> frozenset[str]:
    """The global names that a cell makes when it is run."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return frozenset()
    names: set[str] = set()
    waiting: list[Any] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(
            node, ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp
        ):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(one.asname or one.name).partition(".")[0] for one in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return frozenset(names)
