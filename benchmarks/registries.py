"""A layer of 100 MB pushed and pulled, and 20 images pushed at once: our registry and docker-registry.

The same client, which takes little itself (``wire.py``), both with TLS, taking turns. Clients of ours come
by its proxy and with a token of the repository, those of docker-registry need neither.

Each takes the cipher that its TLS prefers, ours AES-256 and docker-registry AES-128. A pull of either takes
less of the server's processor than of the client's: how long it takes says more of the client, and of
whether the kernel runs both on one processor, than the processor time does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from helpers.localcloud.media_types import OCI_MANIFEST

from .clouds import manager, registry
from .images import descriptor, manifest_of, pusher
from .report import Figure, compared
from .sides import Side, Started, processor_seconds
from .wire import Server, Wire

SIZE = 100 * 1000 * 1000  # bytes
_AT_ONCE, _SMALL = 20, 1000 * 1000  # images, bytes of the layer of each
_BIG, _MANY = "bench", [f"many{number}" for number in range(_AT_ONCE)]  # repositories
_ROUNDS, _PULLS = 5, 3  # in each round
_PUSH, _PULL, _PUSHES = "push 100 MB", "pull 100 MB", f"{_AT_ONCE} pushes at once"
_LIMITS = {_PUSH: 0.75, _PULL: 1.0, _PUSHES: 0.5}  # of the ratio to docker-registry's
_NOTES = {_PUSH: "TLS, digest checked, fsync", _PULL: "TLS", _PUSHES: "each of a layer of 1 MB"}


@dataclass
class Peer:
    """A registry: how a repository of it is reached, what it has used, and what it took."""

    of: Callable[[str], Server]
    used: Callable[[], float]  # seconds of the processor, of all its processes
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def time(self, what: str, action: Callable[[Peer], object]) -> None:
        """Do something with it, and note how long it took and what of the processor."""
        used, began = self.used(), time.perf_counter()
        action(self)
        self.seconds[what].append(time.perf_counter() - began)
        self.processor[what].append(self.used() - used)


@dataclass(frozen=True)
class Image:
    """What a push brings: blobs by their digests, and the manifest that names them."""

    blobs: dict[str, bytes]
    manifest: bytes

    @classmethod
    def new(cls) -> Image:
        """An image that nobody has seen yet."""
        contents = (os.urandom(100), os.urandom(1000) + bytes(_SMALL - 1000))
        config, layer = map(descriptor, contents)
        blobs = {config["digest"]: contents[0], layer["digest"]: contents[1]}
        return cls(blobs, manifest_of(config, [layer]))


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Medians of five pushes (each of new content), fifteen pulls, and five times 20 pushes at once."""
    with contextlib.ExitStack() as stack:
        clouds = [side.cloud(folder / f"cloud{number}") for number, side in enumerate(sides)]
        ours = [_ours(stack.enter_context(one)) for one in clouds]
        other = stack.enter_context(_docker_registry(folder))
        peers = [*ours, *([other] if other is not None else [])]
        for turn in range(_ROUNDS):
            first = turn % len(peers)
            _round([*peers[first:], *peers[:first]])
    figures = [one for what in _LIMITS for one in _figures(what, ours, other)]
    if other is None:
        note = "not installed: apt-get install docker-registry"
        figures.append(Figure("… docker-registry", 0, "s", note=note))
    return figures


def _ours(started: Started) -> Peer:
    running = started.running
    http, group = manager(running)
    registry(http, group, "benchmarks")
    context = ssl.create_default_context(cafile=running.ca_file)

    def server(repository: str) -> Server:
        token = pusher(running, "benchmarks", f"repository:{repository}:pull,push").headers
        headers = {"Authorization": str(token["Authorization"])}
        return Server("https://benchmarks.azurecr.io", context, running.proxy_url, headers)

    started.settle()
    servers = {repository: server(repository) for repository in (_BIG, *_MANY)}
    return Peer(servers.__getitem__, lambda: started.processor_seconds)


def _round(peers: Sequence[Peer]) -> None:
    """Each thing by all of them, one after the other: what else the machine does hits them all."""
    blob = os.urandom(1000) + bytes(SIZE - 1000)
    digest = descriptor(blob)["digest"]
    images = [Image.new() for _ in range(_AT_ONCE)]
    for what, action, times in (
        (_PUSH, partial(_push, blob=blob, digest=digest), 1),
        (_PULL, partial(_pull, digest=digest), _PULLS),
        (_PUSHES, partial(_push_all, images=images), 1),
    ):
        for _ in range(times):
            for peer in peers:
                peer.time(what, action)


def _push(peer: Peer, blob: bytes, digest: str) -> None:
    with Wire(peer.of(_BIG)) as wire:
        _push_blob(wire, _BIG, blob, digest)


def _pull(peer: Peer, digest: str) -> None:
    with Wire(peer.of(_BIG)) as wire:
        size = wire.get(f"/v2/{_BIG}/blobs/{digest}")
    if size != SIZE:
        raise RuntimeError(f"{size} bytes instead of {SIZE}")


def _push_all(peer: Peer, images: Sequence[Image]) -> None:
    """Images of a configuration and a layer each, into repositories of their own, all at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(partial(_push_image, peer), _MANY, images))


def _push_image(peer: Peer, repository: str, image: Image) -> None:
    with Wire(peer.of(repository)) as wire:
        for digest, blob in image.blobs.items():
            _push_blob(wire, repository, blob, digest)
        wire.tell("PUT", f"/v2/{repository}/manifests/v1", image.manifest, OCI_MANIFEST)


def _push_blob(wire: Wire, repository: str, blob: bytes, digest: str) -> None:
    place = urlsplit(wire.tell("POST", f"/v2/{repository}/blobs/uploads/"))
    query = f"{place.query}&digest={digest}" if place.query else f"digest={digest}"
    wire.tell("PUT", f"{place.path}?{query}", blob)


def _figures(what: str, ours: Sequence[Peer], other: Peer | None) -> Iterator[Figure]:
    took = [statistics.median(one.seconds[what]) for one in ours]
    used = [statistics.mean(one.processor[what]) for one in ours]
    yield compared(what, took, "s", note=_NOTES[what])
    yield compared("… processor time", used, "s", note="of all processes, mean")
    if other is None:
        return
    yield Figure("… docker-registry", statistics.median(other.seconds[what]), "s", note="TLS")
    theirs = statistics.mean(other.processor[what])
    yield Figure("… docker-registry's processor time", theirs, "s")
    pairs = zip(ours[0].seconds[what], other.seconds[what], strict=True)
    ratios = sorted(one / that for one, that in pairs)
    spread = f"median of {len(ratios)}, {ratios[0]:.2f} to {ratios[-1]:.2f}"
    ratio = statistics.median(ratios)
    yield Figure(f"… ratio {what}", ratio, "", _LIMITS[what], f"to docker-registry: {spread}")


@contextlib.contextmanager
def _docker_registry(folder: Path) -> Iterator[Peer | None]:
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
        context = ssl.create_default_context(cafile=folder / "peer-ca.pem")
        server = Server(f"https://127.0.0.1:{port}", context)
        yield Peer(lambda _: server, lambda: processor_seconds([process.pid]))
    finally:
        process.terminate()
        process.wait(10)
