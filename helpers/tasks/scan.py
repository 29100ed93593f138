"""``task scan``: what a build depends on, as the dependency scan of ACR Tasks finds it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from ..errors import HelpersError
from ..localcloud.tasks.definitions import dependency_scan
from ..localcloud.tasks.definitions.build_dependencies import BuildDependency
from ..localcloud.tasks.definitions.image_names import SCRATCH, ImageName
from . import files


class ScanRefusedError(HelpersError):
    """A Dockerfile that the scan of ACR Tasks refuses; the message says where and why."""


def run(options: argparse.Namespace) -> int:
    """Print what the scan finds. Raises :class:`ScanRefusedError` where ACR Tasks refuses."""
    text = files.content(options.file)
    try:
        found = dependency_scan.scan(text, options.build_arg, options.tag, options.target)
    except dependency_scan.ScanError as error:
        place = f"{options.file}:{error.line}" if error.line else options.file
        raise ScanRefusedError(
            f"{place}: failed to scan dependencies: {error}\n{error.advice}."
        ) from None
    if options.json:
        shown = {"deps": [one.describe_scan() for one in found]}
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_page(found)))
    return 0


def _page(found: list[BuildDependency]) -> Iterator[str]:
    images = [one.image.reference for one in found if one.image]
    if images:
        yield f"builds       {', '.join(images)}"
    for one in found[:1]:  # they differ by the image alone
        if one.runtime:
            yield f"is based on  {_shown(one.runtime)}"
        for name in one.buildtime:
            yield f"needs        {_shown(name)}"


def _shown(name: ImageName) -> str:
    if name.reference == SCRATCH:
        return "scratch: no image"
    return f"{name.reference}  ({name.registry}/{name.repository})"
