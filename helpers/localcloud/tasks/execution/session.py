"""The container host of one run: remembers what was pushed, and ends what a step has no time for."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from ...cloud import Cloud
from ...containers.engine import Session
from ...containers.sandboxes.network import Network
from ...containers.workload_identity import WorkloadIdentity
from ...reference import Reference
from ...registry.credentials import Credential
from ..tools.server import ToolServer
from .docker_config import DockerConfig


class RunSession(Session):
    """A session whose pushes become the run's output images; each step is a thread of its own."""

    def __init__(
        self,
        cloud: Cloud,
        cut: Callable[[str], int],
        config: DockerConfig,
        identity: WorkloadIdentity,
        scope: str,
    ) -> None:
        """``scope`` is the registry whose run it is."""
        super().__init__(cloud, cut)
        self.scope = scope
        self._config = config
        self._identity = identity
        self._pushed: dict[Reference, str] = {}
        self._pushed_lock = threading.Lock()
        self._step = threading.local()
        self._tools: ToolServer | None = None
        self._tool_ports: dict[str, int] = {}  # by network
        self._tools_lock = threading.Lock()
        self.containers.overdue = "The step's time is over: its container was killed."

    def tool_server(self, network: str) -> tuple[ToolServer, int]:
        """Where the containers of a network call tools, and its port there; begun when first asked for.

        Raises :class:`SandboxError` when this machine allows no network, or the run is over.
        """
        with self._tools_lock:
            if self._tools is None:
                self._tools = ToolServer()
            port = self._tool_ports.get(network)
            if port is None:
                port = self._tools.listen(self.networks.get(network).listen())
                self._tool_ports[network] = port
            return self._tools, port

    def login(self, server: str, credential: Credential) -> None:
        """Check a credential and keep it, also for the steps; see :meth:`Session.login`."""
        super().login(server, credential)
        self._config.add(Reference.parse(f"{server}/x").registry, credential)

    def logout(self, server: str) -> bool:
        """Forget a credential; False when there was none."""
        known = super().logout(server)
        self._config.remove(Reference.parse(f"{server}/x").registry)
        return known

    def close(self) -> None:
        """Stop every container, and take no more calls of tools."""
        super().close()
        tools = self._tools  # no network is made any more, so there will be no other
        if tools is not None:
            tools.close()
        self._identity.close()

    def _furnish(self, network: Network) -> None:
        self._identity.serve(network)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Inside, every container that this thread starts is killed when ``seconds`` are over."""
        # A step may say more seconds than a clock can count.
        self._step.end = time.monotonic() + min(seconds, threading.TIMEOUT_MAX / 2)
        try:
            yield
        finally:
            del self._step.end

    def time_left(self) -> float:
        """Seconds that this thread's step still has; 0 when its time is over."""
        return max(0.0, getattr(self._step, "end", math.inf) - time.monotonic())

    def _known_to(self, network: Network) -> Mapping[str, str]:
        return self._identity.environment(network)

    def push(self, reference: str, log: Callable[[str], None]) -> str:
        """Push and remember; see :meth:`Session.push`."""
        digest = super().push(reference, log)
        with self._pushed_lock:
            self._pushed[Reference.parse(reference)] = digest
        return digest

    def output_images(self) -> list[dict[str, str]]:
        """What was pushed, as ARM shows it, in the order of the first push."""
        with self._pushed_lock:
            pushed = dict(self._pushed)
        return [
            {
                "registry": reference.registry,
                "repository": reference.repository,
                "tag": reference.tag,
                "digest": digest,
            }
            for reference, digest in pushed.items()
        ]
