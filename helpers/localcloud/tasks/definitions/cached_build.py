"""``cache: enabled``: what the engine adds to a build, so that its layers are kept in the registry.

Source: acr-builder, graph/step.go (GetCmdWithCacheFlags); names of images as in the reference of
distribution, which takes the first of several parts for the registry.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .dependency_scan import fields
from .task_file import Step

QUICK_RUN = "quickrun"  # the name of a task that has none
_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"{_PART}(?:\.{_PART})*(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_NAME = re.compile(rf"(?:({_DOMAIN})/)?({_PATH})(?::{_TAG})?(?:@{_DIGEST})?")
_CACHE = re.compile(rf"{_DOMAIN}/{_PATH}:{_TAG}")


def command_of(step: Step, task: str, registry: str) -> str:
    """The words of a build as the engine runs it, where the step keeps its layers."""
    if step.cache.lower() != "enabled" or not step.build:
        return step.build
    image = _image(tags_of(step), registry)
    cache = f"{image}:cache_{task or QUICK_RUN}_{step.id}"
    if not image or not _CACHE.fullmatch(cache):
        return step.build
    place = f"type=registry,ref={cache}"
    return f"--load --cache-to={place},mode=max --cache-from={place} {step.build}"


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
