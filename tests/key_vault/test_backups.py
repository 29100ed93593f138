"""Backups of secrets: whole, unreadable, for one subscription and geography. The clients are real."""

from __future__ import annotations

import base64
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.key_vault.backups import Backups
from helpers.localcloud.key_vault.geographies import geography_of
from helpers.localcloud.regions import LOCATIONS
from tests.az import Az
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets

OTHER = {"code": "BadParameter", "message": "Cannot decrypt backup blob."}


@pytest.fixture(scope="module")
def vaults(local_cloud: LocalCloud) -> list[str]:
    """Two in one geography, one elsewhere."""
    mine = policy(local_cloud, local_cloud.account.object_id, "all", "purge")
    return [
        create_vault(local_cloud, mine),
        create_vault(local_cloud, mine, location="westus2"),
        create_vault(local_cloud, mine, location="northeurope"),
    ]


@pytest.fixture
def name() -> str:
    return f"secret-{uuid.uuid4().hex[:8]}"


def test_a_backup_brings_all_versions_to_another_vault(
    local_cloud: LocalCloud, vaults: list[str], name: str
) -> None:
    here, there = (secrets(local_cloud, one) for one in vaults[:2])
    first = here.set_secret(name, "shibboleth", content_type="text/plain", tags={"a": "b"})
    here.update_secret_properties(name, first.properties.version, enabled=False)
    second = here.set_secret(name, "sibboleth")
    blob = here.backup_secret(name)
    for word in ("shibboleth", "sibboleth", name):
        assert word.encode() not in blob
        assert base64.b64encode(word.encode())[:10] not in blob
    restored = there.restore_secret_backup(blob)
    assert (restored.name, restored.version) == (name, second.properties.version)
    assert there.get_secret(name).value == "sibboleth"
    versions = {one.version: one for one in there.list_properties_of_secret_versions(name)}
    assert set(versions) == {first.properties.version, second.properties.version}
    old = versions[first.properties.version]
    assert (old.enabled, old.content_type, old.tags) == (False, "text/plain", {"a": "b"})
    assert old.created_on == first.properties.created_on
    there.update_secret_properties(name, first.properties.version, enabled=True)
    assert there.get_secret(name, first.properties.version).value == "shibboleth"


def test_a_backup_replaces_nothing(local_cloud: LocalCloud, vaults: list[str], name: str) -> None:
    client = secrets(local_cloud, vaults[0])
    client.set_secret(name, "one")
    blob = client.backup_secret(name)
    client.set_secret(name, "two")
    with pytest.raises(ResourceExistsError, match="conflict restoring the secret"):
        client.restore_secret_backup(blob)
    client.begin_delete_secret(name).wait()
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        client.restore_secret_backup(blob)
    with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        client.backup_secret(name)
    client.purge_deleted_secret(name)
    client.restore_secret_backup(blob)
    assert client.get_secret(name).value == "one"


def test_a_backup_stays_in_its_geography(
    local_cloud: LocalCloud, vaults: list[str], name: str
) -> None:
    client = secrets(local_cloud, vaults[0])
    client.set_secret(name, "one")
    blob = client.backup_secret(name)
    with pytest.raises(HttpResponseError, match="Cannot decrypt backup blob"):
        secrets(local_cloud, vaults[2]).restore_secret_backup(blob)


def test_a_backup_of_another_cloud_or_that_was_changed_is_refused(
    local_cloud: LocalCloud, vaults: list[str], name: str, cloud: Cloud
) -> None:
    client = secrets(local_cloud, vaults[0])
    client.set_secret(name, "one")
    good = client.backup_secret(name)
    other = Backups(cloud).seal("eastus", {"name": "x", "versions": []})
    for blob in (
        good[:-1] + bytes([good[-1] ^ 1]),
        good[:30] + bytes([good[30] ^ 1]) + good[31:],
        good[:20],
        b"AzureKeyVaultSecretBackupV1",
        base64.urlsafe_b64decode(other + "=="),
    ):
        with pytest.raises(HttpResponseError, match="Cannot decrypt backup blob"):
            secrets(local_cloud, vaults[1]).restore_secret_backup(blob)


@pytest.mark.parametrize("value", [None, "", 5, "not base64!", "é", "a" * 100000])
def test_what_is_no_backup_is_refused(
    local_cloud: LocalCloud, vaults: list[str], value: Any
) -> None:
    answer = local_cloud.http().post(
        f"https://{vaults[0]}.vault.azure.net/secrets/restore?api-version=7.4",
        json={"value": value},
        headers={"Authorization": f"Bearer {local_cloud.token('https://vault.azure.net')}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")


def test_the_key_is_the_owners_and_stays(cloud: Cloud) -> None:
    backups = Backups(cloud)
    blob = backups.seal("eastus", {"name": "one"})
    assert backups.open("westus", blob) == {"name": "one"}
    key = cloud.home / "backup-key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"short")
    assert backups.open("eastus", backups.seal("eastus", {})) == {}
    assert (cloud.home / "set-aside" / "backup-key").read_bytes() == b"short"
    with pytest.raises(CloudError, match="Cannot decrypt"):
        backups.open("westus", blob)


def test_every_region_has_a_geography() -> None:
    assert {geography_of(one) for one in LOCATIONS} >= {"United States", "Europe", "Japan"}


def test_az_backs_up_and_restores_a_secret(
    local_cloud: LocalCloud, vaults: list[str], az: Az, tmp_path: Path
) -> None:
    file, secret = str(tmp_path / "secret.backup"), f"az-{uuid.uuid4().hex[:8]}"
    keep = ("keyvault", "secret")
    az.json(*keep, "set", "--vault-name", vaults[0], "-n", secret, "--value", "one")
    az.ok(*keep, "backup", "--vault-name", vaults[0], "-n", secret, "--file", file)
    restored = az.json(*keep, "restore", "--vault-name", vaults[1], "--file", file)
    assert restored["name"] == secret
    assert az.json(*keep, "show", "--vault-name", vaults[1], "-n", secret)["value"] == "one"
    assert "Conflict" in az.refused(*keep, "restore", "--vault-name", vaults[1], "--file", file)
    told = az.refused(*keep, "restore", "--vault-name", vaults[2], "--file", file)
    assert "(BadParameter) Cannot decrypt backup blob." in told
    changed = az.json(
        *keep, "set-attributes", "--vault-name", vaults[1], "-n", secret, "--enabled", "false"
    )
    assert changed["attributes"]["enabled"] is False
    [version] = az.json(*keep, "list-versions", "--vault-name", vaults[1], "-n", secret)
    assert version["id"] == changed["id"]
    az.json(*keep, "delete", "--vault-name", vaults[1], "-n", secret)
    deleted = az.json(*keep, "list-deleted", "--vault-name", vaults[1])
    assert secret in [one["name"] for one in deleted]
    begun = time.monotonic()
    for kind in ("key", "certificate"):
        told = az.refused("keyvault", kind, "list", "--vault-name", vaults[0])
        assert f"GET /{kind}s of Key Vault" in told
    assert time.monotonic() - begun < 30  # no client asks again and again
