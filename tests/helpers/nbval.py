"""Run nbval over notebooks, strictly and in order; which cells fail, and with which words."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from helpers.tutorial import ROOT
from tests.readers import environment

SANITIZE = ROOT / "tests" / "nbval-sanitize.cfg"
_ANSI = re.compile(r"\x1b\[[0-9;]*m|#x1B\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """What nbval said: ``failures`` by notebook and cell id; ``ran`` how many cells."""

    failures: dict[tuple[str, str], str]
    ran: int
    text: str


def run(home: Path, folder: Path, report: Path) -> Outcome:
    """Run nbval over all notebooks of ``folder`` in the local cloud of ``home``."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-vv"),
            *("--nbval", "--nbval-sanitize-with", str(SANITIZE), "--rootdir", str(folder)),
            *("-p", "tests.nbval_names", f"--junitxml={report}", str(folder)),
        ],
        cwd=folder,
        env=environment(LOCALCLOUD_HOME=str(home), PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert report.is_file(), done.stdout + done.stderr
    failures = {}
    cases = list(ElementTree.parse(report).iter("testcase"))
    for case in cases:
        for problem in (*case.iter("failure"), *case.iter("error")):
            key = _cell(case.attrib["classname"], case.attrib["name"])
            failures[key] = _ANSI.sub("", problem.text or "")
    return Outcome(failures, len(cases), done.stdout)


def _cell(file: str, name: str) -> tuple[str, str]:
    """Notebook and cell id: a name is ``heading (id)``, or the id alone."""
    found = re.search(r"([\w-]+)\)?$", name)
    assert found is not None
    return file.removesuffix(".ipynb"), found[1]
