"""Microsoft.Resources/deployments: templates that are checked, carried out, told of and previewed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..cloud import Cloud
from ..deployments.errors import TemplateError
from ..deployments.limits import Budget
from ..deployments.plan import Plan
from ..errors import CloudError
from ..operations import IN_PROGRESS, Operation
from ..resource_types import DEPLOYMENT_TYPE
from ..store import Resource
from . import deployment_changes, deployment_checks
from . import deployment_records as records
from .deployment_execution import Execution
from .deployment_inputs import (
    Caller,
    Parts,
    check_properties,
    invalid_template,
    parts_of,
    place_of,
)
from .deployment_models import Deployment, properties_of
from .filters import conditions
from .locations import location_of
from .models import ResourceModel
from .operations import RETRY, address, carries_out, operation_of
from .pages import after, body_of, link_after, page, top
from .routing import Call, Reply, Router, invalid
from .scopes import Registered, everywhere

router = Router()
_SCOPES = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments",
    "/subscriptions/{subscription}/providers/Microsoft.Resources/deployments",
)
# As az asks for the operations of a deployment, and for nothing else.
_OPERATIONS = (*_SCOPES, "/subscriptions/{subscription}/resourceGroups/{group}/deployments")
_KIND = "deployments/write"
_MOST = 800  # deployments in the history of a group or subscription
_LEVELS = ("template", "provider", "providernorbac")
_UNDONE = "what was tried is rolled back in a transaction of its own"


def _both(
    method: str,
    path: str,
    action: str,
    body: type[ResourceModel] | None = None,
    *,
    outside: str = "",
    scopes: tuple[str, ...] = _SCOPES,
) -> Callable[[Registered], Registered]:
    permission = f"{DEPLOYMENT_TYPE}/{action}"
    return everywhere(router, method, path, permission, body, scopes=scopes, outside=outside)


def _caller(call: Call) -> Caller:
    return Caller(call.cloud, call.principal)


def _checked(call: Call, properties: dict[str, Any]) -> tuple[Plan, str, list[str]]:
    """What the template of a request says, the mode, and the ids of what it would make.

    Raises 400 for what is wrong with it.
    """
    try:
        found, mode = _planned(call, properties)
        return found, mode, _check(call, found, properties)
    except TemplateError as error:
        raise invalid_template(error, _text(call)) from None


def _planned(call: Call, properties: dict[str, Any]) -> tuple[Plan, str]:
    """What the template of a request says, and the mode."""
    name = call.params["name"]
    if not re.fullmatch(r"[-\w.()]{1,64}", name, re.ASCII):
        raise invalid(
            f"The provided deployment name '{name[:100]}' is not valid: it may have letters, digits, "
            "underscores, hyphens, periods and parentheses, at most 64 characters.",
            "InvalidDeploymentName",
        )
    check_properties(properties)
    mode = str(properties.get("mode") or "").capitalize()
    if mode not in ("Incremental", "Complete"):
        raise invalid(
            f"The deployment mode '{properties.get('mode')}' is not valid: it is Incremental or "
            "Complete.",
            "InvalidDeploymentMode",
        )
    if mode == "Complete" and "group" not in call.params:
        raise invalid(
            "The deployment mode 'Complete' is only for deployments to a resource group.",
            "InvalidDeploymentMode",
        )
    base = call.resource_id.rpartition("/providers/")[0]
    budget, location = Budget(), call.body.get("location")
    parts = parts_of(call.cloud, properties, "", budget)
    place = place_of(
        *(_caller(call), base, name, parts.document), location=location, links=parts.links
    )
    return parts.planned(place, budget), mode


def _text(call: Call) -> str:
    """The body of a request as it was sent."""
    return call.content.decode("utf-8-sig")


def _check(call: Call, found: Plan, properties: dict[str, Any]) -> list[str]:
    """Check a plan as far as the request wants; returns the ids of what it would make."""
    level = str(properties.get("validationLevel") or "Provider").lower()
    if level not in _LEVELS:
        raise invalid(f"The validationLevel is one of {', '.join(_LEVELS)}: '{level}' is none.")
    if level == "template":
        return [one.id for one in found.resources if one.made]
    checked = deployment_checks.check(_caller(call), found, call.params["name"])
    return [one.id for one in checked]


def _more(call: Call, given: Deployment) -> dict[str, Any]:
    """What a deployment has beside its properties: to a subscription, a location."""
    tags = {"tags": given.tags} if given.tags else {}
    if "group" in call.params:
        if given.location:
            raise invalid(
                "The 'location' property is not allowed for deployments to a resource group.",
                "InvalidDeploymentLocation",
            )
        return tags
    if not given.location:
        raise invalid(
            f"The 'location' property must be specified for '{call.params['name']}'. Please see "
            "https://aka.ms/deploy-to-subscription for usage details.",
            "LocationRequired",
        )
    return {"location": location_of(given.location), **tags}


@_both("PUT", "/{name}", "write", Deployment, outside=_UNDONE)
def create_or_update(call: Call, given: Deployment) -> Reply:
    """Deployments_CreateOrUpdate: the template is checked at once, and carried out afterwards."""
    more, properties = _more(call, given), properties_of(given)
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        _check_replaced(existing, more)
    else:
        _check_quota(call)
    found, mode, _ = _checked(call, properties)
    private = {
        "template": found.template.document,
        "parameters": {name: {"value": value} for name, value in found.values.items()},
        "links": found.links,
        "text": found.text or _text(call),
    }
    record = records.described(call.resource_id, found, mode, more)
    with call.cloud.store.transaction():
        newest = call.cloud.store.get(call.resource_id)
        if newest is not None:
            _check_replaced(newest, more)  # another may have been quicker
        operation = call.cloud.operations.begin(
            _KIND, record.id, {"principal": call.principal.object_id}
        )
        records.begun(call.cloud, record, {**private, "operation": operation.id})
    place = address(f"{record.id}/operationStatuses/{operation.id}")
    headers = {"Azure-AsyncOperation": place, **RETRY}
    return Reply(200 if existing else 201, record.body, headers)


def _check_replaced(existing: Resource, more: dict[str, Any]) -> None:
    if _active(existing):
        raise CloudError(
            409,
            "DeploymentActive",
            f"Unable to edit or replace deployment '{existing.name}': previous deployment from "
            f"'{existing.properties['timestamp']}' is still active. Please see "
            "https://aka.ms/arm-deploy for usage details.",
        )
    if existing.body.get("location") != more.get("location"):
        raise CloudError(
            409,
            "InvalidDeploymentLocation",
            f"Invalid deployment location '{more.get('location')}'. The deployment "
            f"'{existing.name}' already exists in location '{existing.body.get('location')}'.",
        )


def _check_quota(call: Call) -> None:
    count = len(_listed(call))
    if count >= _MOST:
        raise CloudError(
            409,
            "DeploymentQuotaExceeded",
            f"Creating the deployment '{call.params['name']}' would exceed the quota of '{_MOST}'. "
            f"The current deployment count is '{count}'. Please delete some deployments before "
            "creating a new one. Please see https://aka.ms/arm-deploy for usage details.",
        )


def _active(record: Resource) -> bool:
    return record.properties["provisioningState"] in ("Accepted", "Running")


@carries_out(_KIND, waits=True)
def carry_out(cloud: Cloud, operation: Operation) -> None:
    """Make what a deployment declares; from the beginning when a daemon was killed meanwhile."""
    principal = cloud.principals.find(object_id=operation.request["principal"])
    with cloud.store.transaction():
        record = cloud.store.get(operation.resource_id)
        if record is None or principal is None:
            return
        record.properties["provisioningState"] = "Running"
        cloud.store.put(record)
    base = record.id.rpartition("/providers/")[0]
    caller = Caller(cloud, principal)
    given, text = record.private["parameters"], str(record.private.get("text", ""))

    def goes_on() -> bool:
        found = cloud.operations.get(operation.id)
        return found is not None and found.status == IN_PROGRESS

    try:
        document, links = record.private["template"], record.private.get("links") or {}
        location = record.body.get("location")
        place = place_of(caller, base, record.name, document, location=location, links=links)
        parts = Parts(document, given, links, text if "templateLink" in links else None)
        going = Execution(caller, record, parts.planned(place, Budget()), goes_on)
        going.run()
    except TemplateError as error:
        refusal = invalid_template(error, text)
        raise _given_up(cloud, record, refusal) from None
    except CloudError as error:
        raise _given_up(cloud, record, error) from None
    if going.error is not None:
        raise going.error


def _given_up(cloud: Cloud, record: Resource, error: CloudError) -> CloudError:
    """Record that a deployment could not go on."""
    records.ended(cloud, record, "Failed", error=error)
    return error


@_both("POST", "/{name}/validate", "validate/action", Deployment, outside=_UNDONE)
def validate(call: Call, given: Deployment) -> Reply:
    """Deployments_Validate: what a deployment is refused with before it begins."""
    more, properties = _more(call, given), properties_of(given)
    found, mode, checked = _checked(call, properties)
    shown = records.described(call.resource_id, found, mode, more)
    shown.properties["provisioningState"] = "Succeeded"
    shown.properties["validatedResources"] = [{"id": one} for one in checked]
    return Reply(200, shown.body)


@_both("POST", "/{name}/whatIf", "whatIf/action", Deployment, outside=_UNDONE)
def what_if(call: Call, given: Deployment) -> Reply:
    """Deployments_WhatIf: what a deployment would change."""
    more, properties = _more(call, given), properties_of(given)
    found, mode, _ = _checked(call, properties)
    wanted = properties.get("whatIfSettings") or {}
    form = str(wanted.get("resultFormat") or "FullResourcePayloads").lower()
    if form not in ("fullresourcepayloads", "resourceidonly"):
        raise invalid(f"The resultFormat '{form}' is not FullResourcePayloads or ResourceIdOnly.")
    record = records.described(call.resource_id, found, mode, more)
    record.private["text"] = found.text or _text(call)
    bodies = form == "fullresourcepayloads"
    return Reply(200, deployment_changes.preview(_caller(call), record, found, mode, bodies=bodies))


@_both("GET", "/{name}/operationStatuses/{operation}", "operationStatuses/read")
def status(call: Call) -> Reply:
    """How a deployment goes on, at the address that is told when it begins."""
    found = operation_of(call)
    if found.status == IN_PROGRESS:
        return Reply(200, {"status": "Running"}, RETRY)
    error = {"error": found.error.body()} if found.error is not None else {}
    return Reply(200, {"status": found.status, **error})


def _find(call: Call) -> Resource:
    group = f"/resourceGroups/{call.params['group']}" if "group" in call.params else ""
    base = f"{call.cloud.subscription}{group}/providers/{DEPLOYMENT_TYPE}"
    found = call.cloud.store.get(f"{base}/{call.params['name']}")
    if found is None:
        raise CloudError(
            404, "DeploymentNotFound", f"Deployment '{call.params['name']}' could not be found."
        )
    return found


@_both("GET", "/{name}", "read")
def get(call: Call) -> Reply:
    """Deployments_Get."""
    return Reply(200, _find(call).body)


@_both("HEAD", "/{name}", "read")
def exists(call: Call) -> Reply:
    """Deployments_CheckExistence."""
    return Reply(204 if call.cloud.store.get(call.resource_id) else 404)


def _listed(call: Call) -> list[Resource]:
    group = call.params.get("group", "")
    return call.cloud.store.find(type=DEPLOYMENT_TYPE, resource_group=group)


@_both("GET", "", "read")
def list_all(call: Call) -> Reply:
    """Deployments_List: of the group or the subscription itself, the newest first."""
    wanted = conditions(call, {"provisioningState"}).get("provisioningstate", "").lower()
    size, place = top(call), after(call)
    found = [
        one
        for one in sorted(_listed(call), key=_newest_first)
        if wanted in ("", one.properties["provisioningState"].lower())
        and (place is None or _newest_first(one) > (-place[0], place[1]))
    ]
    body: dict[str, Any] = {"value": [one.body for one in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        body["nextLink"] = link_after(call, (last.updated, last.key))
    return Reply(200, body)


def _newest_first(one: Resource) -> tuple[float, str]:
    return -one.updated, one.key


@_both("DELETE", "/{name}", "delete")
def remove(call: Call) -> Reply:
    """Deployments_Delete: forgets the deployment, and nothing that it has made."""
    existing = call.cloud.store.get(call.resource_id)
    if existing is None:
        return Reply(204)
    if _active(existing):
        raise CloudError(
            409,
            "DeploymentActive",
            f"Unable to delete deployment '{existing.name}': it is still active. Cancel it first. "
            "Please see https://aka.ms/arm-deploy for usage details.",
        )
    call.cloud.store.remove(existing.id)
    return Reply(204)


@_both("POST", "/{name}/cancel", "cancel/action")
def cancel(call: Call) -> Reply:
    """Deployments_Cancel: nothing further is begun; what was made stays."""
    record = _find(call)
    if not _active(record):
        raise CloudError(
            409,
            "DeploymentCannotBeCancelled",
            f"The deployment '{record.name}' cannot be cancelled: it is in provisioning state "
            f"'{record.properties['provisioningState']}'.",
        )
    refusal = CloudError(409, "DeploymentCanceled", f"The deployment '{record.name}' was canceled.")
    call.cloud.operations.end(record.private["operation"], refusal)
    records.ended(call.cloud, record, "Canceled")
    return Reply(204)


@_both("POST", "/{name}/exportTemplate", "exportTemplate/action")
def export_template(call: Call) -> Reply:
    """Deployments_ExportTemplate: the template as it was given."""
    return Reply(200, {"template": _find(call).private["template"]})


@_both("GET", "/{name}/operations", "operations/read", scopes=_OPERATIONS)
def list_operations(call: Call) -> Reply:
    """DeploymentOperations_List."""
    return page(call, records.operations(call.cloud, _find(call)), body_of, top(call))


@_both("GET", "/{name}/operations/{operation}", "operations/read", scopes=_OPERATIONS)
def get_operation(call: Call) -> Reply:
    """DeploymentOperations_Get."""
    wanted = f"{_find(call).id}/operations/{call.params['operation']}"
    found = call.cloud.store.get(wanted)
    if found is None:
        raise CloudError(
            404,
            "DeploymentOperationNotFound",
            f"Deployment operation '{call.params['operation']}' could not be found.",
        )
    return Reply(200, found.body)
