"""What a tutorial has made in a cloud, without what differs between two runs of it.

``python -m tests.helpers.inventory`` prints it as JSON, for the local cloud of LOCALCLOUD_HOME.
"""

from __future__ import annotations

import json
import re
from typing import Any

from helpers import runs
from helpers.clouds import Connection, connect
from helpers.display import plain, site
from helpers.settings import Settings

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RUN_ID = re.compile(
    r"\b[a-z]{2}[0-9][0-9a-z]*\b|(?<=0\.1\.0_)[a-z]{2}[0-9a-z]+"
)  # of a chart, too


def inventory(connection: Connection, settings: Settings) -> dict[str, Any]:
    """Everything that the notebooks make, by name; comparable between two clouds."""
    registries = {
        name: _registry(connection, f"{name}-rg", name) for name in settings.all_registries
    }
    return {
        "groups": sorted(one.name for one in connection.clients.resources.resource_groups.list()),
        "registries": registries,
        "vault": _vault(connection, settings),
        "roles": _roles(connection, settings),
        "instance": _instance(connection, settings),
    }


def _registry(connection: Connection, group: str, name: str) -> dict[str, Any]:
    clients = connection.clients
    made = clients.registries.registries.get(group, name)
    content = clients.registry(f"{name}.azurecr.io")
    return {
        "sku": plain(made.sku.name),
        "admin user": made.admin_user_enabled,
        "scope maps": {
            one.name: sorted(one.actions)
            for one in clients.registries.scope_maps.list(group, name)
            if one.properties and plain(one.properties.type) == "UserDefined"
        },
        "tokens": {
            one.name: (one.scope_map_id.rpartition("/")[2], plain(one.status))
            for one in clients.registries.tokens.list(group, name)
        },
        "tasks": {
            one.name: _task(clients.tasks.tasks.get_details(group, name, str(one.name)))
            for one in clients.tasks.tasks.list(group, name)
        },
        "runs": [
            (run.task, runs.trigger_of(run), plain(run.status), _without_ids(runs.images_of(run)))
            for run in clients.tasks.runs.list(group, name)
        ],
        "repositories": {
            repository: _without_ids([tag.name for tag in content.list_tag_properties(repository)])
            for repository in content.list_repository_names()
        },
    }


def _without_ids(names: list[str]) -> list[str]:
    return sorted(_RUN_ID.sub("RUNID", name) for name in names)


def _task(task: Any) -> dict[str, Any]:
    step, trigger = task.step, task.trigger
    base_image = trigger.base_image_trigger if trigger else None
    credentials = task.credentials.custom_registries if task.credentials else {}
    return {
        "status": plain(task.status),
        "identity": plain(task.identity.type) if task.identity else "",
        "platform": (plain(task.platform.os).lower(), plain(task.platform.architecture)),
        "step": _step(step),
        "base images": sorted(
            (plain(one.type), one.registry, one.repository, one.tag or "by digest")
            for one in step.base_image_dependencies or []
        ),
        "commits": [
            (
                plain(one.status),
                [plain(event) for event in one.source_trigger_events],
                one.source_repository.branch,
            )
            for one in (trigger.source_triggers if trigger else None) or []
        ],
        "image updates": base_image
        and (plain(base_image.status), plain(base_image.base_image_trigger_type)),
        "timers": [
            (one.name, one.schedule, plain(one.status))
            for one in (trigger.timer_triggers if trigger else None) or []
        ],
        "credentials": {
            server: (
                one.user_name.value if one.user_name else None,
                one.password.value if one.password else None,
                one.identity,
            )
            for server, one in (credentials or {}).items()
        },
    }


def _step(step: Any) -> dict[str, Any]:
    """What a step says, but for the base images; the repository without its owner, no digests."""
    given = step.as_dict()["properties"] if "properties" in step.as_dict() else step.as_dict()
    left_out = {"baseImageDependencies", "contextAccessToken"}
    kept = {name: value for name, value in given.items() if name not in left_out and value}
    kept["contextPath"] = str(kept.get("contextPath", "")).rpartition("/")[2]
    comparable: dict[str, Any] = json.loads(_DIGEST.sub("DIGEST", json.dumps(kept, sort_keys=True)))
    return comparable


def _vault(connection: Connection, settings: Settings) -> dict[str, Any]:
    made = connection.clients.vaults.vaults.get(settings.vault_group, settings.vault)
    secrets = connection.clients.secrets(settings.vault).list_properties_of_secrets()
    of_others = [
        sorted(plain(one).lower() for one in policy.permissions.secrets or [])
        for policy in made.properties.access_policies or []
        if policy.object_id != connection.object_id
    ]
    return {
        "secrets": sorted(one.name for one in secrets),
        "policies of tasks": sorted(of_others),
        "roles instead of policies": bool(made.properties.enable_rbac_authorization),
    }


def _roles(connection: Connection, settings: Settings) -> list[tuple[str, str, str]]:
    clients = connection.clients
    scopes = [str(clients.resources.resource_groups.get(settings.instance_group).id)]
    scopes += [
        str(one.id)
        for one in clients.registries.registries.list()
        if one.name in settings.all_registries
    ]
    return sorted(
        (
            one.role_definition_id.rpartition("/")[2],
            plain(one.principal_type),
            one.scope.rpartition("/")[2],
        )
        for scope in scopes
        for one in clients.authorization.role_assignments.list_for_scope(scope, filter="atScope()")
        if one.principal_id != connection.object_id
    )


def _instance(connection: Connection, settings: Settings) -> dict[str, Any]:
    group: Any = connection.clients.container_instances.container_groups.get(
        settings.instance_group, settings.instance
    )
    [container] = group.containers
    page = site(f"http://{group.ip_address.ip}:{group.ip_address.ports[0].port}/")
    needed = container.resources.requests
    return {
        "image": _RUN_ID.sub("RUNID", container.image),
        "system": plain(group.os_type),
        "cpu and memory": (needed.cpu, needed.memory_in_gb),
        "pulled as": [one.server for one in group.image_registry_credentials or []],
        "state": container.instance_view.current_state.state,
        "site": (page.version, page.color),
    }


if __name__ == "__main__":
    print(json.dumps(inventory(connect("local"), Settings())))
