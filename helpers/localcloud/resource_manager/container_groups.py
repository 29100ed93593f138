"""Microsoft.ContainerInstance/containerGroups: what they should be; a worker makes them so."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from ..cloud import Cloud
from ..container_instances import addresses, image, secret_references
from ..container_instances.state import OPERATION, containers_of, requested
from ..container_instances.volumes import without_secret
from ..errors import CloudError
from ..events import ContainerGroupChanged
from ..operations import Operation
from ..resource_types import CONTAINER_GROUP_TYPE
from ..store import Resource
from .container_group_models import ContainerGroup, ContainerGroupProperties, TagsPatch
from .container_group_rules import check, check_update, container_ports
from .container_locations import check_quota
from .deletion import delete
from .identity import ASSIGN, assign
from .locations import keep_location, location_of
from .models import patch_tags, understood
from .operations import accepted
from .pages import page
from .routing import Call, Reply, Router, authorize_linked, invalid, readable

_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance"
GROUPS = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.ContainerInstance/containerGroups"
)
GROUP = GROUPS + "/{name}"
WAIT = 15.0  # seconds that an answer to stop waits for the containers: its clients do not poll
BUSY = {"retry-after-ms": "200"}
_PATCHED = {"id", "name", "type", "location", "tags"}  # and of these, the tags
router = Router()


@router.operation(
    "PUT",
    GROUP,
    f"{CONTAINER_GROUP_TYPE}/write",
    ContainerGroup,
    outside="the images are looked up before it is recorded",
)
def create_or_update(call: Call, given: ContainerGroup) -> Reply:
    """ContainerGroups_CreateOrUpdate: recorded at once, carried out by the worker."""
    _check_images(call, _wanted(call, given)[1])
    with call.cloud.store.transaction():
        return _record(call, given)


def _wanted(call: Call, given: ContainerGroup) -> tuple[Resource | None, dict[str, Any], list[int]]:
    """The group that there is, what it is to become, and the container ports that it publishes."""
    location = location_of(given.location)
    existing = call.cloud.store.get(call.resource_id)
    properties = given.properties or ContainerGroupProperties()
    properties.sku = properties.sku or "Standard"
    properties.restart_policy = properties.restart_policy or "Always"
    ports = _published(properties, existing)
    assigned = list((given.identity.user_assigned_identities or {}) if given.identity else {})
    authorize_linked(call, ASSIGN, assigned)
    check(call.params["name"], location, properties, assigned)
    complete = _described(properties)
    if existing is not None:
        keep_location(existing, location)
        check_update(existing, complete)
    return existing, complete, ports


def _check_images(call: Call, properties: dict[str, Any]) -> None:
    """Raise 400 InaccessibleImage, as Azure does before it accepts a group, and say why."""
    names = [container["properties"]["image"] for container in containers_of(properties)]
    name = names[0]  # the first one to need the credentials
    try:
        credentials = _credentials(call.cloud, properties)
        for name in names:
            image.check(call.cloud, name, credentials)
    except (CloudError, ValueError, secret_references.SecretReferenceError) as error:
        raise invalid(
            f"The image '{name}' in container group '{call.params['name']}' is not "
            f"accessible. Please check the image and registry credential. ({error})",
            "InaccessibleImage",
        ) from None


def _credentials(cloud: Cloud, properties: dict[str, Any]) -> list[dict[str, Any]]:
    """How images are pulled, with passwords that are secrets of vaults: read as their identities."""
    credentials = properties.get("imageRegistryCredentials") or []
    asked = {one.get("passwordReference") for one in credentials}
    wanted = [one for one in properties.get("secretReferences") or [] if one["name"] in asked]
    values = secret_references.values_of(
        cloud, wanted, lambda identity: cloud.principals.find(resource_id=identity)
    )
    return secret_references.with_passwords(credentials, values)


def _record(call: Call, given: ContainerGroup) -> Reply:
    name = call.params["name"]
    location = location_of(given.location)
    existing, complete, ports = _wanted(call, given)
    resource = existing or Resource(
        call.resource_id, CONTAINER_GROUP_TYPE, name, call.params["group"], {}
    )
    address = _address(call.cloud, resource) if ports else ""
    check_quota(call.cloud, call.resource_id, location, requested(complete)[0])
    unique = str(resource.private.get("unique") or uuid.uuid4())
    fqdn = _fqdn(call, resource, location, complete, unique)
    kept = {int(p["container"]): int(p["host"]) for p in resource.private.get("ports", [])}
    mapped = [
        {"container": port, "host": kept.get(port) or addresses.host_port(port)} for port in ports
    ]
    resource.private = {
        "properties": complete,
        "generation": str(uuid.uuid4()),
        "desired": "running",
        "address": address,
        "fqdn": fqdn,
        "unique": unique,
        "ports": mapped,
    }
    known = resource.body.get("identity")
    shown = masked(complete)
    shown["provisioningState"] = "Pending"
    shown["instanceView"] = {"events": [], "state": "Pending"}
    if ports:
        shown["ipAddress"]["ip"] = address
        shown["ipAddress"] |= {"fqdn": fqdn} if fqdn else {}
        shown["ipAddress"]["ports"] = [{"protocol": "TCP", "port": item["host"]} for item in mapped]
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": CONTAINER_GROUP_TYPE,
        "location": location,
        "tags": given.tags or {},
        "properties": shown,
    }
    if known is not None:
        resource.body["identity"] = known
    assign(call, resource, given.identity, name)
    call.cloud.store.put(resource)
    operation = _begin(call, resource, "apply")
    reply = Reply(200 if existing else 201, resource.body)
    return accepted(call, operation, reply, reply, patience=0)


@router.operation("PATCH", GROUP, f"{CONTAINER_GROUP_TYPE}/write", TagsPatch)
def update(call: Call, given: TagsPatch) -> Reply:
    """ContainerGroups_Update: tags only, as on Azure."""
    resource = call.get(CONTAINER_GROUP_TYPE)
    if {name.lower() for name in call.body} - _PATCHED:
        raise invalid("Only the tags of a container group can be patched; use PUT for the rest.")
    keep_location(resource, given.location)
    patch_tags(resource.body, given.tags)
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation("GET", GROUP, f"{CONTAINER_GROUP_TYPE}/read")
def get(call: Call) -> Reply:
    """ContainerGroups_Get, with the instance view."""
    resource = call.get(CONTAINER_GROUP_TYPE)
    ended = resource.properties["provisioningState"] in ("Succeeded", "Failed")
    return Reply(200, resource.body, {} if ended else BUSY)


@router.operation("GET", GROUPS, f"{CONTAINER_GROUP_TYPE}/read")
def list_by_resource_group(call: Call) -> Reply:
    """ContainerGroups_ListByResourceGroup, without the instance view."""
    found = call.cloud.store.find(type=CONTAINER_GROUP_TYPE, resource_group=call.params["group"])
    return page(call, found, _listed)


@router.operation("GET", _SUBSCRIPTION + "/containerGroups", "")
def list_all(call: Call) -> Reply:
    """ContainerGroups_List: what the caller may read, without the instance view."""
    found = readable(call, call.cloud.store.find(type=CONTAINER_GROUP_TYPE))
    return page(call, found, _listed)


@router.operation("DELETE", GROUP, f"{CONTAINER_GROUP_TYPE}/delete")
def remove(call: Call) -> Reply:
    """ContainerGroups_Delete: 200 with what was deleted, 204 when there was nothing."""
    resource = call.cloud.store.get(call.resource_id)
    if resource is None:
        return Reply(204)
    delete(call.cloud, call.resource_id)
    return Reply(200, resource.body)


@router.operation("POST", GROUP + "/stop", f"{CONTAINER_GROUP_TYPE}/stop/action")
def stop(call: Call) -> Reply:
    """ContainerGroups_Stop: answers when the containers have ended, or else after :data:`WAIT`."""
    return accepted(call, _want(call, "stop"), Reply(204), Reply(204), WAIT)


@router.operation("POST", GROUP + "/start", f"{CONTAINER_GROUP_TYPE}/start/action")
def start(call: Call) -> Reply:
    """ContainerGroups_Start: pulls the images again and starts the containers."""
    return accepted(call, _want(call, "start"), Reply(202), Reply(204))


@router.operation("POST", GROUP + "/restart", f"{CONTAINER_GROUP_TYPE}/restart/action")
def restart(call: Call) -> Reply:
    """ContainerGroups_Restart: the same containers anew, from newly pulled images.

    202 would be an error for its clients; they poll the operation after 204, too.
    """
    return accepted(call, _want(call, "restart"), Reply(204), Reply(204))


# -- parts ---------------------------------------------------------------------------------------


def masked(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties as a GET shows them: without passwords, secure values, secret volumes."""
    shown: dict[str, Any] = copy.deepcopy(properties)
    for credential in shown.get("imageRegistryCredentials") or []:
        credential.pop("password", None)
    for container in containers_of(shown):
        for variable in container["properties"].get("environmentVariables") or []:
            variable.pop("secureValue", None)
    for volume in shown.get("volumes") or []:
        if "secret" in volume:
            volume["secret"] = {}
        if "gitRepo" in volume:
            volume["gitRepo"]["repository"] = without_secret(volume["gitRepo"]["repository"])
    return shown


