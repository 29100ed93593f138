"""The process of one run: what a stranger's files make the local cloud do happens in it alone.

The daemon has it forked (:mod:`..agents`), some time before there is a run for it. On a socket it
tells it which, and when to stop, and is told what it should know: that an event waits in the
outbox, that something has changed. When that socket closes, the daemon is gone, or needs no agent any more.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

from ... import forking
from ...cloud import Cloud
from ...containers.sandboxes import machine, metadata, network
from ...errors import no_space
from ..runs import Runs
from . import limits
from .order import MESSAGE, Order
from .runner import execute
from .stop import Stop, unexpected

log = logging.getLogger(__name__)


def main(descriptors: list[int], *, home: str) -> int:
    """Stand by for an :class:`Order`, and execute it; the one descriptor leads to the daemon.

    What is done before there is one must not depend on what the state holds: it may change.
    """
    control = socket.socket(fileno=descriptors[0])
    limits.apply()
    cloud = Cloud(Path(home), provision=False, checked=True)
    cloud.outbox.wake = lambda: _tell(control, {"event": True})
    cloud.store.changed = lambda: _tell(control, {"changed": True})
    metadata.shared = lambda reason: _tell(control, {"shared": reason})
    cloud.principals.opened = lambda key: _tell(control, {"session": key})
    limits.watch = lambda seconds, message: _tell(control, {"within": [seconds, message]})
    network.prepare()
    data = _heard(control)
    if not data:
        return 0
    _tell(control, {"taken": True})
    order = Order(**json.loads(data))
    forking.rename(order.name)
    cloud.proxy_url = order.proxy_url
    cloud.scratch_name = order.folder
    found = Runs(cloud).by_key(order.run)
    if found is None:  # its registry was deleted meanwhile
        return 0
    machine.assume(order.namespaces)
    stop = Stop()
    threading.Thread(target=_listen, args=(control, stop), name="control", daemon=True).start()
    try:
        execute(cloud, found, stop, order.token)
    except Exception as error:
        # Its end could not be recorded, where the disk is full for example: the daemon will.
        if no_space(error) is None:
            log.exception("run %s", found.run_id)
        _tell(control, {"ended": unexpected(error)})
        return 1
    if machine.usable() != order.namespaces:
        _tell(control, {"namespaces": machine.usable()})
    return 0


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    try:
        control.send(json.dumps(message).encode())
    except OSError:  # the daemon is gone, and nobody is left to work for
        os._exit(1)


def _heard(control: socket.socket) -> bytes:
    """The next message of the daemon; nothing when there is no daemon any more."""
    try:
        return control.recv(MESSAGE)
    except ConnectionError:  # it was killed before it had read what it was told
        return b""


def _listen(control: socket.socket, stop: Stop) -> None:
    """Wait for the wish to stop."""
    while data := _heard(control):
        stop.request(*json.loads(data)["stop"])
    os._exit(1)
