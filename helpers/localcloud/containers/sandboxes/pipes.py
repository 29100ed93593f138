"""The pipes from a command in a container to whoever follows it: its output, and its exit status."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Pipes:
    """The ends that are read here, and those that the command's starter gets."""

    read_output: int
    read_status: int
    output: int
    status: int


@contextlib.contextmanager
def pipes(opened: list[int]) -> Iterator[Pipes]:
    """Inside, a command is started; afterwards what it has got is closed here, ``opened``, too.

    Unless it was started, the ends that are read are closed as well.
    """
    read_output, output = os.pipe()
    read_status, status = os.pipe()
    try:
        yield Pipes(read_output, read_status, output, status)
    except BaseException:
        os.close(read_output)
        os.close(read_status)
        raise
    finally:
        for descriptor in (output, status, *opened):
            os.close(descriptor)
        opened.clear()
