"""The runs of the registries: recorded before anybody acts on them, rendered as ARM shows them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import timestamps
from ..blobs.account import BlobAccount
from ..cloud import Cloud
from ..errors import CloudError
from ..events import RunCancelled, RunQueued
from ..resource_types import RUN_TYPE
from ..run_statuses import FINAL
from ..store import Resource, Store, decoded, readable
from . import run_filter
from .completion import complete
from .snapshot import snapshot

_PAGE = 100  # rows that are read at a time
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass
class Run:
    """One run; ``request`` is what it was asked to do, with secret values, and is never shown."""

    registry_id: str
    run_id: str
    number: int
    status: str
    task: str
    created: float  # seconds since 1970
    properties: dict[str, Any]
    request: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        """The run's ARM id in lower case."""
        return run_key(self.registry_id, self.run_id)

    @property
    def finished(self) -> bool:
        """Whether its status is final."""
        return self.status in FINAL


def run_key(registry_id: str, run_id: str) -> str:
    """ARM id of a run in lower case."""
    return f"{registry_id}/runs/{run_id}".lower()


def prefix(registry_id: str) -> str:
    """Two letters in front of the run ids of a registry; they depend on its name alone."""
    digest = hashlib.sha256(registry_id.rpartition("/")[2].lower().encode()).digest()
    return "cd"[digest[0] % 2] + chr(ord("a") + digest[1] % 26)


def base36(number: int) -> str:
    """``number`` (≥ 1) in base 36: 1 … 9, a … z, 10 …"""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


