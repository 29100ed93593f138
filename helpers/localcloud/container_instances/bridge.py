"""The hosts that exec and attach lead to: a WebSocket to a terminal, or to what a container writes.

The client sends the password first, then what is typed; what it gets is bytes. That is what az, the
portal and the REST reference (Containers_ExecuteCommand, Containers_Attach) do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping

import anyio.to_thread
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..cloud import Cloud
from ..containers.errors import SandboxError
from ..containers.sandboxes.execution import Terminal, open_terminal
from . import consoles
from .consoles import Session

_INTRODUCTION = 10.0  # seconds for the password
_STATUS = 2.0  # seconds for the exit status of a command that has let go of its terminal
_CHUNK = 1 << 16  # bytes
_BEHIND = 256  # pieces of output that a client may be behind
_REFUSED, _BEHIND_CODE = 1008, 1013  # RFC 6455, section 7.4.1; its registry of close codes
_TERM = {"TERM": "xterm"}  # as Docker has it for a command on a terminal


def app(cloud: Cloud) -> ASGIApp:
    """The application of these hosts."""

    async def serve(websocket: WebSocket) -> None:
        session = consoles.of(cloud).take(websocket.url.path)
        await websocket.accept()
        if session is None or not session.admits(await _password(websocket)):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # its client is gone
                await websocket.close(_REFUSED, "No such session, or another password.")
        elif session.command:
            await _execute(cloud, session, websocket)
        else:
            await _attach(session, websocket)

    path = "/{kind:str}/{caas:str}/{bridge:str}"
    return Starlette(routes=[WebSocketRoute(path, serve)])


async def _password(websocket: WebSocket) -> str:
    try:
        message = await asyncio.wait_for(websocket.receive(), _INTRODUCTION)
    except asyncio.TimeoutError:
        return ""
    return _bytes(message).decode(errors="replace")


def _bytes(message: Mapping[str, object]) -> bytes:
    """What a client has sent, in either kind of message."""
    text, data = message.get("text"), message.get("bytes")
    return text.encode() if isinstance(text, str) else data if isinstance(data, bytes) else b""


# -- exec ----------------------------------------------------------------------------------------


async def _execute(cloud: Cloud, session: Session, websocket: WebSocket) -> None:
    def start() -> Terminal:
        # One program without arguments, as on Azure ("Execute a command in a running container").
        container, argv = session.entrance.container, [session.command]
        terminal = open_terminal(container, argv, environment=_TERM, ca_file=cloud.ca_file)
        terminal.resize(session.rows, session.columns)
        return terminal

    try:
        terminal = await anyio.to_thread.run_sync(start)
    except SandboxError as error:
        await websocket.send_bytes(f"{error}\r\n".encode())
        await websocket.close()
        return
    try:
        typing = asyncio.create_task(_type(websocket, terminal.descriptor))
        showing = asyncio.create_task(_show(websocket, terminal))
        await asyncio.wait({typing, showing}, return_when=asyncio.FIRST_COMPLETED)
        typing.cancel()
        showing.cancel()
        await asyncio.gather(typing, showing, return_exceptions=True)
        if not showing.cancelled():  # its status comes after its last word
            await anyio.to_thread.run_sync(terminal.command.wait, _STATUS)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(terminal.close)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # its client is gone
        code = terminal.command.exit_code
        words = terminal.last_words(code if code is not None else 0)
        if words:
            await websocket.send_bytes(words)
        await websocket.close()


async def _show(websocket: WebSocket, terminal: Terminal) -> None:
    """Send what the command writes, until nothing has the terminal any more."""
    while True:
        await _ready(terminal.descriptor, writing=False)
        try:
            chunk = os.read(terminal.descriptor, _CHUNK)
        except BlockingIOError:
            continue
        except OSError:  # EIO: the command and all that it has started are gone
            return
        if not chunk:
            return
        if shown := terminal.understood(chunk):
            await websocket.send_bytes(shown)


async def _type(websocket: WebSocket, descriptor: int) -> None:
    """Write what the client sends, until it is gone."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        left = _bytes(message)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                await _ready(descriptor, writing=True)
            except OSError:  # EIO, as above
                return


async def _ready(descriptor: int, *, writing: bool) -> None:
    """Wait until a descriptor can be read or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    )
    add(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        remove(descriptor)


# -- attach --------------------------------------------------------------------------------------


async def _attach(session: Session, websocket: WebSocket) -> None:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    entrance = session.entrance
    end = entrance.log.follow(_passing_on(loop, pieces))
    gone = asyncio.create_task(_until_gone(websocket))
    ended = asyncio.create_task(
        anyio.to_thread.run_sync(entrance.container.wait, abandon_on_cancel=True)
    )
    code = 1000
    try:
        while True:
            piece = asyncio.create_task(pieces.get())
            await asyncio.wait({piece, gone, ended}, return_when=asyncio.FIRST_COMPLETED)
            if pieces.qsize() > _BEHIND:
                code = _BEHIND_CODE
                break
            if piece.done():
                await websocket.send_bytes(piece.result())
                continue
            piece.cancel()
            break
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        end()
        gone.cancel()
        ended.cancel()
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code)


def _passing_on(
    loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[bytes]
) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the cloud goes down
            loop.call_soon_threadsafe(pieces.put_nowait, data)

    return take


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
