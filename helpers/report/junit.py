"""The result of a tutorial run as CI systems read it: JUnit's XML, a suite for each notebook.

Its elements and attributes are those of the schema that Jenkins' xUnit plugin publishes, and that
pytest, GitLab and Azure Pipelines share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..errors import HelpersError
from ..headings import code_cells, name_of
from ..localcloud import atomic
from ..parameters import read
from ..tutorial import Failure, Result

# What XML cannot hold, not even escaped (XML 1.0, section 2.2).
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ORDINARY = 0o666  # less what the reader's umask takes away
_LEFT_OUT = "a cell above it failed"


def make_room(path: Path) -> None:
    """Remove the file of an earlier run, before this one begins.

    Raises :class:`HelpersError` where no file can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, "")
        path.unlink()
    except OSError as error:
        raise HelpersError(f"{path} cannot be written: {error.strerror}.") from None


def write(results: Sequence[Result], path: Path) -> None:
    """Write the file, whole or not at all. Raises OSError."""
    root = ElementTree.Element("testsuites", name="notebooks")
    for result in results:
        root.append(_suite(result))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(one.seconds for one in results):.3f}")
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    atomic.write(path, text + b"\n", mode=_ORDINARY)


def _suite(result: Result) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=result.chapter.name)
    executed = result.executed
    failed = False
    for heading, cell in code_cells(read(executed or result.chapter.path).cells):
        case = _case(suite, result, name_of(heading, cell), _seconds(cell))
        problem = result.failure if _raised(cell) else None
        if problem is not None and not failed:
            failed = True
            _problem(case, "failure", problem)
        elif result.status == "not run":
            _skipped(case, result.reason or "an earlier notebook failed")
        elif failed or executed is None:
            _skipped(case, _LEFT_OUT)
    if result.failure is not None and not failed:  # no cell has: a kernel that died, for instance
        _problem(_case(suite, result, "the notebook as a whole", 0.0), "error", result.failure)
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    for kind, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{result.seconds:.3f}")
    if result.began is not None:
        suite.set("timestamp", f"{result.began:%Y-%m-%dT%H:%M:%S}")
    return suite


def _case(
    suite: ElementTree.Element, result: Result, name: str, seconds: float
) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=result.chapter.name, name=_text(name), time=f"{seconds:.3f}"
    )


def _problem(case: ElementTree.Element, kind: str, failure: Failure) -> None:
    first = failure.message.strip().splitlines()[0] if failure.message.strip() else ""
    problem = ElementTree.SubElement(case, kind, message=_text(first))
    problem.text = _text(f"{failure.source}\n\n{failure.message}".strip())


def _skipped(case: ElementTree.Element, reason: str) -> None:
    ElementTree.SubElement(case, "skipped", message=_text(reason))


def _seconds(cell: Any) -> float:
    return float(cell.metadata.get("papermill", {}).get("duration") or 0.0)


def _raised(cell: Any) -> bool:
    """Whether an error ended this cell, as papermill notes it."""
    return bool(cell.metadata.get("papermill", {}).get("exception"))


def _text(value: str) -> str:
    return _UNWRITABLE.sub("�", value)
