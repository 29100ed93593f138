"""The command of a RUN on the layers of a stage, and the layer of what it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..images.images import Descriptor
from ..images.layers import Entry
from ..sandboxes.account import UnknownUserError
from ..sandboxes.container import Mount
from ..sandboxes.root_file_system import RootFileSystem
from .dockerfile import Instruction
from .stage import Stage
from .state import BuildState
from .variables import VariableError
from .volumes import Volumes


def execute(  # noqa: PLR0913 (all that decides what a RUN does)
    build: BuildState,
    stage: Stage,
    argv: list[str],
    environment: Mapping[str, str],
    upper: Path,
    log: Callable[[str], None],
    *,
    network: str = "default",
    mounts: Sequence[Mount] = (),
    hostname: str = "",
    more: Callable[[RootFileSystem], list[Entry]] = lambda _root: [],
) -> tuple[int, Descriptor | None]:
    """Run a command: its exit status, and the layer of its changes (None: there are none).

    ``more`` gives entries that the layer has beside the changes.
    """
    lowers = build.images.unpacked(stage.layers)
    if not lowers:
        raise VariableError("the stage is empty (FROM scratch): there is nothing to run")
    root = RootFileSystem(lowers)
    try:
        account = root.account(stage.settings.get("User") or "")
    except UnknownUserError as error:
        raise VariableError(str(error)) from None
    paths = stage.settings.get("Volumes") or {}
    volumes = Volumes(root, () if build.frontend.buildkit else paths)
    status = build.host.execute(
        *(stage, lowers, upper, argv, environment, log),
        network=network,
        mounts=mounts,
        hostname=hostname,
    )
    entries = more(root) if status == 0 else []
    if status != 0 or not (upper.exists() or entries):
        return status, None
    if upper.exists():
        owners = build.images.owners(stage.layers)
        entries = [*entries, *volumes.left(owners.written(upper, account))]
    return status, build.store(entries)


def command_line(stage: Stage, instruction: Instruction) -> list[str]:
    """The words of the JSON form, or the shell with what it is to run."""
    words = instruction.exec_form
    if words is not None:
        return words
    return [*stage.shell, *([instruction.rest] if instruction.rest else [])]
