"""Tells receivers what their webhooks are for: each event once, to all receivers side by side.

What a webhook has to tell is written in the transaction that handles the event, and delivered after
it, also by the next daemon. No receiver holds another up: a few deliveries go to one of them at once,
and those that did not answer in time get half of the threads at most.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..cloud import Cloud
from ..events import ManifestPut, ManifestsDeleted, WebhookPinged
from ..reference import login_server
from ..resource_types import WEBHOOK_TYPE
from . import contents
from .posting import Outcome, Posting, absent, refused
from .receivers import Receiver, RefusedError, places
from .records import Record, Records
from .scopes import Scope

log = logging.getLogger(__name__)

THREADS = 16
PER_WEBHOOK = 2
PAUSES = (1.0, 5.0)  # seconds before the second and the third attempt
PATIENCE = 2.0  # seconds for deliveries to end when the daemon stops
_RETRY = 1.0  # seconds after an error of the store


class Worker:
    """Delivers on threads of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._records = Records(cloud.store)
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._going: dict[int, tuple[str, Posting, threading.Thread]] = {}
        self._slow: set[str] = set()  # webhooks whose receiver did not answer in time
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def start(self) -> None:
        """Subscribe, and deliver what waits."""
        self._cloud.outbox.subscribe(
            "webhooks",
            {
                ManifestPut: lambda event: self._tell(event.registry, contents.of_put(event)),
                ManifestsDeleted: lambda event: self._tell(
                    event.registry, contents.of_deletion(event)
                ),
                WebhookPinged: lambda _: self._woken.set(),
            },
        )
        self._woken.set()
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more: what has not been answered is delivered by the next daemon."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(PATIENCE)
        with self._lock:
            going = list(self._going.values())
        for _, posting, _ in going:
            posting.abort()
        deadline = time.monotonic() + PATIENCE
        for _, _, thread in going:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _tell(self, registry: str, told: Iterable[contents.Told]) -> None:
        """Record what each webhook of a registry has to tell, in the transaction of the event."""
        hooks = [
            (one, Scope.parse(one.properties["scope"]))
            for one in self._cloud.store.find(type=WEBHOOK_TYPE)
            if login_server(one.parent.rpartition("/")[2]) == registry
            and one.properties["status"] == "enabled"
        ]
        for one in told if hooks else ():
            for hook, scope in hooks:
                if one.action in hook.properties["actions"] and scope.covers(
                    one.repository, one.tags
                ):
                    self._records.add(hook.id, one.content)
                    self._cloud.store.on_commit(self._woken.set)

    # -- delivering ----------------------------------------------------------------------------

    def _work(self) -> None:
        following: float | None = None
        while True:
            pause = None if following is None else max(0.0, following - time.time())
            self._woken.wait(pause)
            self._woken.clear()
            if self._stopping.is_set():
                return
            try:
                following = self._dispatch()
            except Exception:  # of the store itself: of a disk that is full, for example
                log.exception("the events of webhooks cannot be read")
                following = time.time() + _RETRY

    def _dispatch(self) -> float | None:
        """Begin what is due, as far as there are threads; when something is due next."""
        now, following = time.time(), None
        with self._lock:
            busy = Counter(webhook for webhook, _, _ in self._going.values())
            for sequence, webhook, due in self._records.waiting(now, 2 * PER_WEBHOOK):
                if due > now:
                    following = min(following or due, due)
                elif sequence not in self._going and self._may_begin(webhook, busy):
                    busy[webhook] += 1
                    posting = Posting()
                    thread = threading.Thread(
                        target=self._deliver,
                        args=(sequence, webhook, posting),
                        name=f"webhook event {sequence}",
                        daemon=True,
                    )
                    self._going[sequence] = (webhook, posting, thread)
                    thread.start()
        return following

    def _may_begin(self, webhook: str, busy: Counter[str]) -> bool:
        if busy[webhook] >= PER_WEBHOOK or sum(busy.values()) >= THREADS:
            return False
        waits = sum(count for one, count in busy.items() if one in self._slow)
        return webhook not in self._slow or waits < THREADS // 2

    def _deliver(self, sequence: int, webhook: str, posting: Posting) -> None:
        try:
            record = self._records.get(sequence)
            hook = self._cloud.store.get(webhook)
            if record is not None and hook is not None:
                self._attempt(record, hook.private, posting)
            else:
                self._records.give_up(sequence)
        except (OSError, sqlite3.OperationalError) as error:  # of a disk that is full, for example
            log.warning("event %d of %s waits: %s", sequence, webhook, error)
            self._stopping.wait(_RETRY)
        except Exception:
            log.exception("event %d of %s", sequence, webhook)
            self._records.give_up(sequence)
        finally:
            with self._lock:
                self._going.pop(sequence, None)
            self._woken.set()

    def _attempt(self, record: Record, callback: dict[str, Any], posting: Posting) -> None:
        receiver = Receiver.parse(callback["serviceUri"])
        body = json.dumps(record.content).encode()
        custom: dict[str, str] = callback["customHeaders"]
        kind = absent({"Content-Type": "application/json"}, custom)
        login = {"Authorization": receiver.credentials} if receiver.credentials else {}
        login = absent(login, custom)
        outcome = self._post(receiver, {**kind, **login, **custom}, body, posting)
        if self._stopping.is_set() and outcome.again:
            return  # it may be the end of this daemon that was in its way
        with self._lock:
            self._slow.discard(record.webhook)
            if outcome.response.get("statusCode") == "504":
                self._slow.add(record.webhook)
        more = outcome.again and record.attempts < len(PAUSES)
        self._records.attempted(
            record.sequence,
            {
                "headers": {**kind, "Content-Length": str(len(body))},  # the others are secret
                "method": "POST",
                "requestUri": receiver.uri,
                "version": "1.1",
            },
            outcome.response,
            time.time() + PAUSES[record.attempts] if more else None,
        )

    def _post(
        self, receiver: Receiver, headers: dict[str, str], body: bytes, posting: Posting
    ) -> Outcome:
        try:
            found = places(self._cloud, receiver.host, receiver.port)
        except RefusedError as error:
            return refused(str(error))
        if receiver.secure and self._context is None:
            context = ssl.create_default_context()
            context.load_verify_locations(self._cloud.ca_file)
            self._context = context
        return posting.post(receiver, found, headers, body, self._context)
