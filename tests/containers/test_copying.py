"""COPY and ADD: which files get into an image, from where, with which modes and owners."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.frontend import BUILDKIT, CLASSIC, Frontend
from helpers.localcloud.containers.errors import BuildError

from .building import BASE, Context


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Cloud:
    return shared_cloud


def test_copy(context: Context) -> None:
    for name in ("a.txt", "b.txt", "folder/c.txt", "folder/deep/d.txt", "ignored/e.txt"):
        context.write(name, name)
    context.write("run.sh", "#!/bin/sh\necho ran\n", 0o755)
    context.write(".dockerignore", "# comment\nignored\n**/deep\n!folder/deep\n")
    (context.folder / "link").symlink_to("a.txt")
    context.build(
        f"""FROM {BASE}
WORKDIR /w
COPY *.txt texts/
COPY folder copied
COPY --chmod=600 a.txt /renamed
COPY ["a.txt", "run.sh", "/many/"]
COPY . all/
COPY <<one <<two /docs/
ENV is $PATH
one
second
two
""",
        frontend=BUILDKIT,
    )
    code, output = context.run("find", "/w", "/many", "/renamed", "/docs", "-type", "f")
    assert code == 0
    assert set(output.split()) == {
        *("/w/texts/a.txt", "/w/texts/b.txt", "/w/copied/c.txt", "/w/copied/deep/d.txt"),
        *("/many/a.txt", "/many/run.sh", "/renamed", "/docs/one", "/docs/two"),
        *("/w/all/a.txt", "/w/all/b.txt", "/w/all/folder/c.txt", "/w/all/folder/deep/d.txt"),
        *("/w/all/run.sh", "/w/all/Dockerfile", "/w/all/.dockerignore"),
    }
    assert context.run("/many/run.sh")[1] == "ran"
    assert context.run("cat", "/w/all/link")[1] == "a.txt"
    assert "ENV is /usr/local/sbin" in context.run("cat", "/docs/one")[1]
    assert context.run("sh", "-c", "ls -l /renamed | cut -c1-10")[1] == "-rw-------"


def test_links_of_the_context_are_followed(context: Context) -> None:
    context.write("folder/file", "text")
    (context.folder / "link").symlink_to("folder")
    text = f"FROM {BASE}\nCOPY link /whole\nCOPY link/file //one\n"
    context.build(f"{text}COPY link/f* /some/\n", frontend=BUILDKIT)
    assert context.run("cat", "/whole/file", "/one", "/some/file")[1] == "text" * 3
    context.build(text)
    assert context.run("cat", "/whole/file", "/one")[1] == "text" * 2
    # The classic builder walks through the context, where a link is no folder.
    with pytest.raises(BuildError, match="COPY failed: no source files were specified"):
        context.build(f"{text}COPY link/f* /some/\n")


@pytest.mark.parametrize("frontend", [CLASSIC, BUILDKIT])
def test_an_empty_stage_has_an_empty_root(context: Context, frontend: Frontend) -> None:
    empty = "FROM scratch AS empty\nLABEL a=b\n"
    for word in ("/", "."):
        result = context.build(
            f"{empty}FROM {BASE}\nCOPY --from=empty {word} /x/\n", frontend=frontend
        )
        assert context.entry(result, "x") == (0o755, 0, 0)
    with pytest.raises(BuildError, match="stat nope: file does not exist|nope.*not found"):
        context.build(f"{empty}FROM {BASE}\nCOPY --from=empty /nope /x/\n", frontend=frontend)


def test_the_name_of_no_image_is_refused_by_the_classic_builder(context: Context) -> None:
    with pytest.raises(
        BuildError, match="invalid from flag value scratch: 'scratch' is a reserved"
    ):
        context.build(f"FROM {BASE}\nCOPY --from=scratch / /x/\n")


def test_a_destination_above_the_root(context: Context) -> None:
    context.write("file", "x")
    for word in ("/../x", "/a/../../x"):
        text = f"FROM {BASE}\nCOPY file {word}\n"
        with pytest.raises(BuildError, match="failed to copy files: evalSymlinksInScope: "):
            context.build(text)
        assert context.entry(context.build(text, frontend=BUILDKIT), "x")[0] == 0o644
    for word, path in (("/d/..", "file"), ("/d/../y", "y"), ("../../z", "z")):
        assert context.entry(context.build(f"FROM {BASE}\nCOPY file {word}\n"), path)[0] == 0o644


def test_sockets_of_a_folder_are_left_out_and_pipes_refused(context: Context) -> None:
    context.write("dir/file", "x")
    os.mknod(context.folder / "dir/socket", stat.S_IFSOCK | 0o600)
    context.build(f"FROM {BASE}\nCOPY dir /d/\n")
    assert context.run("ls", "/d")[1].splitlines()[-1] == "file"
    os.mkfifo(context.folder / "dir/pipe")
    with pytest.raises(BuildError, match="pipe is neither a file, a directory nor a link"):
        context.build(f"FROM {BASE}\nCOPY dir /d/\n")


def test_what_is_ignored_cannot_be_copied(context: Context) -> None:
    context.write("a", "a")
    context.write("b", "b")
    context.write(".dockerignore", "Dockerfile\n.dockerignore\na\n")
    (context.folder / "alias").symlink_to("a")
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert context.run("sh", "-c", "ls -A /all")[1].split() == ["alias", "b"]
    with pytest.raises(BuildError, match=r"excluded by \.dockerignore: stat a"):
        context.build(f"FROM {BASE}\nCOPY alias /x\n")
    context.write("Dockerfile.dockerignore", "b\nDockerfile*\n")
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert context.run("sh", "-c", "ls -A /all")[1].split() == [".dockerignore", "a", "alias"]


def test_the_time_for_an_ignore_file_grows_with_its_length(context: Context) -> None:
    """Of ten stars a backtracking engine tries every way to share a path between them."""
    deep = "/".join("abcdefghijklmnopqrstuvwxyz")
    context.write(f"{deep}/file", "text")
    context.write(".dockerignore", "**/" * 30 + "nothing\n" + "*a" * 200 + "\nignored\n")
    context.write("ignored/file", "")
    started = time.process_time()
    context.build(f"FROM {BASE}\nCOPY . /all\n")
    assert time.process_time() - started < 20
    assert context.run("cat", f"/all/{deep}/file")[1] == "text"
    assert context.run("ls", "/all")[1].split() == ["Dockerfile", "a"]


def test_a_pattern_of_an_ignore_file_that_cannot_be_read_is_named(context: Context) -> None:
    context.write(".dockerignore", "[z-a]\n")
    with pytest.raises(BuildError, match=r"pattern of \.dockerignore: \[z-a\]"):
        context.build(f"FROM {BASE}\nCOPY . /all\n")


def test_add_unpacks_local_archives(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("in/file")
        member.size, member.uid, member.gid = 4, 12, 34
        archive.addfile(member, io.BytesIO(b"text"))
    result = context.build(
        f"FROM {BASE}\nADD a.tar.gz /unpacked/\nCOPY a.tar.gz /kept/\n"
        "ADD --chown=5:6 a.tar.gz /mine/\n"
    )
    assert context.run("cat", "/unpacked/in/file")[1] == "text"
    assert context.run("ls", "/kept")[1] == "a.tar.gz"
    assert context.entry(result, "unpacked/in/file")[1:] == (12, 34)
    assert context.entry(result, "mine/in/file")[1:] == (12, 34)  # --chown is not for its content
    assert list(context.cloud.folder("sandbox").glob("add-*")) == []


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("in/../../outside", tarfile.REGTYPE, ""),
        ("in/../../../outside", tarfile.DIRTYPE, ""),
        ("hard", tarfile.LNKTYPE, "../outside"),
        ("hard", tarfile.LNKTYPE, "../../../../../../etc/passwd"),
    ],
)
def test_add_of_an_archive_that_would_leave_its_folder_is_refused(
    context: Context, name: str, kind: bytes, target: str
) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member, io.BytesIO())
    with pytest.raises(BuildError, match=r"Dockerfile:2: .*a\.tar "):
        context.build(f"FROM {BASE}\nADD a.tar /x/\n")
    assert not list(context.cloud.home.rglob("outside"))
    assert list(context.cloud.folder("sandbox").glob("add-*")) == []


def test_add_of_an_archive_follows_its_links_inside_the_image_only(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        for name, target in (("file", ""), ("away", "/"), ("up", "../../../../..")):
            member = tarfile.TarInfo(name)
            member.type = tarfile.SYMTYPE if target else tarfile.REGTYPE
            member.linkname = target
            archive.addfile(member)
        for link in ("away", "up"):
            member = tarfile.TarInfo(f"{link}/etc/{context.folder.parent.name}-{link}")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"text"))
    context.build(f"FROM {BASE}\nADD a.tar /x/\n")
    assert context.run("ls", "/x")[1].split()[0] == "away"
    assert not list(Path("/etc").glob(f"{context.folder.parent.name}-*"))


def test_add_of_a_damaged_archive_names_it(context: Context) -> None:
    with tarfile.open(context.folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo("file")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(bytes(100_000)))
    whole = (context.folder / "a.tar").read_bytes()
    (context.folder / "a.tar").write_bytes(whole[:5000])
    with tarfile.open(context.folder / "b.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.LNKTYPE, "missing"
        archive.addfile(member)
    for name in ("a.tar", "b.tar"):
        with pytest.raises(BuildError, match=f"Dockerfile:2: .*{name} is a damaged archive: "):
            context.build(f"FROM {BASE}\nADD {name} /x/\n")


def test_what_is_no_archive_is_added_as_a_file(context: Context) -> None:
    with tarfile.open(context.folder / "whole.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("/file"))
    whole = (context.folder / "whole.tar").read_bytes()
    for name, data in (("cut.tgz", whole[:40]), ("zero.tar", bytes(10240)), ("empty.tar", b"")):
        (context.folder / name).write_bytes(data)
    context.build(f"FROM {BASE}\nADD cut.tgz zero.tar empty.tar whole.tar /x/\n")
    assert context.run("ls", "/x")[1].split() == ["cut.tgz", "empty.tar", "file", "zero.tar"]


def test_modes_and_owners_are_docker_s(context: Context) -> None:
    context.write("key", "secret", 0o600)
    context.write("folder/deep/file", "text")
    result = context.build(
        f"""FROM {BASE} AS builder
