"""Content-addressed storage: bytes on disk under their sha256 digest, each stored once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_BLOCK = 1024 * 1024  # bytes
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class DigestMismatchError(ValueError):
    """The content is not what its digest says."""


def digest_of(data: bytes) -> str:
    """Digest of ``data`` in OCI notation, ``sha256:<64 hex>`` (OCI image spec, descriptor)."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Writer:
    """One upload: written to a temporary file, renamed to its digest on commit.

    Use as a context manager; leaving without :meth:`commit` leaves nothing behind.
    """

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._path = store.uploads / f"{os.getpid()}-{secrets.token_hex(16)}"
        self._file: BinaryIO = self._path.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``."""
        self._hash.update(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(data)

    def commit(self, expected: str | None = None) -> str:
        """Make the content durable and return its digest.

        Raises :class:`DigestMismatchError` when ``expected`` is given and differs; nothing is stored.
        """
        digest = "sha256:" + self._hash.hexdigest()
        if expected is not None and expected != digest:
            self.abort()
            raise DigestMismatchError(f"expected {expected}, but the content's digest is {digest}")
        target = self._store.path(digest)
        with self._store.kept():
            if self._is_stored(target):
                os.utime(target)  # it is wanted: see ContentStore.discard
                self.abort()
                return digest
        os.fsync(self._file.fileno())
        self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._store.kept():
            self._path.replace(target)
        return digest

    def _is_stored(self, target: Path) -> bool:
        """Whether the same bytes are stored; what a disk has damaged is stored anew."""
        try:
            with (
                target.open("rb", buffering=0) as stored,
                self._path.open("rb", buffering=0) as new,
            ):
                if os.fstat(stored.fileno()).st_size != self.size:
                    return False
                while block := new.read(_BLOCK):
                    if stored.read(len(block)) != block:
                        return False
        except FileNotFoundError:
            return False
        return True

    def abort(self) -> None:
        """Drop what was written."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()


class ContentStore:
    """Blobs under ``root``, shared by all registries and by the image store; thread-safe."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uploads = root / "uploads"
        self.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        (root / "sha256").mkdir(exist_ok=True, mode=0o700)
        self._lock_file = root / "lock"

    def sweep(self, process: int | None = None) -> None:
        """Drop what a process that was killed was writing; of all, when none is writing."""
        for path in self.uploads.glob("*" if process is None else f"{process}-*"):
            path.unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where ``digest`` is or would be stored. Raises ValueError on a malformed digest."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest of the form sha256:<64 hex digits>")
        name = digest.removeprefix("sha256:")
        return self.root / "sha256" / name[:2] / name

    def has(self, digest: str) -> bool:
        """Whether the content of ``digest`` is stored."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Bytes of the content. Raises FileNotFoundError when it is not stored."""
        return self.path(digest).stat().st_size

    def read(self, digest: str) -> bytes:
        """All bytes of the content. Raises FileNotFoundError when it is not stored."""
        return self.path(digest).read_bytes()

    def open(self, digest: str) -> BinaryIO:
        """The content as an open file. Raises FileNotFoundError when it is not stored."""
        return self.path(digest).open("rb")

    def writer(self) -> Writer:
        """A new upload."""
        return Writer(self)

    def put(self, data: bytes, expected: str | None = None) -> str:
        """Store ``data`` and return its digest. Raises :class:`DigestMismatchError`."""
        with self.writer() as upload:
            upload.write(data)
            return upload.commit(expected)

    def touch(self, digest: str) -> bool:
        """Note that the content is wanted, so that it is not discarded soon; False when not stored.

        Not within a transaction: whoever discards content holds one.
        """
        with self.kept():
            try:
                os.utime(self.path(digest))
            except FileNotFoundError:
                return False
        return True

    @contextlib.contextmanager
    def kept(self, *, exclusive: bool = False) -> Iterator[None]:
        """While this is held, nothing is discarded; ``exclusive`` is for who discards, in any process.

        Raises BlockingIOError when that is not possible at once.
        """
        with self._lock_file.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
            yield

    def discard(self, digests: Iterable[str], before: float) -> list[int]:
        """Delete content that was neither stored nor touched since ``before``; the sizes in bytes.

        Within :meth:`kept`, exclusive.
        """
        sizes = []
        for digest in digests:
            path = self.path(digest)
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if status.st_mtime < before:
                    path.unlink()
                    sizes.append(status.st_size)
        return sizes

    def set_aside(self, digest: str) -> Path:
        """Take damaged content out of the store, so that it can be stored anew; where it is now."""
        folder = self.root / "damaged"
        folder.mkdir(exist_ok=True, mode=0o700)
        return self.path(digest).rename(folder / digest.removeprefix("sha256:"))

    def digests(self) -> Iterator[str]:
        """Every stored digest."""
        for path in (self.root / "sha256").glob("*/*"):
            yield f"sha256:{path.name}"
