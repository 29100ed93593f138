"""Which JSON type is where in tasks and run requests, so that a wrong one is a 400 that names it.

Source: REST reference of Microsoft.ContainerRegistry, "Tasks" and "Registries - Schedule Run".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import CloudError


@dataclass(frozen=True)
class _Each:
    """An object with names of the user's choice; each value has this shape."""

    shape: Any


_VALUES = [{"name": str, "value": str, "isSecret": bool}]
_PLATFORM = {"os": str, "architecture": str, "variant": str}
_AGENT = {"cpu": int}
_SECRET = {"type": str, "value": str}
_CREDENTIALS = {
    "sourceRegistry": {"loginMode": str, "identity": str},
    "customRegistries": _Each({"userName": _SECRET, "password": _SECRET, "identity": str}),
}
_STEP = {
    **dict.fromkeys(("type", "contextPath", "contextAccessToken"), str),
    **dict.fromkeys(("taskFilePath", "valuesFilePath"), str),
    **dict.fromkeys(("encodedTaskContent", "encodedValuesContent"), str),
    **dict.fromkeys(("dockerFilePath", "target"), str),
    "imageNames": [str],
    "isPushEnabled": bool,
    "noCache": bool,
    "values": _VALUES,
    "arguments": _VALUES,
}
_SOURCE_TRIGGER = {
    "name": str,
    "status": str,
    "sourceTriggerEvents": [str],
    "sourceRepository": {
        **dict.fromkeys(("sourceControlType", "repositoryUrl", "branch"), str),
        "sourceControlAuthProperties": dict.fromkeys(
            ("tokenType", "token", "refreshToken", "scope"), str
        ),
    },
}
_BASE_IMAGE_TRIGGER = dict.fromkeys(
    ("name", "status", "baseImageTriggerType", "updateTriggerPayloadType", "updateTriggerEndpoint"),
    str,
)
_COMMON = {
    "platform": _PLATFORM,
    "agentConfiguration": _AGENT,
    "agentPoolName": str,
    "logTemplate": str,
    "timeout": int,
    "credentials": _CREDENTIALS,
}
IDENTITY = {"type": str}
TASK = {
    **_COMMON,
    "status": str,
    "isSystemTask": bool,
    "step": _STEP,
    "trigger": {
        "timerTriggers": [{"name": str, "status": str, "schedule": str}],
        "sourceTriggers": [_SOURCE_TRIGGER],
        "baseImageTrigger": _BASE_IMAGE_TRIGGER,
    },
}
RUN_REQUEST = {
    **_STEP,
    **_COMMON,
    "isArchiveEnabled": bool,
    "sourceLocation": str,
    "taskId": str,
    "overrideTaskStepProperties": {
        **dict.fromkeys(("contextPath", "file", "target", "updateTriggerToken"), str),
        "values": _VALUES,
        "arguments": _VALUES,
    },
}
_WANTED = {str: "a text", int: "a whole number", bool: "true or false"}


def check(value: Any, shape: Any, path: str = "") -> None:
    """Raise 400 that names the first place in ``value`` that is not of its shape; null is."""
    if value is None:
        return
    if isinstance(shape, (dict, _Each)):
        if not isinstance(value, dict):
            raise _refused(path, "an object")
        for name, inner in value.items():
            wanted = shape.shape if isinstance(shape, _Each) else shape.get(name)
            if wanted is not None:
                check(inner, wanted, f"{path}.{name}" if path else str(name))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _refused(path, "a list")
        for number, inner in enumerate(value):
            if inner is None:
                raise _refused(f"{path}[{number}]", "given")
            check(inner, shape[0], f"{path}[{number}]")
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise _refused(path, _WANTED[shape])


def _refused(path: str, wanted: str) -> CloudError:
    return CloudError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid: '{path}' must be {wanted}.",
    )
