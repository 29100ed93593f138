"""What bubblewrap says when a command cannot be started, in the words of Docker."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass

CANNOT_START = 125  # as `docker run` when the container could not be created
NOT_FOUND, NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True)
class Complaint:
    """Why a container did not start, and the exit status that tells it."""

    text: str
    status: int


def explain(words: bytes, code: int, command: str) -> Complaint | None:
    """What the words of bubblewrap mean; None when they are a command's output."""
    text = words.decode(errors="replace").strip()
    prefix = f"bwrap: execvp {command}: "
    if code != 1 or "\n" in text or not text.startswith("bwrap: "):
        return None
    if not text.startswith(prefix):
        return Complaint(text.removeprefix("bwrap: "), CANNOT_START)
    reason = text.removeprefix(prefix)
    if reason == os.strerror(errno.ENOENT):
        explained, status = "executable file not found in $PATH", NOT_FOUND
        if "/" in command:
            explained = f"stat {command}: no such file or directory"
    else:
        explained, status = reason.lower(), NOT_EXECUTABLE
    return Complaint(
        "failed to create task for container: failed to create shim task: OCI runtime create "
        "failed: runc create failed: unable to start container process: exec: "
        f"{json.dumps(command)}: {explained}: unknown.",
        status,
    )
