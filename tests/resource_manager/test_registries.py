"""What else is done with a registry: what it uses, the passwords of its admin user, sources, archives."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.storage.blob import BlobClient
from azure.storage.blob.aio import BlobClient as AsynchronousBlobClient

from helpers.localcloud.run_statuses import FINAL
from tests.az import Az
from tests.registry.places import Place
from tests.sdk import Sdk, error_of
from tests.tasks.running import archive

from .assigning import REGISTRY as TYPE
from .deploying import unique
from .test_resource_manager import make_registry


@pytest.fixture(scope="module")
def filled(local_cloud: Any) -> Place:
    """A registry that nobody else pushes to."""
    return Place(local_cloud)


def usages(sdk: Sdk, group: str, name: str) -> dict[str, tuple[int, int, str]]:
    """What is used of what there may be, by its name."""
    found = sdk.manager(ContainerRegistryManagementClient).registries.list_usages(group, name)
    return {one.name: (one.current_value, one.limit, one.unit) for one in found.value}


def test_what_a_registry_uses(sdk: Sdk, filled: Place) -> None:
    """Each layer and each manifest counts once, however many repositories have it."""
    group, name, mark = filled.group, filled.name, sdk.form[:5]
    before = usages(sdk, group, name)
    filled.push(f"{mark}/one", "v1", mark.encode() * 1000)
    after = usages(sdk, group, name)
    assert after["Size"][0] >= before["Size"][0] + 5000
    assert after["Size"][1:] == (500 << 30, "Bytes")
    again = filled.push(f"{mark}/two", "v1", mark.encode() * 1000)
    assert usages(sdk, group, name)["Size"] == after["Size"]
    filled.token(mark, "repositories/a/content/read")
    now = usages(sdk, group, name)
    assert now["Tokens"] == (before["Tokens"][0] + 1, 50_000, "Count")
    assert now["ScopeMaps"] == (before["ScopeMaps"][0] + 1, 50_000, "Count")
    assert (now["Webhooks"], now["Geo-replications"]) == ((0, 500, "Count"), (0, -1, "Count"))
    with filled.sdk() as client:
        for repository in ("one", "two"):
            client.delete_manifest(f"{mark}/{repository}", again)
    small = make_registry(sdk.cloud, group, "Basic")
    assert usages(sdk, group, small) == {
        "Size": (0, 10 << 30, "Bytes"),
        "Webhooks": (0, 2, "Count"),
        "ScopeMaps": (0, 100, "Count"),
        "Tokens": (0, 100, "Count"),
    }


def test_az_shows_what_a_registry_uses(az: Az, filled: Place) -> None:
    table = az.ok("acr", "show-usage", "--name", filled.name, "-o", "table")
    assert "PrivateEndpointConnections" in table
    found = az.json("acr", "show-usage", "--name", filled.name)["value"]
    assert [one["unit"] for one in found if one["name"] == "Size"] == ["Bytes"]


def test_a_password_is_made_anew_and_the_old_one_is_refused(sdk: Sdk, filled: Place) -> None:
    registries = sdk.manager(ContainerRegistryManagementClient).registries
    where = (filled.group, filled.name)
    registries.begin_update(*where, {"properties": {"adminUserEnabled": True}}).result()
    held = registries.list_credentials(*where)
    first, second = [one.value for one in held.passwords]

    def signs_in(password: str) -> bool:
        answer = filled.as_user((filled.name, password)).get(filled.url(""))
        return bool(answer.status_code == 200)

    assert signs_in(first)
    assert signs_in(second)
    made = registries.regenerate_credential(*where, {"name": "password2"})
    assert [one.name for one in made.passwords] == ["password", "password2"]
    assert made.passwords[0].value == first
    assert signs_in(first)
    assert signs_in(made.passwords[1].value)
    assert not signs_in(second)
    with pytest.raises(HttpResponseError, match="must be 'password' or 'password2'"):
        registries.regenerate_credential(*where, {"name": "password3"})
    registries.begin_update(*where, {"properties": {"adminUserEnabled": False}}).result()
    with pytest.raises(HttpResponseError, match="Admin user is disabled"):
        registries.regenerate_credential(*where, {"name": "password"})
    assert not signs_in(first)


def test_a_registry_from_its_creation_to_its_deletion(sdk: Sdk, filled: Place) -> None:
    """With an image from another one, and a token that may pull it for an hour, until it is disabled."""
    client, where = sdk.manager(ContainerRegistryManagementClient), (filled.group, unique("made"))
    registries, asked = client.registries, {"name": where[1], "type": TYPE}
    assert registries.check_name_availability(asked).name_available
    wanted = {"location": "West Europe", "sku": {"name": "Standard"}, "tags": {"a": "b"}}
    made = registries.begin_create(*where, wanted).result()
    assert (made.location, made.sku.tier, made.tags) == ("westeurope", "Standard", {"a": "b"})
    assert (made.login_server, made.provisioning_state) == (f"{where[1]}.azurecr.io", "Succeeded")
    taken = registries.check_name_availability(asked)
    assert (taken.name_available, taken.reason) == (False, "AlreadyExists")
    assert registries.get(*where).as_dict() == made.as_dict()
    premium = {"sku": {"name": "Premium"}, "properties": {"adminUserEnabled": True}}
    changed = registries.begin_update(*where, premium).result()
    assert (changed.sku.name, changed.admin_user_enabled) == ("Premium", True)
    assert changed.network_rule_set.default_action == "Allow"
    assert where[1] in [one.name for one in registries.list_by_resource_group(filled.group)]
    assert made.id in [one.id for one in registries.list()]
    filled.push("shared/one", "v1", sdk.form.encode())
    source = {"resourceId": filled.id, "sourceImage": "shared/one:v1"}
    wanted = {"source": source, "targetTags": ["copied:v1"], "mode": "NoForce"}
    registries.begin_import_image(*where, wanted).result()
    with pytest.raises(HttpResponseError) as refused:
        registries.begin_import_image(*where, wanted).result()
    assert (refused.value.status_code, error_of(refused).code) == (409, "Conflict")
    actions = {"properties": {"actions": ["repositories/copied/content/read"]}}
    scope_map = client.scope_maps.begin_create(*where, "pulls", actions).result()
    given = {"properties": {"scopeMapId": scope_map.id, "status": "enabled"}}
    token = client.tokens.begin_create(*where, "puller", given).result()
    expiry = datetime.now(timezone.utc) + timedelta(hours=1)
    asked = {"tokenId": token.id, "name": "password1", "expiry": expiry.isoformat()}
    [password] = registries.begin_generate_credentials(*where, asked).result().passwords
    assert abs(password.expiry - expiry) < timedelta(seconds=1)

    def pulls() -> int:
        url = f"https://{made.login_server}/v2/copied/manifests/v1"
        return filled.as_user(("puller", password.value)).get(url).status_code

    assert pulls() == 200
    disabled = {"properties": {"status": "disabled"}}
    assert client.tokens.begin_update(*where, "puller", disabled).result().status == "disabled"
    assert pulls() == 401
    client.tokens.begin_delete(*where, "puller").result()
    client.scope_maps.begin_delete(*where, "pulls").result()
    assert list(client.tokens.list(*where)) == []
    registries.begin_delete(*where).result()
    with pytest.raises(ResourceNotFoundError):
        registries.get(*where)


def upload(sdk: Sdk, url: str, data: bytes, **sizes: Any) -> None:
    """Put a source where Azure says, as one blob or, when it is large, in blocks."""
    if sdk.form == "synchronous":
        with BlobClient.from_blob_url(url, **sdk.cloud.options, **sizes) as blob:
            blob.upload_blob(data, overwrite=True)
        return
    blob = sdk.opened(
        AsynchronousBlobClient.from_blob_url(url, **sdk.cloud.asynchronous_options(), **sizes)
    )
    blob.upload_blob(data, overwrite=True)


@pytest.mark.parametrize("sizes", [{}, {"max_single_put_size": 1024, "max_block_size": 4096}])
def test_a_source_is_uploaded_and_run_and_its_log_is_kept(
    sdk: Sdk, filled: Place, sizes: dict[str, int]
) -> None:
    client, where = sdk.manager(ContainerRegistryTasksMgmtClient), (filled.group, filled.name)
    place = client.registries.get_build_source_upload_url(*where)
    said = f"{sdk.form} {len(sizes)}"
    text = f"version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo {said}; wc -c < filler'\n"
    source = archive({"task.yaml": text, "filler": "x" * 20_000}, level=0)
    upload(sdk, place.upload_url, source, **sizes)
    request = {
        "type": "FileTaskRunRequest",
        "taskFilePath": "task.yaml",
        "sourceLocation": place.relative_path,
        "platform": {"os": "Linux"},
    }
    run = client.registries.schedule_run(*where, request)
    deadline = time.monotonic() + 60
    while (run := client.runs.get(*where, run.run_id)).status not in FINAL:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert run.status == "Succeeded"
    assert run.is_archive_enabled is False
    kept = client.runs.update(*where, run.run_id, {"isArchiveEnabled": True})
    assert kept.is_archive_enabled is True
    found = client.runs.list(*where, filter=f"runId eq '{run.run_id}'")
    assert [one.is_archive_enabled for one in found] == [True]
    link = client.runs.get_log_sas_url(*where, run.run_id).log_link
    with BlobClient.from_blob_url(link, **sdk.cloud.options) as log:
        lines = log.download_blob().readall().decode()
    assert said in lines
    assert "20000" in lines
