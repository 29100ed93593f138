"""Exercises of 11: what ends a run, who notices what, and which waiver is none."""

from __future__ import annotations

from typing import Any

from .. import runs
from .answers import Choice, Number
from .exercise import Context, Exercise, equals

_REFUSED = "VERDICT it may not come in: a release line without repairs"
_LOOKED_AT = 10  # runs of the gate, the newest first


def _end_of_life_refused(_: Any, context: Context) -> bool | str:
    settings = context.settings
    recent = runs.recent(
        context.connection,
        settings.staging_group,
        settings.staging_registry,
        "stage-node",
        top=_LOOKED_AT,
    )
    failed = [run for run in recent if run.source_trigger and run.status == "Failed"]
    if any(_REFUSED in runs.log_of(context.connection, run) for run in failed):
        return True
    return (
        "None of the gate's last runs that a commit has started says that this release line may not "
        "come in."
    )


EXERCISES = (
    Exercise(
        "11.1",
        Number(),
        equals(10),
        hints=(
            "The two run side by side. Does the run wait for the slower one once the other has failed?",
            "The first step that fails ends the run, and everything that is still running in it.",
        ),
        because=(
            "The first failure ends everything. So a slow test beside a quick scan costs nothing when "
            "the scan says no."
        ),
    ),
    Exercise(
        "11.2",
        Choice("the gate", "the rescan", "nobody"),
        equals("the rescan"),
        hints=(
            "Nothing is pushed tonight. Which of the two tasks runs all the same?",
            "A timer starts it, at three.",
        ),
        because=(
            "It judges at three, by what is known then. The gate does not: nothing has been pushed. And "
            "the teams learn of it only if somebody reads what has become of that run."
        ),
    ),
    Exercise(
        "11.3",
        Choice("the image comes in", "the image is refused", "there is no verdict"),
        equals("there is no verdict"),
        hints=(
            "Is a waiver without an end a waiver?",
            "A gate whose input is wrong does not know what to do. Its program ends with status 2, "
            "neither 0 nor 1.",
        ),
        because=(
            "Nothing is promoted until the waiver is put right. A gate that does not know what to do "
            "stays shut."
        ),
    ),
    Exercise(
        "11.4",
        None,
        _end_of_life_refused,
        hints=(
            "The policy is scan/policy.json in import-baseimage-node. A commit to it starts the gate.",
            'forks.edit replaces "endOfLife": "note" by "endOfLife": "fail", commits and pushes. '
            "runs.started_by_commit finds the run. Put it back afterwards.",
        ),
        because=(
            "Every image of this release line is refused now, however clean it looks. That is a "
            "decision, and it was a commit."
        ),
    ),
)
