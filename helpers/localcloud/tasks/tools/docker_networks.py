"""``docker network`` and ``docker volume``: those of this run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ...containers.networks import OWN
from ...errors import CloudError
from ..definitions.flags import Options
from ..errors import UsageError
from . import ToolContext
from .tables import table

_CREATE = Options(
    "network create",
    ("-d --driver", "--label"),
    ("--ipv6", "--attachable"),
    missing=dict.fromkeys(
        ("--subnet", "--gateway", "--ip-range", "-o --opt", "--internal", "--scope", "--ingress"),
        "a network has no addresses of its own",
    ),
)
_LIST = Options("network ls", switches=("-q --quiet", "--no-trunc"))
_NAMES = Options("network rm", switches=("-f --force",))
_VOLUME = Options("volume create", ("-d --driver", "--label", "--name"))


def network(words: list[str], context: ToolContext) -> int:
    """``docker network create|ls|rm|inspect``."""
    return _verb("network", words, context, _NETWORK)


def volume(words: list[str], context: ToolContext) -> int:
    """``docker volume create|ls|rm|inspect``."""
    return _verb("volume", words, context, _VOLUMES)


def _verb(
    name: str,
    words: list[str],
    context: ToolContext,
    verbs: Mapping[str, Callable[[list[str], ToolContext], int]],
) -> int:
    act = verbs.get(words[0]) if words else None
    if act is None:
        raise UsageError(
            f"the local cloud does not implement docker {' '.join([name, *words[:1]])}; it has: "
            + ", ".join(f"{name} {verb}" for verb in verbs)
        )
    return act(words[1:], context)


def _create(words: list[str], context: ToolContext) -> int:
    read = _CREATE.read(words)
    (name,) = read.need("network create", 1, 1)
    context.log(
        context.session.networks.create(name, read.last("driver"), ipv6=read.is_set("ipv6"))
    )
    return 0


def _networks(words: list[str], context: ToolContext) -> int:
    read = _LIST.read(words)
    cut = None if read.is_set("no-trunc") else 12
    found = [(i[:cut], name, driver) for i, name, driver in context.session.networks.all()]
    if read.is_set("quiet"):
        for identity, _, _ in found:
            context.log(identity)
        return 0
    rows = [("NETWORK ID", "NAME", "DRIVER", "SCOPE"), *((*row, "local") for row in found)]
    for line in table(rows):
        context.log(line)
    return 0


def _remove(words: list[str], context: ToolContext) -> int:
    status = 0
    for name in _NAMES.read(words).need("network rm", 1):
        used = [one for one in context.session.containers.all() if one.runs and one.network == name]
        if name in OWN:
            text = f"{name} is a pre-defined network and cannot be removed"
        elif used:
            text = f"error while removing network: network {name} has active endpoints"
        else:
            text = "" if context.session.networks.remove(name) else f"network {name} not found"
        if text:
            context.tell(f"Error response from daemon: {text}")
            status = 1
        else:
            context.log(name)
    return status


def _inspect(words: list[str], context: ToolContext) -> int:
    names = _NAMES.read(words).need("network inspect", 1)
    known = {name: (identity, driver) for identity, name, driver in context.session.networks.all()}
    found = [
        {
            "Name": name,
            "Id": known[name][0],
            "Scope": "local",
            "Driver": known[name][1],
            "Containers": {
                one.id: {"Name": one.name}
                for one in context.session.containers.all()
                if one.runs and one.network == name
            },
        }
        for name in names
        if name in known
    ]
    context.log(json.dumps(found, indent=4))
    missing = [name for name in names if name not in known]
    for name in missing:
        context.tell(f"Error: No such network: {name}")
    return 1 if missing else 0


def _create_volume(words: list[str], context: ToolContext) -> int:
    read = _VOLUME.read(words)
    given = read.need("volume create", 0, 1)
    if read.last("driver", "local") != "local":
        raise CloudError(
            404, "NoPlugin", f'Error response from daemon: plugin "{read.last("driver")}" not found'
        )
    context.log(context.volumes.create((given or [read.last("name")])[0]))
    return 0


def _volumes(words: list[str], context: ToolContext) -> int:
    read = Options("volume ls", switches=("-q --quiet",)).read(words)
    names = context.volumes.names()
    rows = [("DRIVER", "VOLUME NAME"), *(("local", name) for name in names)]
    for line in names if read.is_set("quiet") else table(rows):
        context.log(line)
    return 0


def _remove_volume(words: list[str], context: ToolContext) -> int:
    status = 0
    for name in Options("volume rm", switches=("-f --force",)).read(words).need("volume rm", 1):
        if context.volumes.remove(name):
            context.log(name)
        else:
            context.tell(f"Error response from daemon: get {name}: no such volume")
            status = 1
    return status


def _inspect_volume(words: list[str], context: ToolContext) -> int:
    known = context.volumes.names()
    names = Options("volume inspect").read(words).need("volume inspect", 1)
    found = [{"Name": n, "Driver": "local", "Scope": "local"} for n in names if n in known]
    context.log(json.dumps(found, indent=4))
    missing = [name for name in names if name not in known]
    for name in missing:
        context.tell(f"Error response from daemon: get {name}: no such volume")
    return 1 if missing else 0


_NETWORK = {"create": _create, "ls": _networks, "rm": _remove, "inspect": _inspect}
_VOLUMES = {
    "create": _create_volume,
    "ls": _volumes,
    "rm": _remove_volume,
    "inspect": _inspect_volume,
}
