"""Layers: unpacked only where they belong, packed the same every time."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.containers.images import extraction
from helpers.localcloud.containers.images.extraction import extract
from helpers.localcloud.containers.images.images import MANY, ImageStore
from helpers.localcloud.containers.images.layers import Entry, changes, pack
from helpers.localcloud.containers.images.owners import Owners, write_owners
from helpers.localcloud.containers.sandboxes.root_file_system import RootFileSystem
from helpers.localcloud.content import ContentStore
from tests.localcloud.exchanging import exchanging


def archive(path: Path, *members: tuple[str, bytes, dict[str, object]]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, kind, more in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            content = b"content"
            for key, value in more.items():
                setattr(member, key, value)
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "more", "message"),
    [
        ("../outside", tarfile.REGTYPE, {}, "writes outside its root"),
        ("/etc/passwd", tarfile.REGTYPE, {}, "writes outside its root"),
        ("a/../../b", tarfile.REGTYPE, {}, "writes outside its root"),
        ("dev/null", tarfile.CHRTYPE, {}, "device node or special file"),
        ("dev/disk", tarfile.BLKTYPE, {}, "device node or special file"),
        ("pipe", tarfile.FIFOTYPE, {}, "device node or special file"),
        ("hard", tarfile.LNKTYPE, {"linkname": "../../etc/passwd"}, "writes outside its root"),
        ("hard", tarfile.LNKTYPE, {"linkname": "missing"}, "which it lacks"),
        (".wh...", tarfile.REGTYPE, {}, "deletes outside its root"),
        ("a/.wh..", tarfile.REGTYPE, {}, "deletes outside its root"),
        ("a/.wh.", tarfile.REGTYPE, {}, "deletes outside its root"),
        ("n" * 300, tarfile.REGTYPE, {}, "cannot be unpacked at 'nnn.*File name too long"),
        ("a", tarfile.REGTYPE, {"mtime": 1e20}, "not a readable archive: timestamp"),
    ],
)
def test_an_archive_that_would_leave_its_root_is_refused(
    tmp_path: Path, name: str, kind: bytes, more: dict[str, object], message: str
) -> None:
    root = tmp_path / "inside" / "root"
    root.mkdir(parents=True)
    path = archive(tmp_path / "layer.tar", (name, kind, more))
    with pytest.raises(BuildError, match=message) as caught:
        extract(path, root, "sha256:name")
    assert "layer sha256:name" in str(caught.value)
    assert [one.name for one in (tmp_path / "inside").iterdir()] == ["root"]


def test_an_archive_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "layer.tar", ("a", tarfile.REGTYPE, {}), ("a/b", tarfile.REGTYPE, {}))
    (tmp_path / "root").mkdir()
    with pytest.raises(BuildError, match="layer name cannot be unpacked at 'a/b': "):
        extract(path, tmp_path / "root", "name")


def test_a_layer_deletes_in_lower_layers_only(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "layer.tar",
        ("kept", tarfile.REGTYPE, {}),
        (".wh.kept", tarfile.REGTYPE, {}),
        (".wh.anew", tarfile.REGTYPE, {}),
        ("anew", tarfile.DIRTYPE, {"mode": 0o755}),
    )
    layer, lower = tmp_path / "layer", tmp_path / "lower"
    layer.mkdir()
    (lower / "anew" / "old").mkdir(parents=True)
    assert extract(path, layer, "name")
    root = RootFileSystem([lower, layer])
    assert root.read("/kept") == "content"
    assert root.find("/anew") is not None
    assert root.find("/anew/old") is None


def test_owners_are_kept_beside_a_layer(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "layer.tar",
        ("home", tarfile.DIRTYPE, {"mode": 0o755, "uid": 12, "gid": 34}),
        ("home/roots", tarfile.REGTYPE, {}),
    )
    layer = tmp_path / "layer"
    layer.mkdir()
    owners: dict[str, tuple[int, int]] = {}
    extract(path, layer, "name", owners=owners)
    write_owners(layer, owners)
    known = Owners([layer])
    assert known.of(PurePosixPath("home")) == (12, 34)
    assert known.of(PurePosixPath("home/roots")) == (0, 0)
    assert known.of(PurePosixPath("home/new")) is None


def test_links_are_followed_inside_the_root_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = archive(
        tmp_path / "layer.tar",
        ("way", tarfile.SYMTYPE, {"linkname": "/etc"}),
        ("out", tarfile.SYMTYPE, {"linkname": "../../../.."}),
        ("way/file", tarfile.REGTYPE, {}),
        ("out/other", tarfile.REGTYPE, {}),
    )
    assert extract(path, root, "sha256:name")
    assert (root / "etc/file").read_bytes() == b"content"
    assert (root / "other").read_bytes() == b"content"
    assert not (tmp_path / "other").exists()


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "layer.tar").write_bytes(b"\x1f\x8b" + b"damaged" * 100)
    with pytest.raises(BuildError, match="not a readable archive"):
        extract(tmp_path / "layer.tar", tmp_path / "root", "sha256:name")


VICTIM: tuple[tuple[str, bytes, dict[str, object]], ...] = (
    ("a", tarfile.DIRTYPE, {"mode": 0o755}),
    ("a/sub", tarfile.DIRTYPE, {"mode": 0o777}),
    ("a/sub/canary", tarfile.REGTYPE, {"mode": 0o666}),
)


@pytest.mark.parametrize("onto", [False, True])
@pytest.mark.parametrize(
    "then",
    [
        [],
        [("a/sub", tarfile.DIRTYPE, {"mode": 0o777})],
        [("a/sub/canary", tarfile.REGTYPE, {"mode": 0o666})],
        [("a/.wh.sub", tarfile.REGTYPE, {})],
        [("a/sub/.wh..wh..opq", tarfile.REGTYPE, {})],
        [("a/.wh..wh..opq", tarfile.REGTYPE, {})],
        [("h", tarfile.LNKTYPE, {"linkname": "a/sub/canary"})],
        [("b", tarfile.SYMTYPE, {"linkname": "a"}), ("b/sub", tarfile.DIRTYPE, {"mode": 0o777})],
    ],
)
def test_a_link_in_the_place_of_a_directory_leads_nowhere(
    tmp_path: Path, then: list[tuple[str, bytes, dict[str, object]]], onto: bool
) -> None:
    victim, root = tmp_path / "victim", tmp_path / "root"
    (victim / "sub").mkdir(parents=True, mode=0o755)
    (victim / "sub").chmod(0o700)
    (victim / "sub/canary").write_text("canary")
    root.mkdir()
    link: tuple[str, bytes, dict[str, object]] = ("a", tarfile.SYMTYPE, {"linkname": str(victim)})
    path = archive(tmp_path / "layer.tar", *VICTIM, link, *then)
    with contextlib.suppress(BuildError):
        extract(path, root, "name", onto=onto)
    assert stat.S_IMODE((victim / "sub").stat().st_mode) == 0o700
    assert (victim / "sub/canary").read_text() == "canary"
    assert (victim / "sub/canary").stat().st_nlink == 1
    assert [path.name for path in victim.iterdir()] == ["sub"]


def test_a_swap_while_a_layer_is_unpacked_changes_nothing_outside(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "sub").mkdir(parents=True)
    (victim / "sub").chmod(0o700)
    (victim / "sub/canary").write_text("canary")
    (tmp_path / "link").symlink_to(victim)
    members = [*VICTIM, *((f"a/sub/{n}", tarfile.REGTYPE, {}) for n in range(400))]
    path = archive(tmp_path / "layer.tar", *members, ("a/.wh.sub", tarfile.REGTYPE, {}))
    for number in range(12):
        root = tmp_path / f"root{number}"
        root.mkdir()
        with exchanging(root / "a", tmp_path / "link"), contextlib.suppress(BuildError):
            extract(path, root, "name", onto=number % 2 == 1)
        for one in (root / "a", tmp_path / "link"):
            (shutil.rmtree if not one.is_symlink() else Path.unlink)(one)
        (tmp_path / "link").symlink_to(victim)
        assert stat.S_IMODE((victim / "sub").stat().st_mode) == 0o700
        assert [path.name for path in victim.rglob("*")] == ["sub", "canary"]
        assert (victim / "sub/canary").read_text() == "canary"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-8] + b"\0\0\0\0" + data[-4:], "its checksum is wrong"),
        (lambda data: data[:-30], "cut short"),
        (lambda data: b"", "it is empty"),
        (lambda data: gzip.compress(gzip.decompress(data)[:1024]), "its end is missing"),
        (lambda data: gzip.decompress(data)[:1300], "cut short"),
        (lambda data: b"PK\x03\x04" + data, "it is a zip archive"),
        (lambda data: b"text" * 500, "it is no tar archive"),
    ],
)
def test_a_layer_is_whole_or_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    whole = archive(tmp_path / "layer.tar", *VICTIM, ("z", tarfile.REGTYPE, {})).read_bytes()
    (tmp_path / "layer").write_bytes(damage(gzip.compress(whole)))
    (tmp_path / "root").mkdir()
    with pytest.raises(BuildError, match=f"layer name is not a readable archive: .*{message}"):
        extract(tmp_path / "layer", tmp_path / "root", "name")


def write(path: Path, text: str = "text") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_same_content_gives_the_same_digest(tmp_path: Path) -> None:
    digests = set()
    for number in range(2):
        folder = tmp_path / f"upper{number}"
        names = ["b/one", "a", "b/two"]
        for name in names if number else reversed(names):
            write(folder / name)
        os.utime(folder / "a", (number * 1000, number * 1000))
        store = ContentStore(tmp_path / f"content{number}")
        digests.add(pack(store, changes(folder)))
    assert len(digests) == 1


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a device node outside a container"
)
def test_deletions_become_whiteouts_and_back(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    write(upper / "kept")
    os.mknod(upper / "gone", stat.S_IFCHR, 0)
    (upper / "replaced").mkdir()
    os.setxattr(upper / "replaced", "user.overlay.opaque", b"y")
    names = {str(entry.path) for entry in changes(upper)}
    assert names == {"kept", ".wh.gone", "replaced", "replaced/.wh..wh..opq"}
    store = ContentStore(tmp_path / "content")
    digest, _ = pack(store, changes(upper))
    target = tmp_path / "target"
    target.mkdir()
    assert extract(store.path(digest), target, digest)
    assert stat.S_ISCHR((target / "gone").lstat().st_mode)
    assert os.getxattr(target / "replaced", "user.overlay.opaque") == b"y"
    merged = tmp_path / "merged"
    for name in ("gone", "replaced/old", "other"):
        write(merged / name)
    extract(store.path(digest), merged, digest, onto=True)
    assert sorted(str(p.relative_to(merged)) for p in merged.rglob("*")) == [
        "kept",
        "other",
        "replaced",
    ]


def test_modes_owners_and_links_are_in_the_archive(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    entries = [
        Entry(PurePosixPath("bin"), 0o755, "directory"),
        Entry(PurePosixPath("bin/tool"), 0o4755, source=b"#!", uid=5, gid=6),
        Entry(PurePosixPath("bin/link"), 0o777, "link", target="tool"),
    ]
    digest, size = pack(store, entries)
    assert size == store.size(digest)
    with tarfile.open(store.path(digest)) as file:
        members = {member.name: member for member in file}
    tool = members["bin/tool"]
    assert (tool.mode, tool.uid, tool.gid, tool.size) == (0o4755, 5, 6, 2)
    assert members["bin/link"].linkname == "tool"
    assert {member.mtime for member in members.values()} == {1577836800}


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "content")
    missing = Entry(PurePosixPath("a"), 0o644, source=tmp_path / "missing")
    check: Callable[[], object] = lambda: pack(store, [missing])  # noqa: E731
    with pytest.raises(FileNotFoundError):
        check()
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_a_header_or_a_file_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    long = archive(tmp_path / "long.tar", ("n" * (2 << 20), tarfile.REGTYPE, {}))
    with pytest.raises(BuildError, match="it has a header of more than 1 MiB"):
        extract(long, tmp_path / "root", "name")
    (tmp_path / "root/etc").mkdir()
    (tmp_path / "root/etc/passwd").write_text("app:x:7:8::/home:/bin/sh\n")
    os.truncate(tmp_path / "root/etc/passwd", 1 << 40)
    account = RootFileSystem([tmp_path / "root"]).account("app")
    assert (account.uid, account.gid) == (7, 8)


def test_a_layer_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    member = tarfile.TarInfo("zeros")
    member.size = (10 << 30) + 1
    with gzip.open(tmp_path / "layer", "wb") as file:
        file.write(member.tobuf())
        file.write(bytes(1 << 20))
    with pytest.raises(BuildError, match="layer name unpacks to more than 10 GiB"):
        extract(tmp_path / "layer", tmp_path / "root", "name")
    assert list((tmp_path / "root").iterdir()) == []


def test_a_layer_whose_bytes_are_other_ones_is_never_unpacked(tmp_path: Path) -> None:
    """As many bytes as before: a disk, or somebody, has changed one of a file's content."""
    cloud = Cloud(tmp_path / "home")
    images = ImageStore(cloud)
    found: list[dict[str, Any]] = []
    for name in ("one", "two"):
        entry = Entry(PurePosixPath(name), 0o644, source=b"content")
        digest, size = pack(cloud.content, [entry])
        found.append({"digest": digest, "size": size})
    damaged = cloud.content.path(found[1]["digest"])
    whole = damaged.read_bytes()
    damaged.write_bytes(whole.replace(b"content", b"Content"))
    with pytest.raises(BuildError, match=f"{found[1]['digest']} is damaged: .* Push it again"):
        images.unpacked(found)
    damaged.write_bytes(whole)
    one, two = images.unpacked(found)
    assert (one / "one").read_bytes() == (two / "two").read_bytes() == b"content"
    cloud.close()


