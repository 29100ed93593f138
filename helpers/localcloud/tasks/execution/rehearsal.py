"""What every run does, done once before any: in the process that the agents are forked from.

Python compiles, looks up and specialises what it runs (PEP 659) in memory that a forked process
shares until it writes to it; what is warm already is neither done nor copied in each agent again.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dulwich.client import LocalGitClient
from dulwich.objects import Blob, Commit, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo
from urllib3.util.ssl_ import create_urllib3_context

from ... import forking
from ...cloud import Cloud
from ...containers.engine import Engine
from ...containers.images.images import ImageStore
from ...containers.images.layers import Entry, pack
from ...containers.images.local_images import parse_reference
from ...containers.sandboxes import machine, network
from ...media_types import OCI_LAYER
from ...registry.tokens import task_credential
from ...resource_types import REGISTRY_TYPE
from ...run_statuses import FINAL
from ...store import Resource
from ..runs import Runs
from .checkout import check_out
from .clone import new_repository
from .runner import execute
from .stop import Stop

TIMES = 10  # from the eighth call on, a function is specialised
_SERVER = "rehearsal.azurecr.io"
_IMAGE = f"{_SERVER}/image:1"
_TASK = """\
version: v1.1.0
steps:
  - cmd: $Registry/image:1 -c 'echo {{.Run.Registry}} {{ .Values.a | default "b" }}'
    entryPoint: /bin/sh
"""


def rehearse() -> None:
    """Execute runs of a state of its own, in which no process is started; leaves no thread or file."""
    before = threading.enumerate()
    with tempfile.TemporaryDirectory() as folder, _no_processes():
        home = Path(folder, "state")
        first = Cloud(home, provision=False)
        first.principals.make_key()
        registry = first.store.put(
            Resource(
                id=f"{first.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/rehearsal",
                type=REGISTRY_TYPE,
                name="rehearsal",
                resource_group="g",
                body={"properties": {"loginServer": _SERVER}},
            )
        )
        _provide(first, registry)
        order = {
            "type": "EncodedTaskRunRequest",
            "encodedTaskContent": base64.b64encode(_TASK.encode()).decode(),
        }
        keys = [Runs(first).queue(registry, order).key for _ in range(TIMES)]
        for key in keys:
            cloud = Cloud(home, provision=False, checked=True)
            run = Runs(cloud).by_key(key)
            assert run is not None
            execute(cloud, run, Stop(), "a token that nobody knows")
            _clone(Path(folder, f"{run.run_id}-source"))
            cloud.close()
        ended = Runs(first).with_status(*FINAL)
        first.close()
    for thread in threading.enumerate():
        if thread not in before:
            thread.join()
    for run in ended:
        if run.status != "Succeeded":
            raise RuntimeError(f"a run has failed: {run.properties.get('runErrorMessage')}")


class _Holder:
    """Answers as a process that holds a network does; what it is asked to start has ended at once."""

    def __init__(self, control: socket.socket, *_: object) -> None:
        self._control = control.dup()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        forking.send(self._control, {"mode": "namespaces"}, [])
        with self._control:
            while True:
                request, descriptors = forking.receive(self._control)
                if not request:
                    return
                if request["operation"] == "start":
                    os.write(descriptors[3], b"0")  # the exit status; see start_sandboxed
                for descriptor in descriptors:
                    os.close(descriptor)
                forking.send(self._control, {"process": 0}, [])

    def end(self, patience: float) -> None:
        self._thread.join(patience)


@contextlib.contextmanager
def _no_processes() -> Iterator[None]:
    usual, known = (network.holders, network.identities), machine.usable()
    network.holders, network.identities = _Holder, lambda: (None, "nothing is run")
    machine.assume(True)
    try:
        yield
    finally:
        network.holders, network.identities = usual
        machine.assume(known)


def _provide(cloud: Cloud, registry: Resource) -> None:
    """Push an image to the registry."""
    entries = [
        Entry(PurePosixPath("etc/passwd"), 0o644, source=b"root:x:0:0:root:/root:/bin/sh\n"),
        Entry(PurePosixPath("bin"), 0o777, "link", target="usr/bin"),
        Entry(PurePosixPath("usr/bin/sh"), 0o755),
    ]
    digest, size = pack(cloud.content, entries)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    }
    layer = {"mediaType": OCI_LAYER, "digest": digest, "size": size}
    image = ImageStore(cloud).commit(config, [layer])
    session = Engine(cloud).session()
    session.login(_SERVER, task_credential(registry))
    session.images.name(parse_reference(_IMAGE), image.digest)
    session.push(_IMAGE, lambda _: None)


def _clone(folder: Path) -> None:
    """Clone a repository as a run's source is cloned, but for the way of its pack."""
    create_urllib3_context()  # the first one of a process looks every algorithm up
    folder.mkdir()
    origin = Repo.init_bare(folder / "origin", mkdir=True)
    (folder / "ours").mkdir()
    ours = new_repository(folder / "ours")
    blob, tree, commit = Blob.from_string(b"FROM scratch\n"), Tree(), Commit()
    tree.add(b"Dockerfile", 0o100644, blob.id)
    commit.tree, commit.message = tree.id, b"rehearsal"
    commit.author = commit.committer = b"rehearsal <rehearsal@localhost>"
    commit.author_time = commit.commit_time = 0
    commit.author_timezone = commit.commit_timezone = 0
    for one in (blob, tree, commit):
        origin.object_store.add_object(one)
    origin.refs[Ref(b"refs/heads/main")] = commit.id
    LocalGitClient(quiet=True).fetch(str(folder / "origin"), ours)
    files = folder / "files"
    files.mkdir()
    check_out(ours.object_store, commit.tree, files)
    ours.object_store.close()
    origin.close()
