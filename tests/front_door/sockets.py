"""Connections to the front door, as any program of this machine may open them."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

HOST = "management.azure.com"


def connect(proxy_url: str) -> socket.socket:
    host, port = proxy_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def secure(proxy_url: str, ca_file: str, host: str = HOST) -> ssl.SSLSocket:
    """A TLS connection to a host of the cloud, as its clients have."""
    context = ssl.create_default_context(cafile=ca_file)
    with contextlib.ExitStack() as unless_secured:
        plain = unless_secured.enter_context(connect(proxy_url))
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
        secured = context.wrap_socket(plain, server_hostname=host)
        unless_secured.pop_all()
    return secured


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(pid)
