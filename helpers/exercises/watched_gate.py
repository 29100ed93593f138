"""Exercises of 08: what a red image means, what production is built on, and what goes its own way."""

from __future__ import annotations

from typing import Any

from .. import runs
from ..display import plain
from ..run import bases_of
from .answers import Choice, Digest, Names
from .exercise import Context, Exercise, equals

_GATE = "base-import-node"


def _production(answer: Any, context: Context) -> bool | str:
    if answer in context.built_on:
        return True
    if answer == context.node_digest(context.settings.public_login_server):
        return "That is the image that the public tag points to now."
    return False


def _good_again(_: Any, context: Context) -> bool | str:
    settings = context.settings
    group, registry = settings.base_artifacts_registry_group, settings.base_artifacts_registry
    newest = runs.newest(context.connection, group, registry, _GATE)
    if newest is None:
        return "The gate has not run yet."
    status = plain(newest.status)
    if status != "Succeeded":
        return f"The gate's newest run should have succeeded. Its status is {status}."
    published = context.node_digest(settings.public_login_server)
    judged = {image.digest for image in bases_of(newest)}
    return published in judged or "The gate's newest run was about another image."


EXERCISES = (
    Exercise(
        "08.1",
        Choice("roll the site back", "build the site again", "nothing at once"),
        equals("nothing at once"),
        hints=(
            "Which of the three digests that you noted has moved?",
            "What would be different in production after rolling it back?",
        ),
        because=(
            "Production is as it was. The failed run is the message. Either upstream repairs its "
            "image, or the test was wrong and is corrected. Each of the two starts the gate again."
        ),
    ),
    Exercise(
        "08.2",
        Names("a-task", "another-task"),
        equals({"node-public", "base-import-node"}),
        hints=(
            "For each task, compare the digest that it was built on last with the one that its tag "
            "has now.",
            "The gate's last run was about the red digest, so green is new for it. What does it push, "
            "and what is in the company's registry already?",
        ),
        because=(
            "The commit starts node-public, and another digest than the red one starts the gate. The "
            "gate pushes an image that is there already. A tag that keeps its digest starts nothing."
        ),
    ),
    Exercise(
        "08.3",
        Digest(),
        _production,
        hints=(
            "The service records what the last successful run of a task was built on.",
            "Look at step.base_image_dependencies of hello-world: the one of the type RunTime.",
        ),
        because=(
            "This digest names the exact base image of the site that runs now, whatever the tags "
            "point to today."
        ),
    ),
    Exercise(
        "08.4",
        None,
        _good_again,
        hints=(
            "The colour of the public image is in its Dockerfile, in base-image-node. Any colour will "
            "do that the test lets pass.",
            "forks.set_color makes the commit, and pipeline.watch follows it until everything is over.",
        ),
        because=(
            "The public image is good again, and the gate has said so. Nobody had to start anything."
        ),
    ),
    Exercise(
        "08.5",
        Names("a-registry", "another-registry"),
        lambda answer, context: answer == frozenset({context.settings.registry.casefold()}),
        hints=(
            "Which tasks have a source trigger for the repository hello-world?",
            "Look at the newest runs of all three registries. Which of them are about your commit?",
        ),
        because=(
            "A commit to hello-world starts the task hello-world, in the team's registry. The base "
            "image has not changed, so nothing happens in the other two."
        ),
    ),
)
