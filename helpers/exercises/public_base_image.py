"""Exercises of 02: tags, triggers, a digest, and a run that a commit has started."""

from __future__ import annotations

from .. import runs
from .answers import Choice, Digest, Number
from .exercise import Context, Exercise, equals


def _tags_after_a_run(answer: int, context: Context) -> bool | str:
    client = context.clients.registry(context.settings.public_login_server)
    now = len(list(client.list_tag_properties("node")))
    if answer == now:
        return f"There are {now} tags now. A run gives the image two names, and one of them is new."
    return answer == now + 1


def _digest(answer: str, context: Context) -> bool:
    return answer == context.node_digest(context.settings.public_login_server)


def _started_by_a_commit(_: None, context: Context) -> bool | str:
    settings = context.settings
    found = runs.recent(
        context.connection,
        settings.public_registry_group,
        settings.public_registry,
        "node-public",
    )
    by_commit = [run for run in found if runs.trigger_of(run) == "Commit"]
    if by_commit and by_commit[0].status != "Succeeded":
        return f"The commit has started the run {by_commit[0].run_id}. It is {by_commit[0].status}."
    return bool(by_commit)


EXERCISES = (
    Exercise(
        "02.1",
        Number(),
        _tags_after_a_run,
        hints=(
            "The last step of acr-task.yaml pushes two tags. Does a run add both of them?",
            "15-alpine is there already: it only moves. The other one has the id of the run in it.",
        ),
        because=(
            "Each run adds one unique tag, and moves the stable one. So no image ever loses all of its "
            "names."
        ),
    ),
    Exercise(
        "02.2",
        Choice("the source trigger", "the base image trigger", "nothing"),
        equals("the base image trigger"),
        hints=(
            "Nobody has committed anything to base-image-node. What else does the task watch?",
            "At its end, the log names the image that the result was built on: docker.io, node, "
            "15-alpine.",
        ),
        because=(
            "The last run was built on that tag, so the task watches it. On Azure, Docker Hub is looked "
            "at every 10 to 60 minutes."
        ),
    ),
    Exercise(
        "02.3",
        Digest(),
        _digest,
        hints=(
            "Each tag has a digest. A cell above has put all of them into a dictionary.",
            'registry_client.get_tag_properties("node", "15-alpine") returns the tag; its attribute '
            "digest is what is asked for.",
        ),
        because="That is the image that consumers get, until the next run moves the tag.",
    ),
    Exercise(
        "02.4",
        None,
        _started_by_a_commit,
        hints=(
            "Change something in base-image-node, commit it to main, and push. Then look at "
            "runs.table(...): the trigger of the newest run should be Commit.",
            "The fold below has the commands. git asks for your account; the function git_as_me "
            "answers.",
        ),
        because="GitHub has told Azure of your push, and the source trigger has started the task.",
    ),
)
