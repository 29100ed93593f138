"""What every run does, done once before any: in the process that the agents are forked from.

Python compiles, looks up and specialises what it runs (PEP 659) in memory that a forked process
shares until it writes to it; what is warm already is neither done nor copied in each agent again.
"""

from __future__ import annotations

import base64
import tempfile
import threading
from pathlib import Path

from dulwich.client import LocalGitClient
from dulwich.objects import Blob, Commit, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo
from urllib3.util.ssl_ import create_urllib3_context

from ...cloud import Cloud
from ...containers.images.images import ImageStore
from ...containers.sandboxes.initial_layer import InitialLayer
from ...containers.sandboxes.relay import Relay
from ...containers.sandboxes.root_file_system import RootFileSystem
from ...resource_types import REGISTRY_TYPE
from ...store import Resource
from ..runs import Runs
from .checkout import check_out
from .runner import execute
from .stop import Stop

TIMES = 10  # from the eighth call on, a function is specialised
# Its step has a name that is refused, as the last thing before a container is started.
_TASK = """\
version: v1.1.0
steps:
  - id: "-"
    cmd: bash -c 'echo {{.Run.Registry}} {{ .Values.a | default "b" }}'
"""


def rehearse() -> None:
    """Execute runs of a state of its own, up to their containers; leaves no thread and no file."""
    before = threading.enumerate()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "state")
        first = Cloud(home, provision=False)
        registry = first.store.put(
            Resource(
                id=f"{first.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/rehearsal",
                type=REGISTRY_TYPE,
                name="rehearsal",
                resource_group="g",
                body={"properties": {"loginServer": "rehearsal.azurecr.io"}},
            )
        )
        order = {
            "type": "EncodedTaskRunRequest",
            "encodedTaskContent": base64.b64encode(_TASK.encode()).decode(),
        }
        keys = [Runs(first).queue(registry, order).key for _ in range(TIMES)]
        first.close()
        for key in keys:
            cloud = Cloud(home, provision=False)
            run = Runs(cloud).by_key(key)
            assert run is not None
            execute(cloud, run, Stop())
            _clone(Path(folder, f"{run.run_id}-source"))
            _lay_out(cloud, Path(folder, run.run_id))
            Relay().close()
            cloud.close()
    for thread in threading.enumerate():
        if thread not in before:
            thread.join()


def _clone(folder: Path) -> None:
    """Clone a repository as a run's source is cloned, but for the way of its pack."""
    create_urllib3_context()  # the first one of a process looks every algorithm up
    folder.mkdir()
    origin = Repo.init_bare(folder / "origin", mkdir=True)
    ours = Repo.init_bare(folder / "ours", mkdir=True)
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
    ours.close()
    origin.close()


def _lay_out(cloud: Cloud, folder: Path) -> None:
    layer = folder / "layer"
    for name in ("etc", "dev", "usr/bin"):
        (layer / name).mkdir(parents=True)
    (layer / "bin").symlink_to("usr/bin")
    ImageStore(cloud)
    image = RootFileSystem([layer])
    image.account("")
    files = {"/etc/hosts": "", "/run/localcloud/ca.pem": ""}
    directories = ("/dev", "/workspace", "/bin/x")
    initial = InitialLayer.of(image, files=files, directories=directories, mounts=[])
    initial.shared(folder)
    initial.shared(folder)
