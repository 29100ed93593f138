"""``docker`` and containers: those of this run alone, while they run and as long as they are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from ...containers.networks import EVERYWHERE
from ...containers.running import Record
from ...containers.sandboxes.container import signal_of
from ...errors import CloudError
from ..definitions.flags import Options, Read
from ..errors import UsageError
from . import ToolContext
from .tables import table

_GRACE = 10.0  # seconds between the polite signal of ``docker stop`` and SIGKILL
_NO_ATTACH = "docker logs --follow tells what a container says"
_NO_FILES = "what a container has written is gone when it has ended"

_STOP = Options("stop", ("-t --time", "--timeout", "-s --signal"))
_KILL = Options("kill", ("-s --signal",))
_REMOVE = Options("rm", switches=("-f --force", "-v --volumes", "-l --link"))
_LOGS = Options(
    "logs",
    ("-n --tail",),
    ("-f --follow", "--details"),
    missing=dict.fromkeys(("-t --timestamps", "--since", "--until"), "it keeps no times of lines"),
)
_LIST = Options(
    "ps",
    ("-n --last", "-f --filter"),
    ("-a --all", "-q --quiet", "--no-trunc", "-l --latest", "-s --size"),
    missing={"--format": "read its table instead"},
)
_NAMES = Options("wait")
_PORT = Options("port")


def _each(
    names: list[str], context: ToolContext, act: Callable[[Record], None], frame: str = "{}"
) -> int:
    """Do something with each; as docker, go on after one that there is not."""
    status = 0
    for name in names:
        record = context.session.containers.find(name)
        if record is None:
            text = f"No such container: {name}"
            context.tell(f"Error response from daemon: {frame.format(text)}")
            status = 1
        else:
            try:
                act(record)
            except CloudError as error:
                context.tell(f"Error response from daemon: {error.message}")
                status = 1
                continue
            context.log(name)
    return status


def stop(words: list[str], context: ToolContext) -> int:
    """``docker stop``: a polite signal, then SIGKILL."""
    read = _STOP.read(words)
    names = read.need("stop", 1)
    text = read.last("time") or read.last("timeout") or str(_GRACE)
    try:
        grace = float(text)
    except ValueError:
        raise UsageError(f'invalid argument "{text}" for "-t, --time" flag') from None
    return _each(names, context, lambda record: record.stop(grace if grace >= 0 else 1e6))


def kill(words: list[str], context: ToolContext) -> int:
    """``docker kill``: a signal, SIGKILL unless another is named."""
    read = _KILL.read(words)
    names = read.need("kill", 1)
    number = signal_of(read.last("signal", "KILL"))
    if number is None:
        raise UsageError(f"Error response from daemon: Invalid signal: {read.last('signal')}")
    sent = number

    def act(record: Record) -> None:
        if not record.runs or record.container is None:
            raise CloudError(
                409,
                "NotRunning",
                f"Cannot kill container: {record.name}: Container {record.id} is not running",
            )
        record.container.signal(sent)
        if sent == 9:
            record.over.wait(_GRACE)

    status = 0
    for name in names:
        status |= _each([name], context, act, f"Cannot kill container: {name}: {{}}")
    return status


def remove(words: list[str], context: ToolContext) -> int:
    """``docker rm``: forget containers that have ended, with ``--force`` also others."""
    read = _REMOVE.read(words)
    names = read.need("rm", 1)
    force = read.is_set("force")

    def act(record: Record) -> None:
        if record.runs and not force:
            raise CloudError(
                409,
                "Running",
                f"You cannot remove a running container {record.id}. Stop the container before "
                "attempting removal or force remove",
            )
        if record.runs and record.container is not None:
            record.container.kill()
            record.over.wait(_GRACE)
        context.session.containers.remove(record)

    if not force:
        return _each(names, context, act)
    known = [name for name in names if context.session.containers.find(name) is not None]
    for name in names:  # in Docker 20 and 23 that is no failure
        if name not in known:
            context.tell(f"Error: No such container: {name}")
    return _each(known, context, act)


def logs(words: list[str], context: ToolContext) -> int:
    """``docker logs``: what a container has said, with ``--follow`` until it ends."""
    read = _LOGS.read(words)
    record = _one(read.need("logs", 1, 1)[0], context)
    tail = read.last("tail", "all")
    if read.is_set("follow"):
        while record.runs and not context.cancelled():
            record.over.wait(0.1)
    lines = record.output
    if tail.isascii() and tail.isdigit():
        lines = lines[len(lines) - min(int(tail), len(lines)) :]
    for line in lines:
        context.log(line)
    return 0


def wait(words: list[str], context: ToolContext) -> int:
    """``docker wait``: until containers have ended; prints their exit statuses."""
    status = 0
    for name in _NAMES.read(words).need("wait", 1):
        record = context.session.containers.find(name)
        if record is None:
            context.tell(f"Error response from daemon: No such container: {name}")
            status = 1
            continue
        while record.runs and not context.cancelled():
            record.over.wait(0.1)
        context.log(str(record.exit_code))
    return status


def port(words: list[str], context: ToolContext) -> int:
    """``docker port``: where the host leads to a container's ports."""
    name, *private = _PORT.read(words).need("port", 1, 2)
    record = _one(name, context)
    if not private:
        for one in record.ports:
            context.log(str(one))
        return 0
    wanted, _, kind = private[0].partition("/")
    found = [p for p in record.ports if (str(p.container), p.kind) == (wanted, kind or "tcp")]
    if not found:
        raise CloudError(
            404, "NoPort", f"Error: No public port '{wanted}/{kind or 'tcp'}' published for {name}"
        )
    for one in found:
        context.log(f"{EVERYWHERE}:{one.host}")
    return 0


