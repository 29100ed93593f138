"""Content-addressed storage: bytes on disk under their digest, each digest stored once."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from .reference import valid_digest

_BLOCK = 1024 * 1024  # bytes
_AHEAD = 8 * 1024 * 1024  # bytes
_SYNC_FILE_RANGE_WRITE = 2
_CANONICAL = "sha256"  # the algorithm of what nobody asks another one for
_ALGORITHMS = (_CANONICAL, "sha512")


class DigestMismatchError(ValueError):
    """The content is not what its digest says."""


class MissingContentError(FileNotFoundError):
    """Content that is not stored, or whose file does not have the bytes of its ``digest``."""

    def __init__(self, digest: str, *, damaged: bool) -> None:
        what = (
            "is damaged: its file has other bytes. Push it again, or let python -m helpers doctor "
            "repair it after python -m helpers down."
            if damaged
            else "is not stored. Push it again."
        )
        super().__init__(f"The content {digest} {what}")
        self.digest = digest


def digest_of(data: bytes, algorithm: str = _CANONICAL) -> str:
    """Digest of ``data`` in OCI notation, ``sha256:<64 hex>`` (OCI image spec, descriptor)."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def algorithm_of(digest: str) -> str:
    """``sha256`` or ``sha512``, of a digest."""
    return digest.partition(":")[0]


def digest_of_file(file: BinaryIO, algorithm: str) -> tuple[str, int]:
    """Digest and size in bytes of what is left to read in ``file``."""
    hashed, size = hashlib.new(algorithm), 0
    while block := file.read(_BLOCK):
        hashed.update(block)
        size += len(block)
    return f"{algorithm}:{hashed.hexdigest()}", size


Mark = tuple[int, "hashlib._Hash"]  # bytes that were written, and their hash


class Writer:
    """One upload: written to a temporary file, renamed to its digest on commit.

    Use as a context manager; leaving without :meth:`commit` leaves nothing behind.
    """

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._path = store.uploads / f"{os.getpid()}-{secrets.token_hex(16)}"
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self.size = 0
        self._begun = 0  # bytes that are on their way to the disk

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        return self._file

    def write(self, *blocks: bytes | bytearray | memoryview) -> None:
        """Append the blocks, one after the other."""
        file = self._opened()
        for data in blocks:
            self._hash.update(data)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            self.size += len(data)
        if self.size - self._begun >= _AHEAD:
            _begin_to_store(file.fileno(), self._begun, self.size - self._begun)
            self._begun = self.size

    def mark(self) -> Mark:
        """What is written by now, for :meth:`rewind`."""
        return self.size, self._hash.copy()

    def rewind(self, mark: Mark) -> None:
        """Forget what was written since ``mark``."""
        self.size, known = mark
        self._begun = min(self._begun, self.size)
        self._hash = known.copy()
        self._opened().truncate(self.size)

    def rest(self) -> None:
        """Hold no descriptor until the next :meth:`write`, however long that takes."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def commit(self, expected: str | None = None) -> str:
        """Make the content durable and return its digest; it replaces one that may be damaged.

        Raises :class:`DigestMismatchError` when ``expected`` is given and differs; nothing is stored.
        """
        digest = self._digest(algorithm_of(expected) if expected else _CANONICAL)
        if expected is not None and expected != digest:
            self.abort()
            raise DigestMismatchError(f"expected {expected}, but the content's digest is {digest}")
        target = self._store.path(digest)
        self._opened()  # empty content, too, has a file
        with self._store.kept():
            if self._is_stored(target):
                os.utime(target)  # it is wanted: see ContentStore.discard
                self._store.note_whole(digest)
                self.abort()
                return digest
        os.fsync(self._opened().fileno())
        self.rest()
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._store.kept():
            self._path.replace(target)
            self._store.note_whole(digest)
        return digest

    def _digest(self, algorithm: str) -> str:
        """What was written is hashed on the way; with another algorithm it is read for that."""
        if algorithm == _CANONICAL:
            return f"{algorithm}:{self._hash.hexdigest()}"
        self._opened()  # empty content, too, has a file
        with self._path.open("rb", buffering=0) as file:
            return digest_of_file(file, algorithm)[0]

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
        self.rest()
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
        for algorithm in _ALGORITHMS:
            (root / algorithm).mkdir(exist_ok=True, mode=0o700)
        self._lock_file = root / "lock"
        self._whole: dict[str, tuple[int, int, int]] = {}  # the state of files that were hashed

    def sweep(self, process: int | None = None) -> None:
        """Drop what a process that was killed was writing; of all, when none is writing."""
        for path in self.uploads.glob("*" if process is None else f"{process}-*"):
            path.unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where ``digest`` is or would be stored. Raises ValueError on a malformed digest."""
        if not valid_digest(digest):
            raise ValueError(
                f"{digest!r} is not a digest of the form sha256:<64 hex digits>, or sha512:<128>"
            )
        algorithm, _, name = digest.partition(":")
        # In one: it is asked for again and again.
        return self.root / f"{algorithm}/{name[:2]}/{name}"

    def has(self, digest: str) -> bool:
        """Whether the content of ``digest`` is stored."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Bytes of the content. Raises FileNotFoundError when it is not stored."""
        return self.path(digest).stat().st_size

    def read(self, digest: str) -> bytes:
        """All bytes of the content. Raises :class:`MissingContentError`."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise MissingContentError(digest, damaged=False) from None
        if digest_of(data, algorithm_of(digest)) != digest:
            raise MissingContentError(digest, damaged=True)
        return data

    # -- whether a file is what its name says ------------------------------------------------

    def check(self, digest: str) -> int:
        """Bytes of the content, which is read and hashed unless it was since its file changed.

        Raises :class:`MissingContentError`.
        """
        path = self.path(digest)
        try:
            with path.open("rb", buffering=0) as file:
                state = _state(os.fstat(file.fileno()))
                if self._whole.get(digest) != state:
                    if digest_of_file(file, algorithm_of(digest))[0] != digest:
                        raise MissingContentError(digest, damaged=True)
                    self._whole[digest] = state
                return state[2]
        except FileNotFoundError as error:
            self._whole.pop(digest, None)
            if isinstance(error, MissingContentError):
                raise
            raise MissingContentError(digest, damaged=False) from None

    def whole(self, digest: str) -> bool:
        """Whether the content is stored and is what its digest says; see :meth:`check`."""
        try:
            self.check(digest)
        except MissingContentError:
            return False
        return True

    def note_whole(self, digest: str) -> None:
        """Remember that the content was written just now, so that :meth:`check` need not read it."""
        self._whole[digest] = _state(self.path(digest).stat())

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
            path = self.path(digest)
            try:
                known = self._whole.get(digest) == _state(path.stat())
                os.utime(path)
                if known:
                    self.note_whole(digest)
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
        path = self.path(digest)
        return path.rename(folder / path.name)

    def digests(self) -> Iterator[str]:
        """Every stored digest."""
        for algorithm in _ALGORITHMS:
            for path in (self.root / algorithm).glob("*/*"):
                yield f"{algorithm}:{path.name}"


def _begin_to_store(file: int, offset: int, size: int) -> None:
    """Have the kernel write these bytes to the disk meanwhile: what fsync waits for is less then.

    sync_file_range(2) with SYNC_FILE_RANGE_WRITE; where there is none, fsync does all of it.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).sync_file_range(
            file, ctypes.c_int64(offset), ctypes.c_int64(size), _SYNC_FILE_RANGE_WRITE
        )


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size
