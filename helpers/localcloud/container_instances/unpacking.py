"""Unpacks the layers of an image in a process of its own: an archive may be anything, and of any size."""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path

from .. import fork_server
from ..cloud import Cloud
from ..containers.images.images import Image, ImageStore
from ..errors import CloudError, words_of

MEMORY = 1 << 30  # bytes of that process


def unpack(cloud: Cloud, image: Image) -> list[Path]:
    """The directories of the image's layers, lowest first; those that lack are unpacked.

    Raises :class:`CloudError`.
    """
    images = ImageStore(cloud)
    server = fork_server.current()
    if server is not None and not images.ready(image):
        _elsewhere(server, cloud, image)
    return images.lowers(image)


def _elsewhere(server: fork_server.ForkServer, cloud: Cloud, image: Image) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            arguments = {"home": str(cloud.home), "digest": image.digest}
            try:
                child = server.fork(
                    f"{__name__}:main", arguments, [theirs.fileno()], name="unpacking"
                )
            except fork_server.ForkError as error:
                raise CloudError(500, "ImagePullFailed", f"no process for it: {error}") from None
        with ours.makefile("rb") as said:
            answer = said.read()  # until it has ended
    ending = child.wait()
    child.close()
    if not answer:
        how = ending.status if ending is not None else 0
        answer = f"the process that unpacked it has ended with status {how}".encode()
    problem = answer.decode()
    if problem != _DONE:
        raise CloudError(400, "ImagePullFailed", problem)


_DONE = "done"


def main(descriptors: list[int], *, home: str, digest: str) -> int:
    """The process: unpacks an image, and says "done" or why not on the one descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    answer = _DONE
    try:
        cloud = Cloud(Path(home), provision=False)
        images = ImageStore(cloud)
        images.lowers(images.image(digest))
        cloud.close()
    except MemoryError:
        answer = f"its layers need more than {MEMORY >> 20} MiB of memory to be unpacked"
    except (CloudError, OSError, ValueError) as error:
        answer = words_of(error)
    os.write(descriptors[0], answer.encode()[:65536])
    return 0
