"""How a run is said to have ended by what nothing has foreseen."""

from __future__ import annotations

import errno

import pytest

from helpers.localcloud.tasks.execution.limits import OUT_OF_MEMORY
from helpers.localcloud.tasks.execution.stop import unexpected


def wrapped(error: Exception, *, openly: bool) -> Exception:
    """``error`` inside another exception, as a library raises it."""
    try:
        try:
            raise error
        except Exception as cause:
            if openly:
                raise RuntimeError("the library failed") from cause
            raise ValueError("could not read it") from None
    except (RuntimeError, ValueError) as raised:
        return raised


@pytest.mark.parametrize("openly", [True, False])
def test_a_limit_is_told_whatever_it_is_wrapped_in(openly: bool) -> None:
    assert unexpected(wrapped(MemoryError(), openly=openly)) == ("Failed", OUT_OF_MEMORY)
    full = OSError(errno.ENOSPC, "No space left on device")
    status, message = unexpected(wrapped(full, openly=openly))
    assert (status, message[:8]) == ("Failed", "The disk")
    assert unexpected(MemoryError()) == ("Failed", OUT_OF_MEMORY)


def test_anything_else_is_a_defect() -> None:
    status, message = unexpected(wrapped(KeyError("x"), openly=True))
    assert status == "Error"
    assert message.startswith("The local cloud failed (RuntimeError), which is a defect of it")


def test_causes_that_lead_in_a_circle_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    assert unexpected(first)[0] == "Error"
