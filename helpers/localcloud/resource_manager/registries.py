"""Microsoft.ContainerRegistry/registries: the registries themselves, their admin user, imports."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timezone
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import Reference
from ..registry.client import Credential, RegistryClient
from ..registry.tokens import exchange_credential
from ..store import Resource
from .deletion import delete
from .locations import location_of
from .routing import Call, Reply, Router, authorize, invalid

REGISTRY_TYPE = "Microsoft.ContainerRegistry/registries"
SCOPE_MAP_TYPE = f"{REGISTRY_TYPE}/scopeMaps"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry"
_REGISTRIES = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.ContainerRegistry/registries"
)
REGISTRY = _REGISTRIES + "/{registry}"
SKUS = {"basic": "Basic", "standard": "Standard", "premium": "Premium"}
BUILT_IN_SCOPE_MAPS = {
    "_repositories_admin": (
        "Can perform all read, write and delete operations on the registry",
        ("content/delete", "content/read", "content/write", "metadata/read", "metadata/write"),
    ),
    "_repositories_pull": ("Can pull any repository of the registry", ("content/read",)),
    "_repositories_pull_metadata_read": (
        "Can perform all read operations on the registry",
        ("content/read", "metadata/read"),
    ),
    "_repositories_push": (
        "Can push to any repository of the registry",
        ("content/read", "content/write"),
    ),
    "_repositories_push_metadata_write": (
        "Can perform all read and write operations on the registry",
        ("content/read", "content/write", "metadata/read", "metadata/write"),
    ),
}

router = Router()


def now() -> str:
    """The time in ARM's notation, UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_name(name: str) -> None:
    """Raise 400 InvalidResourceName unless ``name`` may name a registry."""
    if not re.fullmatch(r"[a-zA-Z0-9]{5,50}", name):
        raise invalid(
            f"The registry name '{name}' is invalid. A registry name must be between 5 and 50 "
            "characters long and contain only letters and digits.",
            "InvalidResourceName",
        )


def of(call: Call) -> Resource:
    """The registry that the request's path names. Raises 404 ResourceNotFound."""
    params = call.params
    return call.get(
        REGISTRY_TYPE,
        f"{call.cloud.subscription}/resourceGroups/{params['group']}/providers/"
        f"{REGISTRY_TYPE}/{params['registry']}",
    )


@router.operation("POST", _SUBSCRIPTION + "/checkNameAvailability", f"{REGISTRY_TYPE}/read")
def check_name_availability(call: Call) -> Reply:
    """Registries_CheckNameAvailability."""
    name = str(call.body.get("name", ""))
    try:
        check_name(name)
    except CloudError as error:
        return Reply(200, {"nameAvailable": False, "reason": "Invalid", "message": error.message})
    if call.cloud.store.find(type=REGISTRY_TYPE, name=name):
        message = f"The registry {name} is already in use."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Reply(200, {"nameAvailable": True})


@router.operation("PUT", REGISTRY, f"{REGISTRY_TYPE}/write")
def create(call: Call) -> Reply:
    """Registries_Create: names are unique in the whole cloud."""
    name = call.params["registry"]
    check_name(name)
    existing = call.cloud.store.get(call.resource_id)
    for other in call.cloud.store.find(type=REGISTRY_TYPE, name=name):
        if other.key != call.resource_id.lower():
            raise CloudError(
                409,
                "AlreadyInUse",
                f"The registry DNS name {name.lower()}.azurecr.io is already in use. You can "
                "check if the name is already claimed using following API: "
                "https://docs.microsoft.com/rest/api/containerregistry/registries/"
                "checknameavailability",
            )
    location = location_of(call.body)
    if existing is not None and existing.body["location"] != location:
        raise CloudError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name}' already exists in location '{existing.body['location']}' in "
            f"resource group '{call.params['group']}'. A resource with the same name cannot be "
            f"created in location '{location}'. Please select a new resource name.",
        )
    resource = existing or Resource(
        call.resource_id,
        REGISTRY_TYPE,
        name,
        call.params["group"],
        {},
        {"admin": [_password(), _password()]},
    )
    created = existing.properties["creationDate"] if existing else now()
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": REGISTRY_TYPE,
        "location": location,
        "tags": call.body.get("tags") or {},
        "sku": _sku(call.body.get("sku") or {}),
        "properties": {
            "loginServer": f"{name.lower()}.azurecr.io",
            "creationDate": created,
            "provisioningState": "Succeeded",
            "adminUserEnabled": bool(call.properties.get("adminUserEnabled", False)),
            "anonymousPullEnabled": False,
            "publicNetworkAccess": "Enabled",
            "networkRuleBypassOptions": "AzureServices",
            "zoneRedundancy": "Disabled",
            "dataEndpointEnabled": False,
            "dataEndpointHostNames": [],
            "privateEndpointConnections": [],
            "encryption": {"status": "disabled"},
            "policies": {
                "quarantinePolicy": {"status": "disabled"},
                "trustPolicy": {"type": "Notary", "status": "disabled"},
                "retentionPolicy": {"days": 7, "lastUpdatedTime": created, "status": "disabled"},
                "exportPolicy": {"status": "enabled"},
                "azureADAuthenticationAsArmPolicy": {"status": "enabled"},
            },
        },
    }
    _refuse_unknown(call.properties)
    with call.cloud.store.transaction():
        call.cloud.store.put(resource)
        if existing is None:
            _add_scope_maps(call.cloud, resource)
    return Reply(200 if existing else 201, resource.body)