def described(root: Path) -> dict[str, tuple[int, str]]:
    """Everything in a folder: kind and mode, content or target."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        text = str(path.readlink()) if path.is_symlink() else ""
        text = path.read_text() if stat.S_ISREG(status.st_mode) else text
        found[str(path.relative_to(root))] = (status.st_mode, text)
    return found


def test_layers_that_become_one_folder_are_unpacked_once_and_build_on_what_was_there(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers: list[dict[str, Any]] = []
    unpacked: list[str] = []
    original = extraction.extract

    def counted(archive: Path, root: Path, name: str, **options: Any) -> bool:
        unpacked.append(name)
        return original(archive, root, name, **options)

    monkeypatch.setattr(extraction, "extract", counted)
    images = ImageStore(cloud)
    for number in range(3 * MANY):
        entries = [
            Entry(PurePosixPath("d"), 0o700 | number, "directory"),
            Entry(PurePosixPath(f"d/{number}"), 0o600 | number % 8, source=b"x", uid=number),
            Entry(PurePosixPath("d/same"), 0o644, source=str(number).encode()),
            Entry(PurePosixPath(f"d/link-{number}"), 0o777, "link", target="same"),
        ]
        if number % 10 == 9:
            entries.append(Entry(PurePosixPath(f"d/.wh.{number - 1}"), 0o644))
        digest, size = pack(cloud.content, entries)
        layers.append({"digest": digest, "size": size})
        top = images.unpacked(layers)
    assert len(unpacked) == 2 * len(layers)  # by itself, and onto those below
    assert len(top) == 1
    paths = [PurePosixPath("d", str(number)) for number in range(len(layers))]
    built, owners = described(top[0]), [Owners(top).of(path) for path in paths]
    shutil.rmtree(cloud.folder("layers"))
    fresh = ImageStore(cloud)
    [whole] = fresh.unpacked(layers)
    assert described(whole) == built
    assert len(built) == 1 + 1 + 2 * len(layers) - len(layers) // 10
    assert [fresh.owners(layers).of(path) for path in paths] == owners
    assert (owners[70], owners[8]) == ((70, 0), None)


def test_what_cannot_be_linked_is_unpacked_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = []
    for number in range(2 * MANY):
        digest, size = pack(cloud.content, [Entry(PurePosixPath(str(number)), 0o644, source=b"x")])
        layers.append({"digest": digest, "size": size})
    images = ImageStore(cloud)
    images.unpacked(layers[:MANY])

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refused)
    [whole] = images.unpacked(layers)
    assert len(list(whole.iterdir())) == len(layers)
