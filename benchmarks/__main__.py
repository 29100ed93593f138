"""Measure, print, and fail when a limit is not kept: python -m benchmarks [NAME …]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from . import (
    builds,
    clouds,
    deployments,
    floods,
    imports,
    labs,
    listings,
    loads,
    logs,
    management,
    pipelines,
    purges,
    registries,
    rights,
    tasks,
    tutorials,
)
from .report import Figure, heading, line
from .sides import Side

# What measuring something ends with that a checkout does not do, or not in this way.
_DID_NOT_WORK = (RuntimeError, requests.RequestException, LookupError)

Measure = Callable[[Path, Sequence[Side]], list[Figure]]

_ALL: dict[str, Measure] = {
    "daemon": clouds.measure,
    "build": builds.measure,
    "registry": registries.measure,
    "rights": rights.measure,
    "render": tasks.measure,
    "import": imports.measure,
    "listing": listings.measure,
    "deployment": deployments.measure,
    "purge": purges.measure,
    "pipeline": pipelines.measure,
    "downstream": pipelines.measure_downstream,
    "load": loads.measure,
    "poison": floods.measure_poison,
    "puts": floods.measure_puts,
    "lab": labs.measure,
    "log": logs.measure,
    "management": management.measure,
    "tutorial": tutorials.measure,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks that are named, all without any; exit status 1 when one is over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(_ALL)}")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="another checkout with its own .venv, measured in the same run",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in _ALL]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}. There are: {', '.join(_ALL)}.")
    sides = [Side()]
    if options.against is not None:
        sides.append(Side(options.against.resolve()))
    met = True
    print(heading())
    with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as folder:
        for name in options.names or list(_ALL):
            try:
                figures = _measured(_ALL[name], Path(folder) / name, sides, name)
            except _DID_NOT_WORK as error:  # the others may
                print(f"{name} could not be measured: {_brief(error)}", flush=True)
                met = False
                continue
            for figure in figures:
                print(line(figure), flush=True)
            met = met and all(figure.met for figure in figures)
    return 0 if met else 1


def _measured(measure: Measure, folder: Path, sides: Sequence[Side], name: str) -> list[Figure]:
    """The figures of this checkout, compared with the other one's where that has what is measured."""
    try:
        return measure(folder, sides)
    except _DID_NOT_WORK as error:
        if not sides[1:]:
            raise
        reason = _brief(error)
    figures = measure(folder.with_name(f"{folder.name}-alone"), sides[:1])
    print(f"{name} cannot be compared, {sides[1].root} does not do it: {reason}", flush=True)
    return figures


def _brief(error: Exception) -> str:
    """What a side said last: the end of a log tells why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " … ".join(dict.fromkeys((lines[0], *lines[-2:]))) if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
