"""One kernel for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.front_end import FrontEnd, front_end


@pytest.fixture(scope="module")
def kernel() -> Iterator[FrontEnd]:
    """A kernel with a front end before it."""
    with front_end() as one:
        yield one
