"""The threads of one service: no service waits for another in a pool that they share.

Requests that read have threads of their own beside those that write, since SQLite has one writer
and any number of readers: what waits to write keeps no reader waiting. So have files that are
written: they wait for the disk, which takes what comes at once as one. What answers a request that is
no GET is one transaction, begun when its body has been read; what is none says why.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .errors import CloudError
from .store import READING, Store

READERS, WRITERS, FILES = 8, 4, 16  # threads of one service
QUEUE = 1000  # requests that may wait for a thread
PATIENCE = 30.0  # seconds that one of them may wait
RETRY_AFTER = "1"  # seconds
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """Where one service does what would block the event loop."""

    def __init__(
        self,
        store: Store,
        *,
        readers: int = READERS,
        writers: int = WRITERS,
        files: int = FILES,
        queue: int = QUEUE,
    ) -> None:
        self._store = store
        self._readers = _Pool(readers, queue)
        self._writers = _Pool(writers, queue)
        self._files = _Pool(files, queue)

    async def read(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **more: Parameters.kwargs,
    ) -> Result:
        """Call a function that only reads. Raises 503 where too many wait, or for too long."""
        return await self._readers.run(functools.partial(function, *arguments, **more))

    async def write(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **more: Parameters.kwargs,
    ) -> Result:
        """Call a function in one transaction, which what it raises rolls back. Raises 503, too."""

        def work() -> Result:
            with self._store.transaction():
                return function(*arguments, **more)

        return await self._writers.run(work)

    async def outside(
        self,
        reason: str,  # noqa: ARG002 - for the reader of the call
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **more: Parameters.kwargs,
    ) -> Result:
        """Call a function that may write, and is not one transaction for that ``reason``.

        It waits for something, writes a file or nothing: what it records, it records in transactions
        of its own. Raises 503.
        """
        return await self._writers.run(functools.partial(function, *arguments, **more))

    async def file(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **more: Parameters.kwargs,
    ) -> Result:
        """Call a function that writes a file, which no transaction can be. Raises 503.

        What it records, it records in transactions of its own.
        """
        return await self._files.run(functools.partial(function, *arguments, **more))

    async def answer(
        self,
        request: Request,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **more: Parameters.kwargs,
    ) -> Result:
        """:meth:`read` for a GET or HEAD, :meth:`write` for any other request."""
        if request.method in READING:
            return await self.read(function, *arguments, **more)
        return await self.write(function, *arguments, **more)

    def route(self, path: str, function: Callable[[Request], Response], **more: Any) -> Route:
        """A route whose function blocks. Starlette's own would run in the pool of all services."""

        async def endpoint(request: Request) -> Response:
            return await self.answer(request, function, request)

        return Route(path, endpoint, **more)

    async def each(self, items: Iterable[Result]) -> AsyncIterator[Result]:
        """The items of a generator that reads, as for the body of a streaming response."""
        iterator: Iterator[Result] = iter(items)
        ended: Any = object()
        while (item := await self.read(next, iterator, ended)) is not ended:
            yield item


class _Pool:
    """So many threads at once, and a queue for them that has an end."""

    def __init__(self, threads: int, queue: int) -> None:
        self._turns = anyio.CapacityLimiter(threads)
        self._threads = anyio.CapacityLimiter(threads)
        self._queue = queue

    async def run(self, call: Callable[[], Result]) -> Result:
        borrower = object()
        try:
            self._turns.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            await self._turn(borrower)
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._threads)
        finally:
            self._turns.release_on_behalf_of(borrower)

    async def _turn(self, borrower: object) -> None:
        if self._turns.statistics().tasks_waiting >= self._queue:
            raise _busy()
        with anyio.move_on_after(PATIENCE) as waiting:
            await self._turns.acquire_on_behalf_of(borrower)
        if waiting.cancelled_caught:
            raise _busy()


def _busy() -> CloudError:
    return CloudError(
        503,
        "ServerBusy",
        "The service has more requests than it can answer at once. Please retry the request.",
        headers={"Retry-After": RETRY_AFTER},
    )
