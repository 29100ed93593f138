"""Bodies that are larger than anything that a service reads whole."""

from __future__ import annotations

import contextlib

import pytest

from tests.conftest import LocalCloud
from tests.front_door.sockets import memory, secure

HOST = "login.microsoftonline.com"
TOO_LARGE = b"a" * (5 << 20)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", "https://management.azure.com/subscriptions/a/resourceGroups/b"),
        ("PUT", "https://somevault.vault.azure.net/secrets/name"),
        ("POST", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        ("POST", "https://graph.microsoft.com/v1.0/directoryObjects/getByIds"),
        ("PUT", "https://registry-1.docker.io/v2/library/a/manifests/latest"),
        ("POST", "https://api.github.com/user/repos"),
    ],
)
def test_a_body_is_not_read_without_a_limit(local_cloud: LocalCloud, method: str, url: str) -> None:
    token = local_cloud.account.github_token
    if "github" not in url:
        audience = {"mana": "https://management.azure.com", "some": "https://vault.azure.net"}
        token = local_cloud.token(audience.get(url[8:12], "https://graph.microsoft.com"))
    answer = local_cloud.http().request(
        method, url, data=TOO_LARGE, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 413
    assert "exceeds the maximum size of 4194304 bytes" in answer.text


@pytest.mark.parametrize(
    ("method", "host", "path"),
    [
        ("PUT", "management.azure.com", "/subscriptions/a/resourceGroups/b"),
        ("PUT", "somevault.vault.azure.net", "/secrets/name"),
        ("PATCH", "somevault.vault.azure.net", "/secrets/name/version"),
    ],
)
def test_of_a_stranger_no_body_is_read(
    local_cloud: LocalCloud, method: str, host: str, path: str
) -> None:
    answer = local_cloud.http().request(method, f"https://{host}{path}", data=b"{no JSON")
    assert answer.status_code == 401
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4000000\r\n\r\n"
    with secure(local_cloud.proxy_url, local_cloud.ca_file, host) as connection:
        connection.sendall(head.encode())
        connection.settimeout(8)  # a body that does not come is answered 408, after 10 s
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_is_no_form_is_refused(local_cloud: LocalCloud) -> None:
    answer = local_cloud.http().post(
        "https://login.microsoftonline.com/common/oauth2/v2.0/token", data=b"\xff"
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "not a form" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", "https://management.azure.com/subscriptions/a/resourceGroups/b"),
        ("POST", "https://graph.microsoft.com/v1.0/directoryObjects/getByIds"),
        ("PUT", "https://registry-1.docker.io/v2/library/a/manifests/latest"),
        ("POST", "https://api.github.com/user/repos"),
    ],
)
def test_json_is_not_read_to_any_depth(local_cloud: LocalCloud, method: str, url: str) -> None:
    account = local_cloud.account
    http = local_cloud.http()
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    if "docker" in url:
        http.auth = (account.github_owner, account.github_token)
    elif "github" in url:
        headers["Authorization"] = f"token {account.github_token}"
    else:
        headers["Authorization"] = f"Bearer {local_cloud.token(url[: url.index('.com') + 4])}"
    answer = http.request(method, url, data=b'{"a":' * 200_000, headers=headers)
    assert answer.status_code == 400, answer.text


def test_bodies_of_strangers_stay_out_of_memory(fresh_cloud: LocalCloud) -> None:
    """A hundred bodies of 3 MB that do not come to their end: most are told to come again."""
    before = memory(fresh_cloud.pid)
    head = f"POST /x/oauth2/token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4000000\r\n\r\n"
    refused = 0
    with contextlib.ExitStack() as opened:
        for _ in range(100):
            connection = opened.enter_context(
                secure(fresh_cloud.proxy_url, fresh_cloud.ca_file, HOST)
            )
            with contextlib.suppress(OSError):
                connection.sendall(head.encode() + b"a" * 3_000_000)
            connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                refused += connection.recv(4096).startswith(b"HTTP/1.1 503 ")
        assert memory(fresh_cloud.pid) - before < 128  # of 300, and a buffer of TLS for each
        answer = fresh_cloud.http().post(f"https://{HOST}/x/oauth2/token", data="a=b")
        assert answer.status_code == 400  # a small one goes its way
    assert refused > 80
    assert fresh_cloud.token()
