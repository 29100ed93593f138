"""Who may see and restore what is soft-deleted, by roles that add up and by roles of one's own.

Each built-in role and each token alone: tests/rights/test_registry.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import LocalCloud

from .places import Place
from .policies import soft_delete
from .test_repository_permissions import LISTER, READER, Mode

SEES, RESTORES = {"catalog", "manifests", "tags"}, {"restore"}
DELETED = "Microsoft.ContainerRegistry/registries/deleted"


@pytest.fixture(scope="module")
def mode(local_cloud: LocalCloud) -> Iterator[Mode]:
    made = Mode(Place(local_cloud))
    soft_delete(made.place)
    yield made
    made.store.close()


def may(mode: Mode, http: requests.Session) -> set[str]:
    """What of the soft-deleted content a client may see and do, also with a token for that alone."""
    url = f"https://{mode.place.server}/acr/v1/_deleted"
    manifest = f"team/app/_manifests/sha256:{'0' * 64}"
    asked = {
        "catalog": ("GET", "_catalog", "registry:deleted_catalog:*"),
        "manifests": ("GET", "team/app/_manifests", "repository:team/app:deleted_read"),
        "tags": ("GET", "team/app/_tags", "repository:team/app:deleted_read"),
        "restore": ("POST", manifest, "repository:team/app:deleted_read,deleted_restore"),
    }
    found = set()
    for what, (method, path, scope) in asked.items():
        answer = http.request(method, f"{url}/{path}")
        params = {"service": mode.place.server, "scope": scope}
        token = http.get(f"https://{mode.place.server}/oauth2/token", params=params)
        if token.status_code == 200:
            bearer = mode.place.cloud.http()
            bearer.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            assert bearer.request(method, f"{url}/{path}").status_code == answer.status_code
        assert answer.status_code in (200, 401, 404), answer.text
        found |= {what} if answer.status_code != 401 else set()
    return found


def test_where_roles_are_for_repositories_one_of_them_logs_in_and_one_at_the_registry_restores(
    mode: Mode,
) -> None:
    assert may(mode, mode.somebody("Owner")) == set()
    assert may(mode, mode.somebody(READER)) == may(mode, mode.somebody(LISTER)) == set()
    assert may(mode, mode.somebody(READER, "Reader")) == SEES
    assert may(mode, mode.somebody(LISTER, "Contributor")) == SEES | RESTORES


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        ([f"{DELETED}/read"], SEES),
        ([f"{DELETED}/restore/action"], RESTORES),
        ([f"{DELETED}/*"], SEES | RESTORES),
    ],
)
def test_a_role_of_ones_own_lets_log_in_and_do_what_it_says(
    local_cloud: LocalCloud, actions: list[str], allowed: set[str]
) -> None:
    mode = Mode(Place(local_cloud))
    assert mode.set_mode("LegacyRegistryPermissions").status_code == 200
    group = mode.registry.partition("/providers/")[0]
    name = str(uuid.uuid4())
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{name}"
    role = {
        "roleName": f"deleted {name}",
        "assignableScopes": [group],
        "permissions": [{"actions": actions}],
    }
    assert mode.arm("PUT", f"{group}{definition}", {"properties": role}).status_code == 201
    secret = uuid.uuid4().hex
    made = mode.principals.add(f"restorer-{secret[:8]}", secret=secret)
    properties = {"roleDefinitionId": definition, "principalId": made.object_id}
    assignment = f"{group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assert mode.arm("PUT", assignment, {"properties": properties}).status_code == 201
    assert may(mode, mode.place.as_user((made.app_id, secret))) == allowed
    mode.store.close()
