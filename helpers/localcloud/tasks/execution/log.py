"""The log of one run: an append blob that grows while the run goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from ...blobs.account import Blob
from ...daemon_log import one_entry
from ..completion import COMPLETE
from .masking import Masker

OUTPUT_LIMIT = 64 << 20  # characters; a program that prints without end must not fill the disk


class RunLog:
    """Writes lines to the log blob at once, secrets masked; thread-safe.

    Lines end in CR LF: clients show a line when they see that.
    """

    def __init__(self, blob: Blob, masker: Masker | None = None) -> None:
        self.blob = blob
        self.masker = masker or Masker()
        self._lock = threading.Lock()
        blob.create("AppendBlob", "text/plain; charset=utf-8")
        self._descriptor = os.open(blob.path, os.O_WRONLY | os.O_APPEND)
        self._closed = False
        self._printed = 0

    def line(self, text: str) -> None:
        """A line of the engine, with the time in front (UTC)."""
        stamp = datetime.fromtimestamp(time.time(), timezone.utc).strftime("%Y/%m/%d %H:%M:%S")
        self._write(f"{stamp} {text}", one_entry)

    def raw(self, text: str) -> None:
        """Text of ours without a time in front; its later lines are indented."""
        self._write(text, one_entry)

    def output(self, text: str) -> None:
        """What a container or a tool prints; beyond :data:`OUTPUT_LIMIT` it is not kept."""
        with self._lock:
            before = self._printed
            self._printed = after = before + len(text)
        if before <= OUTPUT_LIMIT:
            self._write(text)
            if after > OUTPUT_LIMIT:
                self.line(
                    f"The steps of this run have printed more than {OUTPUT_LIMIT >> 20} MiB. The "
                    "run goes on, but what they print from here on is not kept."
                )

    def close(self, status: str) -> None:
        """Mark the log as complete, with the run's final status. Later lines are dropped."""
        if self.release():
            self.blob.set_metadata({"Complete": COMPLETE.get(status, "internalerror")})

    def release(self) -> bool:
        """Write no more, without an end; False when that was so already."""
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            os.close(self._descriptor)
        return True

    def _write(self, text: str, made: Callable[[str], str] = str) -> None:
        masked = made(self.masker.mask(text))
        lines = masked.replace("\r\n", "\n").rstrip("\r").split("\n")
        self._append("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def _append(self, data: bytes) -> None:
        with self._lock:
            view = memoryview(data)
            while view and not self._closed:
                view = view[os.write(self._descriptor, view) :]
