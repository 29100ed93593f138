"""The container host of one run: remembers what was pushed, by steps and by the docker tool."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..cloud import Cloud
from ..containers.engine import Session
from ..reference import Reference


class RunSession(Session):
    """A session whose pushes become the run's output images."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._pushed: dict[Reference, str] = {}
        self._pushed_lock = threading.Lock()

    def push(self, reference: str, log: Callable[[str], None]) -> str:
        """Push and remember; see :meth:`Session.push`."""
        digest = super().push(reference, log)
        with self._pushed_lock:
            self._pushed[Reference.parse(reference)] = digest
        return digest

    def output_images(self) -> list[dict[str, str]]:
        """What was pushed, as ARM shows it, in the order of the first push."""
        with self._pushed_lock:
            pushed = dict(self._pushed)
        return [
            {
                "registry": reference.registry,
                "repository": reference.repository,
                "tag": reference.tag,
                "digest": digest,
            }
            for reference, digest in pushed.items()
        ]
