"""Callers that may do some things and no others: a principal with a role of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import requests

from helpers.localcloud.api_versions import newest
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import send

Ask = Callable[..., requests.Response]


def caller_with(cloud: LocalCloud, scope: str, actions: Sequence[str]) -> Ask:
    """Sends requests as one who may do ``actions`` at ``scope``, and nothing else."""
    with closing(Store(cloud.home / "state.db")) as store:
        directory = Principals(store, cloud.account.tenant_id, cloud.home / "signing-key.pem")
        one = directory.add(f"caller-{uuid.uuid4().hex[:8]}", secret="its")
    path = scope.removeprefix(f"{cloud.subscription}/")
    guid = str(uuid.uuid4())
    role = {
        "roleName": f"role {guid}",
        "type": "CustomRole",
        "description": "",
        "assignableScopes": [scope],
        "permissions": [{"actions": list(actions), "notActions": []}],
    }
    rights = f"{path}/providers/Microsoft.Authorization"
    made = send(cloud, "PUT", f"{rights}/roleDefinitions/{guid}", {"properties": role})
    assert made.status_code in (200, 201), made.text
    given = {"roleDefinitionId": made.json()["id"], "principalId": one.object_id}
    made = send(cloud, "PUT", f"{rights}/roleAssignments/{guid}", {"properties": given})
    assert made.status_code in (200, 201), made.text
    token = cloud.token_of(one.app_id, "its")

    def ask(method: str, url: str, body: Any = None) -> requests.Response:
        return cloud.http().request(
            method,
            url,
            params={"api-version": newest(url)},
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        )

    return ask
