"""``task scan``: what a build depends on, as the dependency scan of ACR Tasks finds it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from ..errors import HelpersError
from ..localcloud.containers.build.dockerfile import parse
from ..localcloud.containers.build.frontend import NEWEST
from ..localcloud.containers.errors import BuildError
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
    _note_target(options.file, text, options.target)
    if options.json:
        shown = {"deps": [one.describe_scan() for one in found]}
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_page(found)))
    return 0


def _note_target(file: str, text: bytes, target: str) -> None:
    """Tell that there is no such stage, which the scan of ACR Tasks passes over."""
    if not target:
        return
    try:
        dockerfile = parse(text.decode(errors="replace"), file, NEWEST)
    except BuildError:  # what the scan has read need be no Dockerfile
        return
    names = [one.stage_name for one in dockerfile.openings if one.stage_name]
    if target.lower() not in names:
        print(
            f"{file}: it has no stage '{target}' (it has {', '.join(names) or 'none'}). The scan "
            "of ACR Tasks passes over that; the build then ends with: failed to reach build "
            f"target {target} in Dockerfile",
            file=sys.stderr,
        )


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
