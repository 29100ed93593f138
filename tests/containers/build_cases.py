"""The build cases: the context and the base image that they are built on, and how trees compare.

See tests/cases/README.md; a tree is what the layers of an image hold, one upon the other.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Session
from helpers.localcloud.containers.images.images import Image, ImageStore
from helpers.localcloud.root_folder import remove_tree

FOLDER = Path(__file__).parents[1] / "cases" / "build"
_LONG_AGO = 1e9
_BUSYBOX = (
    *("sh", "cat", "ls", "cp", "mv", "rm", "mkdir", "ln", "touch", "echo", "chmod", "chown", "id"),
    *("pwd", "env", "true", "false", "dd", "mkfifo", "test", "[", "wc", "tar", "printf", "stat"),
    *("sleep", "head", "tail", "grep", "sed"),
)
_ENGINES = ("proc", "sys", "dev", "run")
_ENGINES_FILES = ("etc/hosts", "etc/hostname", "etc/resolv.conf")
_DATED = ("z.zip", "plain.gz", "t.tar.gz")  # they hold the time when they were made
_SETTINGS = (
    *("Env", "Cmd", "Entrypoint", "ExposedPorts", "Volumes", "User", "WorkingDir", "Labels"),
    *("StopSignal", "Healthcheck", "Shell", "OnBuild"),
)

Tree = dict[str, list[Any]]


@dataclass(frozen=True)
class Built:
    """A cloud with the base image of the cases."""

    cloud: Cloud
    session: Session
    base: Tree

    @classmethod
    def make(cls, cloud: Cloud, session: Session, folder: Path) -> Self:
        """Build base:1 from ``folder``, which is made."""
        made = session.build(make_base(folder), tags=["base:1"], log=lambda _line: None)
        return cls(cloud, session, tree(cloud, ImageStore(cloud).image(made.digest)))

    def answer(self, digest: str) -> dict[str, Any]:
        """What a built image is, in the language of the cases."""
        image = ImageStore(self.cloud).image(digest)
        now = tree(self.cloud, image)
        return {
            "added": {path: row for path, row in now.items() if self.base.get(path) != row},
            "removed": sorted(path for path in self.base if path not in now),
            "config": {
                name: image.settings[name] for name in _SETTINGS if image.settings.get(name)
            },
        }


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of a file."""
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


