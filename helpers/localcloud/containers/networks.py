"""The networks of one container host by name, and the ports of the host that lead into them.

A network is made when the first container joins it. ``bridge`` is Docker's own, on which containers
know no names; ``host`` stands for the machine of the agent: what is published can be reached there.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from ..cloud import Cloud
from .errors import SandboxError
from .sandboxes.network import Network

BRIDGE, HOST, NONE = "bridge", "host", "none"
OWN = {BRIDGE: "bridge", HOST: "host", NONE: "null"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - as docker says it; what is published is on a network of ours
_DRIVERS = ("bridge",)
_ABSENT = ("host", "ipvlan", "macvlan", "overlay", "null")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_FIRST, _LAST = 32768, 60999  # ports that Docker takes itself


@dataclass(frozen=True)
class Port:
    """A port of a container, and the one of the host that leads to it; 0: any free one."""

    host: int
    container: int
    kind: str = "tcp"

    def __str__(self) -> str:
        return f"{self.container}/{self.kind} -> {EVERYWHERE}:{self.host}"


class Networks:
    """Networks of one host; ``furnish`` adds to each what its containers find there. Thread-safe."""

    def __init__(self, cloud: Cloud, furnish: Callable[[Network], None]) -> None:
        self._cloud = cloud
        self._furnish = furnish
        self._known: dict[str, tuple[str, str]] = {  # id and driver by name
            name: (token_hex(32), driver) for name, driver in OWN.items()
        }
        self._made: dict[str, Network] = {}
        self._ports: dict[int, tuple[Network, int]] = {}
        self._lock = threading.RLock()
        self._closed = False

    def create(self, name: str, driver: str = "", *, ipv6: bool = False) -> str:
        """Make a network; its id. Raises :class:`SandboxError` in Docker's words."""
        with self._lock:
            if not _NAME.fullmatch(name):
                raise SandboxError(f"{name!r} includes invalid characters for a network name")
            if name in self._known:
                raise SandboxError(f"network with name {name} already exists")
            if driver in _ABSENT:
                raise SandboxError(
                    f"the local cloud does not implement networks of the driver '{driver}': its own "
                    "are like those of 'bridge'"
                )
            if driver not in ("", *_DRIVERS):
                raise SandboxError(f'plugin "{driver}" not found')
            if ipv6:
                raise SandboxError(
                    "the local cloud does not implement networks with ipv6; on Azure Docker finds no "
                    "free addresses for one without a subnet either"
                )
            identity = token_hex(32)
            self._known[name] = identity, driver or "bridge"
            return identity

    def remove(self, name: str) -> bool:
        """Forget a network; False when there is none, or it is Docker's own."""
        with self._lock:
            if name in OWN or self._known.pop(name, None) is None:
                return False
            made = self._made.pop(name, None)
        if made is not None:
            made.close()
        return True

    def all(self) -> list[tuple[str, str, str]]:
        """Id, name and driver of each."""
        with self._lock:
            return [(i, name, driver) for name, (i, driver) in sorted(self._known.items())]

    def knows(self, name: str) -> bool:
        """Whether there is such a network."""
        return name in self._known

    def get(self, name: str) -> Network:
        """The network ``name``. Raises :class:`SandboxError` when there is none."""
        with self._lock:
            if self._closed:
                raise SandboxError("the run was stopped")
            if name not in self._known:
                raise SandboxError(f"network {name} not found")
            network = self._made.get(name)
            if network is None:
                network = self._made[name] = Network.create(self._cloud, name)
                self._furnish(network)
                # In a chroot they are the machine's already.
                if name == HOST and network.mode != "chroot":
                    for port, (target, inside) in self._ports.items():
                        network.forward(port, target, inside)
            return network

    # -- ports ---------------------------------------------------------------------------------

    def publish(self, wanted: list[Port], target: Network) -> list[Port]:
        """Let ports of the host lead into a network; they, with their numbers.

        Raises :class:`SandboxError` in Docker's words when another container has one.
        """
        done: list[Port] = []
        with self._lock:
            try:
                for port in wanted:
                    number = port.host or self._free()
                    done.append(self._publish(Port(number, port.container, port.kind), target))
            except BaseException:
                self.unpublish(done)
                raise
        return done

    def _publish(self, port: Port, target: Network) -> Port:
        taken = SandboxError(f"Bind for {EVERYWHERE}:{port.host} failed: port is already allocated")
        if port.host in self._ports:
            raise taken
        host = self._host_of(target)
        if host is not None:
            try:
                host.forward(port.host, target, port.container)
            except SandboxError as error:
                if f"(errno {errno.EADDRINUSE})" in str(error):
                    raise taken from None
                raise
        self._ports[port.host] = target, port.container
        return port

    def unpublish(self, ports: list[Port]) -> None:
        """Free ports of the host."""
        with self._lock:
            for port in ports:
                target, _ = self._ports.pop(port.host, (None, 0))
                host = self._host_of(target) if target is not None else None
                if host is not None:
                    host.end_forward(port.host)

    def _host_of(self, target: Network) -> Network | None:
        """The network whose ports lead into ``target``: the host's, when a container has joined it.

        In a chroot containers are on the machine's own network, and so is what they publish.
        """
        return target if target.mode == "chroot" else self._made.get(HOST)

    def _free(self) -> int:
        return next(number for number in range(_FIRST, _LAST) if number not in self._ports)

    def close(self) -> None:
        """Close all of them, and kill what is in them."""
        with self._lock:
            self._closed = True
            made = list(self._made.values())
            self._made.clear()
            self._ports.clear()
        for network in made:
            network.close()