def _described(properties: ContainerGroupProperties) -> dict[str, Any]:
    """The properties that are understood, as Azure shows them."""
    complete = understood(properties)
    complete.setdefault("initContainers", [])
    for container in containers_of(complete):
        container["properties"].setdefault("environmentVariables", [])
    for container in complete["containers"]:
        container["properties"].setdefault("ports", [])
    return complete


def _published(properties: ContainerGroupProperties, existing: Resource | None) -> list[int]:
    """The container ports that ``ipAddress`` publishes.

    A client that sends back what it read names the group's own ports: they are translated.
    """
    back = {p["host"]: p["container"] for p in (existing.private["ports"] if existing else [])}
    inside = container_ports(properties)
    wanted: list[int] = []
    address = properties.ip_address
    for item in (address.ports or []) if address is not None else []:
        if item.port is not None and item.port not in inside:
            item.port = back.get(item.port, item.port)
        wanted.append(item.port or 0)
    return wanted


def _address(cloud: Cloud, resource: Resource) -> str:
    """The group's own address: kept over updates."""
    if resource.private.get("address"):
        return str(resource.private["address"])
    others = cloud.store.find(type=CONTAINER_GROUP_TYPE)
    taken = {other.private.get("address") for other in others if other.key != resource.key}
    return addresses.address_of(resource.id, {str(address) for address in taken})


