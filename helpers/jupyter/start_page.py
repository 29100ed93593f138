"""The page that JupyterLab opens with: what this is, which cloud, what it costs, where you stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from string import Template

from .. import parameters
from ..errors import HelpersError
from ..localcloud import daemon
from ..localcloud.errors import DaemonError

_PAGES = Path(__file__).parent / "pages"
_WITHIN = 5.0  # seconds in which the cloud has to say where somebody stopped
_CLEAN_UP = "99"
_ASKED = (
    "✓: what the notebook makes is in the cloud. (Of $unmarked the cloud does not tell.) Close this "
    "page and open it again to look anew."
)
_NOT_ASKED = (
    "What is there already, each notebook finds out when it begins, and makes what is missing."
)


def text() -> str:
    """The page, as Markdown. What is wrong with the settings, or with the cloud, stands in it."""
    try:
        cloud, problem = parameters.made({}).cloud, ""
    except HelpersError as error:
        cloud, problem = "local", "**The settings are not right yet:**" + _verbatim(str(error))
    done: dict[str, bool] | None = None
    running = ""
    if cloud == "local":
        try:
            found = daemon.status(daemon.default_home())
        except DaemonError as error:
            found = None
            problem = problem or f"**The local cloud is not right:**{_verbatim(str(error))}"
        running = (
            f"process {found.pid}. Its state is in `{found.home}`."
            if found is not None
            else "nothing. The first code of a notebook starts it, and so does `python -m helpers up`."
        )
        done = _done() if found is not None and not problem else None
    return _page(cloud, done, problem, running)


def _page(cloud: str, done: Mapping[str, bool] | None, problem: str, running: str) -> str:
    chapters = _chapters()
    found = done or {}
    last = max((number for number, there in found.items() if there), default="")
    after = [number for number in chapters if last < number < _CLEAN_UP] if last else []
    mark = {number: "✓ " for number, there in found.items() if there}
    rows = [
        f"* {mark.get(number, '')}{number} [{title}]({path})"
        + (" **← go on here**" if after[:1] == [number] else "")
        for number, (path, title) in chapters.items()
    ]
    return Template((_PAGES / f"{cloud}.md").read_text(encoding="utf-8")).substitute(
        next="Where you stopped" if last else "Begin with 00",
        progress="\n".join(rows),
        note=problem or (_NOT_ASKED if done is None else _asked(chapters, found)),
        running=running,
    )


def _verbatim(message: str) -> str:
    """A message as an indented block: what settings and paths hold is no Markdown and no HTML there."""
    return "\n\n" + "\n".join(f"    {line}" for line in message.splitlines())


def _asked(chapters: Iterable[str], found: Container[str]) -> str:
    *others, last = [number for number in chapters if number not in found]
    return Template(_ASKED).substitute(unmarked=f"{', '.join(others)} and {last}")


def _chapters() -> dict[str, tuple[str, str]]:
    """File and title of each notebook, by its number."""
    found = {}
    for path in parameters.notebooks():
        words = path.stem[3:].replace("-", " ")
        found[path.name[:2]] = (path.name, words[:1].upper() + words[1:])
    return found


def _done() -> dict[str, bool] | None:
    """Which notebooks have left their evidence; None when the cloud does not say so in time.

    Asked by another process: connecting changes the environment, which kernels would inherit.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "helpers", "progress"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_WITHIN,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    lines = (line.split() for line in done.stdout.splitlines())
    return {number: said == "done" for number, said in lines}
