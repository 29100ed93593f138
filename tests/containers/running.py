"""To run a command in a container of the smallest root file system, and to look for processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.sandboxes.container import (
    ContainerSpec,
)
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox

from .roots import base_layer


def run(cloud: Cloud, *argv: str, lowers: tuple[Path, ...] = (), **options: Any) -> tuple[int, str]:
    output: list[bytes] = []
    timeout = options.pop("timeout", 20)
    spec = ContainerSpec((base_layer(), *lowers), argv, **options)
    code = Sandbox(cloud).run(spec, output.append, timeout)
    return code, b"".join(output).decode()


def sh(cloud: Cloud, script: str, **options: Any) -> tuple[int, str]:
    return run(cloud, "/bin/sh", "-c", script, **options)


def processes(*words: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if all(word.encode() in command for word in words) and b"-c" not in command:
            found.append(path.parent.name)
    return found


def until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
