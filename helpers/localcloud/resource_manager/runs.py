"""Microsoft.ContainerRegistry: schedule, list, read, keep and cancel runs; logs and uploads."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone
from typing import Any

from ..blobs.account import BlobAccount
from ..request_values import parse_number
from ..resource_types import REGISTRY_TYPE
from ..tasks import outcomes
from ..tasks.runs import Run, Runs
from .models import Model
from .pages import SIZE, after, link_after
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, invalid
from .run_requests import read_request, task_of

_RUNS = REGISTRY + "/runs"
_RUN = _RUNS + "/{run}"
_LOG_LIFETIME = 24 * 3600  # seconds: a client follows a log as long as its run may last
_UPLOAD_LIFETIME = 3600  # seconds

router = Router()


def _run(call: Call) -> Run:
    return Runs(call.cloud).get(of(call).id, call.params["run"])


@router.operation("POST", REGISTRY + "/scheduleRun", f"{REGISTRY_TYPE}/scheduleRun/action")
def schedule(call: Call) -> Reply:
    """Registries_ScheduleRun: a task, or a build or task file without one."""
    registry = of(call)
    request = read_request(call.body, "registries/scheduleRun")
    runs = Runs(call.cloud)
    run = runs.queue(
        registry, request, task_of(call, registry, request), caller=call.principal.object_id
    )
    body = runs.render(run)
    shown = ("runId", "status", "lastUpdatedTime", "provisioningState", "isArchiveEnabled")
    return Reply(200, {**body, "properties": {name: body["properties"][name] for name in shown}})


@router.operation("GET", _RUNS, f"{REGISTRY_TYPE}/runs/read")
def list_runs(call: Call) -> Reply:
    """Runs_List: the newest first; ``$filter``, and ``$top``, which is all that a client gets."""
    given = call.query.get("$top")
    top = parse_number(given) if given is not None else None
    if given is not None and not top:
        raise invalid(f"$top is '{given}'; it must be a number above 0.", "InvalidTop")
    runs, place = Runs(call.cloud), after(call)
    found = runs.list(
        of(call).id,
        call.query.get("$filter"),
        top or SIZE + 1,
        before=None if place is None else int(place[0]),
    )
    body: dict[str, Any] = {"value": [runs.render(run) for run in found[: top or SIZE]]}
    if not top and len(found) > SIZE:
        last = found[SIZE - 1]
        body["nextLink"] = link_after(call, (last.number, last.run_id))
    return Reply(200, body)


@router.operation("GET", _RUN, f"{REGISTRY_TYPE}/runs/read")
def get(call: Call) -> Reply:
    """Runs_Get."""
    return Reply(200, Runs(call.cloud).render(_run(call)))


class RunChange(Model):
    """The one thing of a run that can be changed."""

    is_archive_enabled: bool | None = None


class RunUpdateParameters(RunChange):
    """The body of Runs_Update; some clients put it under properties."""

    properties: RunChange | None = None


@router.operation("PATCH", _RUN, f"{REGISTRY_TYPE}/runs/write", RunUpdateParameters)
def update(call: Call, given: RunUpdateParameters) -> Reply:
    """Runs_Update: whether the log is kept for ever."""
    run = _run(call)
    wanted = given.is_archive_enabled
    if wanted is None and given.properties is not None:
        wanted = given.properties.is_archive_enabled
    if wanted is None:
        raise invalid("Of a run only isArchiveEnabled can be changed: true or false.")
    runs = Runs(call.cloud)
    return Reply(200, runs.render(runs.update(run, isArchiveEnabled=wanted)))


@router.operation("POST", _RUN + "/cancel", f"{REGISTRY_TYPE}/runs/cancel/action")
def cancel(call: Call) -> Reply:
    """Runs_Cancel."""
    Runs(call.cloud).cancel(_run(call))
    outcomes.settle(call.cloud)  # of one that waited: it ends here
    return Reply(200)


@router.operation("POST", _RUN + "/listLogSasUrl", f"{REGISTRY_TYPE}/runs/listLogSasUrl/action")
def log_url(call: Call) -> Reply:
    """Runs_GetLogSasUrl: where the log can be read for a day."""
    run = _run(call)
    account = BlobAccount(call.cloud)
    blob = account.run_log(run.registry_id, run.run_id)
    return Reply(200, {"logLink": account.url(blob, "r", _LOG_LIFETIME)})


@router.operation(
    "POST",
    REGISTRY + "/listBuildSourceUploadUrl",
    f"{REGISTRY_TYPE}/listBuildSourceUploadUrl/action",
)
def upload_url(call: Call) -> Reply:
    """Registries_GetBuildSourceUploadUrl: where to PUT a source archive, for an hour."""
    registry = of(call)
    account = BlobAccount(call.cloud)
    moment = datetime.now(timezone.utc).strftime("%Y%m%d%H%M")
    path = f"source/{moment}/{secrets.token_hex(16)}.tar.gz"
    blob = account.blob(account.container_of(registry.id), path)
    return Reply(
        200, {"uploadUrl": account.url(blob, "cw", _UPLOAD_LIFETIME), "relativePath": path}
    )
