"""The proxy answers for the cloud's hosts over TLS, and fails closed for all others."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from helpers.localcloud.front_door.hosts import service_for
from tests.conftest import LocalCloud

from .sockets import all_of, connect


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("management.azure.com", "resource_manager"),
        ("ACMEROCKETS.azurecr.io", "registry"),
        ("registry-1.docker.io", "registry"),
        ("a-vault.vault.azure.net", "key_vault"),
        ("github.com", "git_host"),
        ("azurecr.io", None),
        ("a.b.azurecr.io", None),
        (".azurecr.io", None),
        ("azurecr.io.example.org", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_host_has_one_service_or_none(host: str, service: str | None) -> None:
    assert service_for(host) == service


def curl(cloud: LocalCloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "-sS", "--max-time", "10", *arguments],
        env=cloud.env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_host_is_refused_with_the_reason(local_cloud: LocalCloud) -> None:
    with connect(local_cloud.proxy_url) as connection:
        connection.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
        answer = all_of(connection).decode()
    told = "Forbidden by the local cloud: nothing leaves this machine"
    assert answer.startswith(f"HTTP/1.1 403 {told}\r\n")
    assert f"\r\nnpm-notice: {told}\r\n" in answer
    assert "refuses example.org:443" in answer
    assert "nothing leaves this machine" in answer


@pytest.mark.parametrize("target", ["management.azure.com:80", "127.0.0.1:443", "github.com:22"])
def test_other_ports_and_loopback_are_refused(local_cloud: LocalCloud, target: str) -> None:
    result = curl(local_cloud, "-p", f"http://{target}/", "-x", local_cloud.proxy_url)
    assert result.returncode == 56
    assert "403" in result.stderr


def test_a_refusal_is_logged_unless_clients_do_without(local_cloud: LocalCloud) -> None:
    for host in ("logged.example.org", "azcliprod.blob.core.windows.net"):
        assert curl(local_cloud, f"https://{host}/").returncode == 56
    log = (local_cloud.home / "daemon.log").read_text()
    assert "refused CONNECT logged.example.org:443" in log
    assert "azcliprod" not in log


def test_plain_http_to_a_foreign_host_is_refused(local_cloud: LocalCloud) -> None:
    result = curl(local_cloud, "-x", local_cloud.proxy_url, "http://example.org/")
    assert "refuses example.org" in result.stdout


def test_plain_http_gives_the_proxys_own_status_and_no_other_port(local_cloud: LocalCloud) -> None:
    assert f'"pid":{local_cloud.pid}' in curl(local_cloud, local_cloud.proxy_url).stdout
    for url in ("http://127.0.0.1:22/", "http://localhost/", "http://127.0.0.1/"):
        result = curl(local_cloud, "--noproxy", "", "-x", local_cloud.proxy_url, url)
        assert "refuses" in result.stdout, (url, result.stdout)
    result = curl(local_cloud, "-x", local_cloud.proxy_url, "http://management.azure.com/tenants")
    assert result.stdout == "The local cloud answers for management.azure.com over HTTPS only.\n"


def test_a_connection_is_kept_alive(local_cloud: LocalCloud) -> None:
    url = "https://management.azure.com/nothing"
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": local_cloud.proxy_url}
        session.verify = local_cloud.ca_file
        for _ in range(3):
            assert session.get(url, timeout=10).status_code in (401, 404)
        manager = session.get_adapter(url).proxy_manager[local_cloud.proxy_url]  # type: ignore[attr-defined]
        [pool] = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118
        assert pool.num_connections == 1


def test_a_call_with_a_body_does_not_wait_for_an_acknowledgement(local_cloud: LocalCloud) -> None:
    """Head and body are two segments, and the second waits for the first: 40 ms where TCP delays."""
    http, seconds = local_cloud.http(), []
    headers = {"Authorization": f"Bearer {local_cloud.token()}"}
    url = f"https://management.azure.com{local_cloud.subscription}/resourceGroups/swift"
    for _ in range(20):
        answer = http.put(url, json={"location": "eastus"}, headers=headers)
        assert answer.status_code in (200, 201)
        seconds.append(answer.elapsed.total_seconds())
    assert min(seconds) < 0.03, seconds


def test_the_certificate_is_only_for_the_clouds_hosts(local_cloud: LocalCloud) -> None:
    other = {**local_cloud.env, "CURL_CA_BUNDLE": "/dev/null"}
    result = subprocess.run(
        ["curl", "-sS", "https://management.azure.com/"],
        env=other,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in (60, 77)


def test_it_listens_on_loopback_only(local_cloud: LocalCloud) -> None:
    port = int(local_cloud.proxy_url.rsplit(":", 1)[1])
    for family in ("/proc/net/tcp", "/proc/net/tcp6"):
        with Path(family).open() as table:
            listening = [
                line.split()[1] for line in table if f":{port:04X}" in line and " 0A " in line
            ]
        assert all(address.startswith("0100007F:") for address in listening)


def test_keys_and_state_are_for_their_owner_only(local_cloud: LocalCloud) -> None:
    assert stat.S_IMODE(local_cloud.home.stat().st_mode) == 0o700
    for name in ("ca-key.pem", "signing-key.pem", "account.json", "state.db", "daemon.json"):
        assert stat.S_IMODE((local_cloud.home / name).stat().st_mode) == 0o600, name


def test_a_broken_request_head_does_not_hang(local_cloud: LocalCloud) -> None:
    with connect(local_cloud.proxy_url) as connection:
        connection.sendall(b"A" * 70_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_what_pip_shows_of_a_refusal_names_the_local_cloud(
    local_cloud: LocalCloud, tmp_path: Path
) -> None:
    words = [
        "download",
        "--isolated",
        "--retries=1",
        "--index-url=https://packages.example.org/",
        "x",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "pip", *words],
        env={**local_cloud.env, "PIP_CONFIG_FILE": "/dev/null"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "Forbidden by the local cloud: nothing leaves this machine" in ended.stderr
