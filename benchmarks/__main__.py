"""Measure, print, and fail when a limit is not kept: python -m benchmarks [NAME …]."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from . import builds, clouds, loads, pipelines, registries, tutorials
from .report import Figure, show

_ALL = {
    "daemon": clouds,
    "build": builds,
    "load": loads,
    "registry": registries,
    "pipeline": pipelines,
    "tutorial": tutorials,
}


def main(names: list[str]) -> int:
    """Run the benchmarks of these names, all without any; exit status 1 when one is over."""
    unknown = [name for name in names if name not in _ALL]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}. There are: {', '.join(_ALL)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in names or list(_ALL):
            figures += _ALL[name].measure(Path(folder) / name)
    show(figures)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
