"""Exercises of 07: what an update merges, what it replaces, and where an empty value leads."""

from __future__ import annotations

from typing import Any

from .answers import Names, Number, Text, YesNo
from .exercise import Context, Exercise, equals

_DOCKER_HUB = {"docker.io", "registry.hub.docker.com", "docker hub"}


def _only_the_company(_: Any, context: Context) -> bool | str:
    task, needed = context.site_task, context.settings.base_artifacts_login_server
    known = set((task.credentials.custom_registries if task.credentials else None) or {})
    if needed not in known:
        return (
            f"{task.name} has no credential of {needed} any more. That one it needs: run the cells "
            "above again."
        )
    left = known - {needed}
    return f"{task.name} still has a credential of {', '.join(sorted(left))}." if left else True


EXERCISES = (
    Exercise(
        "07.1",
        Names("a-task", "another-task"),
        equals({"node-public", "base-import-node"}),
        hints=(
            "Follow the change from registry to registry. In each of them, ask what starts a task: a "
            "commit, or a new digest of the image that its last successful run was built on.",
            "A gate that refuses an image has run, too. What has it pushed?",
        ),
        because=(
            "The commit starts node-public, and its image starts base-import-node. The gate refuses "
            "it and pushes nothing, so nothing has changed for hello-world."
        ),
    ),
    Exercise(
        "07.2",
        Number(),
        equals(4),
        hints=(
            "An update contains only what should change. Is the list of values in this one?",
            "Compare it with the two updates above. One sent a list of one value, the other a list "
            "of four. This one sends no list.",
        ),
        because=(
            "The step is an object, so it is merged: what is not sent stays, and the list of values "
            "was not sent. A list that is sent replaces the old one as a whole."
        ),
    ),
    Exercise(
        "07.3",
        YesNo(),
        equals(False),
        hints=(
            "Where does a task get the content of a secret value from, and who may read it back?",
            "Nobody may. That is what is_secret=True says.",
        ),
        because=(
            "tasks.get shows plain values only. Whoever wants to change one value has to know all "
            "secret ones. So keep secrets in the vault, and only their addresses in the task."
        ),
    ),
    Exercise(
        "07.4",
        None,
        _only_the_company,
        hints=(
            "Credentials are an object with the registries' names as its keys. An update merges "
            "objects. Which value takes a key out of one?",
            "In the SDK it is None in the place of the registry's credential. In az it is "
            "az acr task credential remove, with the login server.",
        ),
        because="What nothing uses should go. The task logs in where it has to, and nowhere else.",
    ),
    Exercise(
        "07.5",
        Text("example.org"),
        lambda answer, _: answer in _DOCKER_HUB,
        hints=(
            "An override is for one run. Run the task with it, and look at base_image_dependencies "
            "of the task afterwards.",
            "Which registry does docker ask for an image whose name begins with no registry?",
        ),
        because=(
            "FROM node:15-alpine names no registry, so it is Docker Hub's image. The run succeeds, "
            "past the gate. The task still has all of its values, but it waits for Docker Hub until "
            "it runs again."
        ),
    ),
)
