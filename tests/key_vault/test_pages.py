"""Pages of a vault's listings, with the real clients, sync and async."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.keyvault.secrets.aio import SecretClient

from tests.az import Az
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets

COUNT = 27
NAMES = [f"secret-{number:02}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def vault(local_cloud: LocalCloud) -> str:
    """27 secrets, 27 versions of the first, 27 more that were deleted."""
    name = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    client = secrets(local_cloud, name)
    for one in NAMES:
        client.set_secret(one, "value")
        client.set_secret(f"gone-{one}", "value")
        client.begin_delete_secret(f"gone-{one}")
    for _ in range(COUNT - 1):
        client.set_secret(NAMES[0], "another")
    return name


def ask(cloud: LocalCloud, vault: str, path: str, **query: Any) -> requests.Response:
    return cloud.http().get(
        f"https://{vault}.vault.azure.net/{path}",
        params={"api-version": "7.4", **query},
        headers={"Authorization": f"Bearer {cloud.token('https://vault.azure.net')}"},
    )


@pytest.mark.parametrize("path", ["secrets", f"secrets/{NAMES[0]}/versions", "deletedsecrets"])
def test_a_page_has_25_and_tells_of_the_next(
    local_cloud: LocalCloud, vault: str, path: str
) -> None:
    first = ask(local_cloud, vault, path).json()
    assert len(first["value"]) == 25
    link = urlsplit(first["nextLink"])
    assert (link.netloc, link.path) == (f"{vault}.vault.azure.net:443", f"/{path}")
    asked = parse_qs(link.query)
    assert (asked["api-version"], asked["maxresults"]) == (["7.4"], ["25"])
    second = ask(local_cloud, vault, path, **{"$skiptoken": asked["$skiptoken"][0]}).json()
    assert (len(second["value"]), second["nextLink"]) == (2, None)
    assert len({one["id"] for one in [*first["value"], *second["value"]]}) == COUNT
    assert ask(local_cloud, vault, path, maxresults=1).json()["nextLink"].endswith("maxresults=1")


def test_the_client_follows_the_links(local_cloud: LocalCloud, vault: str) -> None:
    client = secrets(local_cloud, vault)
    assert [one.name for one in client.list_properties_of_secrets()] == NAMES
    assert [one.name for one in client.list_properties_of_secrets(max_page_size=3)] == NAMES
    versions = [one.version for one in client.list_properties_of_secret_versions(NAMES[0])]
    assert (len(versions), versions) == (COUNT, sorted(versions, key=str))
    assert len(list(client.list_deleted_secrets(max_page_size=10))) == COUNT


def test_the_client_of_asyncio_follows_them(local_cloud: LocalCloud, vault: str) -> None:
    async def names() -> list[str]:
        url = f"https://{vault}.vault.azure.net"
        async with (
            local_cloud.asynchronous_credential() as credential,
            SecretClient(url, credential, **local_cloud.asynchronous_options()) as client,
        ):
            blob = await client.backup_secret(NAMES[1])
            assert b"value" not in blob
            return [str(one.name) async for one in client.list_properties_of_secrets()]

    assert asyncio.run(names()) == NAMES


@pytest.mark.parametrize("size", ["0", "26", "-1", "two", "1.0", "", "\uff19"])
def test_a_size_that_is_none(local_cloud: LocalCloud, vault: str, size: str) -> None:
    answer = ask(local_cloud, vault, "secrets", maxresults=size)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert "invalid maxresults" in answer.json()["error"]["message"]


def token(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "given",
    [
        "x",
        "é",
        token(5),
        token(["/secrets"]),
        token(["/secrets", 5]),
        token(["/deletedsecrets", "a"]),
        token([[[]]]),
        base64.urlsafe_b64encode(b"[" * 10000).decode(),
    ],
)
def test_a_token_of_another_listing_or_of_none(
    local_cloud: LocalCloud, vault: str, given: str
) -> None:
    answer = ask(local_cloud, vault, "secrets", **{"$skiptoken": given})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert "invalid $skiptoken" in answer.json()["error"]["message"]


def test_az_lists_what_there_is(az: Az, vault: str) -> None:
    assert len(az.json("keyvault", "secret", "list", "--vault-name", vault)) == COUNT
    few = az.json("keyvault", "secret", "list", "--vault-name", vault, "--maxresults", "2")
    assert [one["name"] for one in few] == NAMES[:2]
    told = az.refused("keyvault", "secret", "list", "--vault-name", vault, "--maxresults", "26")
    assert "(BadParameter) invalid maxresults" in told
