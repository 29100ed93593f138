"""What ``RUN --mount=…`` says (Dockerfile reference, "RUN --mount"), checked in BuildKit's words."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...go_literals import boolean, size
from .frontend import Frontend
from .paths import absolute
from .variables import VariableError

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_NAMES = {"source": "source", "src": "source", "target": "target", "dst": "target"}
_NAMES |= {"destination": "target", "from": "origin", "id": "id", "env": "variable"}


@dataclass
class RunMount:
    """One ``--mount``; ``origin`` is its ``from``, ``variable`` its ``env``."""

    type: str = "bind"
    source: str = ""
    target: str = ""
    origin: str = ""
    id: str = ""
    sharing: str = ""
    variable: str = ""
    read_only: bool = True
    required: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0

    @property
    def secret_id(self) -> str:
        """Which secret, or agent of SSH keys, it is."""
        if self.type == "ssh":
            return self.id or "default"
        return self.source or self.id or PurePosixPath(self.target).name

    def place(self, working_dir: str) -> str:
        """Where it is in the container. Raises :class:`VariableError` for the root itself."""
        if self.type == "secret" and not self.target:
            return "" if self.variable else f"/run/secrets/{PurePosixPath(self.secret_id).name}"
        if self.type == "ssh" and not self.target:
            return "/run/buildkit/ssh_agent.0"
        place = absolute(working_dir, self.target)
        if place == "/":
            raise VariableError('invalid mount target "/"')
        return place


def parse_mount(text: str, expand: Callable[[str], str], frontend: Frontend) -> RunMount:
    """Read the value of a ``--mount``. Raises :class:`VariableError` in BuildKit's words."""
    mount = RunMount()
    told: bool | None = None  # whether it may be written to, when it says so
    try:
        [fields] = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise VariableError("failed to parse csv mounts: check its quotes and commas") from None
    for given in fields:
        name, equals, value = given.partition("=")
        name = name.lower()
        if not equals and name in ("readonly", "ro", "readwrite", "rw", "required"):
            value = "true"
        elif not equals:
            raise VariableError(f"invalid field '{given}' must be a key=value pair")
        if name == "from" and re.search(r"\$.", value):
            raise VariableError(
                "'from' doesn't support variable expansion, define alias stage instead"
            )
        value = expand(value) if frontend.has(1, 3) else value
        if name in ("readonly", "ro"):
            told = not _boolean(name, value)
        elif name in ("readwrite", "rw"):
            told = _boolean(name, value)
        elif name == "env" and not frontend.has(1, 10):
            raise VariableError(f"unexpected key '{name}' in '{given}'")
        else:
            _set(mount, name, value, given)
    _check(mount)
    mount.read_only = mount.type not in ("cache", "tmpfs") if told is None else not told
    return mount


def _set(mount: RunMount, name: str, value: str, given: str) -> None:
    if name == "type":
        mount.type = value.lower()
        if mount.type not in TYPES:
            raise VariableError(f'unsupported mount type "{value}"')
    elif name in _NAMES:
        setattr(mount, _NAMES[name], value)
    elif name == "sharing":
        mount.sharing = value.lower()
        if mount.sharing not in _SHARING:
            raise VariableError(f'unsupported sharing value "{value}"')
    elif name in ("mode", "uid", "gid"):
        digits = "[0-7]{1,10}" if name == "mode" else "[0-9]{1,9}"
        if not re.fullmatch(digits, value):
            raise VariableError(f"invalid value {value} for {name}")
        setattr(mount, name, int(value, 8 if name == "mode" else 10))
    elif name in ("required", "size"):
        if mount.type not in (("secret", "ssh") if name == "required" else ("tmpfs",)):
            raise VariableError(f"unexpected key '{name}' for mount type '{mount.type}'")
        if name == "required":
            mount.required = _boolean(name, value)
        else:
            mount.size = _bytes(value)
    else:
        raise VariableError(f"unexpected key '{name}' in '{given}'")


def _check(mount: RunMount) -> None:
    if mount.type not in ("secret", "ssh", "cache"):
        for name in ("mode", "uid", "gid"):
            if getattr(mount, name) is not None:
                raise VariableError(f'{name} not allowed for "{mount.type}" type mounts')
    if mount.type == "secret":
        if mount.origin:
            raise VariableError("secret mount should not have a from")
        if mount.sharing:
            raise VariableError("secret mount should not define sharing")
        if not (mount.source or mount.target or mount.id):
            raise VariableError("invalid secret mount. one of source, target required")
        if mount.source and mount.id:
            raise VariableError("both source and id can't be set")
    if mount.sharing and mount.type != "cache":
        raise VariableError(f"invalid cache sharing set for {mount.type} mount")


def _boolean(name: str, value: str) -> bool:
    found = boolean(value)
    if found is None:
        raise VariableError(f"invalid value for {name}: {value}")
    return found


def _bytes(value: str) -> int:
    found = size(value)
    if found is None:
        raise VariableError(f"invalid value for size: {value}")
    return found
