"""The query of a request: an option that an operation does not read has no effect, and is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import CloudError, shortened


class Query(Mapping[str, str]):
    """A query by its names in lower case, which remembers what was asked of it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {name.lower(): value for name, value in given.items()}
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._read.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def all(self) -> dict[str, str]:
        """The whole of it, for the address of a next page: that reads nothing."""
        return dict(self._given)

    def check_read(self, operation: str) -> None:
        """Raise 501 for an option of OData ($top, $select, …) that nobody has asked for."""
        for name in self._given:
            if name.startswith("$") and name not in self._read:
                raise CloudError.not_implemented(f"{shortened(name, 60)} of {operation}")
