"""Exercises of 01: groups, who may read a vault, and a commit."""

from __future__ import annotations

from .. import forks
from .answers import Names, Text, YesNo, plain
from .exercise import Context, Exercise, equals


def _left(answer: frozenset[str], context: Context) -> bool | str:
    """The team's registry is gone with its group, and nothing else is."""
    settings = context.settings
    right = {plain(settings.public_registry), plain(settings.base_artifacts_registry)}
    if answer == right:
        return True
    if plain(settings.registry) in answer:
        return f"{settings.registry} was in the group that is deleted."
    return False


def _newest(answer: str, context: Context) -> bool | str:
    connection = context.connection
    head = forks.Checkout(connection, forks.fork(connection, "base-image-node")).head or ""
    if len(answer) < 7:
        return "Give at least the first seven characters of the commit's id."
    return head.startswith(answer)


EXERCISES = (
    Exercise(
        "01.1",
        Names("aregistry", "anotherregistry"),
        _left,
        hints=(
            "What does deleting a group delete? Which group is each registry in? The output of the cell "
            'below "Resource groups" has the groups.',
            "The team's registry is gone. The other two are in groups of their own.",
        ),
        because=(
            "Deleting a group deletes what is in it, and nothing else. Each registry is in a group of "
            "its own."
        ),
    ),
    Exercise(
        "01.2",
        YesNo(),
        equals(False),
        hints=(
            "You made the vault, and owned it. Could you read a secret before you had a policy?",
            "Who may create a vault, and who may read what is in it, are two different lists.",
        ),
        because=(
            "Reading a secret needs an access policy of the vault. Owning the subscription lets her "
            "write one, and that leaves a trace."
        ),
    ),
    Exercise(
        "01.3",
        Text("62c99de0969f"),
        _newest,
        hints=(
            "git knows: git ls-remote https://github.com/$GITHUB_OWNER/base-image-node.git in a "
            "terminal that is connected (00 has the command).",
            "In this notebook: forks.Checkout(connection, published[0]).head",
        ),
        because=(
            "That is the commit from which the first image will be built. A run that a commit starts "
            "names it in full."
        ),
    ),
)