def _sku(given: dict[str, Any]) -> dict[str, str]:
    wanted = str(given.get("name", ""))
    if wanted.lower() not in SKUS:
        raise invalid(
            f"The SKU name '{wanted}' is invalid. Allowed values: {', '.join(SKUS.values())}.",
            "InvalidSku",
        )
    return {"name": SKUS[wanted.lower()], "tier": SKUS[wanted.lower()]}


def _refuse_unknown(properties: dict[str, Any]) -> None:
    """Settings that would change behaviour and that the local cloud lacks, say so."""
    for name, harmless in (
        ("anonymousPullEnabled", False),
        ("publicNetworkAccess", "Enabled"),
        ("zoneRedundancy", "Disabled"),
        ("dataEndpointEnabled", False),
    ):
        if properties.get(name, harmless) not in (harmless, None):
            raise CloudError.not_implemented(f"registry property {name}={properties[name]}")


def _add_scope_maps(cloud: Cloud, registry: Resource) -> None:
    for name, (description, actions) in BUILT_IN_SCOPE_MAPS.items():
        scope_map_id = f"{registry.id}/scopeMaps/{name}"
        cloud.store.put(
            Resource(
                scope_map_id,
                SCOPE_MAP_TYPE,
                name,
                registry.resource_group,
                {
                    "id": scope_map_id,
                    "name": name,
                    "type": SCOPE_MAP_TYPE,
                    "properties": {
                        "description": description,
                        "type": "SystemDefined",
                        "creationDate": now(),
                        "provisioningState": "Succeeded",
                        "actions": [f"repositories/*/{action}" for action in actions],
                    },
                },
                parent=registry.id,
            )
        )


def _password() -> str:
    return secrets.token_urlsafe(39)


@router.operation("GET", REGISTRY, f"{REGISTRY_TYPE}/read")
def get(call: Call) -> Reply:
    """Registries_Get."""
    return Reply(200, of(call).body)


@router.operation("PATCH", REGISTRY, f"{REGISTRY_TYPE}/write")
def update(call: Call) -> Reply:
    """Registries_Update: tags, SKU and the admin user."""
    registry = of(call)
    _refuse_unknown(call.properties)
    if "tags" in call.body:
        registry.body["tags"] = call.body["tags"] or {}
    if call.body.get("sku"):
        registry.body["sku"] = _sku(call.body["sku"])
    if call.properties.get("adminUserEnabled") is not None:
        registry.properties["adminUserEnabled"] = bool(call.properties["adminUserEnabled"])
    call.cloud.store.put(registry)
    return Reply(200, registry.body)


@router.operation("DELETE", REGISTRY, f"{REGISTRY_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Registries_Delete: with its tasks, tokens and scope maps; 204 when there is none."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)


