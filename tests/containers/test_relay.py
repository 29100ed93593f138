"""The relay between a published port and a container."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Iterator

import pytest

from helpers.localcloud.containers.sandboxes.relay import Relay


@pytest.fixture
def silent_server() -> Iterator[tuple[str, int]]:
    """A server that answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as connections:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.enter_context(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_relay_that_closes_leaves_no_client_waiting(silent_server: tuple[str, int]) -> None:
    async def connect() -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, silent_server)
        except BaseException:
            connection.close()
            raise
        return connection

    def call(address: tuple[str, int], clients: list[socket.socket]) -> None:
        for _ in range(30):
            try:
                clients.append(socket.create_connection(address, 5))
            except OSError:
                return

    gc.disable()  # it would hang up for a relay that has lost a connection
    try:
        for number in range(100):
            listener = socket.create_server(("127.0.0.1", 0))
            clients: list[socket.socket] = []
            caller = threading.Thread(target=call, args=(listener.getsockname(), clients))
            relay = Relay()
            relay.serve(listener, connect)
            caller.start()
            caller.join(number % 10 * 0.0004)  # seconds
            relay.close()
            caller.join(10)
            for client in clients:
                client.settimeout(5)
                try:
                    client.sendall(b"x")
                    assert client.recv(1) == b""
                except ConnectionError:
                    pass
                finally:
                    client.close()
    finally:
        gc.enable()
