"""Bodies that are larger than anything that a service reads whole."""

from __future__ import annotations

import pytest

from tests.conftest import LocalCloud

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
        token = local_cloud.token("https://graph.microsoft.com")
    answer = local_cloud.http().request(
        method, url, data=TOO_LARGE, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 413
    assert "exceeds the maximum size of 4194304 bytes" in answer.text


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