def make_context(root: Path, case: dict[str, Any]) -> Path:
    """The folder that a case is built in, with its Dockerfile."""
    if root.exists():
        remove_tree(root)
    for name, text, mode in (
        *(("a.txt", "A\n", 0o644), ("b.txt", "B\n", 0o644), ("sp ace.txt", "S\n", 0o644)),
        *(("dir/sub/f1", "1\n", 0o644), ("dir/sub/f2", "2\n", 0o644), ("dir/top", "t\n", 0o644)),
        *(("dir/.hid", "h\n", 0o644), ("exe.sh", "#!/bin/sh\necho x\n", 0o755)),
        *(("perm/ro", "r", 0o400), ("perm/x", "x", 0o711), ("suid/s", "s", 0o4755)),
        *(("withlinks/r", "r", 0o644), ("hard/one", "same", 0o644)),
        ("fake.tar", "not a tar", 0o644),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        os.utime(path, (_LONG_AGO, _LONG_AGO))
    (root / "perm").chmod(0o750)
    os.link(root / "hard/one", root / "hard/two")
    (root / "emptyd").mkdir()
    for name, target in (
        *(("link.txt", "a.txt"), ("linkdir", "dir"), ("broken", "nowhere")),
        *(("outlink", "/etc/hostname"), ("withlinks/l", "r"), ("withlinks/abs", "/abs")),
        ("withlinks/up", "../dir"),
    ):
        (root / name).symlink_to(target)
    plain = _archive(hard=False)
    (root / "t.tar").write_bytes(plain)
    (root / "t.tar.gz").write_bytes(gzip.compress(plain))
    (root / "t.tar.bz2").write_bytes(bz2.compress(plain))
    (root / "t.tar.xz").write_bytes(lzma.compress(plain))
    (root / "hl.tar").write_bytes(_archive(hard=True))
    with zipfile.ZipFile(root / "z.zip", "w") as archive:
        archive.writestr("q", "1")
    (root / "plain.gz").write_bytes(gzip.compress(b"hello"))
    if "ignore" in case:
        (root / ".dockerignore").write_bytes(case["ignore"].encode())
    (root / "Dockerfile").write_bytes(case["dockerfile"].encode())
    return root


def _archive(*, hard: bool) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, kind, target in (
            *(("in", tarfile.DIRTYPE, ""), ("in/f", tarfile.REGTYPE, "")),
            *(("in/l", tarfile.SYMTYPE, "f"), ("in/h", tarfile.LNKTYPE, "in/f")),
        ):
            if kind == tarfile.LNKTYPE and not hard:
                continue
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            if kind == tarfile.DIRTYPE:
                member.mode, member.mtime = 0o755, _LONG_AGO
            if kind == tarfile.REGTYPE:
                member.mode, member.mtime, member.size = 0o640, _LONG_AGO, 3
                member.uid, member.gid = 11, 12
            archive.addfile(member, io.BytesIO(b"abc"))
    return raw.getvalue()


def make_base(root: Path) -> Path:
    """The context of base:1: Debian's static busybox, and two accounts."""
    files = root / "r"
    (files / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", files / "bin/busybox")
    for name in _BUSYBOX:
        (files / "bin" / name).symlink_to("busybox")
    for name in (*("etc", "tmp", "root", "home", "var/lib", "proc", "sys", "dev", "usr", "run"),):
        (files / name).mkdir(parents=True)
    (files / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n"
    )
    (files / "etc/group").write_text("root:x:0:\nnode:x:1001:\n")
    (root / "Dockerfile").write_text('FROM scratch\nCOPY r /\nENV PATH=/bin:/usr/bin\nCMD ["sh"]\n')
    return root


def tree(cloud: Cloud, image: Image) -> Tree:
    """Everything that an image holds, by its path."""
    found: Tree = {}
    for layer in image.layers:
        with (
            cloud.content.open(layer["digest"]) as file,
            tarfile.open(fileobj=file) as archive,
        ):
            found = _upon(found, archive)
    return found


def _upon(below: Tree, archive: tarfile.TarFile) -> Tree:
    made: Tree = {}
    files: dict[str, list[Any]] = {}
    for member in archive:
        path = member.name.strip("/")
        folder, _, name = path.rpartition("/")
        if name.startswith(".wh."):
            hidden = f"{folder}/{name[4:]}".lstrip("/")
            gone = f"{folder}/" if name == ".wh..wh..opq" else f"{hidden}/"
            below = {p: row for p, row in below.items() if p != hidden and not p.startswith(gone)}
            continue
        row = files[path] = files[member.linkname] if member.islnk() else _row(archive, member)
        if not member.isdir():
            below = {p: kept for p, kept in below.items() if not p.startswith(f"{path}/")}
        if path.partition("/")[0] not in _ENGINES and path not in _ENGINES_FILES:
            made[path] = row
    return {**below, **made}


def _row(archive: tarfile.TarFile, member: tarfile.TarInfo) -> list[Any]:
    if member.isdir():
        return ["d", oct(member.mode), member.uid, member.gid]
    if member.issym():
        return ["l", member.linkname, member.uid, member.gid]
    content = archive.extractfile(member)
    assert content is not None
    text = content.read()
    known = [len(text), hashlib.md5(text, usedforsecurity=False).hexdigest()[:6]]
    dated = member.name.rpartition("/")[2] in _DATED
    return ["f", oct(member.mode), member.uid, member.gid, *([] if dated else known)]
