"""``cache: enabled``: what the engine adds to a build, so that its layers are kept in the registry.

Source: acr-builder, graph/step.go (GetCmdWithCacheFlags); names of images as in the reference of
distribution, which takes the first of several parts for the registry.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ...reference import PATH, TAG
from .dependency_scan import fields
from .image_names import DIGEST, DOMAIN
from .task_file import Step

QUICK_RUN = "quickrun"  # the name of a task that has none
_NAME = re.compile(rf"(?:({DOMAIN})/)?({PATH})(?::{TAG})?(?:@{DIGEST})?")
_CACHE = re.compile(rf"{DOMAIN}/{PATH}:{TAG}")


def command_of(step: Step, task: str, registry: str) -> str:
    """The words of a build as the engine runs it, where the step keeps its layers."""
    cache = image_of(step, task, registry)
    if not cache:
        return step.build
    place = f"type=registry,ref={cache}"
    return f"--load --cache-to={place},mode=max --cache-from={place} {step.build}"


def image_of(step: Step, task: str, registry: str) -> str:
    """The image that a step keeps its layers in; "" where it keeps none."""
    if not step.is_cached or not step.build:
        return ""
    image = _image(tags_of(step), registry)
    cache = f"{image}:cache_{task or QUICK_RUN}_{step.id}"
    return cache if image and _CACHE.fullmatch(cache) else ""


def tags_of(step: Step) -> list[str]:
    """The images that a build names, or that the step has instead (util/parse.go)."""
    return step.tags or following(step.build, "-t", "--tag")


def following(build: str, *options: str) -> list[str]:
    """The words that follow these options, between spaces."""
    return [word for before, word in pairwise(fields(build)) if before in options]


def _image(tags: list[str], registry: str) -> str:
    """The image beside which the cache is kept: the first that names a registry, else the first."""
    first = ""
    for tag in tags:
        match = _NAME.fullmatch(tag)
        if match is None:
            return ""
        if match[1]:
            return f"{match[1]}/{match[2]}"
        first = first or f"{registry}/{match[2]}"
    return first
