"""``docker exec``: another command in a container of this run that runs."""

from __future__ import annotations

from ...containers.errors import SandboxError
from ...containers.sandboxes.container import ContainerTimeoutError
from ..definitions.flags import Options
from . import ToolContext
from .docker_run import variables

_CANNOT = 126

_OPTIONS = Options(
    "exec",
    values=("-e --env", "--env-file", "-u --user", "-w --workdir"),
    switches=("-d --detach",),
    ignored_values=("--detach-keys",),
    ignored_switches=("-t --tty", "-i --interactive"),  # as of docker run: a step has no terminal
    missing={"--privileged": "containers of the local cloud never get more rights than their run"},
    interspersed=False,
)


def execute(words: list[str], context: ToolContext) -> int:
    """Run a command; its exit status, 126 where it could not be started."""
    read = _OPTIONS.read(words)
    name, *command = read.need("exec", 2)
    environment = variables(read, context.environment, context)
    record = context.session.containers.find(name)
    if record is None:
        context.tell(f"Error response from daemon: No such container: {name}")
        return 1
    if not record.runs:
        context.tell(f"Error response from daemon: Container {record.id} is not running")
        return 1
    try:
        return context.session.containers.execute(
            record,
            command,
            environment=environment,
            working_dir=read.last("workdir"),
            user=read.last("user"),
            log=context.log,
            cancelled=context.cancelled,
            detach=read.is_set("detach"),
        )
    except ContainerTimeoutError:
        raise
    except SandboxError as error:
        context.tell(f"Error response from daemon: {error}")
        return _CANNOT if record.runs else 1
