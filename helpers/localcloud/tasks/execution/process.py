"""The process of one run: what a stranger's files make the local cloud do happens in it alone.

The daemon has it forked (:mod:`..agents`), tells it on a socket when to stop, and is told what it
should know: that an event waits in the outbox. When that socket closes, the daemon is gone.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

from ...cloud import Cloud
from ...containers.sandboxes import network
from ..runs import Runs
from . import limits
from .runner import execute
from .stop import Stop

MESSAGE = 65536  # bytes


def main(
    descriptors: list[int],
    *,
    home: str,
    proxy_url: str,
    run: str,
    folder: str,
    namespaces: bool | None,
) -> int:
    """Execute the run of the key ``run`` in its folder; the one descriptor leads to the daemon.

    ``namespaces`` is whether containers are known to have them on this machine.
    """
    control = socket.socket(fileno=descriptors[0])
    limits.apply()
    cloud = Cloud(Path(home), provision=False, scratch=f"{folder}/scratch")
    cloud.proxy_url = proxy_url
    cloud.outbox.wake = lambda: _tell(control, {"event": True})
    limits.watch = lambda seconds, message: _tell(control, {"within": [seconds, message]})
    found = Runs(cloud).by_key(run)
    if found is None:  # its registry was deleted meanwhile
        return 0
    network.assume(namespaces)
    stop = Stop()
    threading.Thread(target=_listen, args=(control, stop), name="control", daemon=True).start()
    execute(cloud, found, stop)
    if network.usable() != namespaces:
        _tell(control, {"namespaces": network.usable()})
    return 0


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


def _listen(control: socket.socket, stop: Stop) -> None:
    """Wait for the wish to stop."""
    while data := control.recv(MESSAGE):
        stop.request(*json.loads(data)["stop"])
    os._exit(1)
