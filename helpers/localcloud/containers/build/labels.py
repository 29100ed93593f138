"""``docker build --label``: an instruction LABEL at the end of the stage that is built."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BuildError
from .dockerfile import parse
from .frontend import Frontend


def labelled(
    text: str, labels: Mapping[str, str], target: str | None, frontend: Frontend, name: str
) -> str:
    """The text of a Dockerfile with the labels of a command line (moby, buildLabelOptions).

    Raises :class:`BuildError` where the Dockerfile cannot be read, or a label has several lines.
    """
    if not labels:
        return text
    if any("\n" in one for pair in labels.items() for one in pair):
        raise BuildError("the local cloud takes no label of several lines")
    dockerfile = parse(text, name, frontend)
    stages = dockerfile.openings
    end = 0  # the line of the FROM after the target
    for index, stage in enumerate(stages[:-1]):
        if target and target.lower() in (stage.stage_name, str(index)):
            end = stages[index + 1].line
            break
    pairs = " ".join(
        f"{_quoted(label, dockerfile.escape)}={_quoted(labels[label], dockerfile.escape)}"
        for label in sorted(labels)
    )
    lines = text.split("\n")
    at = end - 1 if end else len(lines)
    return "\n".join([*lines[:at], f"LABEL {pairs}", *lines[at:]])


def _quoted(text: str, escape: str) -> str:
    for special in (escape, '"', "$"):
        text = text.replace(special, f"{escape}{special}")
    return f'"{text}"'
