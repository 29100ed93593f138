"""A plugin of pytest: nbval's cells are called by their heading and id, not by their number.

``notebooks/08-watch-the-gate.ipynb::Red (red)`` stands in failures and in JUnit's XML, and chooses a
cell on the command line.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """What nbval would collect of a notebook, with names."""
    found = yield
    if file_path.suffix != ".ipynb":
        return found
    from nbval.plugin import IPyNbFile

    return [
        _named(IPyNbFile).from_parent(parent, path=file_path) if isinstance(one, IPyNbFile) else one
        for one in found
    ]


def _named(base: Any) -> Any:
    """nbval's collector of a notebook, whose cells have names."""
    from helpers.headings import code_cells, name_of

    class NamedFile(base):  # type: ignore[misc]
        def collect(self) -> Iterator[pytest.Item]:
            items = list(super().collect())
            for item, named in zip(items, code_cells(self.nb.cells), strict=True):
                yield type(item).from_parent(
                    self,
                    name=name_of(*named).replace("::", ":"),  # which parts ids of tests
                    cell_num=item.cell_num,
                    cell=item.cell,
                    options=item.options,
                )

    return NamedFile
