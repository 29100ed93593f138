"""Write docs/coverage.md: from the last whole run of the suite, or with ``az`` from what az says today."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from helpers.localcloud import daemon
from tests.az import PROGRAMS
from tests.conftest import start

from . import commands
from .operations import Operations
from .page import page
from .reasons import unexplained
from .recording import PROVEN, SEEN, load

PAGE = PROVEN.with_name("coverage.md")


def main(arguments: list[str] | None = None) -> int:
    """Write the page anew."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["az"], help="ask every command of az again")
    if parser.parse_args(arguments).what:
        ask_az()
    elif SEEN.exists():
        stored = json.loads(PROVEN.read_text())
        stored["operations"] = json.loads(SEEN.read_text())
        PROVEN.write_text(json.dumps(stored, indent=1) + "\n")
    else:
        print("There is no run of the suite to read from: make test", file=sys.stderr)
        return 1
    PAGE.write_text(written())
    for one in unexplained(Operations(), load(json.loads(PROVEN.read_text())["operations"])):
        print(f"No client, and no reason (reasons.py): {one.service}: {one.method} {one.path}")
    print(f"{PAGE.name}: written")
    return 0


def written() -> str:
    """The page, of what is stored."""
    stored = json.loads(PROVEN.read_text())
    operations = list(Operations())
    proofs = {one: found for one, found in load(stored["operations"]).items() if one in operations}
    return page(operations, proofs, commands.stored(), stored["azure"])


def ask_az() -> None:
    """Run the scenario with each version of az, in a cloud of its own, and store the outcomes."""
    for target, program in PROGRAMS.items():
        if program is None:
            sys.exit(f"An Azure CLI is not installed; do it with: make {target}")
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_asked, PROGRAMS.values()))
    commands.RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def _asked(program: str | None) -> dict[str, Any]:
    """What became of the commands of one version."""
    with tempfile.TemporaryDirectory(prefix="proofs-") as folder:
        work = Path(folder)
        cloud = start(work / "home")
        try:
            az = commands.asking(cloud, work, program)
            steps = commands.scenario(commands.SCENARIO.read_text())
            return commands.results(az, steps, commands.names(cloud))
        finally:
            daemon.down(cloud.home)


if __name__ == "__main__":
    sys.exit(main())
