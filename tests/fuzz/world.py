"""A cloud to send requests to that are no requests, and what an answer must not be."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
from typing import Any

from helpers.localcloud.api_versions import newest
from tests.conftest import LocalCloud
from tests.front_door.sockets import secure
from tests.git_host.test_git_host import create
from tests.registry.places import Place

ALLOWED = (501, 503, 507)  # of those above 499: not implemented, busy, disk full


class World:
    """A cloud with something of everything, and raw connections to its hosts."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.place = Place(cloud)
        self.image = self.place.push("app", "v1")
        self.repository = create(cloud)
        self.management = cloud.token()
        self.vault_token = cloud.token("https://vault.azure.net")
        self.graph_token = cloud.token("https://graph.microsoft.com")
        account = cloud.account
        pair = f"{account.client_id}:{account.client_secret}".encode()
        self.basic = b"Basic " + base64.b64encode(pair)
        self.log = cloud.home / "daemon.log"
        self._read = 0
        self._connections: dict[str, ssl.SSLSocket] = {}
        group = f"{cloud.subscription}/resourceGroups/{self.place.group}"
        self.vault = f"fuzz-{account.client_id[:8]}"
        answer = self.management_http(
            "PUT",
            f"{group}/providers/Microsoft.KeyVault/vaults/{self.vault}",
            {
                "location": "eastus",
                "properties": {
                    "tenantId": account.tenant_id,
                    "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": False,
                    "accessPolicies": [
                        {
                            "tenantId": account.tenant_id,
                            "objectId": account.object_id,
                            "permissions": {"secrets": ["all", "purge"]},
                        }
                    ],
                },
            },
        )
        assert answer in (200, 201)
        graph = {"Authorization": f"Bearer {self.graph_token}".encode()}
        answer, made = self.ask(
            "graph.microsoft.com", "POST", "/v1.0/applications", graph, b'{"displayName": "fuzz"}'
        )
        assert answer == 201, made
        self.application = str(json.loads(made)["id"])
        self.names = {
            "subscription": account.subscription_id,
            "group": self.place.group,
            "registry": self.place.name,
            "vault": self.vault,
        }

    def management_http(self, method: str, path: str, body: dict[str, Any]) -> int:
        return self.ask(
            "management.azure.com",
            method,
            f"{path}?api-version={newest(path)}",
            {"Authorization": f"Bearer {self.management}".encode()},
            json.dumps(body).encode(),
        )[0]

    def ask(
        self, host: str, method: str, target: str, headers: dict[str, bytes], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send bytes as they are; returns status and body. A kept connection must answer."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        data = head.encode("ascii", "ignore")
        data += b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
        connection = self._connections.pop(host, None)
        if connection is None:
            connection = secure(self.cloud.proxy_url, self.cloud.ca_file, host)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before its end
            connection.sendall(data + b"\r\n" + body)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        content = answer.read()
        if answer.will_close:
            connection.close()
        else:
            self._connections[host] = connection
        return answer.status, content

    def check(
        self, host: str, method: str, target: str, headers: dict[str, bytes], body: bytes = b""
    ) -> None:
        """Ask, and see that it was no defect."""
        status, content = self.ask(host, method, target, headers, body)
        with self.log.open("rb") as log:
            log.seek(self._read)
            said = log.read()
            self._read = log.tell()
        assert status < 500 or status in ALLOWED, (status, content[:500], said[-3000:].decode())
        assert b"Traceback" not in said, said[-3000:].decode()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
