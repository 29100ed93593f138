"""A layer of 100 MB pushed and pulled, and 20 images pushed at once: our registry and docker-registry.

The same client, both with TLS, taking turns.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import requests
import trustme

from helpers.localcloud import daemon

from .clouds import manager, registry
from .images import descriptor, push_manifest
from .report import Figure, in_turn, seconds
from .sides import Side

SIZE = 100 * 1000 * 1000  # bytes
_AT_ONCE, _SMALL = 20, 1000 * 1000  # images, bytes of the layer of each


Peer = tuple[requests.Session, str]  # a client, and the address of the registry that it uses


def measure(folder: Path, _: Sequence[Side]) -> list[Figure]:
    """Medians of three pushes (each of new content), nine pulls, and three times 20 pushes at once."""
    running = daemon.up(folder / "registry")
    try:
        http, group = manager(running)
        registry(http, group, "benchmarks")
        del http.headers["Authorization"]
        http.auth = (running.account.client_id, running.account.client_secret)
        peers: list[Peer] = [(http, "https://benchmarks.azurecr.io")]
        with _docker_registry(folder) as address:
            if address is not None:
                peer = requests.Session()
                peer.trust_env = False
                peer.verify = str(folder / "peer-ca.pem")
                peers.append((peer, address))
            ours, *others = _transfer(peers)
    finally:
        daemon.down(folder / "registry")
    figures = [
        Figure("push 100 MB", ours[0], "s", note="TLS, digest checked, fsync"),
        Figure("pull 100 MB", ours[1], "s", note="TLS"),
        Figure(f"{_AT_ONCE} pushes at once", ours[2], "s", note="each of a layer of 1 MB"),
    ]
    if not others:
        note = "not installed: apt-get install docker-registry"
        return [*figures, Figure("… docker-registry", 0, "s", note=note)]
    theirs = others[0]
    return [
        *figures,
        Figure("… docker-registry push", theirs[0], "s", note="TLS"),
        Figure("… docker-registry pull", theirs[1], "s", note="TLS"),
        Figure(f"… docker-registry {_AT_ONCE} pushes at once", theirs[2], "s"),
        Figure("… ratio push ours / docker-registry", ours[0] / theirs[0], "", 0.75),
        Figure("… ratio pull ours / docker-registry", ours[1] / theirs[1], "", 1),
        Figure("… ratio pushes at once ours / docker-registry", ours[2] / theirs[2], "", 0.5),
    ]


def _transfer(peers: list[Peer]) -> list[tuple[float, float, float]]:
    """Median seconds of a push, a pull and many pushes; what else the machine does hits them all."""
    pushes: list[list[float]] = [[] for _ in peers]
    digest = ""
    for _ in range(3):
        blob = os.urandom(1000) + bytes(SIZE - 1000)
        digest = descriptor(blob)["digest"]
        for number, peer in enumerate(peers):
            pushes[number] += seconds(partial(_push, *peer, blob, digest), 1)
    return list(
        zip(
            map(statistics.median, pushes),
            in_turn([partial(_pull, *peer, digest) for peer in peers], 9),
            in_turn([partial(_push_many, *peer) for peer in peers], 3),
            strict=True,
        )
    )


def _push_many(http: requests.Session, base: str) -> None:
    """Images of a configuration and a layer each, into repositories of their own, all at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda number: _push_image(_again(http), base, number), range(_AT_ONCE)))


def _again(http: requests.Session) -> requests.Session:
    """A client of its own, as each who pushes has one."""
    made = requests.Session()
    made.trust_env = False
    made.verify, made.proxies, made.auth = http.verify, http.proxies, http.auth
    return made


def _push_image(http: requests.Session, base: str, number: int) -> None:
    contents = (os.urandom(100), os.urandom(1000) + bytes(_SMALL - 1000))
    config, layer = map(descriptor, contents)
    for content, found in zip(contents, (config, layer), strict=True):
        _push(http, base, content, found["digest"], f"many{number}")
    push_manifest(http, f"{base}/v2/many{number}", "v1", config, [layer])


def _push(
    http: requests.Session, base: str, blob: bytes, digest: str, repository: str = "bench"
) -> None:
    begun = http.post(f"{base}/v2/{repository}/blobs/uploads/", timeout=120)
    begun.raise_for_status()
    location = begun.headers["Location"]
    url = location if location.startswith("http") else base + location
    http.put(url, params={"digest": digest}, data=blob, timeout=120).raise_for_status()


def _pull(http: requests.Session, base: str, digest: str) -> None:
    answer = http.get(f"{base}/v2/bench/blobs/{digest}", stream=True, timeout=120)
    size = sum(len(block) for block in answer.iter_content(1 << 20))
    assert size == SIZE


@contextlib.contextmanager
def _docker_registry(folder: Path) -> Iterator[str | None]:
    """A docker-registry of its own on loopback, or None when it is not installed."""
    program = shutil.which("docker-registry")
    if program is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "peer-ca.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "peer-key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "peer.pem"))
    settings = folder / "docker-registry.yml"
    settings.write_text(
        f"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: "
        f"{folder / 'docker-registry'}\nhttp:\n  addr: 127.0.0.1:{port}\n  tls:\n"
        f"    certificate: {folder / 'peer.pem'}\n    key: {folder / 'peer-key.pem'}\n"
    )
    process = subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
