"""Liveness and readiness probes of a container: commands in it, or requests to it.

Rules and defaults: learn.microsoft.com, "Configure liveness probes", "Configure readiness probes";
kubernetes.io, "Configure Liveness, Readiness and Startup Probes", whose events Azure shows.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..containers.errors import SandboxError
from ..containers.sandboxes.container import Container
from ..containers.sandboxes.execution import execute
from ..containers.sandboxes.network import LOOPBACK, Network

_LARGEST = 10 << 10  # bytes of what a probe says that are told; Kubernetes' limit


class Probe:
    """One probe of a container, asked in a thread of its own until the container has ended.

    ``failed`` is told why, each time; ``turned`` whether it counts as a success or a failure now,
    by the thresholds, each time that this changes; a probe is a failure at first.
    """

    def __init__(
        self,
        properties: dict[str, Any],
        container: Container,
        ca_file: Path,
        *,
        failed: Callable[[str], None],
        turned: Callable[[bool], None],
    ) -> None:
        self._properties = properties
        self._container = container
        self._ca_file = ca_file
        self._failed = failed
        self._turned = turned
        self._over = threading.Event()
        threading.Thread(target=self._work, name=f"probe of {container.name}", daemon=True).start()

    def end(self) -> None:
        """Ask no more."""
        self._over.set()

    def _seconds(self, name: str, default: int) -> int:
        value = self._properties.get(name)
        return default if value is None else int(value)

    def _work(self) -> None:
        period, timeout = self._seconds("periodSeconds", 10), self._seconds("timeoutSeconds", 1)
        needed = {
            True: self._seconds("successThreshold", 1),
            False: self._seconds("failureThreshold", 3),
        }
        known: bool | None = None  # what was told last
        last, times = False, 0  # how it went, and how often in a row
        pause = self._seconds("initialDelaySeconds", 0)
        while not self._over.wait(pause):
            pause = period
            reason = self._ask(timeout)
            if self._over.is_set():
                return
            went = not reason
            times = times + 1 if went == last else 1
            last = went
            if reason:
                self._failed(reason)
            if times >= needed[went] and went != known:
                known = went
                self._turned(went)

    def _ask(self, timeout: int) -> str:
        """Why it has failed; '' when it has not."""
        try:
            if self._properties.get("exec"):
                return self._command(self._properties["exec"]["command"], timeout)
            return _request(self._container.network, self._properties["httpGet"], timeout)
        except SandboxError as error:
            return str(error)

    def _command(self, command: list[str], timeout: int) -> str:
        said = bytearray()

        def note(data: bytes) -> None:
            said.extend(data[: _LARGEST - len(said)])

        handle = execute(
            self._container,
            command,
            note,
            environment={},
            working_dir="",
            user="",
            ca_file=self._ca_file,
        )
        code = handle.wait(timeout)
        if code is None:
            handle.kill()
            return f'command "{" ".join(command)}" timed out'
        words = said.decode(errors="replace")
        return "" if code == 0 else words or f"command ended with status {code}"


def _request(network: Network, properties: dict[str, Any], timeout: int) -> str:
    """Why a request has failed; the status of an answer is good from 200 to 399."""
    port, path = int(properties["port"]), str(properties.get("path") or "/")
    path = path if path.startswith("/") else f"/{path}"
    scheme = str(properties.get("scheme") or "http").lower()
    fields = [(one["name"], one.get("value") or "") for one in properties.get("httpHeaders") or []]
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    opened = network.new_socket()
    try:
        opened.settimeout(timeout)
        opened.connect((LOOPBACK, port))
        if scheme == "https":
            opened = _unverified().wrap_socket(opened)
        connection.sock = opened
        connection.putrequest("GET", path, skip_host=any(n.lower() == "host" for n, _ in fields))
        for name, value in [("User-Agent", "kube-probe"), ("Connection", "close"), *fields]:
            connection.putheader(name, value)
        connection.endheaders()
        status = connection.getresponse().status
    except TimeoutError:
        return f'Get "{scheme}://{LOOPBACK}:{port}{path}": context deadline exceeded'
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = (error.strerror if isinstance(error, OSError) else "") or str(error)
        return f'Get "{scheme}://{LOOPBACK}:{port}{path}": {words}'
    finally:
        connection.close()
        opened.close()
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _unverified() -> ssl.SSLContext:
    """A probe takes any certificate, as Kubernetes' does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
