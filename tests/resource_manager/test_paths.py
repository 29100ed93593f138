"""What a request's address says: names, queries and methods, as Azure Resource Manager reads them."""

from __future__ import annotations

import uuid
from http.client import HTTPSConnection
from ssl import create_default_context
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.api_versions import newest
from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.resource_manager.path_templates import parent_of
from tests.conftest import LocalCloud

from .refusing import READ, Place, assert_refused
from .test_requests import REGISTRIES
from .test_resource_manager import make_group

MANAGEMENT = "https://management.azure.com"
CHILDREN = sorted(
    {
        (one.method, one.template)
        for one in all_operations().routes
        if one.method != "HEAD" and parent_of(one.template, one.resource_type)
    }
)


def ask(cloud: LocalCloud, method: str, url: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {cloud.token()}", **more.pop("headers", {})}
    return cloud.http().request(method, url, headers=headers, **more)


def test_names_of_a_query_compare_without_case(place: Place) -> None:
    url = f"{MANAGEMENT}{place.cloud.subscription}/resourceGroups?Api-Version=2021-04-01"
    headers = {"Authorization": f"Bearer {place.cloud.token()}"}
    plain = requests.Session()
    plain.trust_env, plain.verify = False, place.cloud.ca_file
    plain.proxies = {"https": place.cloud.proxy_url}
    nothing = f"$FILTER=tagName eq '{uuid.uuid4().hex}'"
    answer = plain.get(f"{url}&{nothing}", headers=headers)
    assert (answer.status_code, answer.json()["value"]) == (200, [])
    assert plain.get(f"{url}&$Top=0", headers=headers).json()["error"]["code"] == "InvalidTop"


@pytest.mark.parametrize("end", ["%3Fx=1", "%23part", "%3f", "%253F"])
def test_a_name_with_a_sign_of_urls_is_another_name(local_cloud: LocalCloud, end: str) -> None:
    group = make_group(local_cloud)
    url = f"{MANAGEMENT}{local_cloud.subscription}/resourceGroups/{group}{end}"
    for method, status in (("GET", 404), ("HEAD", 404), ("DELETE", 404), ("PUT", 400)):
        body = {"location": "eastus"} if method == "PUT" else None
        answer = ask(local_cloud, method, f"{url}?api-version=2021-04-01", json=body)
        assert answer.status_code == status, (method, answer.text)
    groups = local_cloud.client(ResourceManagementClient).resource_groups
    assert groups.get(group).properties.provisioning_state == "Succeeded"


def test_whether_a_resource_is_there(place: Place) -> None:
    """By the SDK's generic client, which asks with HEAD."""
    resources = place.cloud.client(ResourceManagementClient).resources
    for path in ("{r}", "{v}", "{r}/scopeMaps/known", "{r}/tokens/known"):
        place_id = place.id(path)
        version = newest(place_id)
        assert resources.check_existence_by_id(place_id, api_version=version) is True
        assert resources.check_existence_by_id(f"{place_id}x", api_version=version) is False
    assert place.send("HEAD", "{r}/nothing/known").status_code == 501
    assert place.send("HEAD", "{r}/tokens").status_code == 501
    url = f"{MANAGEMENT}{place.id('{r}')}?api-version=2023-07-01"
    assert place.cloud.http().head(url).status_code == 401


@pytest.mark.parametrize(("method", "template"), CHILDREN)
def test_below_what_is_not_there_nothing_is(place: Place, method: str, template: str) -> None:
    names = {"subscription": place.cloud.account.subscription_id, "group": place.group}
    path = "".join(
        names.get(part, "nothing12") if index % 2 else part
        for index, part in enumerate(template.replace("}", "{").split("{"))
    )
    body = {"location": "eastus"} if method in ("PUT", "PATCH", "POST") else None
    answer = ask(
        place.cloud, method, f"{MANAGEMENT}{path}", params={"api-version": newest(path)}, json=body
    )
    assert_refused(answer, 404, "ParentResourceNotFound", "because the parent resource '/subscr")


def test_a_listing_of_a_group_that_is_not_there(place: Place) -> None:
    answer = place.send("GET", "resourceGroups/nothing-there/resources")
    assert_refused(answer, 404, "ResourceGroupNotFound", "'nothing-there'")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize(
    ("url", "place_of_code"),
    [
        (f"{MANAGEMENT}/subscriptions", ("error", "code")),
        ("https://{vault}.vault.azure.net/secrets", ("error", "code")),
        ("https://graph.microsoft.com/v1.0/applications", ("error", "code")),
        ("https://{registry}.azurecr.io/v2/", ("errors", 0, "code")),
    ],
)
def test_a_method_that_no_service_has(
    place: Place, method: str, url: str, place_of_code: tuple[Any, ...]
) -> None:
    """In the words of each service."""
    wanted = url.format(vault=place.vault, registry=place.registry)
    answer = place.cloud.http().request(method, wanted, params={"api-version": "7.4"})
    assert answer.status_code == 405
    told = answer.json()
    for step in place_of_code:
        told = told[step]
    assert told == ("UNSUPPORTED" if "azurecr" in url else "MethodNotAllowed")


@pytest.mark.parametrize("host", ["management.azure.com", "{registry}.azurecr.io"])
def test_a_request_to_no_resource_at_all(place: Place, host: str) -> None:
    """``OPTIONS *``, which is about the server (RFC 9110, section 9.3.7)."""
    proxy = urlsplit(place.cloud.proxy_url)
    name = host.format(registry=place.registry)
    connection = HTTPSConnection(
        str(proxy.hostname), proxy.port, context=create_default_context(cafile=place.cloud.ca_file)
    )
    connection.set_tunnel(name, 443)
    connection.request("OPTIONS", "*")
    answer = connection.getresponse()
    assert answer.status == 405
    assert "does not support http method 'OPTIONS'" in answer.read().decode()
    connection.close()


def test_by_what_a_request_is_found_again(place: Place) -> None:
    url = f"{MANAGEMENT}/subscriptions?api-version=2022-12-01"
    plain = ask(place.cloud, "GET", url).headers
    assert plain["x-ms-correlation-request-id"] == plain["x-ms-request-id"]
    assert "x-ms-client-request-id" not in plain
    mine, belongs = "of-the-client", str(uuid.uuid4())
    headers = {
        "x-ms-client-request-id": mine,
        "x-ms-correlation-request-id": belongs,
        "x-ms-return-client-request-id": "TRUE",
    }
    told = ask(place.cloud, "GET", url, headers=headers).headers
    assert (told["x-ms-client-request-id"], told["x-ms-correlation-request-id"]) == (mine, belongs)
    odd = {**headers, "x-ms-client-request-id": "a b", "x-ms-correlation-request-id": "none"}
    told = ask(place.cloud, "GET", url, headers=odd).headers
    assert told["x-ms-correlation-request-id"] == told["x-ms-request-id"]
    assert "x-ms-client-request-id" not in told


def test_ids_compare_without_case_and_are_told_as_they_were_made(place: Place) -> None:
    mixed = place.id("{r}/scopeMaps/KNOWN").replace("/resourceGroups/", "/RESOURCEGROUPS/")
    url = f"{MANAGEMENT}{mixed.replace(REGISTRIES, REGISTRIES.upper())}"
    version = {"api-version": newest(place.id("{r}/scopeMaps/known"))}
    body = {"properties": {"actions": READ}}
    for method, given in (("GET", None), ("PUT", body), ("PATCH", body)):
        answer = ask(place.cloud, method, url, params=version, json=given)
        assert (answer.status_code, answer.json()["id"]) == (200, place.id("{r}/scopeMaps/known"))
        assert answer.json()["name"] == "known"


@pytest.mark.parametrize("option", ["$select", "$orderby", "$count", "$skip", "$Search"])
@pytest.mark.parametrize(
    "path",
    ["resources", "resourceGroups", "{g}", "{r}", "{r}/tasks", "{v}", "providers", "locations"],
)
def test_an_option_without_effect_is_refused(place: Place, path: str, option: str) -> None:
    url = f"{MANAGEMENT}{place.id(path)}"
    answer = ask(place.cloud, "GET", url, params={"api-version": newest(url), option: "name"})
    assert_refused(answer, 501, "NotImplemented", f"{option.lower()} of GET ")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/jsonx", "json"])
def test_a_body_that_is_not_sent_as_json(place: Place, kind: str) -> None:
    url = f"{MANAGEMENT}{place.id('{r}/scopeMaps/known')}"
    more: dict[str, Any] = {
        "params": {"api-version": newest(url)},
        "headers": {"Content-Type": kind},
    }
    answer = ask(place.cloud, "PATCH", url, data=b'{"properties": {}}', **more)
    told = f"The content media type '{kind or '<null>'}' is not supported. Only 'application/json'"
    assert_refused(answer, 415, "UnsupportedMediaType", told)
    for good in ("application/json", "Application/JSON; charset=utf-8", "text/json"):
        more["headers"]["Content-Type"] = good
        assert ask(place.cloud, "PATCH", url, data=b'{"properties": {}}', **more).ok
    more["headers"]["Content-Type"] = kind
    assert ask(
        place.cloud, "POST", f"{MANAGEMENT}{place.id('{r}/listBuildSourceUploadUrl')}", **more
    ).ok


def test_an_operation_is_told_of_below_its_provider(place: Place) -> None:
    begun = place.send("DELETE", f"resourceGroups/{make_group(place.cloud)}")
    assert begun.status_code == 202, begun.text
    name = urlsplit(begun.headers["Location"]).path.rpartition("/")[2]

    def status(provider: str) -> requests.Response:
        return place.send("GET", f"providers/{provider}/operations/{name}")

    assert status("microsoft.resources").json()["name"] == name
    assert_refused(status("Microsoft.KeyVault"), 404, "OperationNotFound", "is not found")
