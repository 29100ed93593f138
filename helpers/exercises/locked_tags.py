"""Exercises of 10: what a lock stops, what a purge deletes."""

from __future__ import annotations

from typing import Any

from .answers import Choice, YesNo
from .exercise import Context, Exercise, equals


def _unreadable(_: Any, context: Context) -> bool | str:
    registry = context.clients.registry(context.settings.login_server)
    tags = list(registry.list_tag_properties("shop"))
    if not tags:
        return "shop has no tag any more. Run the cells above again."
    if all(tag.can_read for tag in tags):
        return "The tag that is left in shop can still be read."
    return True


EXERCISES = (
    Exercise(
        "10.1",
        YesNo(),
        equals(True),
        hints=(
            "Which of the five attempts above has moved the locked tag?",
            "It takes the right to import, and force. After that, a restart pulls what the tag points "
            "to now.",
        ),
        because=(
            "A forced import moves a locked tag. Nobody can change what runs if production names "
            "hello-world@sha256:… and the manifest is locked against deletion."
        ),
    ),
    Exercise(
        "10.2",
        YesNo(),
        equals(False),
        hints=(
            "A lock of Azure is on a resource of the resource manager. Which of these is one: the "
            "registry, a repository, a tag?",
            "Where does a push go: to management.azure.com, or to NAME.azurecr.io?",
        ),
        because=(
            "az lock keeps the registry from being deleted or changed as a resource. A push, or the "
            "deletion of an image, is a request to the registry itself, which does not ask for it."
        ),
    ),
    Exercise(
        "10.3",
        Choice("it is deleted", "it is kept", "the purge fails"),
        equals("it is deleted"),
        hints=(
            "How would the purge know that something runs?",
            "For a registry, a manifest without a tag is untagged, whoever knows its digest.",
        ),
        because=(
            "A registry does not know what runs. So whatever you deploy by digest should keep a unique "
            "tag, or a lock on its manifest, or both."
        ),
    ),
    Exercise(
        "10.4",
        None,
        _unreadable,
        hints=(
            "Reading is one of the four attributes. The tag that is left in shop is that of the run "
            "of release-shop.",
            'images.update_tag_properties("shop", released.run_id, can_read=False), or '
            "az acr repository update with --read-enabled false.",
        ),
        because=(
            "Nobody can pull this tag now, whatever role they have. What you switched off you can "
            "switch on again."
        ),
    ),
)
