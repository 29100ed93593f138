"""What a vault understands of a request: its version, its address, its body."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from helpers.localcloud.key_vault.versions import VERSIONS
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets


@pytest.fixture(scope="module")
def vault(local_cloud: LocalCloud) -> str:
    held = policy(local_cloud, local_cloud.account.object_id, "all", "purge")
    return create_vault(local_cloud, held)


def ask(
    cloud: LocalCloud, vault: str, method: str, path: str, body: Any = None, query: str = "7.4"
) -> requests.Response:
    return cloud.http().request(
        method,
        f"https://{vault}.vault.azure.net/{path}",
        params={"api-version": query} if query else {},
        json=body,
        headers={"Authorization": f"Bearer {cloud.token('https://vault.azure.net')}"},
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "secrets"), ("GET", "secrets/one"), ("GET", "deletedsecrets")),
        *(("PUT", "secrets/one"), ("PATCH", "secrets/one"), ("DELETE", "secrets/one")),
        *(("POST", "secrets/one/backup"), ("POST", "secrets/restore")),
    ],
)
def test_every_operation_needs_a_version_that_there_is(
    local_cloud: LocalCloud, vault: str, method: str, path: str
) -> None:
    body = {"value": "x"}
    for version, told in (
        ("", "api-version must be specified"),
        ("7.99", "The specified version (7.99) is not recognized. Consider using the latest"),
        ("2021-04-01", "The specified version (2021-04-01) is not recognized."),
    ):
        answer = ask(local_cloud, vault, method, path, body, version)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
        assert told in answer.json()["error"]["message"]
    assert not list(secrets(local_cloud, vault).list_properties_of_secrets())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_versions_that_there_are(local_cloud: LocalCloud, vault: str, version: str) -> None:
    assert ask(local_cloud, vault, "GET", "secrets", query=version).status_code == 200


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"value": "x", "kind": "key"}, "'kind'"),
        ({"value": "x", "attributes": {"exportable": True}}, "'attributes.exportable'"),
        ({"value": "x", "releasePolicy": {"data": "e30"}}, "'releasePolicy'"),
    ],
)
def test_a_property_that_nobody_knows_is_named(
    local_cloud: LocalCloud, vault: str, body: Any, named: str
) -> None:
    answer = ask(local_cloud, vault, "PUT", "secrets/unknown", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert named in answer.json()["error"]["message"]
    assert ask(local_cloud, vault, "GET", "secrets/unknown").status_code == 404


def test_what_was_read_may_be_sent_back_and_no_value_is_updated(
    local_cloud: LocalCloud, vault: str
) -> None:
    made = secrets(local_cloud, vault).set_secret("back", "value", tags={"a": "b"})
    shown = ask(local_cloud, vault, "GET", "secrets/back").json()
    path = f"secrets/back/{made.properties.version}"
    answer = ask(local_cloud, vault, "PATCH", path, {**shown, "value": "another"})
    assert (answer.status_code, "'value'" in answer.text) == (501, True)
    del shown["value"]
    assert ask(local_cloud, vault, "PATCH", path, {**shown, "contentType": "text"}).ok
    assert secrets(local_cloud, vault).get_secret("back").value == "value"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_describes_a_secret_has_limits(
    local_cloud: LocalCloud, vault: str, method: str
) -> None:
    secrets(local_cloud, vault).set_secret("limits", "value")
    given = {"value": "value"} if method == "PUT" else {}
    for body, told in (
        ({"contentType": "x" * 256}, "contentType has more than 255"),
        ({"tags": {str(number): "" for number in range(16)}}, "up to 15 tags"),
        ({"tags": {"a": "b" * 513}}, "more than 512 characters"),
        ({"tags": {"a": None}}, "value of a tag is a string"),
        ({"attributes": {"exp": -1}}, "'exp' is no time"),
        ({"attributes": {"nbf": 253402300800}}, "'nbf' is no time"),
    ):
        answer = ask(local_cloud, vault, method, "secrets/limits", {**given, **body})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
        assert told in answer.json()["error"]["message"]
    fits = {"contentType": "x" * 255, "tags": {str(number): "b" * 512 for number in range(15)}}
    assert ask(local_cloud, vault, method, "secrets/limits", {**given, **fits}).ok


@pytest.mark.parametrize("end", ["%3Fx", "%23x", "%2562"])
def test_a_name_with_a_sign_of_urls_is_another_name(
    local_cloud: LocalCloud, vault: str, end: str
) -> None:
    secrets(local_cloud, vault).set_secret("sign", "value")
    secrets(local_cloud, vault).set_secret("signb", "value")
    assert ask(local_cloud, vault, "GET", f"secrets/sign{end}").status_code == 404
    assert ask(local_cloud, vault, "DELETE", f"secrets/sign{end}").status_code == 404
    assert ask(local_cloud, vault, "PUT", f"secrets/sign{end}", {"value": "x"}).status_code == 400
    assert secrets(local_cloud, vault).get_secret("sign").value == "value"


def test_the_path_compares_without_case(local_cloud: LocalCloud, vault: str) -> None:
    secrets(local_cloud, vault).set_secret("Spelled", "value")
    assert ask(local_cloud, vault, "GET", "SECRETS/spelled").json()["value"] == "value"
    assert ask(local_cloud, vault, "GET", "Secrets/SPELLED/Versions").json()["value"]
    assert ask(local_cloud, vault, "GET", "DeletedSecrets").status_code == 200