@router.operation("GET", _REGISTRIES, f"{REGISTRY_TYPE}/read")
def list_in_group(call: Call) -> Reply:
    """Registries_ListByResourceGroup."""
    found = call.cloud.store.find(type=REGISTRY_TYPE, resource_group=call.params["group"])
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("GET", _SUBSCRIPTION + "/registries", f"{REGISTRY_TYPE}/read")
def list_all(call: Call) -> Reply:
    """Registries_List."""
    found = call.cloud.store.find(type=REGISTRY_TYPE)
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("GET", REGISTRY + "/listUsages", f"{REGISTRY_TYPE}/listUsages/read")
def list_usages(call: Call) -> Reply:
    """Registries_ListUsages is not counted here."""
    of(call)
    raise CloudError.not_implemented("GET registries/listUsages")


@router.operation("POST", REGISTRY + "/listCredentials", f"{REGISTRY_TYPE}/listCredentials/action")
def list_credentials(call: Call) -> Reply:
    """Registries_ListCredentials: the admin user's name and passwords."""
    return Reply(200, _credentials(_with_admin(of(call))))


@router.operation(
    "POST", REGISTRY + "/regenerateCredential", f"{REGISTRY_TYPE}/regenerateCredential/action"
)
def regenerate_credential(call: Call) -> Reply:
    """Registries_RegenerateCredential: a new ``password`` or ``password2``."""
    registry = _with_admin(of(call))
    name = call.body.get("name")
    if name not in ("password", "password2"):
        raise invalid("The password name must be 'password' or 'password2'.")
    registry.private["admin"][name == "password2"] = _password()
    call.cloud.store.put(registry)
    return Reply(200, _credentials(registry))


def _with_admin(registry: Resource) -> Resource:
    if not registry.properties["adminUserEnabled"]:
        raise invalid(
            f"Admin user is disabled for the registry '{registry.name}'. Enable it with "
            "adminUserEnabled=true (az acr update --admin-enabled true).",
            "AdminUserDisabled",
        )
    return registry


def _credentials(registry: Resource) -> dict[str, Any]:
    passwords = zip(("password", "password2"), registry.private["admin"], strict=True)
    return {
        "username": registry.name,
        "passwords": [{"name": name, "value": value} for name, value in passwords],
    }


@router.operation("POST", REGISTRY + "/importImage", f"{REGISTRY_TYPE}/importImage/action")
def import_image(call: Call) -> Reply:
    """Registries_ImportImage: copy a manifest, with its layers, into this registry."""
    registry = of(call)
    source = call.body.get("source") or {}
    image = str(source.get("sourceImage") or "")
    if not image:
        raise invalid("The parameter source.sourceImage is required.", "InvalidSourceImage")
    targets = call.body.get("targetTags") or []
    if call.body.get("untaggedTargetRepositories"):
        raise CloudError.not_implemented("importImage with untaggedTargetRepositories")
    reference, credential = _import_source(call, source, image)
    client = RegistryClient(call.cloud)
    server = registry.properties["loginServer"]
    goals = [Reference.parse(f"{server}/{target}") for target in targets or [_familiar(image)]]
    own = exchange_credential(call.cloud, server, call.principal)
    if call.body.get("mode", "NoForce") != "Force":
        for goal in goals:
            if client.resolve(goal, own) is not None:
                raise CloudError(
                    409,
                    "Conflict",
                    f"Tag {goal.repository}:{goal.tag} already exists in target registry. Choose "
                    "another tag, or overwrite it with mode Force (az acr import --force).",
                )
    digest = client.pull(reference, credential, platform=None)
    for goal in goals:
        client.push(goal, digest, own)
    return Reply(200)


def _familiar(image: str) -> str:
    return image.removeprefix("library/").split("@", 1)[0]


def _import_source(
    call: Call, source: dict[str, Any], image: str
) -> tuple[Reference, Credential | None]:
    given = source.get("credentials") or {}
    credential = (
        Credential(str(given.get("username") or ""), str(given["password"]))
        if given.get("password")
        else None
    )
    if source.get("resourceId"):
        other = call.get(REGISTRY_TYPE, str(source["resourceId"]))
        authorize(call.cloud, call.principal, f"{REGISTRY_TYPE}/importImage/action", other.id)
        server = str(other.properties["loginServer"])
        mine = credential or exchange_credential(call.cloud, server, call.principal)
        return Reference.parse(f"{server}/{image}"), mine
    server = str(source.get("registryUri") or "")
    if not server:
        raise invalid("One of source.registryUri and source.resourceId is required.")
    return Reference.parse(f"{server}/{image}"), credential
