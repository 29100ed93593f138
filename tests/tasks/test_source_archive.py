"""Uploaded source archives, unpacked into a folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from helpers.localcloud.tasks.execution.source_archive import (
    LARGEST,
    SourceArchiveError,
    unpack,
)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **more: int
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.mode, info.mtime = more.get("mode", 0o644), more.get("mtime", 1_700_000_000)
    return info


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, mode="w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_folders_links_modes_and_times_are_those_of_the_archive(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.tar.gz",
        (member(".", tarfile.DIRTYPE), b""),
        (member("bin", tarfile.DIRTYPE), b""),
        (member("empty/", tarfile.DIRTYPE), b""),
        (member("bin/run", mode=0o777), b"#!/bin/sh\n"),
        (member("data", mode=0o477, mtime=1_600_000_000), b"data"),
        (member("bin/symbolic", tarfile.SYMTYPE, "../data"), b""),
        (member("deep/er/hard", tarfile.LNKTYPE, "data"), b""),
    )
    folder = tmp_path / "workspace"
    unpack(made, folder)
    assert sorted(str(one.relative_to(folder)) for one in folder.rglob("*")) == [
        *("bin", "bin/run", "bin/symbolic", "data", "deep", "deep/er", "deep/er/hard", "empty")
    ]
    assert (folder / "empty").is_dir()
    assert (folder / "bin/run").stat().st_mode & 0o7777 == 0o755
    assert (folder / "data").stat().st_mode & 0o7777 == 0o644
    assert (folder / "data").stat().st_mtime == 1_600_000_000
    assert (folder / "bin/symbolic").readlink() == Path("../data")
    assert (folder / "bin/symbolic").read_text() == "data"
    assert (folder / "deep/er/hard").samefile(folder / "data")


def test_links_to_the_outside_stay_what_they_are(tmp_path: Path) -> None:
    targets = {"absolute": "/etc/hostname", "up": "../dir", "deep/up": "../..", "none": "nowhere"}
    made = archive(
        tmp_path / "a.tar.gz",
        *((member(name, tarfile.SYMTYPE, target), b"") for name, target in targets.items()),
        (member("hard", tarfile.LNKTYPE, "absolute"), b""),
    )
    folder = tmp_path / "workspace"
    unpack(made, folder)
    for name, target in {**targets, "hard": "/etc/hostname"}.items():
        assert str((folder / name).readlink()) == target
    through = archive(
        tmp_path / "b.tar.gz",
        (member("up", tarfile.SYMTYPE, ".."), b""),
        (member("hard", tarfile.LNKTYPE, "up/secret"), b""),
    )
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(SourceArchiveError, match="is refused: hard would lead outside"):
        unpack(through, tmp_path / "other")


def test_a_later_member_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.tar.gz",
        (member("target"), b"target"),
        (member("name", tarfile.SYMTYPE, "target"), b""),
        (member("name"), b"later"),
    )
    unpack(made, tmp_path / "workspace")
    assert not (tmp_path / "workspace/name").is_symlink()
    assert (tmp_path / "workspace/name").read_text() == "later"
    assert (tmp_path / "workspace/target").read_text() == "target"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (member("a/../../b"), "is refused: a/../../b would lead outside its folder"),
        (member("a", tarfile.LNKTYPE, "../b"), "is refused: a would lead outside its folder"),
        (member("a", tarfile.LNKTYPE, "/etc/passwd"), "is refused: a would lead outside"),
        (member("a", tarfile.FIFOTYPE), "is refused: a is a special file"),
        (member("a", tarfile.LNKTYPE, "never"), "cannot be unpacked: No such file or directory"),
        (member("n" * 300), "cannot be unpacked: File name too long"),
    ],
)
def test_a_member_that_cannot_be_had_is_told(
    tmp_path: Path, wrong: tarfile.TarInfo, told: str
) -> None:
    made = archive(tmp_path / "a.tar.gz", (member("before"), b"x"), (wrong, b""))
    with pytest.raises(SourceArchiveError) as caught:
        unpack(made, tmp_path / "workspace")
    assert str(caught.value).startswith(told)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tar.gz", "workspace"]
    assert [one.name for one in (tmp_path / "workspace").iterdir()] == ["before"]


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = member("huge")
    huge.size = LARGEST + 1
    made = tmp_path / "a.tar"
    made.write_bytes(huge.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(SourceArchiveError, match="^unpacks to more than 4 GiB$"):
        unpack(made, tmp_path / "workspace")
    assert list((tmp_path / "workspace").iterdir()) == []
