"""The container host of one run: remembers what was pushed, and ends what a step has no time for."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ...cloud import Cloud
from ...containers.engine import Session
from ...containers.errors import SandboxError
from ...containers.sandboxes.container import Container, ContainerSpec, ContainerTimeoutError
from ...containers.sandboxes.network import Network
from ...reference import Reference
from ...registry.credentials import Credential
from ..tools.server import ToolServer
from .docker_config import DockerConfig
from .run_identity import RunIdentity


class RunSession(Session):
    """A session whose pushes become the run's output images; each step is a thread of its own."""

    def __init__(
        self,
        cloud: Cloud,
        cut: Callable[[str], int],
        config: DockerConfig,
        identity: RunIdentity,
    ) -> None:
        super().__init__(cloud, cut)
        self._config = config
        self._identity = identity
        self._pushed: dict[Reference, str] = {}
        self._pushed_lock = threading.Lock()
        self._step = threading.local()
        self._tools: ToolServer | None = None

    def tool_server(self) -> ToolServer:
        """Where the containers of the run call tools; begun when it is first asked for.

        Raises :class:`SandboxError` when this machine allows no network, or the run is over.
        """
        listener = self.listen() if self._tools is None else None
        with self._lock:
            if listener is not None:
                self._tools = ToolServer(listener)
            assert self._tools is not None
            if self._closed:
                self._tools.close()
                raise SandboxError("the run was stopped")
            return self._tools

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
        with self._lock:
            tools = self._tools
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

    def _start(
        self,
        spec: ContainerSpec,
        name: str,
        log: Callable[[str], None],
        timeout: float | None,
        *,
        detach: bool = False,
    ) -> int | Container:
        running = self.containers().get(name)
        if running is not None and running.exit_code is None:
            raise SandboxError(
                f'Conflict. The container name "/{name}" is already in use. You have to remove (or '
                "rename) that container to be able to reuse that name."
            )
        if spec.upper is None and spec.proxy and spec.network is not None:  # no RUN of a build
            given = self._identity.environment(spec.network)
            spec = replace(spec, environment={**given, **spec.environment})
        left = min(self.time_left(), math.inf if timeout is None else timeout)
        limit = None if math.isinf(left) else left
        try:
            return super()._start(spec, name, log, limit, detach=detach)
        except ContainerTimeoutError:
            raise ContainerTimeoutError(
                "The step's time is over: its container was killed."
            ) from None

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
