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
    explained, status = _not_executed(text.removeprefix(prefix), command)
    return Complaint(
        "failed to create task for container: failed to create shim task: OCI runtime create "
        f"failed: runc create failed: unable to start container process: {explained}: unknown.",
        status,
    )


def explain_another(words: bytes, code: int, command: str, folder: str) -> Complaint | None:
    """As :func:`explain`, of another command in a container that runs (docker exec)."""
    text = words.decode(errors="replace").strip()
    prefix, chdir = f"bwrap: execvp {command}: ", f"bwrap: Can't chdir to {folder}: "
    if code != 1 or "\n" in text or not text.startswith("bwrap: "):
        return None
    status = NOT_EXECUTABLE  # for whatever else is wrong
    if text.startswith(prefix):
        explained, status = _not_executed(text.removeprefix(prefix), command)
    elif text.startswith(chdir):
        explained = f'chdir to cwd ("{folder}") set in config.json failed: '
        explained += text.removeprefix(chdir).lower()
    else:
        explained = text.removeprefix("bwrap: ")
    return Complaint(
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f"{explained}: unknown",
        status,
    )


def _not_executed(reason: str, command: str) -> tuple[str, int]:
    if reason == os.strerror(errno.ENOENT):
        explained, status = "executable file not found in $PATH", NOT_FOUND
        if "/" in command:
            explained = f"stat {command}: no such file or directory"
    else:
        explained, status = reason.lower(), NOT_EXECUTABLE
    return f"exec: {json.dumps(command)}: {explained}", status
