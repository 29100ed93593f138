"""Exercises of 05: which trigger fires, and what has started a run."""

from __future__ import annotations

from .. import runs
from ..run import bases_of
from .answers import Choice, Digest, YesNo
from .exercise import Context, Exercise, equals


def _cause(answer: str, context: Context) -> bool | str:
    """The digest of the image that started the run which made production red."""
    settings = context.settings
    found = runs.recent(
        context.connection, settings.registry_group, settings.registry, "hello-world"
    )
    causes = {
        image.digest
        for run in found
        if runs.trigger_of(run) == "Image Update"
        for image in bases_of(run)
    }
    if answer == context.node_digest(settings.public_login_server):
        return "That is the image of now: the repaired one."
    return answer in causes


EXERCISES = (
    Exercise(
        "05.1",
        Choice("both", "node-public", "none"),
        equals("none"),
        hints=(
            "Which branch does the source trigger of node-public watch? 02 has the task.",
            "It watches main. And does hello-world hear of commits to that repository?",
        ),
        because=(
            "The source trigger is set for main. Without a run of node-public there is no new image, "
            "and so nothing that hello-world could hear of."
        ),
    ),
    Exercise(
        "05.2",
        YesNo(),
        equals(False),
        hints=(
            "How does Azure know that an image has changed? What does the task remember of its last "
            "run?",
            "It compares digests. Does the same image have another digest when it is pushed again?",
        ),
        because="Only another digest is an update, and the same image has the same digest.",
    ),
    Exercise(
        "05.3",
        Digest(),
        _cause,
        hints=(
            "The run knows it. A run that an image has started has an image_update_trigger.",
            "site_run.image_update_trigger.images is a list with one image. It has a registry, a "
            "repository, a tag and a digest.",
        ),
        because=(
            "A run names its cause. So you can always tell why production has changed, and prove by "
            "which image."
        ),
    ),
    Exercise(
        "05.4",
        Choice("at once", "with the team's next commit", "never"),
        equals("never"),
        hints=(
            "Which image does that tag point to after the repair?",
            "A unique tag never moves. What does the team's next build find there?",
        ),
        because=(
            "Nothing is ever pushed to that tag again. No update starts the task, and every build finds "
            "the old image: safe from the next bad change, and from the next repair as well."
        ),
    ),
)
