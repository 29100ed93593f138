"""What bubblewrap says when a command cannot be started, in the words of Docker."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass

CANNOT_START = 125  # as `docker run` when the container could not be created
NOT_FOUND, NOT_EXECUTABLE = 127, 126
_MARKER = b"bwrap: "
_LONGEST = 4096  # bytes of its words


@dataclass(frozen=True)
class Complaint:
    """Why a container did not start, and the exit status that tells it."""

    text: str
    status: int


class Beginning:
    """The beginning of an output, kept while it may be words of bubblewrap and nothing else."""

    def __init__(self) -> None:
        self.kept = b""
        self._keeps = True

    def release(self, chunk: bytes) -> bytes:
        """What goes on now that ``chunk`` has come; nothing while all is kept."""
        if not self._keeps:
            return chunk
        self.kept += chunk
        self._keeps = len(self.kept) < _LONGEST and (
            self.kept.startswith(_MARKER) or _MARKER.startswith(self.kept)
        )
        if self._keeps:
            return b""
        whole, self.kept = self.kept, b""
        return whole


def explain(words: bytes, code: int, command: str) -> Complaint | None:
    """What the words of bubblewrap mean; None when they are a command's output."""
    said = _said(words, code)
    prefix = f"execvp {command}: "
    if said is None:
        return None
    if not said.startswith(prefix):
        return Complaint(said, CANNOT_START)
    explained, status = _not_executed(said.removeprefix(prefix), command)
    return Complaint(
        "failed to create task for container: failed to create shim task: OCI runtime create "
        f"failed: runc create failed: unable to start container process: {explained}: unknown.",
        status,
    )


def explain_another(words: bytes, code: int, command: str, folder: str) -> Complaint | None:
    """As :func:`explain`, of another command in a container that runs (docker exec)."""
    said = _said(words, code)
    prefix, chdir = f"execvp {command}: ", f"Can't chdir to {folder}: "
    if said is None:
        return None
    if said.startswith(prefix):
        explained, _ = _not_executed(said.removeprefix(prefix), command)
    elif said.startswith(chdir):
        explained = f'chdir to cwd ("{folder}") set in config.json failed: '
        explained += said.removeprefix(chdir).lower()
    else:
        explained = said
    return Complaint(
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f"{explained}: unknown",
        NOT_EXECUTABLE,  # even for one that is not there
    )


def _said(words: bytes, code: int) -> str | None:
    """What bubblewrap has said, in one line; None when these are no words of its."""
    text = words.decode(errors="replace").strip()
    marker = _MARKER.decode()
    if code != 1 or "\n" in text or not text.startswith(marker):
        return None
    return text.removeprefix(marker)


def _not_executed(reason: str, command: str) -> tuple[str, int]:
    if reason == os.strerror(errno.ENOENT):
        explained, status = "executable file not found in $PATH", NOT_FOUND
        if "/" in command:
            explained = f"stat {command}: no such file or directory"
    else:
        explained, status = reason.lower(), NOT_EXECUTABLE
    return f"exec: {json.dumps(command)}: {explained}", status
