"""Long-running operations as ARM tells of them, and the worker that carries out ARM's own.

Source: Azure Resource Manager resource provider contract, "Asynchronous operations"; what clients
make of an answer: azure-core, polling/base_polling.py.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from .. import timestamps
from ..api_versions import newest
from ..cloud import Cloud
from ..errors import CloudError, no_space
from ..operations import IN_PROGRESS, Operation
from .routing import Call, Deferred, Reply, Router

log = logging.getLogger(__name__)

MOMENT = 0.2  # seconds that an answer waits, without a thread, for an operation to end
THREADS = 4
LONG_THREADS = 8  # for what waits for other operations
PATIENCE = 2.0  # seconds for an operation to end when the daemon stops; the next carries it on
# As ARM's own Retry-After has whole seconds, and azure-core waits for 30 s where it is 0.
RETRY = {"retry-after-ms": "100"}
_ID = 36  # characters of a UUID
_SUBSCRIPTION = "/subscriptions/{subscription}"
_ARM = "Microsoft.Resources"
Work = Callable[[Cloud, Operation], None]
router = Router()
_works: dict[str, Work] = {}
_long: set[str] = set()  # the kinds that wait for others


def carries_out(kind: str, *, waits: bool = False) -> Callable[[Work], Work]:
    """Register the function that does an operation of that kind; ``waits``: for other operations.

    It runs in a thread of the worker, outside any transaction, and again after a kill: it must be
    such that doing it twice is doing it once. It raises CloudError for why it cannot.
    """

    def register(work: Work) -> Work:
        _works[kind] = work
        if waits:
            _long.add(kind)
        return work

    return register


def accepted(
    call: Call, operation: Operation, reply: Reply, done: Reply, patience: float = MOMENT
) -> Reply:
    """The answer to a request that has begun an operation.

    ``reply`` gets the addresses of the operation; a client whose operation ends within ``patience``
    seconds gets ``done`` instead, or the error.
    """
    place = call.cloud.subscription
    provider = _provider(operation)
    headers = {
        "Azure-AsyncOperation": address(f"{place}/providers/{provider}/operations/{operation.id}"),
        **RETRY,
    }
    if reply.status == 202:
        headers["Location"] = address(f"{place}/operationresults/{operation.id}")
    deferred = Deferred(operation.id, patience, done)
    return Reply(reply.status, reply.body, {**reply.headers, **headers}, deferred)


def _provider(operation: Operation) -> str:
    """The provider of the resource that an operation is about; ARM itself of a group."""
    _, there, rest = operation.resource_id.rpartition("/providers/")
    return rest.split("/")[0] if there else _ARM


def address(path: str) -> str:
    """Where a client finds what is at ``path``: with an api-version that it takes there."""
    return f"https://management.azure.com{path}?api-version={newest(path)}"


@router.operation("GET", _SUBSCRIPTION + "/providers/{provider}/operations/{operation}", "")
def status(call: Call) -> Reply:
    """The status of an operation, at the address of ``Azure-AsyncOperation``."""
    found = operation_of(call)
    body: dict[str, Any] = {
        "id": call.url,
        "name": found.id,
        "status": found.status,
        "startTime": timestamps.microseconds(found.started),
    }
    if found.ended is not None:
        body["endTime"] = timestamps.microseconds(found.ended)
    if found.error is not None:
        body["error"] = found.error.body()
    return Reply(200, body, RETRY if found.status == IN_PROGRESS else {})


@router.operation("GET", _SUBSCRIPTION + "/operationresults/{operation}", "")
@router.operation(
    "GET",
    _SUBSCRIPTION + "/providers/{provider}/locations/{location}/operationResults/{operation}",
    "",
)
def result(call: Call) -> Reply:
    """The outcome of an operation, at the address of ``Location``: 202 until there is one."""
    found = operation_of(call)
    if found.status == IN_PROGRESS:
        headers = {"Location": address(call.url), **RETRY}
        return Reply(202, None, headers, Deferred(found.id, MOMENT, Reply(200)))
    if found.error is not None:
        raise found.error
    return Reply(200)


def operation_of(call: Call) -> Operation:
    """The operation that the path names. Raises 404 OperationNotFound."""
    name = call.params["operation"]
    found = call.cloud.operations.get(name[-_ID:])  # a registry's begin with a type: cacherules-…
    of = call.params.get("provider", _ARM).lower()
    if found is None or of not in (_ARM.lower(), _provider(found).lower()):
        raise CloudError(
            404,
            "OperationNotFound",
            f"The operation '{name}' is not found. Operations are forgotten a day after their end.",
        )
    return found


class Worker:
    """Carries out the operations of ARM, with threads of its own; other ones for what waits for them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stopping = threading.Event()
        self._brief: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        self._long: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        queues = [self._brief] * THREADS + [self._long] * LONG_THREADS
        self._threads = [
            threading.Thread(
                target=self._work, args=(one,), name=f"operations {number}", daemon=True
            )
            for number, one in enumerate(queues)
        ]
        cloud.operations.wake = self._take
        for operation in cloud.operations.going_on():  # the daemon before this one was killed
            self._take(operation)
        for thread in self._threads:
            thread.start()

    def _take(self, operation: Operation) -> None:
        if operation.kind in _works:  # others are carried out by workers of their services
            (self._long if operation.kind in _long else self._brief).put(operation)

    def _work(self, waiting: queue.SimpleQueue[Operation | None]) -> None:
        while (operation := waiting.get()) is not None and not self._stopping.is_set():
            try:
                self._carry_out(operation)
            except Exception:  # of the store itself
                log.exception("operation %s of %s", operation.kind, operation.resource_id)

    def _carry_out(self, operation: Operation) -> None:
        error: CloudError | None = None
        try:
            _works[operation.kind](self._cloud, operation)
        except CloudError as refusal:
            error = refusal
        except Exception as failure:
            error = no_space(failure)
            if error is None:
                log.exception("operation %s of %s", operation.kind, operation.resource_id)
                error = CloudError(
                    500,
                    "InternalServerError",
                    f"The local cloud failed at {operation.kind} of {operation.resource_id}. That "
                    "is a defect of the local cloud; its log has the details: daemon.log in its "
                    "state folder.",
                )
        self._cloud.operations.end(operation.id, error)

    def stop(self) -> None:
        """Begin no further operation; what goes on is carried on by the next daemon."""
        self._stopping.set()
        for _ in self._threads:
            self._brief.put(None)
            self._long.put(None)
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))


def start(cloud: Cloud) -> Worker:
    """Start the worker, and what the daemon before this one has left."""
    return Worker(cloud)
