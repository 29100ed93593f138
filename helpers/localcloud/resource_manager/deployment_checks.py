"""What Azure checks of a template before it begins: types, rights, and the names of registries.

Source: Azure documentation, "Resolve errors for invalid template", and recorded answers of
``InvalidTemplateDeployment``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from ..deployments.declared import Declared
from ..deployments.errors import ExpressionError, TemplateError
from ..deployments.plan import Plan, check_outputs
from ..deployments.template import only_new
from ..errors import CloudError
from ..resource_types import REGISTRY_TYPE
from . import composition
from .deployment_inputs import WRITE, Caller, body_of, nested_plan, undone
from .routing import authorize


def check(caller: Caller, found: Plan, name: str) -> list[Declared]:
    """Raise what a deployment is refused with before anything is made; returns what it would make."""
    check_outputs(found)
    checked = list(_all(caller, found))
    for one in checked:
        try:
            composition.check(caller.cloud, "PUT", one.id, one.api_version, caller.principal)
        except CloudError as error:
            if error.status != 403:
                raise
            raise _unauthorized(one, error) from None
    refusals = (_tried(caller, one) for one in checked)
    details = [one.body() for one in refusals if one is not None]
    if details:
        raise CloudError(
            400,
            "InvalidTemplateDeployment",
            f"The template deployment '{name}' is not valid according to the validation procedure. "
            f"The tracking id is '{uuid.uuid4()}'. See inner errors for details.",
            details=details,
        )
    return checked


def _all(caller: Caller, found: Plan) -> Iterator[Declared]:
    """What is to be made, with what deployments within make as far as that is known now."""
    for one in found.resources:
        if not one.made:
            continue
        if not one.nested:
            yield one
            continue
        try:
            inner, _ = nested_plan(caller, one)
        except ExpressionError:
            continue  # its parameters are known when what they come from is made
        except CloudError as error:
            if error.code != "ResourceGroupNotFound":
                raise
            continue  # the template itself makes it
        authorize(caller.cloud, caller.principal, WRITE, one.id)
        check_outputs(inner)
        yield from _all(caller, inner)


def _tried(caller: Caller, one: Declared) -> CloudError | None:
    """Why a registry cannot be made. Other providers say so when the deployment goes on."""
    if one.type.lower() != REGISTRY_TYPE.lower():
        return None
    if only_new(one.written) and caller.cloud.store.get(one.id) is not None:
        return None
    try:
        body = body_of(one)
        with undone(caller.cloud):
            caller.send("PUT", one.id, one.api_version, body)
    except TemplateError:
        pass  # what is wrong with a reference is known when it can be asked
    except CloudError as error:
        error.target = one.name
        return error
    return None


def _unauthorized(one: Declared, error: CloudError) -> CloudError:
    return CloudError(
        403,
        "InvalidTemplateDeployment",
        "The template deployment failed with error: 'Authorization failed for template resource "
        f"'{one.name}' of type '{one.type}'. {error.message}'.",
    )
