"""The instance metadata address inside a container network, by way of the local cloud's proxy.

Whoever is in the network is its workload: the relay says so to the proxy, with a secret that no
container sees (RFC 9110, section 9.3.6; RFC 7617).
"""

from __future__ import annotations

import asyncio
import base64
import errno
import functools
import logging
import os
import socket
from collections.abc import Callable

from .network import Network
from .relay import directly

log = logging.getLogger(__name__)

ADDRESS, PORT = "169.254.169.254", 80
_LARGEST = 4096  # bytes of the proxy's answer
_PATIENCE = 10.0  # seconds for it


@functools.cache
def warn(reason: str) -> None:
    """Say once in the log of this process what networks with the address lack here."""
    log.warning(
        "no namespace of its own for %s (%s): in runs with an identity no container can listen on "
        "port %s of all addresses",
        ADDRESS,
        reason,
        PORT,
    )


# Who is told why the port is shared; an agent, which has one run, passes it on.
shared: Callable[[str], None] = warn


def serve(network: Network, proxy_url: str, secret: Callable[[], str]) -> None:
    """Answer at the address; ``secret`` is called when somebody asks, and is "" for no identity.

    Raises :class:`SandboxError` in a chroot, where the address would be the machine's.
    """
    to_proxy = directly(proxy_url)

    async def connect() -> socket.socket:
        proof = await asyncio.to_thread(secret)
        connection = await to_proxy()
        try:
            await asyncio.wait_for(_introduce(connection, proof), _PATIENCE)
        except BaseException:
            connection.close()
            raise
        return connection

    reason = network.answer(ADDRESS, PORT, connect)
    if reason:
        shared(reason)


async def _introduce(connection: socket.socket, secret: str) -> None:
    """Have the proxy connect to the address, as the identity of ``secret``. Raises OSError."""
    loop = asyncio.get_running_loop()
    head = f"CONNECT {ADDRESS}:{PORT} HTTP/1.1\r\nHost: {ADDRESS}:{PORT}\r\n"
    if secret:
        basic = base64.b64encode(f"identity:{secret}".encode()).decode()
        head += f"Proxy-Authorization: Basic {basic}\r\n"
    await loop.sock_sendall(connection, f"{head}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # nothing comes after it before it is asked
        received = await loop.sock_recv(connection, 1024)
        answer += received
        if not received or len(answer) > _LARGEST:
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    if b" 200 " not in answer.partition(b"\r\n")[0]:
        raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