class Runs:
    """All runs of one cloud; thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._store = cloud.store
        self._blobs = BlobAccount(cloud)

    def queue(
        self,
        registry: Resource,
        request: dict[str, Any],
        task: Resource | None = None,
        trigger: dict[str, Any] | None = None,
        *,
        caller: str = "",
        identity: dict[str, Any] | None = None,
    ) -> Run:
        """Record a run with status Queued, and tell the task engine.

        ``request`` is the body of scheduleRun ({"type": "TaskRunRequest", …}); ``task`` the task
        resource of a TaskRunRequest; ``trigger`` is None for a run that somebody asked for, else
        one of {"imageUpdateTrigger": …}, {"sourceTrigger": …}, {"timerTrigger": …} as ARM shows it;
        ``caller`` is the object id of who asked for it; ``identity`` the property of a task run, which
        goes before that of the task. Raises :class:`CloudError` (400) for a request that cannot be
        run.
        """
        order = {**snapshot(request, task, trigger), "caller": caller, "identity": identity}
        created = time.time()
        properties = {
            "lastUpdatedTime": timestamps.microseconds(created),
            "createTime": timestamps.microseconds(created),
            "runType": order["runType"],
            "platform": order["platform"],
            "agentConfiguration": order["agentConfiguration"],
            "provisioningState": "Succeeded",
            "isArchiveEnabled": order["isArchiveEnabled"],
            **(trigger or {}),
        }
        if order["task"]:
            properties["task"] = order["task"]
        if order["updateTriggerToken"]:
            properties["updateTriggerToken"] = order["updateTriggerToken"]
        if order["customRegistries"]:
            properties["customRegistries"] = sorted(order["customRegistries"])
        with self._store.transaction() as connection:
            number = _last_number(connection, registry.id) + 1
            run = Run(
                registry.id,
                prefix(registry.id) + base36(number),
                number,
                "Queued",
                order["task"],
                created,
                properties,
                order,
            )
            connection.execute(
                "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    run.key,
                    run.registry_id,
                    run.number,
                    run.run_id,
                    run.status,
                    run.task,
                    run.created,
                    json.dumps(run.properties),
                    json.dumps(run.request),
                ),
            )
            self._cloud.outbox.add(RunQueued(run.key))
        return run

    def by_key(self, key: str) -> Run | None:
        """The run of that key, as the events name it, or None."""
        rows = self._store.query("SELECT * FROM runs WHERE key=?", (key.lower(),))
        return next(iter(_runs(rows)), None)

    def get(self, registry_id: str, run_id: str) -> Run:
        """The run of that id (any case). Raises 404 ResourceNotFound."""
        found = self.by_key(run_key(registry_id, run_id))
        if found is None:
            name = registry_id.rpartition("/")[2]
            raise CloudError(
                404,
                "ResourceNotFound",
                f"The run '{run_id}' was not found in the registry '{name}'. List its runs: "
                f"az acr task list-runs --registry {name}.",
            )
        return found

    def with_status(self, *statuses: str) -> list[Run]:
        """Runs of every registry in one of these statuses, the oldest first."""
        marks = ",".join("?" * len(statuses))
        rows = self._store.query(
            f"SELECT * FROM runs WHERE status IN ({marks}) ORDER BY created, number",  # noqa: S608
            statuses,
        )
        return _runs(rows)

    def list(
        self,
        registry_id: str,
        filter: str | None = None,
        top: int | None = None,
        *,
        before: int | None = None,
    ) -> list[Run]:
        """Runs of a registry, the newest first, that match an OData ``$filter``; at most ``top``.

        With ``before``, those of a lower number.

        Raises 400 for a filter that is not understood.
        """
        clauses = run_filter.parse(filter or "", tuple(_FIELDS))
        found: list[Run] = []
        while top is None or len(found) < top:  # in pages: the first ones are quick to have
            rows = self._store.query(
                "SELECT * FROM runs WHERE registry=? COLLATE NOCASE AND (? IS NULL OR number<?)"
                " ORDER BY number DESC LIMIT ?",
                (registry_id, before, before, _PAGE),
            )
            found += (run for run in _runs(rows) if run_filter.matches(clauses, _fields(run)))
            if len(rows) < _PAGE:
                break
            before = rows[-1]["number"]
        return found[:top]

    def newest(self, registry_id: str, task: str) -> Run | None:
        """The newest run of a task, or None when there is none."""
        rows = self._store.query(
            "SELECT * FROM runs WHERE registry=? COLLATE NOCASE AND task=? COLLATE NOCASE"
            " ORDER BY number DESC LIMIT 1",
            (registry_id, task),
        )
        return next(iter(_runs(rows)), None)

    def queued(self) -> Sequence[tuple[str, str, str]]:
        """Key, registry (in lower case) and task of the runs that wait, the oldest first."""
        rows = self._store.query(
            "SELECT key, lower(registry) AS registry, task FROM runs WHERE status='Queued'"
            " ORDER BY created, number"
        )
        return [(row["key"], row["registry"], row["task"]) for row in rows]

    def claim(self, run: Run) -> bool:
        """Queued → Started, once: whether this caller is the one that executes the run."""
        changed = self._store.execute(
            "UPDATE runs SET status='Started' WHERE key=? AND status='Queued'", (run.key,)
        )
        if changed:
            run.status = "Started"
        return bool(changed)

    def update(self, run: Run, *, status: str | None = None, **properties: Any) -> Run:
        """Change the status and what ARM shows of a run.

        A run that has ended keeps its status: True to the first end that was recorded.
        """
        with self._store.transaction() as connection:
            current = self.by_key(run.key)
            if current is None:  # its registry was deleted meanwhile
                return run
            if status and not current.finished:
                current.status = status
            current.properties.update(properties)
            current.properties["lastUpdatedTime"] = timestamps.microseconds()
            connection.execute(
                "UPDATE runs SET status=?, properties=? WHERE key=?",
                (current.status, json.dumps(current.properties), run.key),
            )
        run.status, run.properties = current.status, current.properties
        return run

    def cancel(self, run: Run) -> Run:
        """Stop a run: at once when it is queued, else as soon as the engine has stopped it.

        Raises 409 for a run that has ended.
        """
        with self._store.transaction() as connection:
            changed = connection.execute(
                "UPDATE runs SET status='Canceled' WHERE key=? AND status='Queued'", (run.key,)
            ).rowcount
            run = self.get(run.registry_id, run.run_id)
            if changed:
                # Its log ends in the transaction: a run that is Canceled has one that is complete.
                message = f"Run ID: {run.run_id} was canceled before it started."
                complete(self._blobs.run_log(run.registry_id, run.run_id), "Canceled", message)
                now = timestamps.microseconds()
                return self.update(run, finishTime=now, runErrorMessage="The run was canceled.")
            if run.finished:
                raise CloudError(
                    409,
                    "RunNotCancellable",
                    f"The run '{run.run_id}' has ended with status {run.status}: only a run that "
                    "is Queued, Started or Running can be canceled.",
                )
            self._cloud.outbox.add(RunCancelled(run.key))
            return run

    def sweep(self, registry_id: str) -> None:
        """Delete the logs of runs that are forgotten, and what was uploaded to a registry before.

        There may be a new registry of that id already: what belongs to it stays.
        """
        registry = self._store.get(registry_id)
        before = registry.created if registry else time.time()
        self._blobs.sweep(
            registry_id,
            lambda run_id: self.by_key(run_key(registry_id, run_id)) is not None,
            before,
        )

    def render(self, run: Run) -> dict[str, Any]:
        """The run as ARM shows it."""
        return {
            "id": f"{run.registry_id}/runs/{run.run_id}",
            "name": run.run_id,
            "type": RUN_TYPE,
            "properties": {"runId": run.run_id, "status": run.status, **run.properties},
        }


def forget_runs(store: Store, registry_id: str) -> None:
    """Drop the runs of a registry that is deleted; their files go with :meth:`Runs.sweep`.

    Their numbers are not given again: one that goes on still must not be taken for another.
    """
    with store.transaction() as connection:
        last = _last_number(connection, registry_id)
        if last:
            connection.execute(
                "INSERT OR REPLACE INTO run_numbers VALUES (?,?)", (registry_id, last)
            )
        connection.execute("DELETE FROM runs WHERE registry=? COLLATE NOCASE", (registry_id,))


def _last_number(connection: sqlite3.Connection, registry_id: str) -> int:
    """The number of the newest run of a registry, or of one that had its id before; 0 for none."""
    row = connection.execute(
        "SELECT max(number) AS last FROM (SELECT max(number) AS number FROM runs WHERE registry=:id"
        " COLLATE NOCASE UNION ALL SELECT last FROM run_numbers WHERE registry=:id)",
        {"id": registry_id},
    ).fetchone()
    return int(row["last"] or 0)


def _fields(run: Run) -> dict[str, str]:
    return {name: value(run) for name, value in _FIELDS.items()}


def _images(run: Run) -> str:
    images = run.properties.get("outputImages") or []
    return " ".join(f"{image['repository']}@{image.get('digest')}" for image in images)


# What a $filter may ask of a run (REST reference, "Runs - List").
_FIELDS: Mapping[str, Callable[[Run], str]] = {
    "TaskName": lambda run: run.task,
    "RunId": lambda run: run.run_id,
    "Status": lambda run: run.status,
    "RunType": lambda run: str(run.properties.get("runType", "")),
    "CreateTime": lambda run: str(run.properties.get("createTime", "")),
    "FinishTime": lambda run: str(run.properties.get("finishTime", "")),
    "IsArchiveEnabled": lambda run: str(run.properties.get("isArchiveEnabled", False)),
    "AgentPoolName": lambda _: "",
    "OutputImageManifests": _images,
}


def _runs(rows: Iterable[sqlite3.Row]) -> list[Run]:
    return readable("run", ("key",), rows, _run)


def _run(row: sqlite3.Row) -> Run:
    return Run(
        row["registry"],
        row["run_id"],
        row["number"],
        row["status"],
        row["task"],
        row["created"],
        decoded(row, "properties"),
        decoded(row, "request"),
    )
