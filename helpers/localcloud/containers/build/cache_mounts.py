"""What ``RUN --mount=type=cache`` keeps from build to build, in the state folder of the local cloud."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ... import user_namespace, user_namespace_process
from ...cloud import Cloud
from ...root_folder import remove_tree
from .copying import Copy
from .run_mounts import RunMount

_POLL = 0.02  # seconds between two looks whether another build has let go of a cache
FOLDER = "cache-mounts"
MOST = 4 << 30  # bytes that all of them may have when no build uses them
_GONE = ".gone-"  # in the name of one that was given up
_PROCESS = user_namespace_process.__name__


class CacheMounts:
    """Folders by their id; ``check`` raises when the build shall end while it waits for one.

    ``scope`` is whose they are: builds of another scope have others of the same id. ``alone``: a
    shared one is one build's at a time, too, since what it has is a copy.
    """

    def __init__(
        self, cloud: Cloud, check: Callable[[], None], *, scope: str = "", alone: bool = False
    ) -> None:
        self._scope = scope
        self._alone = alone
        self._folder = cloud.folder(FOLDER)
        self._check = check

    @contextmanager
    def taken(self, mount: RunMount, name: str, filled: Copy | None) -> Iterator[Path]:
        """The folder of a cache while a RUN uses it; a new one begins with what ``filled`` has.

        ``sharing=locked`` waits until nobody else has it, ``private`` takes another one then.
        """
        mode = mount.mode if mount.mode is not None else 0o755
        known = [
            self._scope,
            name,
            mount.origin,
            mount.source,
            mode,
            mount.uid or 0,
            mount.gid or 0,
        ]
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
                if not _is_at(descriptor, folder):
                    continue  # it was given up meanwhile
                os.utime(descriptor)
                yield self._content(folder, mount, mode, filled)
                os.utime(descriptor)
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

    def _content(self, folder: Path, mount: RunMount, mode: int, filled: Copy | None) -> Path:
        content = folder / "content"
        if not content.exists():
            made = folder / f"new-{os.getpid()}-{time.monotonic_ns()}"
            if filled is not None:
                filled.write(made)
            else:
                made.mkdir()
            made.chmod(mode)
            self._give(made, mount.uid or 0, mount.gid or 0)
            try:
                made.rename(content)
            except OSError:
                if not content.exists():  # another build was first
                    raise
        return content

    def _give(self, folder: Path, uid: int, gid: int) -> None:
        """Make it a user's of containers, where they have several and see it itself."""
        users = user_namespace.available() if (uid or gid) and not self._alone else None
        if users is not None:
            last = users.identities.count - 1
            owner = {"uid": min(uid, last), "gid": min(gid, last)}
            users.call(f"{_PROCESS}:give", {"folder": str(folder.absolute()), **owner})


def sweep(cloud: Cloud, before: float, most: int = MOST) -> bool:
    """Give up what was last used ``before``, and of the rest the oldest until ``most`` bytes are left.

    What a build uses stays. True when there are any left. Raises OSError.
    """
    folder = cloud.folder(FOLDER)
    ages = {path: path.stat().st_mtime for path in folder.iterdir() if path.name[0] != "."}
    sizes = _sizes(folder)
    total = sum(sizes.get(path.name, 0) for path in ages)
    for path in sorted(ages, key=lambda one: ages[one]):
        if ages[path] >= before and total <= most:
            break
        if _given_up(path, ages[path]):
            total -= sizes.get(path.name, 0)
    for path in folder.glob(f"{_GONE}*"):
        remove_tree(path)
    return any(folder.iterdir())


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each, those of other users of containers with them."""
    users = user_namespace.available() if os.geteuid() != 0 else None
    if users is None:
        return user_namespace_process.sizes(folder=str(folder))
    found = users.call(f"{_PROCESS}:sizes", {"folder": str(folder.absolute())})
    return {str(name): int(size) for name, size in found.items()}


def _given_up(folder: Path, used: float) -> bool:
    """Whether it could be given up: no build has it, nor has had it since ``used``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_mtime > used:
            return False
        folder.rename(folder.with_name(f"{_GONE}{secrets.token_hex(8)}"))
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(descriptor: int, folder: Path) -> bool:
    """Whether an opened folder still has its place."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    return False
