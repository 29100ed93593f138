"""The Azure SDK in both of its forms, so that one test asks with either: see the fixture ``sdk``.

An asynchronous client is called here as if it were the other one. All that it does is its own: its pages,
its pollers, its errors.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from azure.core.polling import AsyncLROPoller

from tests.conftest import LocalCloud


class _Awaited:
    """Something of an asynchronous client, whose methods wait for what they return."""

    def __init__(self, of: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._of = of
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if inspect.isroutine(found):
            return lambda *given, **named: self._wait(found(*given, **named))
        return _Awaited(found, self._loop)  # a group of operations

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                found = self._loop.run_until_complete(self._of.__anext__())
            except StopAsyncIteration:
                return
            yield self._wait(found)

    def _wait(self, found: Any) -> Any:
        if inspect.iscoroutine(found):
            found = self._loop.run_until_complete(found)
        waits = isinstance(found, (AsyncIterator, AsyncLROPoller))  # pages, and what goes on
        return _Awaited(found, self._loop) if waits else found


class Sdk:
    """Makes clients of one form."""

    def __init__(self, cloud: LocalCloud, form: str) -> None:
        self.cloud = cloud
        self.form = form
        self._loop = asyncio.new_event_loop() if form == "asynchronous" else None
        self._closing = ExitStack()
        self._open = AsyncExitStack()
        if self._loop is not None:
            self._credential = cloud.asynchronous_credential()
            self._loop.run_until_complete(self._open.enter_async_context(self._credential))

    def manager(self, kind: Any) -> Any:
        """A client of Resource Manager: of the class ``kind``, or of its namesake in ``aio``."""
        return self.client(kind, subscription=self.cloud.account.subscription_id)

    def client(self, kind: Any, *given: Any, subscription: str = "", **options: Any) -> Any:
        """A client of whatever service; ``given`` stands before the credential."""
        more = (subscription,) if subscription else ()
        polling = {"polling_interval": 1} if subscription else {}
        if self._loop is None:
            transport = self.cloud.options
            made = kind(*given, self.cloud.credential, *more, **polling, **transport, **options)
            self._closing.callback(made.close)
            return made
        namesake = asynchronous(kind)
        transport = self.cloud.asynchronous_options()
        return self.opened(
            namesake(*given, self._credential, *more, **polling, **transport, **options)
        )

    def opened(self, made: Any) -> Any:
        """An asynchronous client that was made in a way of its own."""
        assert self._loop is not None
        self._loop.run_until_complete(self._open.enter_async_context(made))
        return _Awaited(made, self._loop)

    def close(self) -> None:
        """Close the clients."""
        self._closing.close()
        if self._loop is not None:
            self._loop.run_until_complete(self._open.aclose())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


def asynchronous(kind: Any) -> Any:
    """The class of the same name in the ``aio`` of its package."""
    package = kind.__module__.rpartition("._")[0]
    return getattr(importlib.import_module(f"{package}.aio"), kind.__name__)


def error_of(caught: Any) -> Any:
    """The error that an exception of the SDK has read: its code, its message and what it is about."""
    return caught.value.error
