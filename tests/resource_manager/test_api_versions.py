"""The api-version of a request: which there are, and what is said of another one."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.api_versions import newest, type_of, versions_of
from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.resource_types import NAMESPACES, TYPES
from tests.az import PROGRAMS
from tests.conftest import LocalCloud

from .refusing import Place, assert_refused
from .test_requests import CONTAINERS, REGISTRIES, VAULTS, send

NONSENSE = "2010-01-01"
ROUTES = [(route.method, route.template) for route in all_operations().routes]
_PACKAGES = {
    "authorization": "Microsoft.Authorization",
    "containerinstance": "Microsoft.ContainerInstance",
    "containerregistry": "Microsoft.ContainerRegistry",
    "containerregistrytasks": "Microsoft.ContainerRegistry",
    "keyvault": "Microsoft.KeyVault",
    "msi": "Microsoft.ManagedIdentity",
    "resource/deployments": "Microsoft.Resources/deployments",
    "resource/locks": "Microsoft.Authorization/locks",
    "resource/resources": "Microsoft.Resources",
    "resource/subscriptions": "Microsoft.Resources",
}
_RESOURCES_OF_KEYVAULT = "2015-11-01"  # vaults.list asks ARM's /resources


def _path(cloud: LocalCloud, template: str) -> str:
    filled = template.replace("{subscription}", cloud.account.subscription_id)
    filled = filled.replace("{provider}", "Microsoft.ContainerRegistry")
    filled = filled.replace("{namespace}", "Microsoft.ContainerRegistry")
    return re.sub(r"\{\w+\}", "nothing", filled)


@pytest.mark.parametrize(("method", "template"), ROUTES)
def test_every_operation_needs_a_version_that_it_has(
    local_cloud: LocalCloud, method: str, template: str
) -> None:
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token()}"
    url = f"https://management.azure.com{_path(local_cloud, template)}"
    # What the body is, does not matter yet.
    missing = http.request(method, url, params={"api-version": ""}, data=b"{")
    wrong = http.request(method, url, params={"api-version": NONSENSE}, json={})
    assert (missing.status_code, wrong.status_code) == (400, 400)
    if method == "HEAD":
        return
    assert missing.json()["error"] == {
        "code": "MissingApiVersionParameter",
        "message": "The api-version query parameter (?api-version=) is required for all requests.",
    }
    code, message = wrong.json()["error"]["code"], wrong.json()["error"]["message"]
    if code == "InvalidApiVersionParameter":
        assert f"The api-version '{NONSENSE}' is invalid. The supported versions are '" in message
        assert "/providers/Microsoft." not in template.replace("Microsoft.Resources", "")
    else:
        assert code == "InvalidResourceType"
        assert f"for api version '{NONSENSE}'. The supported api-versions are '20" in message
    assert newest(url) in message


def test_where_the_resource_is_known_its_region_has_no_such_version(place: Place) -> None:
    body = {"location": "West US", "sku": {"name": "Basic"}}
    new = send(place.cloud, "PUT", place.full("{g}/" + REGISTRIES + "/brandnew"), body, NONSENSE)
    assert_refused(
        new,
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location 'westus' and API version '{NONSENSE}' "
        "for type 'registries'. The supported api-versions are '2017-03-01, ",
    )
    assert "The supported locations are 'australiaeast, " in new.json()["error"]["message"]
    for path, kind in (
        ("{r}", "registries"),
        ("{r}/scopeMaps/known", "registries/scopeMaps"),
        ("{r}/tasks/nothing", "registries/tasks"),
        ("{r}/scheduleRun", "registries"),
        ("{v}", "vaults"),
    ):
        method = "POST" if path.endswith("scheduleRun") else "GET"
        answer = send(place.cloud, method, place.full(path), None, NONSENSE)
        told = f"location 'eastus' and API version '{NONSENSE}' for type '{kind}'."
        assert_refused(answer, 400, "NoRegisteredProviderFound", told)


def test_a_type_has_versions_of_its_own(place: Place) -> None:
    for path, version in (
        ("{r}/tasks", "2025-11-01"),  # tasks have left the registries' package
        ("{r}/cacheRules", "2019-05-01"),
        ("{g}/" + CONTAINERS, "2025-11-01"),
        ("{g}/" + VAULTS, "2025-11-01"),
    ):
        assert send(place.cloud, "GET", place.full(path), None, version).status_code == 400
        assert send(place.cloud, "GET", place.full(path), None).status_code == 200
    spelled = send(place.cloud, "GET", place.full("{r}/tasks"), None, "2025-03-01-PREVIEW")
    assert spelled.status_code == 200
    known = send(place.cloud, "GET", place.full("{r}"), None, "2017-10-01")
    assert known.status_code == 200


def test_of_an_operation_that_is_not_there_the_version_is_not_asked(place: Place) -> None:
    answer = send(place.cloud, "PUT", place.full("{r}/webbhooks/one"), None, "")
    assert_refused(answer, 501, "NotImplemented", "registries/webbhooks")


@pytest.mark.parametrize("path", ["", "nowhere", "nowhere/providers/Microsoft.Authorization/locks"])
def test_a_path_that_is_nowhere_is_refused_in_arm_s_words(
    local_cloud: LocalCloud, path: str
) -> None:
    """As of a scope that somebody has mistyped."""
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token()}"
    assert_refused(
        http.get(f"https://management.azure.com/{path}", params={"api-version": "2022-04-01"}),
        404,
        "MissingSubscription",
        "did not have a subscription or a valid tenant level resource provider",
    )


def test_a_body_is_read_when_its_operation_is_known(place: Place) -> None:
    """az sends templates as ARM reads them: with names that have no quotes."""
    http = place.cloud.http()
    http.headers["Authorization"] = f"Bearer {place.cloud.token()}"
    base = f"https://management.azure.com{place.cloud.subscription}/{place.full('{g}')}"
    body = b'{"properties": {template: {}}'
    answer = http.put(f"{base}/providers/Microsoft.Nothing/things/one", data=body)
    assert_refused(answer, 501, "NotImplemented", "PUT Microsoft.Nothing/things")
    answer = http.put(base, data=body, params={"api-version": "2024-11-01"})
    assert_refused(answer, 400, "InvalidRequestContent", "could not be parsed")


def test_what_a_client_is_told_to_ask_for_it_may_ask_for(local_cloud: LocalCloud) -> None:
    client = local_cloud.client(ResourceManagementClient)
    for provider in client.providers.list():
        for one in provider.resource_types:
            versions = versions_of(f"{provider.namespace}/{one.resource_type}")
            assert list(one.api_versions) == sorted(versions, reverse=True)


def _sites() -> list[Path]:
    found = [Path(sysconfig.get_path("purelib"))]
    for program in PROGRAMS.values():
        if program is not None:
            found += Path(program).parent.parent.glob("lib/python*/site-packages")
    return found


@pytest.mark.parametrize("package", sorted(_PACKAGES))
def test_the_versions_of_the_clients_are_known(package: str) -> None:
    """Of every client of the SDK and of az that is installed: what it was made for."""
    found = set()
    for site in _sites():
        for module in (site / "azure/mgmt" / package).rglob("*.py"):
            found |= set(
                re.findall(r"[\"'](20\d\d-\d\d-\d\d(?:-preview)?)[\"']", module.read_text())
            )
    if package == "keyvault":
        assert _RESOURCES_OF_KEYVAULT in versions_of("Microsoft.Resources")
        found.discard(_RESOURCES_OF_KEYVAULT)
    assert found
    assert found <= set(versions_of(_PACKAGES[package]))


def test_every_type_has_versions_and_every_path_a_type() -> None:
    assert all(versions_of(one) for one in TYPES)
    assert sorted({one.partition("/")[0] for one in TYPES}) == NAMESPACES
    registry = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
    )
    assert (
        type_of(registry + "/tasks/t/listDetails") == "Microsoft.ContainerRegistry/registries/tasks"
    )
    operations = "/subscriptions/s/resourceGroups/g/deployments/d/operations"
    assert type_of(operations) == "Microsoft.Resources/deployments"
    assert type_of(registry + "/scheduleRun") == "Microsoft.ContainerRegistry/registries"
    assert type_of("/subscriptions/s/resourceGroups/g") == "Microsoft.Resources"
    assert (
        type_of("/subscriptions/s/providers/Microsoft.KeyVault/register") == "Microsoft.Resources"
    )
    assert newest(registry + "/tasks/t?$top=1") == "2019-04-01"
    assert newest("/x/providers/Microsoft.Nothing/things/t") == "2025-04-01"
    assert newest("/x/providers/Microsoft.ContainerRegistry/registries/r/agentPools/a") == (
        "2025-03-01-preview"
    )
