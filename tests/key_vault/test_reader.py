"""What the cloud's own services read of a vault: with the checks and the words of its route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.key_vault.reader import read
from helpers.localcloud.principals import VAULT, Principal
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets


@pytest.fixture
def cloud(local_cloud: LocalCloud) -> Iterator[Cloud]:
    cloud = Cloud(local_cloud.home)
    yield cloud
    cloud.close()


def answer(
    cloud: Cloud, local_cloud: LocalCloud, principal: Principal, vault: str, path: str
) -> tuple[int, Any]:
    """Status, and value or message, of the route."""
    token = cloud.principals.issue(principal, VAULT[0])
    reply = local_cloud.http().get(
        f"https://{vault}.vault.azure.net/secrets/{path}?api-version=7.4",
        headers={"Authorization": f"Bearer {token}"},
    )
    content = reply.json()
    return reply.status_code, content.get("value") or content["error"]["message"]


def same(
    cloud: Cloud, local_cloud: LocalCloud, principal: Principal, vault: str, name: str, version: str
) -> tuple[int, Any]:
    status, words = answer(cloud, local_cloud, principal, vault, f"{name}/{version}")
    try:
        found: tuple[int, Any] = 200, read(cloud, principal, vault, name, version)
    except CloudError as error:
        found = error.status, error.message
    assert found == (status, words)
    return found


def test_it_answers_as_the_route_does(local_cloud: LocalCloud, cloud: Cloud) -> None:
    vault = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    client = secrets(local_cloud, vault)
    first = client.set_secret("token", "one").properties
    client.set_secret("token", "two")
    client.set_secret("hidden", "x", enabled=False)
    client.set_secret("gone", "x")
    client.begin_delete_secret("gone").wait()
    owner = cloud.owner
    found = [
        same(cloud, local_cloud, owner, vault, name, version)
        for name, version in [
            ("token", ""),
            ("TOKEN", str(first.version)),
            ("token", "0" * 32),
            ("hidden", ""),
            ("gone", ""),
        ]
    ]
    assert found[:2] == [(200, "two"), (200, "one")]
    assert [status for status, _ in found[2:]] == [404, 403, 404]
    assert same(cloud, local_cloud, owner, "kv-nothing", "token", "")[0] == 404


def test_without_the_right_it_reads_nothing(local_cloud: LocalCloud, cloud: Cloud) -> None:
    nobody = cloud.principals.add("nobody")
    by_policy = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    by_role = create_vault(local_cloud, rbac=True)
    secrets(local_cloud, by_policy).set_secret("token", "one")
    for vault, principal in [(by_policy, nobody), (by_role, nobody), (by_role, cloud.owner)]:
        assert same(cloud, local_cloud, principal, vault, "token", "")[0] == 403
