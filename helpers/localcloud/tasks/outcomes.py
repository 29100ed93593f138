"""The long-running operations of task runs: each ends as its run does."""

from __future__ import annotations

from ..cloud import Cloud
from ..errors import CloudError
from .runs import Run, Runs

KIND = "taskRuns"
STATES = {  # of provisioning, by the final status of a run
    "Succeeded": "Succeeded",
    "Canceled": "Canceled",
    **dict.fromkeys(("Failed", "Error", "Timeout"), "Failed"),
}


def failure(run: Run | None) -> CloudError | None:
    """What the operation of a run that has ended tells; None when all went well.

    A run that is there no more is lost, with its registry or by damage.
    """
    state = STATES[run.status] if run is not None else "Failed"
    if state == "Succeeded":
        return None
    why = "The run is lost."
    if run is not None:
        why = f"Run ID: {run.run_id}: {run.properties.get('runErrorMessage', run.status)}"
    return CloudError(
        409,
        "ResourceDeploymentFailure",
        f"The resource operation completed with terminal provisioning state '{state}'. {why}",
    )


def settle(cloud: Cloud) -> None:
    """End the operations whose runs have ended. In the daemon: who waits for them waits there."""
    runs = Runs(cloud)
    for operation in cloud.operations.going_on():
        if operation.kind == KIND:
            run = runs.by_key(operation.request["run"])
            if run is None or run.finished:
                cloud.operations.end(operation.id, failure(run))
