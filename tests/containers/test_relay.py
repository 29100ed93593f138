"""The relay between a published port and a container."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.containers.sandboxes.relay import Relay, patiently


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


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    async def connect() -> socket.socket:
        raise ConnectionRefusedError

    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    relay = Relay()
    relay.serve(listener, connect)
    with socket.create_connection(address, 10) as client:
        assert client.recv(1) == b""
    relay.drop(listener)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 10)
    relay.close()
    relay.close()  # once is enough


def test_a_listener_goes_on_after_an_error(silent_server: tuple[str, int]) -> None:
    """One that cannot accept, as without descriptors, is asked again a moment later."""

    async def connect() -> socket.socket:
        return await patiently(silent_server, socket.socket)

    listener = socket.socket()  # accept fails until it listens: select tells that it hangs up
    listener.bind(("127.0.0.1", 0))
    relay = Relay()
    relay.serve(listener, connect)
    threading.Event().wait(0.3)
    listener.listen()
    with socket.create_connection(listener.getsockname(), 10) as client:
        client.sendall(b"x")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):  # it is connected: the server is only silent
            client.recv(1)
    relay.close()


def test_a_client_that_resets_its_connection_ends_the_other_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        async def connect() -> socket.socket:
            return await patiently(address, socket.socket)

        listener = socket.create_server(("127.0.0.1", 0))
        relay = Relay()
        relay.serve(listener, connect)
        client = socket.create_connection(listener.getsockname(), 10)
        server.settimeout(10)
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"x")
            accepted.settimeout(10)
            assert accepted.recv(1) == b"x"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            assert accepted.recv(1) == b""
        relay.close()


def test_connecting_is_tried_for_as_long_as_it_was_given() -> None:
    made: list[socket.socket] = []

    def make() -> socket.socket:
        made.append(socket.socket())
        return made[-1]

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(patiently(address, make, 0.1))
    assert len(made) > 1
    with pytest.raises(OSError, match=r"\[Errno (22|101|113)\]"):
        asyncio.run(patiently(("255.255.255.255", 1), make, 30))  # not a matter of patience
    assert {one.fileno() for one in made} == {-1}


@pytest.fixture
def echo_server() -> Iterator[tuple[str, int]]:
    """A server that sends each of its connections what it has received."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(connection.recv(1024))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_listeners_come_and_go_before_and_after_the_first_connection(
    echo_server: tuple[str, int],
) -> None:
    async def connect() -> socket.socket:
        return await patiently(echo_server, socket.socket)

    def echoed(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, 10) as client:
            client.sendall(b"word")
            return client.recv(1024)

    relay = Relay()
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    addresses = [one.getsockname() for one in listeners]
    try:
        relay.serve(listeners[0], connect)
        relay.serve(listeners[1], connect)
        relay.drop(listeners[0])
        relay.drop(listeners[0])
        with pytest.raises(ConnectionRefusedError):
            echoed(addresses[0])
        assert echoed(addresses[1]) == b"word"
        relay.serve(listeners[2], connect)
        relay.serve(listeners[3], connect)
        relay.drop(listeners[2])
        with pytest.raises(ConnectionRefusedError):
            echoed(addresses[2])
        assert echoed(addresses[3]) == echoed(addresses[1]) == b"word"
    finally:
        relay.close()
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            echoed(address)


def test_a_relay_without_a_connection_has_no_event_loop_and_ends() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    relay = Relay()
    listener = socket.create_server(("127.0.0.1", 0))
    relay.serve(listener, lambda: pytest.fail("nobody has connected"))
    assert (
        len(list(Path("/proc/self/fd").iterdir())) == before + 2
    )  # the listener, and what wakes the thread
    relay.close()
    relay.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_who_is_cancelled_while_a_socket_is_made_leaves_none_open() -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[socket.socket] = []

    def make() -> socket.socket:
        begun.set()
        assert go_on.wait(10)
        made.append(socket.socket())
        return made[0]

    async def cancelled() -> None:
        task = asyncio.ensure_future(patiently(("127.0.0.1", 9), make))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert made[0].fileno() == -1
