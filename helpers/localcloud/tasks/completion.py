"""The end of a run's log, as a reader of the blob sees it."""

from __future__ import annotations

import os

from ..blobs.account import Blob
from ..daemon_log import one_entry

# What the blob's metadata ``Complete`` says of a run that has ended (azure-cli, acr/_stream_utils).
COMPLETE = {
    "Succeeded": "successful",
    "Failed": "failed",
    "Canceled": "canceled",
    "Timeout": "timedout",
    "Error": "internalerror",
}


def last_line(run_id: str, status: str, seconds: float, message: str) -> str:
    """What the log of a run ends with; ``seconds`` is how long it took."""
    taken = _duration(seconds)
    words = {
        "Succeeded": f"was successful after {taken}",
        "Canceled": f"was canceled after {taken}. {message}",
        "Timeout": f"timed out after {taken}. {message}",
    }
    return one_entry(
        f"Run ID: {run_id} {words.get(status, f'failed after {taken}. Error: {message}')}"
    )


def _duration(seconds: float) -> str:
    """32s, 1m5s, 1h0m3s: as Go prints a duration of whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def complete(blob: Blob, status: str, message: str) -> None:
    """End the log of a run that nobody writes any more, with a last line that says why."""
    if not blob.exists():
        blob.create("AppendBlob", "text/plain; charset=utf-8")
    try:
        if "Complete" in blob.metadata():
            return
    except (OSError, ValueError, KeyError, TypeError):  # lost, or damaged by a disk
        blob.renew("AppendBlob", "text/plain; charset=utf-8")
    size = blob.path.stat().st_size
    try:
        with blob.path.open("ab") as file:
            file.write(f"\r\n{message}\r\n".encode())
        blob.set_metadata({"Complete": COMPLETE.get(status, "internalerror")})
    except OSError:  # a full disk: all of it or nothing, so that it can be tried again
        os.truncate(blob.path, size)
        raise
