"""Files as a tool of a step sees them: the workspace of its run, and the folder that it works in."""

from __future__ import annotations

import errno
from pathlib import PurePosixPath

from ..errors import UsageError
from . import ToolContext

WORKSPACE = PurePosixPath("/workspace")


def inside(context: ToolContext, name: str) -> str:
    """A path of the workspace, given as the step sees it, without links.

    Raises :class:`UsageError` for one that is not there, or lies outside.
    """
    path = WORKSPACE / context.directory / name  # an absolute name stays what it is
    outside = UsageError(f"{name} lies outside /workspace, and a run never sees its host")
    if not path.is_relative_to(WORKSPACE):
        raise outside
    try:
        return context.workspace.real(str(path.relative_to(WORKSPACE)), strict=True)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise outside from None
        raise UsageError(f"{name} does not exist in /workspace") from None