def _fqdn(
    call: Call, resource: Resource, location: str, complete: dict[str, Any], unique: str
) -> str:
    """The name that a DNS name label makes; '' without one. Raises 400 when another group has it.

    ``unique`` is this group's alone.
    """
    given = complete.get("ipAddress") or {}
    label = given.get("dnsNameLabel")
    if not label:
        return ""
    scope = given.get("autoGeneratedDomainNameLabelScope") or addresses.UNSECURE
    account = call.cloud.account
    by = {
        "TenantReuse": account.tenant_id,
        "SubscriptionReuse": account.subscription_id,
        "ResourceGroupReuse": f"{account.subscription_id}/{call.params['group']}",
        "Noreuse": unique,
    }.get(scope, "")
    fqdn = addresses.fqdn_of(label, location, scope, by)
    other = addresses.named(call.cloud, fqdn)
    if other is not None and other.key != resource.key:
        raise invalid(
            f"The DNS name label '{label}' in container group '{resource.name}' is not "
            "available. Try using a different label.",
            "DnsNameLabelAlreadyTaken",
        )
    return fqdn


def _listed(resource: Resource) -> dict[str, Any]:
    body = copy.deepcopy(resource.body)
    body["properties"].pop("instanceView", None)
    for container in containers_of(body["properties"]):
        container["properties"].pop("instanceView", None)
    return body


def _want(call: Call, action: str) -> Operation:
    resource = call.get(CONTAINER_GROUP_TYPE)
    resource.private["desired"] = "stopped" if action == "stop" else "running"
    if action != "stop":
        resource.properties["instanceView"]["state"] = "Pending"
    call.cloud.store.put(resource)
    return _begin(call, resource, action)


def _begin(call: Call, resource: Resource, action: str) -> Operation:
    """Ask the group's worker to do it."""
    operation = call.cloud.operations.begin(f"{OPERATION}/{action}", resource.id)
    call.cloud.outbox.add(ContainerGroupChanged(resource.id, action, operation.id))
    return operation
