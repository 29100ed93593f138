"""What the engine checks of secrets and volumes when it has read a task file, with the lines of the file.

Source: acr-builder, graph/task.go (Task.Validate), pkg/secretmgmt/secret.go, pkg/volume.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import TaskError
from .task_file import Step
from .yaml_values import LINE

Properties = Mapping[str, Any]
LineOf = Callable[[int], int]  # the line of the file for one of the text that was read
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_FILE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _place(item: Properties, line_of: LineOf) -> str:
    """Where an item stands, as the end of a message; "" of one that has not even braces."""
    return f" (line {line_of(item[LINE])})" if LINE in item else ""


def check_secrets(secrets: Sequence[Properties], line_of: LineOf) -> None:
    """The rules of each secret (secretmgmt.Secret, Validate). Raises :class:`TaskError`."""
    seen: set[str] = set()
    for secret in secrets:
        name, identity = secret.get("id", ""), secret.get("clientID", "")
        message, place = "", _place(secret, line_of)
        if not name:
            raise TaskError(f"secret is missing an ID as well as auto-generated ID{place}")
        if any(character.isspace() for character in name):
            message = "secret ID cannot contain spaces"
        elif not secret.get("keyvault") and not secret.get("aadresourceid"):
            message = (
                "secret should contain either keyvault property for vault secret, or msi "
                "clientID/aadResourceId for msi authentication"
            )
        elif identity and not _is_uuid(identity):
            message = "msi client ID is not a valid guid"
        if message:
            raise TaskError(f"failed to validate secret with ID: {name}: {message}{place}")
        if name in seen:
            raise TaskError(f"duplicate secret found with ID: {name}{place}")
        seen.add(name)


def _is_uuid(text: str) -> bool:
    """Whether it is one in any of the spellings of the engine's library (google/uuid, Parse)."""
    size = len(text.encode(errors="replace"))
    if size == 32:
        return re.fullmatch("[0-9a-fA-F]{32}", text) is not None
    if size == 45 and text[:9].lower() == "urn:uuid:":
        text = text[9:]
    elif size == 38:
        text = text[1:-1]
    return _UUID.fullmatch(text) is not None


def check_volumes(volumes: Sequence[Properties], steps: Sequence[Step], line_of: LineOf) -> None:
    """The rules of each volume, and that steps mount no others. Raises :class:`TaskError`."""
    names: set[str] = set()
    for volume in volumes:
        name = volume.get("name", "")
        wrong = _wrong_volume(name, volume.get("secret"))
        if not wrong and name in names:
            wrong = f"volume with duplicate name found [volume: {name}]"
        if wrong:
            raise TaskError(wrong + _place(volume, line_of))
        names.add(name)
    for step in steps:
        for mount in step.volume_mounts:
            if mount["name"] not in names:
                raise TaskError(
                    f"mount name, {mount['name']}, does not correspond to a volume{step.place}"
                )


def _wrong_volume(name: str, secret: Mapping[str, str] | None) -> str:
    """What is wrong with a volume; "" where nothing is (volume.Validate)."""
    if not name:
        return "volume name is empty"
    if secret is None:
        return f"volume {name} has no 'secret', the only kind that there is"
    if not _VOLUME_NAME.fullmatch(name):
        return f"volume name is not well formed. Only use alphanumeric and - _ [volume: {name}]"
    if not secret:
        return f"secret is empty [volume: {name}]"
    if "" in secret:
        return f"secret name provided for value is empty [volume: {name}]"
    wrong = next((one for one in secret if not _FILE_NAME.fullmatch(one)), None)
    if wrong is not None:
        return (
            f"file name, {wrong}, is not well formed. Only use alphanumeric and - _ . "
            f"[volume: {name}]"
        )
    return ""
