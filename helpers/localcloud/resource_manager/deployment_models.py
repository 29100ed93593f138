"""What the body of a deployment may say, beside its template, which has rules of its own.

Source: REST reference, Deployments - Create Or Update, 2025-04-01.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..shapes import Shape, ShapeError, check_shape
from .models import ResourceModel, Tags
from .routing import invalid

_PROPERTIES: Shape = {"mode": str, "template": {}, "parameters": {}, "debugSetting": {}}
_KNOWN = {
    *("template", "parameters", "mode", "debugSetting", "expressionEvaluationOptions"),
    *("validationLevel", "whatIfSettings", "templateLink", "parametersLink"),
    *("onErrorDeployment", "extensionConfigs"),
}


class Deployment(ResourceModel):
    """The body of Deployments_CreateOrUpdate, _Validate and _WhatIf; a template has its own rules."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: dict[str, Any] | None = None


def properties_of(given: Deployment) -> dict[str, Any]:
    """The properties of a request by the names that Azure has for them. Raises 400."""
    known = {one.lower(): one for one in _KNOWN}
    found = {known.get(key.lower(), key): value for key, value in (given.properties or {}).items()}
    for unknown in found.keys() - _KNOWN:
        raise invalid(
            "The request content was invalid and could not be deserialized: 'Could not find member "
            f"'{unknown}' on object of type 'DeploymentProperties'.'."
        )
    try:
        check_shape(found, _PROPERTIES, "properties")
    except ShapeError as error:
        raise invalid(
            f"The request content was invalid and could not be deserialized: {error}"
        ) from None
    return found
