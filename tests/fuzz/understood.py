"""What may become of input that a stranger wrote."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

MOMENT = 5.0  # seconds of processor time; a quadratic reader needs minutes for what is tried


@contextlib.contextmanager
def understood(*refusals: type[Exception]) -> Iterator[None]:
    """The block ends in a moment: well, or with one of these errors and a message.

    Every other error goes on: it is a defect.
    """
    before = signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, MOMENT)
    begun = time.process_time()
    try:
        yield
    except refusals as error:
        message = str(error)
        if not message.strip():
            raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    # One long call into C is not interrupted.
    assert time.process_time() - begun < MOMENT, "that took too long"


def _too_long(*_: object) -> None:
    raise AssertionError(f"it is not read after {MOMENT:.0f} seconds")
