"""Where a run's files come from: the real git host over the front door, and real archives."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Tree

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.tasks.execution.checkout import CheckoutError, check_out
from helpers.localcloud.tasks.execution.git_context import GitContext, SourceError
from helpers.localcloud.tasks.execution.source import fetch
from tests.localcloud.exchanging import exchanging
from tests.tasks.repositories import REGISTRY, Repository, run

_numbers = itertools.count(1)


def test_parts_of_a_git_context() -> None:
    context = GitContext.parse("https://tok@github.com/o/n.git#main:sub/folder")
    assert context is not None
    assert (context.reference, context.folder, context.name) == ("main", "sub/folder", "o/n")
    assert context.shown == "https://github.com/o/n.git"
    assert GitContext.parse("source/2026/a.tar.gz") is None
    assert GitContext.parse("https://example.org/a.tar.gz") is None


def test_branch_folder_commit_and_modes(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    first = repository.commit("main", {"test.sh": (0o100755, "#!/bin/sh\n")})
    second = repository.commit(
        "main", {"test.sh": (0o100755, "new"), "app/Dockerfile": (0o100644, "FROM x\n")}
    )
    other = repository.commit("dev", {"dev.txt": (0o100644, "dev")})
    for number, (fragment, commit, files) in enumerate(
        [
            ("#main", second, {"test.sh", "app"}),
            ("", second, {"test.sh", "app"}),
            ("#dev", other, {"dev.txt"}),
            ("#main:app", second, {"Dockerfile"}),
            (f"#{first}", first, {"test.sh"}),
            (f"#{first[:10]}", first, {"test.sh"}),
        ]
    ):
        folder = tmp_path / str(number)
        source = fetch(cloud, repository.url + fragment, folder / "workspace", registry_id=REGISTRY)
        assert source.commit == commit
        assert {path.name for path in source.folder.iterdir()} == files
        assert source.repository == f"{repository.owner}/{repository.name}"
        assert [path.name for path in folder.iterdir()] == ["workspace"]
    assert os.access(tmp_path / "0" / "workspace" / "test.sh", os.X_OK)
    assert run(cloud, repository.url + "#main", tmp_path / "pinned", commit=first) == first


def test_default_branch_is_told(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    source = fetch(cloud, repository.url, tmp_path / "w", registry_id=REGISTRY)
    assert source.branch == "main"


def test_private_repository_needs_the_right_token(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud, private=True)
    commit = repository.commit("main", {"a": (0o100644, "a")})
    context = repository.url + "#main"
    with pytest.raises(
        SourceError, match=r"private and the task has no git access token|not found"
    ):
        run(cloud, context, tmp_path / "none")
    with pytest.raises(SourceError, match="git access token") as caught:
        run(cloud, context, tmp_path / "wrong", token="ghp_wrongwrongwrong")
    assert "ghp_wrong" not in str(caught.value)
    assert run(cloud, context, tmp_path / "ok", token=cloud.account.github_token) == commit


@pytest.mark.parametrize(
    ("fragment", "named"),
    [
        ("#nowhere", "'nowhere' was not found.*main"),
        ("#main:missing", "folder 'missing'"),
        ("#main:a\0b", "folder 'a\0b'"),
    ],
)
def test_missing_branch_and_folder_are_named(
    cloud: Cloud, tmp_path: Path, fragment: str, named: str
) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    with pytest.raises(SourceError, match=named):
        run(cloud, repository.url + fragment, tmp_path)


@pytest.mark.parametrize("path", ["a" * 256, f"{'a' * 256}/b", "/".join(["a" * 200] * 21)])
def test_a_name_that_no_file_can_have_is_told(cloud: Cloud, tmp_path: Path, path: str) -> None:
    repository = Repository(cloud)
    repository.commit("main", {path: (0o100644, "a")})
    with pytest.raises(SourceError, match=r"cannot be checked out: the name of a+.*… is too long"):
        run(cloud, repository.url, tmp_path)


def test_a_tree_that_multiplies_itself_is_told(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.multiply(levels=3, width=200)
    with pytest.raises(SourceError, match="it has more than 1048576 files and folders"):
        run(cloud, repository.url, tmp_path)


def test_folder_through_a_link_stays_inside(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"link": (0o120000, "../../..")})
    with pytest.raises(SourceError, match="folder 'link' was not found"):
        run(cloud, repository.url + "#main:link", tmp_path)


@pytest.mark.parametrize(
    ("target", "found"),
    [("../..", "a"), ("..", "b"), ("../../c", "file"), ("../b/../../c/", "file")],
)
def test_a_folder_that_is_a_link_is_what_it_leads_to(
    cloud: Cloud, tmp_path: Path, target: str, found: str
) -> None:
    repository = Repository(cloud)
    files = {"a/b/link": (0o120000, target), "c/file": (0o100644, "content")}
    repository.commit("main", files)
    (tmp_path / "canary").touch()
    run(cloud, repository.url + "#main:a/b/link", tmp_path)
    workspace = tmp_path / "workspace"
    assert not workspace.is_symlink()
    assert found in {path.name for path in workspace.iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary", "workspace"]


@pytest.mark.parametrize("target", ["/etc", "../../..", "../../../workspace.git", "../../never"])
def test_a_folder_that_is_a_link_to_the_outside_is_named(
    cloud: Cloud, tmp_path: Path, target: str
) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a/b/link": (0o120000, target), "c": (0o100644, "content")})
    with pytest.raises(SourceError, match="the folder 'a/b/link' was not found"):
        run(cloud, repository.url + "#main:a/b/link", tmp_path)
    assert not (tmp_path / "workspace").exists()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "canary").write_text("canary")
    return folder


def test_a_swap_while_a_commit_is_checked_out_writes_nothing_outside(
    cloud: Cloud, tmp_path: Path, host: Path
) -> None:
    repository = Repository(cloud)
    names = ("canary", *map(str, range(150)))
    repository.commit("main", {f"sub/{name}": (0o100644, "changed") for name in names})
    (tmp_path / "link").symlink_to(host)
    for number in range(6):
        place = tmp_path / str(number)
        with (
            exchanging(place / "workspace/sub", tmp_path / "link"),
            contextlib.suppress(SourceError),
        ):
            run(cloud, repository.url + "#main", place)
        if not (tmp_path / "link").is_symlink():
            shutil.rmtree(tmp_path / "link")
            (tmp_path / "link").symlink_to(host)
        assert [path.name for path in host.iterdir()] == ["canary"]
        assert (host / "canary").read_text() == "canary"


def test_a_swap_while_an_archive_is_unpacked_writes_nothing_outside(
    cloud: Cloud, tmp_path: Path, host: Path
) -> None:
    names = ("canary", *map(str, range(300)))
    name = upload(cloud, archive(*((f"sub/{name}", b"changed") for name in names)))
    (tmp_path / "link").symlink_to(host)
    for number in range(6):
        place = tmp_path / str(number)
        with (
            exchanging(place / "workspace/sub", tmp_path / "link"),
            contextlib.suppress(SourceError),
        ):
            run(cloud, name, place)
        if not (tmp_path / "link").is_symlink():
            shutil.rmtree(tmp_path / "link")
            (tmp_path / "link").symlink_to(host)
        assert [path.name for path in host.iterdir()] == ["canary"]
        assert (host / "canary").read_text() == "canary"


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([(b"..", 0o100644)], "it holds the path .."),
        ([(b".git", 0o100644)], "it holds the path .git"),
        ([(b".GIT", 0o100644)], "it holds the path .GIT"),
        ([(b"a/b", 0o100644)], "it holds the path a/b"),
        ([(b"a", 0o040000)], "a is no tree"),
    ],
)
def test_trees_that_git_does_not_allow_are_refused(
    tmp_path: Path, host: Path, entries: list[tuple[bytes, int]], named: str
) -> None:
    objects = MemoryObjectStore()
    blob = Blob.from_string(os.fsencode(host))
    raw = b"".join(
        b"%o %s\0" % (mode, name) + bytes.fromhex(blob.id.decode()) for name, mode in entries
    )
    tree = Tree.from_string(raw)
    for one in (blob, tree):
        objects.add_object(one)
    (tmp_path / "files").mkdir()
    with pytest.raises(CheckoutError, match=re.escape(named)):
        check_out(objects, tree.id, tmp_path / "files")
    assert (host / "canary").read_text() == "canary"


def test_missing_and_empty_repositories(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not found"):
        run(cloud, "https://github.com/nobody/nothing.git#main", tmp_path / "a")
    with pytest.raises(SourceError, match=r"is empty|was not found"):
        run(cloud, Repository(cloud).url + "#main", tmp_path / "b")


def test_hosts_outside_the_cloud_are_refused(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"unable to clone https://example\.org/o/a\.git"):
        run(cloud, "https://example.org/o/a.git#main", tmp_path)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("https://example.org/o/a.git#main", "refuses this host, since nothing leaves"),
        ("https://example.org/a.tar.gz", "refuses this host, since nothing leaves"),
        ("https://github.com/owner", "a repository is https://github.com/OWNER/NAME.git"),
        ("https://[bad/x.git", "is no URL: Invalid IPv6 URL"),
        ("https://github.com:99999/o/n.git", "is no URL: Port out of range"),
        ("http://github.com/nobody/nothing.git", "unable to clone https://github.com/nobody/"),
    ],
)
def test_what_is_wrong_with_a_context_is_told(
    cloud: Cloud, tmp_path: Path, context: str, message: str
) -> None:
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        run(cloud, context, tmp_path)
    assert "HTTPSConnectionPool" not in str(caught.value)


# -- archives ------------------------------------------------------------------------------------


def upload(cloud: Cloud, content: bytes) -> str:
    account = BlobAccount(cloud)
    name = f"source/1/{next(_numbers)}.tar.gz"
    blob = account.blob(account.container_of(REGISTRY), name)
    blob.create("BlockBlob", "application/gzip")
    blob.path.write_bytes(content)
    return name


def archive(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode = len(member[1]), 0o755
                tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_uploaded_archive(cloud: Cloud, tmp_path: Path) -> None:
    name = upload(cloud, archive(("Dockerfile", b"FROM x\n"), ("bin/run.sh", b"#!/bin/sh\n")))
    assert run(cloud, name, tmp_path) == ""
    assert (tmp_path / "workspace/Dockerfile").read_text() == "FROM x\n"
    assert os.access(tmp_path / "workspace/bin/run.sh", os.X_OK)


@pytest.mark.parametrize(
    "content",
    [
        archive(("../escaped", b"x")),
        archive(special("link", tarfile.SYMTYPE, "../../.."), ("link/escaped", b"x")),
        archive(special("link", tarfile.SYMTYPE, "/etc"), ("link/escaped", b"x")),
        archive(special("link", tarfile.SYMTYPE, ".."), special("link/escaped", tarfile.DIRTYPE)),
        archive(special("device", tarfile.CHRTYPE)),
        b"no archive at all",
        archive(("a", b"x" * 5000))[:-20],
    ],
    ids=["parent", "link", "absolute link", "folder", "device", "garbage", "cut"],
)
def test_bad_archives_are_refused_and_write_nothing_outside(
    cloud: Cloud, tmp_path: Path, content: bytes
) -> None:
    name = upload(cloud, content)
    with pytest.raises(SourceError, match=f"the archive '{name}'"):
        run(cloud, name, tmp_path)
    assert not list(tmp_path.rglob("escaped"))
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            archive(("a", b"x"))[:-8] + bytes(4) + archive(("a", b"x"))[-4:],
            "it is damaged: its checksum is wrong",
        ),
        (archive(("a", b"x" * 5000))[:-20], "it is cut short"),
        (gzip.compress(gzip.decompress(archive(("a", b"x")))[:1024]), "its end is missing"),
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(100), "it is a zip archive, not a .tar.gz"),
        (b"PK\x05\x06" + bytes(18), "it is a zip archive, not a .tar.gz"),
        (b"no archive at all", "it is no tar archive"),
        (b"\x1f\x8b" + b"damaged" * 100, "it is damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",  # its time is now
)
def test_a_damaged_archive_is_told_in_one_sentence(
    cloud: Cloud, tmp_path: Path, content: bytes, reason: str
) -> None:
    name = upload(cloud, content)
    with pytest.raises(SourceError, match=re.escape(reason)) as caught:
        run(cloud, name, tmp_path)
    assert str(caught.value).startswith(f"the archive '{name}' cannot be unpacked: ")
    assert "\n" not in str(caught.value)


def test_unknown_source_and_none(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither a git URL"):
        run(cloud, "source/never.tar.gz", tmp_path / "a")
    with pytest.raises(SourceError, match="not the name of a blob"):
        run(cloud, "../../account-key", tmp_path / "b")
    assert run(cloud, "/dev/null", tmp_path / "c") == ""
    assert list((tmp_path / "c/workspace").iterdir()) == []
