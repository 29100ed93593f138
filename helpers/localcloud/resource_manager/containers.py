"""Microsoft.ContainerInstance/containerGroups/containers: what one of a group writes, and who enters it."""

from __future__ import annotations

from ..container_instances import consoles, logs
from ..container_instances.consoles import COLUMNS, ROWS, Entrance, Session
from ..container_instances.state import containers_of
from ..errors import CloudError
from ..request_values import parse_number
from ..resource_types import CONTAINER_GROUP_TYPE
from ..store import Resource
from .container_groups import GROUP
from .models import Model
from .routing import Call, Reply, Router, invalid

_CONTAINER = GROUP + "/containers/{container}"
_TYPE = f"{CONTAINER_GROUP_TYPE}/containers"
_LARGEST = 10_000  # rows or columns
_VERSION = "2018-02-01-preview"  # of the API that the bridges of Azure have
router = Router()


class TerminalSize(Model):
    """How large a terminal is, in characters."""

    rows: int | None = None
    cols: int | None = None


class ContainerExecRequest(Model):
    """The body of Containers_ExecuteCommand."""

    command: str | None = None
    terminal_size: TerminalSize | None = None


@router.operation("GET", _CONTAINER + "/logs", f"{_TYPE}/logs/read")
def list_logs(call: Call) -> Reply:
    """Containers_ListLogs; ``tail`` lines, with ``timestamps`` where asked for."""
    resource, name = _container(call)
    given = call.query.get("tail")
    tail = parse_number(given) if given is not None else None
    if given is not None and tail is None:
        raise invalid(f"The value '{given}' of 'tail' is not a number of lines.", "InvalidTail")
    content = logs.read(
        call.cloud,
        resource.id,
        name,
        tail=tail,
        timestamps=call.query.get("timestamps", "").lower() == "true",
    )
    return Reply(200, {"content": content})


@router.operation("POST", _CONTAINER + "/exec", f"{_TYPE}/exec/action", ContainerExecRequest)
def execute_command(call: Call, given: ContainerExecRequest) -> Reply:
    """Containers_ExecuteCommand: where a terminal is, and the password that it wants first."""
    resource, entrance = _running(call)
    command = (given.command or "").strip()
    if not command:
        raise invalid("The 'command' to execute in the container is not specified.")
    size = given.terminal_size or TerminalSize()
    rows, columns = size.rows or ROWS, size.cols or COLUMNS
    if not (1 <= rows <= _LARGEST and 1 <= columns <= _LARGEST):
        raise invalid(f"The 'terminalSize' has rows or cols that are not between 1 and {_LARGEST}.")
    session = consoles.of(call.cloud).open(entrance, command, rows, columns)
    return _at(resource, session, f"rows={rows}&cols={columns}&")


@router.operation("POST", _CONTAINER + "/attach", f"{_TYPE}/attach/action")
def attach(call: Call) -> Reply:
    """Containers_Attach: where to see what the container writes from now on."""
    resource, entrance = _running(call)
    return _at(resource, consoles.of(call.cloud).open(entrance), "")


def _at(resource: Resource, session: Session, query: str) -> Reply:
    host = f"bridge-linux-01.{resource.body['location']}.management.azurecontainer.io"
    uri = f"wss://{host}{session.path}?{query}api-version={_VERSION}"
    return Reply(200, {"webSocketUri": uri, "password": session.password})


def _container(call: Call) -> tuple[Resource, str]:
    """The group, and the name of the container that a call is about. Raises 404."""
    group_id = call.resource_id.rpartition("/containers/")[0]
    resource = call.get(CONTAINER_GROUP_TYPE, group_id)
    name = call.params["container"]
    known = [item["name"] for item in containers_of(resource.properties)]
    if name not in known:
        raise CloudError(
            404,
            "ContainerNotFound",
            f"The container '{name}' is not found in the container group '{resource.name}'. "
            f"It has: {', '.join(known)}.",
        )
    return resource, name


def _running(call: Call) -> tuple[Resource, Entrance]:
    """The group, and the container, which must run. Raises 404, and 409 where it does not."""
    resource, name = _container(call)
    entrance = consoles.of(call.cloud).find(resource.id, name)
    if entrance is None:
        state = resource.properties["instanceView"].get("state")
        raise CloudError(
            409,
            "Conflict",
            f"The container '{name}' of the container group '{resource.name}' is not running: the "
            f"group is in state '{state}'. Start it first, or wait until it runs.",
        )
    return resource, entrance
