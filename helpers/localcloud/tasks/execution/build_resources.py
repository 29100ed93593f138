"""What ``docker build`` takes beside its context: ``--secret``, ``--build-context``, ``--ssh``.

Source: docker/cli, cli/command/image/build_buildkit.go.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence

from ...containers.build.resources import Resources
from ...containers.errors import BuildError
from ...root_folder import FileBelow, RootFolder

Locate = Callable[[str, str], FileBelow]  # a path and what it is; OSError when it is missing
_IMAGE = "docker-image://"
_LARGEST = 500 * 1024  # bytes of a secret


def resources(
    secrets: Sequence[str],
    contexts: Sequence[str],
    ssh: Sequence[str],
    environment: Mapping[str, str],
    locate: Locate,
) -> Resources:
    """Read the options. Raises :class:`BuildError` in Docker's words."""
    found: dict[str, bytes] = {}
    for text in secrets:
        try:
            found.update([_secret(text, environment, locate)])
        except ValueError as error:
            raise BuildError(f"could not parse secrets: [{text}]: {error}", 1) from None
    for text in ssh:
        name, _, keys = text.partition("=")
        if not keys:
            raise BuildError(
                f"could not parse ssh: [{text}]: invalid empty ssh agent socket, make sure "
                "SSH_AUTH_SOCK is set. An agent of ACR Tasks has none either"
            )
        raise BuildError(
            f"could not parse ssh: [{text}]: the local cloud forwards no SSH keys ({name}): give the "
            "key as a --secret"
        )
    return Resources(
        secrets=found,
        contexts=dict(_context(text, locate) for text in contexts),
    )


def _secret(text: str, environment: Mapping[str, str], locate: Locate) -> tuple[str, bytes]:
    given = _fields(text)
    name, source, variable = given["id"], given["source"], given["env"]
    if not name:
        raise ValueError("secret missing ID")
    if given["type"] == "env" and not variable:
        source, variable = "", source
    if not (variable or source) and name in environment:
        variable = name
    if variable:
        return name, environment.get(variable, "").encode(errors="surrogateescape")
    path = source or name
    try:
        place = locate(path, "secret")
        with place.open() as file:
            content = file.read(_LARGEST + 1)
    except OSError:
        raise ValueError(f"failed to stat {path}: stat {path}: no such file or directory") from None
    if len(content) > _LARGEST:
        raise ValueError(f"invalid secret size: {path} has more than {_LARGEST} bytes")
    return name, content


def _fields(text: str) -> dict[str, str]:
    [fields] = csv.reader([text])
    given = dict.fromkeys(("type", "id", "source", "env"), "")
    for field in fields:
        key, equals, value = field.partition("=")
        known = {"src": "source"}.get(key.lower(), key.lower())
        if not equals:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if known not in given:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        if known == "type" and value not in ("file", "env"):
            raise ValueError(f'unsupported secret type "{value}"')
        given[known] = value
    return given


def _context(text: str, locate: Locate) -> tuple[str, RootFolder | str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BuildError(f"invalid context value: {text}, expected key=value")
    if value.startswith(_IMAGE):
        return name, value.removeprefix(_IMAGE)
    if "://" in value:
        raise BuildError(
            f"the local cloud fetches no named context from {value}: name a folder of the source "
            "code, or docker-image://IMAGE"
        )
    try:
        place = locate(value, "build context")
        return name, place.folder.folder(place.path, links=False)
    except OSError:
        raise BuildError(f"failed to stat {value}: no such file or directory") from None