RUN mkdir -p /out && mkdir -m 1777 /out/shared && mkdir -m 700 /out/own && echo x > /out/own/x \\
 && chmod 4710 /out/own/x && echo u:x:1000:1000::/srv/u:/bin/sh >> /etc/passwd
FROM builder
COPY key /key
COPY --from=builder /out /copied
COPY --chown=1000:1000 key /srv/u/new/key
COPY --chmod=750 folder /modes
COPY key /srv/u/new/second
RUN echo more >> /srv/u/new/key && echo roots > /srv/u/new/roots
USER u
RUN echo mine > /srv/u/new/mine && ln /srv/u/new/mine /srv/u/new/same
""",
        frontend=BUILDKIT,
    )
    for path, expected in {
        "key": (0o600, 0, 0),
        "copied/shared": (0o1777, 0, 0),
        "copied/own": (0o700, 0, 0),
        "copied/own/x": (0o4710, 0, 0),
        "modes": (0o755, 0, 0),
        "modes/deep": (0o750, 0, 0),
        "modes/deep/file": (0o750, 0, 0),
        "srv/u/new": (0o755, 1000, 1000),
        "srv/u/new/key": (0o600, 1000, 1000),
        "srv/u/new/second": (0o600, 0, 0),
        "srv/u/new/roots": (0o644, 0, 0),
        "srv/u/new/mine": (0o644, 1000, 1000),
    }.items():
        assert context.entry(result, path) == expected, path
    assert context.run("stat", "-c", "%h", "/srv/u/new/same", image="test:1")[1][-1] == "2"
    (context.folder / "key").chmod(0o644)
    assert (
        context.build((context.folder / "Dockerfile").read_text(), frontend=BUILDKIT).digest
        != result.digest
    )
