"""What ``RUN --mount=type=cache`` keeps from build to build, in the state folder of the local cloud."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...cloud import Cloud
from .copying import Copy
from .run_mounts import RunMount

_POLL = 0.02  # seconds between two looks whether another build has let go of a cache
FOLDER = "cache-mounts"


class CacheMounts:
    """Folders by their id; ``check`` raises when the build shall end while it waits for one.

    ``alone``: a shared one is one build's at a time, too, since what it has is a copy.
    """

    def __init__(self, cloud: Cloud, check: Callable[[], None], *, alone: bool = False) -> None:
        self._alone = alone
        self._folder = cloud.folder(FOLDER)
        self._check = check

    @contextmanager
    def taken(self, mount: RunMount, name: str, filled: Copy | None) -> Iterator[Path]:
        """The folder of a cache while a RUN uses it; a new one begins with what ``filled`` has.

        ``sharing=locked`` waits until nobody else has it, ``private`` takes another one then.
        """
        mode = mount.mode if mount.mode is not None else 0o755
        known = [name, mount.origin, mount.source, mode, mount.uid or 0, mount.gid or 0]
        key = hashlib.sha256(json.dumps(known).encode()).hexdigest()
        number = 0
        while True:
            folder = self._folder / (key if not number else f"{key}-{number}")
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if not self._locked(descriptor, mount.sharing):
                    number += 1
                    continue
                yield self._content(folder, mode, filled)
                return
            finally:
                os.close(descriptor)

    def _locked(self, descriptor: int, sharing: str) -> bool:
        """Whether the cache is this build's now; False: it is another's, and private."""
        shared = sharing in ("", "shared") and not self._alone
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if sharing == "private":
                    return False
                self._check()
                time.sleep(_POLL)
            else:
                return True

    @staticmethod
    def _content(folder: Path, mode: int, filled: Copy | None) -> Path:
        content = folder / "content"
        if not content.exists():
            made = folder / f"new-{os.getpid()}-{time.monotonic_ns()}"
            if filled is not None:
                filled.write(made)
            else:
                made.mkdir()
            made.chmod(mode)
            try:
                made.rename(content)
            except OSError:
                if not content.exists():  # another build was first
                    raise
        return content
