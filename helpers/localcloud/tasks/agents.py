"""Has each run executed by an agent, a process of its own, and ends what does not end by itself.

The agent of ACR Tasks is a machine of its own; so whatever a run does, nobody else waits for it: it
is asked to stop, and a moment later it is killed, and the daemon writes the last line of its log.
"""

from __future__ import annotations

import json
import logging
import math
import select
import signal
import socket
import time
from typing import Any

from .. import fork_server, timestamps
from ..blobs.account import BlobAccount
from ..cloud import Cloud
from ..containers.sandboxes import machine, metadata
from ..registry.tokens import AgentTokens
from .completion import complete, last_line
from .execution import folders
from .execution.limits import MEMORY, OUT_OF_MEMORY
from .execution.order import MESSAGE, Order
from .execution.stop import Stop, late
from .runs import Run, Runs
from .standby import Agent, Standby

log = logging.getLogger(__name__)

GRACE = 0.6  # seconds from the wish that a run stop to its end by force
_TICK = 0.1  # seconds
_REMOVE = "helpers.localcloud.tasks.execution.folders:remove"


class Agents:
    """The agents of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._standby = Standby(cloud.home)
        self._tokens = AgentTokens(cloud)

    def execute(self, cloud: Cloud, run: Run, stop: Stop) -> None:
        """Have a claimed run executed; when this returns its process is gone, its status final."""
        token = self._tokens.of(run.registry_id)
        _Execution(cloud, self._standby, run, stop, token).execute()

    def stop(self) -> None:
        """End the agent that no run has."""
        self._standby.stop()


class _Execution:
    def __init__(self, cloud: Cloud, standby: Standby, run: Run, stop: Stop, token: str) -> None:
        self._cloud = cloud
        self._token = token
        self._standby = standby
        self._run = run
        self._stop = stop
        self._started = time.monotonic()
        self._limit, self._limit_message = math.inf, ""  # of time, of what the agent is at now
        self._taken = False  # whether an agent has begun with it
        self._ended: tuple[str, str] | None = None  # what the agent itself could not record
        self._sessions: list[str] = []  # of identities, that the agent has begun
        self._account = BlobAccount(cloud)
        container = self._account.container_of(run.registry_id)
        self._folder = folders.folder_of(container, run.run_id)

    def execute(self) -> None:
        order = Order(
            run=self._run.key,
            name=f"run {self._run.run_id}",
            folder=self._folder,
            proxy_url=self._cloud.proxy_url,
            namespaces=machine.usable(),
            token=self._token,
        )
        try:
            agent, ending = self._run_by_agent(order)
            if not self._taken and not self._stop.event.is_set():
                # The agent that stood by was dying when it was told, and has done nothing.
                agent, ending = self._run_by_agent(order)
        except fork_server.ForkError as error:
            self._end("Failed", f"The local cloud could not start an agent: {error}.")
            return
        current = Runs(self._cloud).by_key(self._run.key)
        finished = current is not None and current.finished
        if not finished or ending.status != 0:
            for key in self._sessions:  # what proves an identity ends with the run
                self._cloud.principals.end_session(key)
        if current is not None and not finished:
            self._end(*self._reason(ending))
        if not finished:
            self._clean_up(agent.child.pid)

    def _run_by_agent(self, order: Order) -> tuple[Agent, fork_server.Ending]:
        """Have an agent execute the order; how that agent has ended. Raises ForkError."""
        agent = self._standby.take(order)
        try:
            with self._stop.action(lambda: self._ask(agent.control)):
                self._follow(agent.child, agent.control)
        finally:
            ending = agent.end()
        return agent, ending

    # -- while it goes on ---------------------------------------------------------------------------

    def _ask(self, control: socket.socket) -> None:
        """Tell the agent to stop, and why."""
        message = {"stop": [self._stop.status, self._stop.message]}
        try:
            control.send(json.dumps(message).encode(), socket.MSG_DONTWAIT)
        except OSError:  # it has ended, or does not listen: it is killed soon
            log.info("the agent of run %s does not listen", self._run.run_id)

    def _follow(self, child: fork_server.Child, control: socket.socket) -> None:
        """Pass on what the agent tells, until it has ended or was ended."""
        poll = select.poll()
        poll.register(child, select.POLLIN)
        poll.register(control, select.POLLIN)
        timeout = int(self._run.request["timeout"])
        killed_at = math.inf
        while True:
            ready = dict(poll.poll(_TICK * 1000))
            if control.fileno() in ready and not self._hear(control):
                poll.unregister(control)
            if child.fileno() in ready:
                while self._hear(control):
                    pass  # its last words
                self._cloud.outbox.wake()  # for what it has recorded, and was killed before it told
                self._cloud.changes.wake()
                return
            now = time.monotonic()
            if now - self._started > timeout:
                self._stop.request("Timeout", late(timeout))
            if now > self._limit:
                self._stop.request("Failed", self._limit_message)
            if self._stop.event.is_set():
                killed_at = min(killed_at, now + GRACE)
            if now >= killed_at:
                log.warning("run %s does not stop by itself: it is ended", self._run.run_id)
                child.kill()

    def _hear(self, control: socket.socket) -> bool:
        """What the agent tells; False when it has closed its end."""
        try:
            data = control.recv(MESSAGE, socket.MSG_DONTWAIT)
        except OSError:
            data = b""
        if not data:
            return False
        message: dict[str, Any] = json.loads(data)
        if "namespaces" in message:
            machine.assume(message["namespaces"])
        if "shared" in message:
            metadata.warn(message["shared"])
        if "within" in message:
            seconds, self._limit_message = message["within"]
            self._limit = time.monotonic() + seconds if seconds else math.inf
        if "taken" in message:
            self._taken = True
        if "ended" in message:
            status, text = message["ended"]
            self._ended = status, text
        if "session" in message:
            self._sessions.append(message["session"])
        if "event" in message:
            self._cloud.outbox.wake()
        if "changed" in message:
            self._cloud.changes.wake()
        return True

    # -- when it has not recorded its end ------------------------------------------------------------

    def _reason(self, ending: fork_server.Ending) -> tuple[str, str]:
        """Status and message of a run whose agent has not recorded its end."""
        if self._stop.event.is_set():
            return self._stop.status, self._stop.message
        if self._ended is not None:
            return self._ended
        if ending.peak > MEMORY * 0.9:
            return "Failed", OUT_OF_MEMORY
        if ending.status < 0:
            name = signal.Signals(-ending.status).name
            return "Failed", (
                f"The agent of the run was ended from outside by {name}: by somebody on this machine, "
                "or by its kernel because memory ran out. Run the task again."
            )
        return "Error", (
            f"The agent of the run ended with status {ending.status} before the run had, which is a "
            "defect of the local cloud: see daemon.log in its state folder."
        )

    def _end(self, status: str, message: str) -> None:
        blob = self._account.run_log(self._run.registry_id, self._run.run_id)
        seconds = time.monotonic() - self._started
        complete(blob, status, last_line(self._run.run_id, status, seconds, message))
        Runs(self._cloud).update(
            self._run, status=status, finishTime=timestamps.microseconds(), runErrorMessage=message
        )

    def _clean_up(self, process: int) -> None:
        """Remove what the agent was at: in another process, for it may be much."""
        arguments = {
            "home": str(self._cloud.home.absolute()),
            "folder": self._folder,
            "process": process,
        }
        server = fork_server.current()
        assert server is not None
        try:
            child = server.fork(_REMOVE, arguments, name="clean-up")
        except fork_server.ForkError:
            log.warning("run %s: its files stay until the next start", self._run.run_id)
            return
        child.wait(10)
        child.close()
