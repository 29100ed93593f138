"""Exercises of 09: who may import, what an import leaves behind, and a cache."""

from __future__ import annotations

from typing import Any

from .answers import Choice, Names, YesNo
from .exercise import Context, Exercise, equals

_HUB = "dockerhub/node"


def _names_of_the_copy(answer: Any, context: Context) -> bool | str:
    registry = context.clients.registry(context.settings.base_artifacts_login_server)
    digest = registry.get_tag_properties(_HUB, "15-alpine").digest
    right = {
        tag.name.casefold() for tag in registry.list_tag_properties(_HUB) if tag.digest == digest
    }
    missing = len(right - answer)
    strange = sorted(answer - right)
    if strange:
        return f"{strange[0]} is no tag of this image in {_HUB}."
    return f"{missing} more." if missing else True


def _cached(_: Any, context: Context) -> bool | str:
    settings = context.settings
    rules = context.clients.registries.cache_rules.list(settings.registry_group, settings.registry)
    targets = [
        rule.target_repository
        for rule in rules
        if rule.source_repository == "docker.io/library/node" and rule.target_repository
    ]
    if not targets:
        return f"{settings.registry} has no cache rule for docker.io/library/node."
    registry = context.clients.registry(settings.login_server)
    there = set(registry.list_repository_names())
    return bool(there & set(targets)) or (
        f"The rule is there, but nothing was pulled through it yet: {settings.registry} has no "
        f"repository {targets[0]}."
    )


EXERCISES = (
    Exercise(
        "09.1",
        Choice("push/write", "importImage/action", "registries/read"),
        equals("importImage/action"),
        hints=(
            "Does an import send an image to the registry, or does it ask the registry for something?",
            "AcrPush has rights on the data in the registry. An import is an operation on the registry "
            "itself.",
        ),
        because=(
            "An import is an operation on the registry. AcrPush has only rights on its data. The other "
            "way round it is just as strict: the importer's role cannot push."
        ),
    ),
    Exercise(
        "09.2",
        YesNo(),
        equals(False),
        hints=(
            "Look at the table under What gets lost. How many notes did the team's copy have?",
            "Force says what happens to a tag that is there. It says nothing about what is attached.",
        ),
        because=(
            "An import copies what a tag points to. Whatever is attached to it stays behind, with and "
            "without Force. Import each of these artifacts by its digest."
        ),
    ),
    Exercise(
        "09.3",
        Names("latest", "1.2"),
        _names_of_the_copy,
        hints=(
            f"List the tags of {_HUB} in the company's registry, with their digests.",
            "The first import has made two of them, and the registry's import from itself one more.",
        ),
        because=(
            "They are all names of one image. The registry holds its content once, however many tags "
            "point to it."
        ),
    ),
    Exercise(
        "09.4",
        Choice("the login", "build-test-base-image", "import-base-image"),
        equals("the login"),
        hints=(
            "What does the task do on the public registry before the import, and which role lets it?",
            "The task has a credential for the public registry, so it logs in there before its first "
            "step. What does a registry say to somebody who has no role on it?",
        ),
        because=(
            "A run logs in to the registries of its credentials before its first step. The public "
            "registry gives nothing to an identity without a role, so the run ends there."
        ),
    ),
    Exercise(
        "09.5",
        None,
        _cached,
        hints=(
            "The fold in the section about the cache has the commands: a credential set, the right to "
            "read its two secrets, a rule. In the local cloud, Docker Hub knows $GITHUB_OWNER with "
            "$GIT_TOKEN as the password.",
            "A rule copies nothing. Pull a tag through the target repository: get_manifest does it, and "
            "so does az acr manifest show.",
        ),
        because=(
            "The rule was only a promise. The first pull has brought the image, and now the registry "
            "has it."
        ),
    ),
)
