"""The agent that stands by: forked before there is a run for it, so that no run waits for that.

Only one waits, from the first run on: a cloud without runs has none. Whenever it is taken, another
is forked.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import fork_server
from .execution.order import Order

log = logging.getLogger(__name__)

_MAIN = "helpers.localcloud.tasks.execution.process:main"


@dataclass(frozen=True)
class Agent:
    """A process that executes what it is told to on its ``control`` socket."""

    child: fork_server.Child
    control: socket.socket

    def end(self) -> fork_server.Ending:
        """Kill it, wait for its end, let go of it."""
        self.child.kill()
        ending = self.child.wait()
        assert ending is not None
        self.child.close()
        self.control.close()
        return ending


class Standby:
    """The agents of one cloud, and the one of them that waits. Thread-safe."""

    def __init__(self, home: Path) -> None:
        self._home = str(home.absolute())
        self._lock = threading.Lock()
        self._waiting: Agent | None = None
        self._forking: threading.Thread | None = None
        self._stopped = False

    def take(self, order: Order) -> Agent:
        """An agent that executes ``order``. Raises :class:`fork_server.ForkError`."""
        with self._lock:
            agent, self._waiting = self._waiting, None
        if agent is not None and not _told(agent, order):
            log.info("the agent that stood by, process %d, has ended", agent.child.pid)
            agent.end()
            agent = None
        if agent is None:
            agent = self._fork(order.name)
            _told(agent, order)  # if not, it has ended already: whoever follows it sees how
        self._renew()
        return agent

    def stop(self) -> None:
        """End the agent that waits; from now on none waits."""
        with self._lock:
            self._stopped = True
            forking = self._forking
        if forking is not None:
            forking.join()
        with self._lock:
            agent, self._waiting = self._waiting, None
        if agent is not None:
            agent.end()

    def _fork(self, name: str) -> Agent:
        server = fork_server.current()
        if server is None:
            raise RuntimeError("a run needs the daemon's fork server")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                child = server.fork(_MAIN, {"home": self._home}, [theirs.fileno()], name=name)
        except BaseException:
            ours.close()
            raise
        return Agent(child, ours)

    def _renew(self) -> None:
        """Have another one stand by, soon: the run that has begun does not wait for it."""
        with self._lock:
            if self._stopped or self._forking is not None:
                return
            self._forking = threading.Thread(target=self._fill, name="standby", daemon=True)
            self._forking.start()

    def _fill(self) -> None:
        agent = None
        try:
            agent = self._fork("standby")
        except fork_server.ForkError as error:
            log.warning("no agent stands by: %s", error)
        with self._lock:
            previous, self._waiting, self._forking = self._waiting, agent, None
        if previous is not None:
            previous.end()


def _told(agent: Agent, order: Order) -> bool:
    """Tell an agent what to do; False when it has ended."""
    if agent.child.wait(0) is not None:
        return False
    try:
        agent.control.send(json.dumps(asdict(order)).encode())
    except OSError:
        return False
    return True
