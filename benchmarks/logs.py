"""The log of a run in a notebook: how soon a long one is there, and how soon all of it."""

from __future__ import annotations

import gzip
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from .report import Figure
from .sides import HERE, Side

LINES = 50_000
TURNS = 5
_PATIENCE = 60.0  # seconds

_SETUP = f"""
from helpers.display import Log
import helpers.views.log
lines = [
    f"2026/11/26 03:02:11 line {{at}} with \\x1b[32msome\\x1b[0m colour" if at % 2
    else f" ---> {{at}} Using cache 0123456789abcdef0123456789abcdef"
    for at in range({LINES})
]
"""


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """From the execution of a cell to the first lines, and to the last ones, in a front end.

    What a browser adds is some milliseconds: it draws no more than what is in sight.
    """
    del folder, sides
    first, whole = [], []
    with _kernel() as client:
        client.execute_interactive(_SETUP, timeout=_PATIENCE, output_hook=lambda _: None)
        for _ in range(TURNS):
            found = _show(client)
            first.append(found[0])
            whole.append(found[1])
    return [
        Figure("log, first lines", statistics.median(first) * 1000, "ms", 1000, f"of {LINES:,}"),
        Figure("… all of them", statistics.median(whole), "s", note="asked for piece by piece"),
    ]


def _show(client: BlockingKernelClient) -> tuple[float, float]:
    """Seconds until an output with the view is there, and until all its lines are."""
    started = time.perf_counter()
    client.execute("Log('Run', lines, 'Failed')")
    number, shown, have = "", 0.0, 0
    while True:
        message = client.get_iopub_msg(timeout=_PATIENCE)
        content: Any = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] == "comm_open" and message["buffers"]:
            number = content["comm_id"]  # not that of its layout
        elif message["msg_type"] == "execute_result":
            shown = time.perf_counter() - started
            _ask(client, number, have)
        elif message["msg_type"] == "comm_msg" and message["buffers"]:
            data = content["data"]
            begun = data["content"]["from"] if data["method"] == "custom" else 0
            have = begun + _count(message["buffers"][0])
            if have >= LINES:
                return shown, time.perf_counter() - started
            if data["method"] == "custom":
                _ask(client, number, have)


def _ask(client: BlockingKernelClient, number: str, have: int) -> None:
    """What a view does that lacks lines."""
    data = {"method": "custom", "content": {"from": have}}
    content = {"comm_id": number, "data": data}
    client.shell_channel.send(client.session.msg("comm_msg", content))


def _count(piece: Any) -> int:
    return len(json.loads(gzip.decompress(bytes(piece)))["texts"])


@contextmanager
def _kernel() -> Iterator[BlockingKernelClient]:
    """A kernel that takes itself for one that Jupyter Server has started."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "JPY_SESSION_NAME": "notebook.ipynb"}, cwd=str(HERE))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_PATIENCE)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
