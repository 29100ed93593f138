"""Requests that github.com, a key vault and the identity endpoint refuse, or read packed."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import requests

from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create as create_repository
from tests.key_vault.test_key_vault import create_vault, policy
from tests.resource_manager.test_requests import CONTAINERS, send
from tests.resource_manager.test_resource_manager import make_group


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_secret_that_is_no_object_is_refused(local_cloud: LocalCloud, body: bytes) -> None:
    vault = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    url = f"https://{vault}.vault.azure.net/secrets/one?api-version=7.5"
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token('https://vault.azure.net')}"
    answer = http.put(url, data=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert "not a JSON object" in answer.json()["error"]["message"]
    assert http.get(url).json()["error"]["code"] == "SecretNotFound"


def test_an_identity_is_not_given_to_a_forwarded_request_or_under_another_name(
    local_cloud: LocalCloud,
) -> None:
    store = Store(local_cloud.home / "state.db")
    tenant = local_cloud.account.tenant_id
    principals = Principals(store, tenant, local_cloud.home / "signing-key.pem")
    task = principals.add("registry/tasks/two", resource_id="/subscriptions/x/tasks/two")
    secret = principals.open_session(task.object_id)
    http = local_cloud.http()
    http.proxies = {"http": local_cloud.proxy_url.replace("//", f"//identity:{secret}@")}

    def ask(headers: dict[str, str] | None = None, **query: str) -> requests.Response:
        return http.get(
            "http://169.254.169.254/metadata/identity/oauth2/token",
            params={"api-version": "2018-02-01", **query},
            headers={"Metadata": "true", **(headers or {})},
        )

    management = "https://management.azure.com/"
    refusals: list[tuple[requests.Response, str, str]] = [
        (
            ask({"X-Forwarded-For": "10.0.0.1"}, resource=management),
            "invalid_request",
            "X-Forwarded-For is not allowed",
        ),
        (ask(resource=management, client_id="other"), "invalid_request", "Identity not found"),
        (ask(resource=management, object_id="other"), "invalid_request", "Identity not found"),
        (ask(), "invalid_request", "Required audience parameter not specified"),
        (ask(resource="https://example.org"), "invalid_resource", "AADSTS500011"),
    ]
    for answer, code, message in refusals:
        assert (answer.status_code, answer.json()["error"]) == (400, code)
        assert message in answer.json()["error_description"]
    named = ask(resource=management, client_id=task.app_id.upper(), mi_res_id=task.resource_id)
    assert (named.status_code, named.json()["client_id"]) == (200, task.app_id)
    principals.close_session(secret)
    store.close()


def test_github_reads_a_packed_request_and_refuses_what_is_none(local_cloud: LocalCloud) -> None:
    name = create_repository(local_cloud)
    http, base = local_cloud.http(), f"https://github.com/{name}"
    url = f"{base}.git/git-upload-pack"
    plain = http.post(url, data=b"0000")
    packed = http.post(url, data=gzip.compress(b"0000"), headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.content) == (plain.status_code, plain.content)
    assert packed.status_code == 200
    broken = http.post(url, data=b"0000", headers={"Content-Encoding": "gzip"})
    assert broken.status_code == 400
    assert "not valid git protocol" in broken.text
    dumb = http.get(f"{base}.git/info/refs")
    assert dumb.status_code == 403
    assert "no longer supports git over dumb-http" in dumb.text
    assert http.post(f"{base}.git/git-other").status_code == 404
    assert f"git clone {base}.git" in http.get(base).text
    assert http.get(f"{base}x").status_code == 404


def test_github_tells_nobody_what_is_private(local_cloud: LocalCloud) -> None:
    name = create_repository(local_cloud, private=True)
    http, base = local_cloud.http(), f"https://github.com/{name}"
    for service in ("git-upload-pack", "git-receive-pack"):
        for url in (f"{base}.git/{service}", f"{base}-gone.git/{service}"):
            answer = http.post(url, data=b"0000")
            assert (answer.status_code, answer.text) == (401, "No anonymous write access.\n")
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="GitHub"'
    assert http.get(base).status_code == 404
    token = ("x", local_cloud.account.github_token)
    gone = http.post(f"{base}-gone.git/git-upload-pack", data=b"0000", auth=token)
    assert (gone.status_code, gone.text) == (404, "Repository not found.\n")


def test_of_a_container_group_only_tags_are_patched(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    path = f"resourceGroups/{group}/{CONTAINERS}/patched"
    container: dict[str, Any] = {
        "name": "only",
        "properties": {
            "image": "docker.io/library/node:15-alpine",
            "command": ["node", "-e", "0"],
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        },
    }
    properties = {"osType": "Linux", "restartPolicy": "Never", "containers": [container]}
    made = send(local_cloud, "PUT", path, {"location": "eastus", "properties": properties})
    assert made.status_code == 201, made.text
    assert send(local_cloud, "PATCH", path, {"tags": {"a": "1"}}).json()["tags"] == {"a": "1"}
    refused = send(local_cloud, "PATCH", path, {"properties": {"restartPolicy": "Always"}})
    assert refused.status_code == 501
    assert "'properties'" in refused.json()["error"]["message"]
    shown = send(local_cloud, "GET", path, None).json()
    assert (shown["tags"], shown["properties"]["restartPolicy"]) == ({"a": "1"}, "Never")
    everywhere = send(local_cloud, "GET", CONTAINERS, None).json()["value"]
    assert made.json()["id"] in [one["id"] for one in everywhere]
    unknown = send(local_cloud, "GET", f"{path}/containers/other/logs", None)
    error = unknown.json()["error"]
    assert (unknown.status_code, error["code"]) == (404, "ContainerNotFound")
    assert "It has: only." in error["message"]
    url = f"https://management.azure.com{made.json()['id']}/containers/only/logs"
    headers = {"Authorization": f"Bearer {local_cloud.token()}"}
    query = {"api-version": "2023-05-01", "tail": "few"}
    answer = local_cloud.http().get(url, params=query, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidTail")
    assert send(local_cloud, "DELETE", path, None).status_code == 200
    assert send(local_cloud, "DELETE", path, None).status_code == 204
