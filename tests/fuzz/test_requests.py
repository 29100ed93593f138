"""Requests that nobody sends by accident, to every service of a real daemon.

Whatever comes, the answer is the client's mistake or what the local cloud says that it lacks: no 500,
no traceback in the log, no connection that ends without an answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud import daemon
from helpers.localcloud.api_versions import newest
from helpers.localcloud.resource_manager.composition import all_operations
from tests.conftest import start

from .strategies import AUTHORIZATIONS, BODIES, HEADERS, QUERIES, SEGMENTS, changed, mostly
from .world import World

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("fuzz") / "cloud"
    found = World(start(home))
    yield found
    found.close()
    daemon.down(home)


def _templates() -> list[tuple[str, str]]:
    """Method and path of every operation of the resource manager, but those that wait for work."""
    found = [(route.method, route.template) for route in all_operations().routes]
    return [(method, path) for method, path in found if not (method == "DELETE" and _kept(path))]


def _kept(path: str) -> bool:
    """Whether other tests need what this names."""
    return path.endswith(("/resourceGroups/{group}", "/registries/{registry}", "/vaults/{vault}"))


OPERATIONS = st.sampled_from(_templates())
ARM_BODY: dict[str, Any] = {
    "location": "eastus",
    "tags": {"a": "b"},
    "sku": {"name": "Premium", "family": "A", "tier": "Premium"},
    "identity": {
        "type": "SystemAssigned, UserAssigned",
        "userAssignedIdentities": {"/subscriptions/x": {"clientId": "y"}},
    },
    "type": "TaskRunRequest",
    "taskId": "/subscriptions/x",
    "name": "registry-name",
    "properties": {
        "adminUserEnabled": True,
        "status": "Enabled",
        "platform": {"os": "linux", "architecture": "amd64"},
        "step": {"type": "EncodedTask", "encodedTaskContent": "YTogYg==", "values": []},
        "agentConfiguration": {"cpu": 2},
        "timeout": 600,
        "trigger": {"timerTriggers": [{"schedule": "0 0 1 1 *", "name": "t"}]},
        "actions": ["repositories/app/content/read"],
        "scopeMapId": "/subscriptions/x",
        "roleDefinitionId": "/subscriptions/x",
        "principalId": "00000000-0000-0000-0000-000000000000",
        "tenantId": "00000000-0000-0000-0000-000000000000",
        "accessPolicies": [{"objectId": "x", "permissions": {"secrets": ["get"]}}],
        "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "10.0.0.0/8"}]},
        "publicNetworkAccess": "Enabled",
        "containers": [
            {
                "name": "c",
                "properties": {
                    "image": "NOT AN IMAGE",
                    "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
                    "ports": [{"port": 80}],
                    "environmentVariables": [{"name": "A", "value": "b"}],
                },
            }
        ],
        "osType": "Linux",
        "ipAddress": {"type": "Public", "ports": [{"port": 80, "protocol": "TCP"}]},
        "imageRegistryCredentials": [{"server": "s", "username": "u", "password": "p"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
    "source": {"registryUri": "docker.io", "sourceImage": "x/y:z"},
    "targetTags": ["x:y"],
    "tokenId": "/subscriptions/x",
    "expiry": "2030-01-01T00:00:00Z",
}


@given(operation=OPERATIONS, body=changed(ARM_BODY), query=QUERIES, headers=HEADERS, data=st.data())
def test_the_resource_manager(
    world: World,
    operation: tuple[str, str],
    body: bytes,
    query: str,
    headers: dict[str, bytes],
    data: st.DataObject,
) -> None:
    method, template = operation

    def name(match: re.Match[str]) -> str:
        known = world.names.get(match[1], "app")
        return known if data.draw(st.integers(0, 4)) else data.draw(SEGMENTS)

    target = re.sub(r"\{(\w+)\}", name, template) + f"?api-version={newest(template)}&{query}"
    headers = {"Authorization": f"Bearer {world.management}".encode(), **headers}
    world.check("management.azure.com", method, target, headers, body)


SECRET: dict[str, Any] = {
    "value": "v",
    "contentType": "text/plain",
    "tags": {"a": "b"},
    "attributes": {"enabled": True, "nbf": 1, "exp": 2},
}


@given(
    operation=st.sampled_from(
        [
            *(("PUT", "secrets/NAME"), ("PUT", "secrets/NAME"), ("PATCH", "secrets/NAME/REF")),
            *(("GET", "secrets/NAME/REF"), ("GET", "secrets/NAME/versions"), ("GET", "secrets")),
            *(("DELETE", "secrets/NAME"), ("GET", "deletedsecrets"), ("GET", "secrets/NAME")),
            *(("POST", "deletedsecrets/NAME/recover"), ("DELETE", "deletedsecrets/NAME")),
            *(("POST", "secrets/NAME/backup"), ("POST", "secrets/restore"), ("PATCH", "keys/NAME")),
        ]
    ),
    name=mostly("name"),
    reference=mostly(""),
    body=changed(SECRET),
    query=QUERIES,
)
def test_a_vault(
    world: World, operation: tuple[str, str], name: str, reference: str, body: bytes, query: str
) -> None:
    headers = {"Authorization": f"Bearer {world.vault_token}".encode()}
    path = operation[1].replace("NAME", name).replace("REF", reference)
    host = f"{world.vault}.vault.azure.net"
    world.check(host, operation[0], f"/{path}?{query}", headers, body)


FORMS = st.dictionaries(
    st.sampled_from(["grant_type", "client_id", "client_secret", "scope", "resource", "service"])
    | SEGMENTS,
    st.sampled_from(["client_credentials", "refresh_token", "password", "access_token"]) | SEGMENTS,
).map(lambda form: "&".join(f"{name}={value}" for name, value in form.items()).encode())


@given(
    tenant=mostly("TENANT"),
    version=mostly("v2.0"),
    body=FORMS | BODIES,
    authorization=AUTHORIZATIONS,
)
def test_login(world: World, tenant: str, version: str, body: bytes, authorization: bytes) -> None:
    tenant = tenant.replace("TENANT", world.cloud.account.tenant_id)
    for path in (f"{tenant}/oauth2/{version}/token", f"{tenant}/oauth2/token"):
        headers = {"Authorization": authorization}
        world.check("login.microsoftonline.com", "POST", f"/{path}", headers, body)
    for path in (
        f"{tenant}/{version}/.well-known/openid-configuration",
        "common/discovery/instance",
    ):
        world.check("login.microsoftonline.com", "GET", f"/{path}", {})


@given(
    operation=st.sampled_from(
        [
            *(("POST", "directoryObjects/getByIds"), ("GET", "servicePrincipals")),
            *(("GET", "servicePrincipals/NAME"), ("GET", "me"), ("GET", "applications")),
            *(
                ("POST", "applications"),
                ("PATCH", "applications/APP"),
                ("GET", "applications/NAME"),
            ),
            *(
                ("POST", "applications/APP/addPassword"),
                ("POST", "applications/APP/removePassword"),
            ),
            *(("POST", "servicePrincipals"), ("DELETE", "servicePrincipals/NAME")),
        ]
    ),
    name=SEGMENTS,
    body=changed(
        {
            "ids": ["a", "b"],
            "types": ["servicePrincipal"],
            "displayName": "a",
            "tags": ["b"],
            "keyId": "c",
            "appId": "d",
            "passwordCredential": {"displayName": "a", "endDateTime": "2030-01-01T00:00:00Z"},
        }
    ),
    query=QUERIES,
    authorization=st.none() | st.none() | st.none() | AUTHORIZATIONS,
)
def test_graph(
    world: World,
    operation: tuple[str, str],
    name: str,
    body: bytes,
    query: str,
    authorization: bytes | None,
) -> None:
    given = authorization if authorization is not None else f"Bearer {world.graph_token}".encode()
    path = operation[1].replace("NAME", name).replace("APP", world.application)
    target = f"/v1.0/{path}?{query}"
    world.check("graph.microsoft.com", operation[0], target, {"Authorization": given}, body)


_DIGEST = "sha256:" + hashlib.sha256(b"layer").hexdigest()
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": _DIGEST,
        "size": 5,
    },
    "layers": [{"mediaType": "x", "digest": _DIGEST, "size": 5, "urls": []}],
    "subject": {"digest": _DIGEST, "size": 5},
    "annotations": {"a": "b"},
}
REGISTRY = [
    *(("GET", "v2/NAME/manifests/REF"), ("HEAD", "v2/NAME/manifests/REF"), ("GET", "v2/_catalog")),
    *(("PUT", "v2/NAME/manifests/REF"),) * 5,
    *(
        ("DELETE", "v2/NAME/manifests/REF"),
        ("GET", "v2/NAME/blobs/REF"),
        ("HEAD", "v2/NAME/blobs/REF"),
    ),
    *(
        ("DELETE", "v2/NAME/blobs/REF"),
        ("GET", "v2/NAME/tags/list"),
        ("GET", "v2/NAME/referrers/REF"),
    ),
    *(("POST", "v2/NAME/blobs/uploads/"), ("PUT", "v2/NAME/blobs/uploads/REF"), ("GET", "v2/")),
    *(("PATCH", "v2/NAME/blobs/uploads/REF"), ("GET", "acr/v1/NAME"), ("PATCH", "acr/v1/NAME")),
    *(("GET", "acr/v1/NAME/_tags/REF"), ("GET", "acr/v1/NAME/_tags"), ("GET", "acr/v1/_catalog")),
    *(("PATCH", "acr/v1/NAME/_tags/REF"), ("PATCH", "acr/v1/NAME/_manifests/REF")),
    *(("GET", "acr/v1/NAME/_manifests"), ("GET", "acr/v1/NAME/_manifests/REF")),
]


@given(
    operation=st.sampled_from(REGISTRY),
    name=mostly("app"),
    reference=mostly("v1") | mostly(_DIGEST),
    body=changed(MANIFEST),
    attributes=changed({"deleteEnabled": True, "writeEnabled": True}),
    query=QUERIES,
    headers=HEADERS,
    index=st.booleans(),
    authorization=st.none() | st.none() | st.none() | AUTHORIZATIONS,
)
def test_a_registry(
    world: World,
    operation: tuple[str, str],
    name: str,
    reference: str,
    body: bytes,
    attributes: bytes,
    query: str,
    headers: dict[str, bytes],
    index: bool,
    authorization: bytes | None,
) -> None:
    method, path = operation
    target = "/" + path.replace("NAME", name).replace("REF", reference) + f"?{query}"
    given = world.basic if authorization is None else authorization
    kind = (
        str(MANIFEST["mediaType"]).replace("manifest", "index") if index else MANIFEST["mediaType"]
    )
    headers = {"Content-Type": kind.encode(), "Authorization": given, **headers}
    content = attributes if method == "PATCH" and path.startswith("acr") else body
    world.check(world.place.server, method, target, headers, content)


@given(body=FORMS | BODIES, query=QUERIES, authorization=AUTHORIZATIONS)
def test_the_tokens_of_a_registry(
    world: World, body: bytes, query: str, authorization: bytes
) -> None:
    for host in (world.place.server, "auth.docker.io"):
        headers = {"Authorization": authorization}
        world.check(host, "POST", "/oauth2/token", headers, body)
        world.check(host, "POST", "/oauth2/exchange", headers, body)
        world.check(host, "GET", f"/oauth2/token?{query}", headers)


def _line(text: bytes) -> bytes:
    return f"{len(text) + 4:04x}".encode() + text


LINES = st.lists(
    st.sampled_from(
        [
            *(b"0000", b"0001", b"0002", b"fff0", b"zzzz", b"0004", b"", b"PACK", b"\x1f\x8b"),
            _line(b"want " + b"0" * 40 + b" side-band-64k\n"),
            _line(b"want zz\n"),
            _line(b"have " + b"1" * 40 + b"\n"),
            _line(b"done\n"),
            _line(b"command=ls-refs\n"),
            _line(b"deepen 99999999999999999999\n"),
            _line(b"deepen x\n"),
            _line(b"shallow 1\n"),
            _line(b"filter blob:none\n"),
            _line(b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/x\0report-status side-band-64k\n"),
            _line(b"0" * 40 + b" " + b"0" * 40 + b" refs/heads/x\0report-status\n"),
            _line(b"a b c\n"),
            _line(b"\xff\0\xff"),
        ]
    )
    | st.binary(max_size=10),
    max_size=5,
).map(b"".join)


GIT = [
    *(("github.com", "POST", "REPO.git/git-upload-pack"),) * 3,
    *(("github.com", "POST", "REPO.git/git-receive-pack"),) * 3,
    ("github.com", "GET", "REPO.git/info/refs?service=git-upload-pack"),
    ("github.com", "GET", "REPO.git/info/refs?service=REST"),
    ("github.com", "GET", "REPO/REST"),
    *(("api.github.com", "POST", "user/repos"), ("api.github.com", "POST", "orgs/REST/repos")),
    ("api.github.com", "GET", "repos/REPO/branches/REST"),
    *(("api.github.com", "GET", "repos/REST/REST"), ("api.github.com", "GET", "users/REST")),
]


@given(
    operation=st.sampled_from(GIT),
    rest=SEGMENTS,
    lines=LINES,
    body=changed({"name": "a/b", "private": True, "description": "d"}),
    headers=HEADERS,
    authorization=st.none() | st.none() | st.none() | AUTHORIZATIONS,
)
def test_the_git_host(
    world: World,
    operation: tuple[str, str, str],
    rest: str,
    lines: bytes,
    body: bytes,
    headers: dict[str, bytes],
    authorization: bytes | None,
) -> None:
    host, method, path = operation
    token = world.cloud.account.github_token.encode()
    given = b"Basic " + base64.b64encode(token + b":") if authorization is None else authorization
    target = "/" + path.replace("REPO", world.repository).replace("REST", rest)
    content = lines if host == "github.com" else body
    world.check(host, method, target, {"Authorization": given, **headers}, content)


@given(
    name=mostly("0" * 32 + "/logs/cf1/rawtext.log"),
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    query=QUERIES,
    headers=HEADERS,
    body=BODIES,
)
def test_a_storage_account(
    world: World, name: str, method: str, query: str, headers: dict[str, bytes], body: bytes
) -> None:
    world.check("acrtasks.blob.core.windows.net", method, f"/{name}?{query}", headers, body)


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "PUT"]),
    query=QUERIES,
    headers=HEADERS,
    body=BODIES
    | st.sampled_from([b"<BlockList><Latest>AA==</Latest></BlockList>", b"<a", b"<!DOCTYPE a>"]),
    kind=st.sampled_from(["", "comp=block&blockid=AA==&", "comp=blocklist&", "comp=block&"]),
)
def test_a_blob_that_one_may_write(
    world: World,
    method: str,
    query: str,
    headers: dict[str, bytes],
    body: bytes,
    kind: str,
) -> None:
    signed = _upload_url(world)
    target = re.sub(r"^https://[^/]+", "", signed) + f"&{kind}{query}"
    headers = {"x-ms-blob-type": b"BlockBlob", **headers}
    world.check("acrtasks.blob.core.windows.net", method, target, headers, body)


def _upload_url(world: World) -> str:
    path = (
        f"{world.cloud.subscription}/resourceGroups/{world.place.group}/providers/"
        f"Microsoft.ContainerRegistry/registries/{world.place.name}/listBuildSourceUploadUrl"
    )
    status, content = world.ask(
        "management.azure.com",
        "POST",
        f"{path}?api-version=2019-06-01-preview",
        {"Authorization": f"Bearer {world.management}".encode()},
    )
    assert status == 200, content
    url: str = json.loads(content)["uploadUrl"]
    return url


def test_nothing_was_left_running(world: World) -> None:
    """After all of it the daemon is the one that was started, and answers."""
    running = daemon.status(Path(world.cloud.home))
    assert running is not None
    assert running.pid == world.cloud.pid
    assert world.management_http("GET", world.cloud.subscription, {}) == 200
