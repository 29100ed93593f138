"""The end of a run's log, as a reader of the blob sees it."""

from __future__ import annotations

import os

from ..blobs.account import Blob

# What the blob's metadata ``Complete`` says of a run that has ended (azure-cli, acr/_stream_utils).
COMPLETE = {
    "Succeeded": "successful",
    "Failed": "failed",
    "Canceled": "canceled",
    "Timeout": "timedout",
    "Error": "internalerror",
}


def complete(blob: Blob, status: str, message: str) -> None:
    """End the log of a run that nobody writes any more, with a last line that says why."""
    if not blob.exists():
        blob.create("AppendBlob", "text/plain; charset=utf-8")
    if "Complete" in blob.metadata():
        return
    size = blob.path.stat().st_size
    try:
        with blob.path.open("ab") as file:
            file.write(f"\r\n{message}\r\n".encode())
        blob.set_metadata({"Complete": COMPLETE.get(status, "internalerror")})
    except OSError:  # a full disk: all of it or nothing, so that it can be tried again
        os.truncate(blob.path, size)
        raise
