"""A real kernel, as a front end has it: run cells, see what they print and end with."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from helpers.tutorial import NOTEBOOKS, ROOT
from tests.readers import environment

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_WITHIN = 100.0  # seconds


@dataclass
class Ran:
    """What a cell has said: ``kind`` and ``value`` of its error, as a front end gets them."""

    text: str = ""
    kind: str = ""
    value: str = ""
    traceback: str = ""
    reply: dict[str, Any] = field(default_factory=dict)


class Kernel:
    """One kernel and its only client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, source: str) -> Ran:
        """Run a cell to its end."""
        ran = Ran()

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                ran.text += content["text"]
            elif message["msg_type"] in ("display_data", "execute_result"):
                ran.text += str(content["data"].get("text/html") or content["data"]["text/plain"])
            elif message["msg_type"] == "error":
                ran.kind, ran.value = content["ename"], content["evalue"]
                ran.traceback = _ANSI.sub("", "\n".join(content["traceback"]))

        reply = self._client.execute_interactive(source, output_hook=hear, timeout=_WITHIN)
        ran.reply = reply["content"]
        return ran


@contextmanager
def kernel(home: Path, *arguments: str, **more: str) -> Iterator[Kernel]:
    """A kernel beside the notebooks, whose local cloud is the one in ``home``."""
    folder = tempfile.mkdtemp(prefix="kernel-")
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/socket")
    manager.start_kernel(
        extra_arguments=list(arguments),
        cwd=str(NOTEBOOKS),
        env=environment(
            LOCALCLOUD_HOME=str(home),
            PYTHONPATH=str(ROOT),
            PYDEVD_DISABLE_FILE_VALIDATION="1",
            **more,
        ),
    )
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_WITHIN)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        shutil.rmtree(folder)
