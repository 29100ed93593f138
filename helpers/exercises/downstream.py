"""Exercises of 12: what starts a task, and what it says when something is missing."""

from __future__ import annotations

from typing import Any

from .. import runs
from .answers import Choice, Names
from .exercise import Context, Exercise, equals


def _waiting_for_the_company(answer: Any, context: Context) -> bool | str:
    settings = context.settings
    tasks = context.clients.tasks.tasks.list(settings.registry_group, settings.registry)
    right = {
        str(task.name).casefold()
        for task in tasks
        for one in task.step.base_image_dependencies or []
        if one.type == "RunTime"
        and (one.registry, one.repository) == (settings.base_artifacts_login_server, "node")
    }
    strange = sorted(answer - right)
    if strange:
        return f"{strange[0]} is not built on that image itself."
    return bool(answer == right)


def _reports_was_started(_: Any, context: Context) -> bool | str:
    settings = context.settings
    recent = runs.recent(
        context.connection, settings.registry_group, settings.registry, "reports", top=10
    )
    if any(runs.trigger_of(run) == "Image Update" for run in recent):
        return True
    return "No run of reports was started by an image update."


EXERCISES = (
    Exercise(
        "12.1",
        Choice("the login fails", "the build is unauthorized", "it succeeds"),
        equals("the build is unauthorized"),
        hints=(
            "You have seen three runs without the one or the other. Which of them had no credential?",
            "A run logs in where its task tells it to. Without a credential there is no login that "
            "could fail.",
        ),
        because=(
            "A run does not log in to a registry that it was not told about, so it pulls as nobody. "
            "What its identity may do there plays no part."
        ),
    ),
    Exercise(
        "12.2",
        Choice("the old base image", "the new base image", "both"),
        equals("the old base image"),
        hints=(
            "When does the service find out what a Dockerfile is built on?",
            "The list is written after a successful run. Has there been one since the commit?",
        ),
        because=(
            "The task waits for what its last successful run was built on. The next run is built on "
            "the new image, and from then on the task waits for that."
        ),
    ),
    Exercise(
        "12.3",
        Names("a-task", "another-task"),
        _waiting_for_the_company,
        hints=(
            "Find node:15-alpine of the company's registry in the picture, and follow its arrows by "
            "one step.",
            'picture.waiting_for takes the name of an image, such as f"{base}/node:15-alpine".',
        ),
        because=(
            "These are built on the company's image itself. The three services follow later, when "
            "team-base has pushed an image of its own."
        ),
    ),
    Exercise(
        "12.4",
        None,
        _reports_was_started,
        hints=(
            "A base image trigger has a type. Runtime, which these tasks have, means the last stage "
            "alone.",
            'BaseImageTriggerUpdateParameters takes base_image_trigger_type="All". Then push another '
            "edition of the team's base image.",
        ),
        because=(
            "With All, the images of build stages count as well. Azure's documentation promises only "
            "Runtime, so do not rely on it there."
        ),
    ),
)