def listing(words: list[str], context: ToolContext) -> int:
    """``docker ps``."""
    read = _LIST.read(words)
    read.need("ps", 0, 0)
    records = [one for one in context.session.containers.all() if _is_listed(one, read)]
    most = int(read.last("last", "0") or 0) or (1 if read.is_set("latest") else len(records))
    whole = read.is_set("no-trunc")
    if read.is_set("quiet"):
        for one in records[:most]:
            context.log(one.id if whole else one.short)
        return 0
    rows = [("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")]
    for one in records[:most]:
        command = " ".join(one.command)
        command = command if whole or len(command) <= 20 else f"{command[:19]}…"
        rows.append(
            (
                one.id if whole else one.short,
                one.image,
                f'"{command}"',
                f"{_ago(one.created)} ago",
                _status(one),
                ", ".join(f"{EVERYWHERE}:{p.host}->{p.container}/{p.kind}" for p in one.ports),
                one.name,
            )
        )
    for line in table(rows):
        context.log(line)
    return 0


def _is_listed(record: Record, read: Read) -> bool:
    everything = read.is_set("all") or "last" in read.given or read.is_set("latest")
    kept = record.runs or everything
    for text in read.all("filter"):
        key, _, value = text.partition("=")
        if key == "name":
            kept = kept and value.lstrip("^/").rstrip("$") in record.name
        elif key == "status":
            kept = (value == "running") if record.runs else (value == "exited")
        elif key == "ancestor":
            kept = kept and value in (record.image, record.image.removesuffix(":latest"))
        elif key == "id":
            kept = kept and record.id.startswith(value)
        elif key == "exited":
            kept = not record.runs and str(record.exit_code) == value
        elif key == "label":
            name, equals, wanted = value.partition("=")
            has = record.labels.get(name)
            kept = kept and has is not None and (not equals or has == wanted)
        else:
            raise UsageError(f"the local cloud does not implement the filter '{key}' of docker ps")
    return kept


def _ago(moment: float) -> str:
    seconds = max(1, int(time.time() - moment))
    if seconds < 60:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    minutes = seconds // 60
    return f"{minutes} minutes" if minutes > 1 else "About a minute"


def _status(record: Record) -> str:
    if record.runs:
        return f"Up {_ago(record.created)}"
    return f"Exited ({record.exit_code}) {_ago(record.ended or record.created)} ago"


def _one(name: str, context: ToolContext) -> Record:
    record = context.session.containers.find(name)
    if record is None:
        raise CloudError(
            404, "NoSuchContainer", f"Error response from daemon: No such container: {name}"
        )
    return record


def inspect(record: Record) -> dict[str, object]:
    """What ``docker inspect`` tells of a container."""
    ports = {
        f"{one.container}/{one.kind}": [{"HostIp": EVERYWHERE, "HostPort": str(one.host)}]
        for one in record.ports
    }
    return {
        "Id": record.id,
        "Created": _moment(record.created),
        "Path": record.command[0],
        "Args": record.command[1:],
        "State": {
            "Status": "running" if record.runs else "exited",
            "Running": record.runs,
            "Pid": record.container.pid if record.container is not None and record.runs else 0,
            "ExitCode": record.exit_code,
            "StartedAt": _moment(record.created),
            "FinishedAt": _moment(record.ended),
        },
        "Name": f"/{record.name}",
        "HostConfig": {"NetworkMode": record.network, "AutoRemove": record.remove},
        "Config": {"Image": record.image, "Cmd": record.command, "Labels": record.labels},
        "NetworkSettings": {"Ports": ports, "Networks": {record.network: {}}},
    }


def _moment(seconds: float) -> str:
    if not seconds:
        return "0001-01-01T00:00:00Z"
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")


def absent(name: str, why: str) -> Callable[[list[str], ToolContext], int]:
    """A command that docker has and the local cloud does not."""

    def refuse(words: list[str], context: ToolContext) -> int:  # noqa: ARG001
        raise UsageError(
            f"the local cloud does not implement docker {name}: {why}. It works on Azure"
        )

    return refuse


COMMANDS: dict[str, Callable[[list[str], ToolContext], int]] = {
    "stop": stop,
    "kill": kill,
    "rm": remove,
    "logs": logs,
    "wait": wait,
    "port": port,
    "ps": listing,
    "attach": absent("attach", _NO_ATTACH),
    **{name: absent(name, _NO_FILES) for name in ("cp", "commit", "diff", "export", "start")},
    "restart": absent("restart", _NO_FILES),
    "create": absent("create", "docker run makes and starts containers"),
}
