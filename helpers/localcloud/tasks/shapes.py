"""Which JSON type is where in run requests, so that a wrong one is a 400 that names it.

Source: REST reference of Microsoft.ContainerRegistry, "Registries - Schedule Run".
"""

from __future__ import annotations

from typing import Any

from ..errors import CloudError
from ..shapes import Shape, ShapeError, check_shape

_VALUES = [{"name": str, "value": str, "isSecret": bool}]
_PLATFORM = {"os": str, "architecture": str, "variant": str}
_AGENT = {"cpu": int}
_SECRET = {"type": str, "value": str}
_CREDENTIALS = {
    "sourceRegistry": {"loginMode": str, "identity": str},
    "customRegistries": {str: {"userName": _SECRET, "password": _SECRET, "identity": str}},
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
_COMMON = {
    "platform": _PLATFORM,
    "agentConfiguration": _AGENT,
    "agentPoolName": str,
    "logTemplate": str,
    "timeout": int,
    "credentials": _CREDENTIALS,
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
_WANTED: dict[type, str] = {
    **{dict: "an object", list: "a list"},
    **{str: "a text", int: "a whole number", bool: "true or false"},
}


def check(value: Any, shape: Shape, path: str = "") -> None:
    """Raise 400 that names the first place in ``value`` that is not of its shape; null is."""
    if value is None:
        return
    try:
        check_shape(value, shape, path)
    except ShapeError as error:
        wanted = "given" if error.null else _WANTED[error.kind]
        raise CloudError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid: '{error.path}' must be {wanted}.",
        ) from None
