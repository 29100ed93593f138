"""Paths that end in what they should not: both ways of resolving them say the same."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.localcloud import resolution
from helpers.localcloud.root_folder import RootFolder
from helpers.tutorial import ROOT

Resolve = Callable[[int, str, int, int, int], int]
BOTH = pytest.mark.parametrize("resolve", [resolution.by_kernel, resolution.by_walk])


@pytest.fixture
def folder(tmp_path: Path) -> int:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/file").write_text("inside")
    (tmp_path / "in/absolute").symlink_to("/deep/file")
    (tmp_path / "in/deep/root").symlink_to("/deep/../deep/file")
    (tmp_path / "outside").write_text("outside")
    return os.open(tmp_path / "in", os.O_PATH | os.O_DIRECTORY)


def outcome(resolve: Resolve, folder: int, path: str, flags: int, how: int) -> bytes | int:
    """What is read there, or the error number."""
    try:
        descriptor = resolve(folder, path, flags, 0o600 if flags & os.O_CREAT else 0, how)
    except OSError as error:
        return int(error.errno or 0)
    try:
        return os.read(descriptor, 100) if not flags & os.O_DIRECTORY else b"a folder"
    finally:
        os.close(descriptor)


@BOTH
@pytest.mark.parametrize(
    ("path", "flags", "how", "expected"),
    [
        ("deep/file", os.O_RDONLY, resolution.BENEATH, b"inside"),
        ("/deep/file", os.O_RDONLY, resolution.BENEATH, errno.EXDEV),
        ("deep/../../outside", os.O_RDONLY, resolution.BENEATH, errno.EXDEV),
        ("absolute", os.O_RDONLY, resolution.BENEATH, errno.EXDEV),
        ("deep/root", os.O_RDONLY, resolution.IN_ROOT, b"inside"),
        ("absolute", os.O_RDONLY, resolution.NO_SYMLINKS, errno.ELOOP),
        ("deep/../deep/file", os.O_RDONLY, resolution.IN_ROOT, b"inside"),
        ("deep/../../../deep/file", os.O_RDONLY, resolution.IN_ROOT, b"inside"),
        ("deep/file/more", os.O_RDONLY, resolution.IN_ROOT, errno.ENOTDIR),
        ("deep/file/", os.O_RDONLY, resolution.IN_ROOT, errno.ENOTDIR),
        ("missing", os.O_RDONLY, resolution.IN_ROOT, errno.ENOENT),
        ("missing/new", os.O_RDWR | os.O_CREAT, resolution.IN_ROOT, errno.ENOENT),
        ("new", os.O_RDWR | os.O_CREAT | os.O_EXCL, resolution.IN_ROOT, b""),
        ("deep/.", os.O_RDONLY | os.O_DIRECTORY, resolution.IN_ROOT, b"a folder"),
    ],
)
def test_a_path_ends_where_it_should(
    resolve: Resolve, folder: int, path: str, flags: int, how: int, expected: bytes | int
) -> None:
    try:
        assert outcome(resolve, folder, path, flags, how) == expected
    finally:
        os.close(folder)


def test_a_new_file_does_not_take_the_place_of_a_folder(folder: int) -> None:
    with pytest.raises(FileExistsError):
        resolution.by_walk(folder, ".", os.O_CREAT | os.O_EXCL, 0o600, resolution.IN_ROOT)
    os.close(folder)


# -- as an ordinary user -------------------------------------------------------------------------


def test_what_has_no_name_has_no_parent(tmp_path: Path) -> None:
    with RootFolder(tmp_path) as folder:
        for path in ("", ".", "a/.."):
            with pytest.raises(OSError, match=r"\[Errno 22\]"), folder.parent(path):
                raise AssertionError(path)
        folder.write("file", b"content", 0o640)
        assert folder.exists("file")
        assert stat.S_IMODE(folder.stat("file").st_mode) == 0o640
        assert not folder.is_folder("file")
        assert not folder.is_folder("missing")
        assert not folder.is_file("missing")
        with pytest.raises(NotADirectoryError):
            folder.make_folders("file")
        folder.remove("file/below")  # nothing is there
        assert folder.read("file") == b"content"


CLOSED = """
import os, pathlib, sys
import helpers.localcloud.root_folder as module
if os.getuid() == 0:
    os.setgroups([])
    os.setegid(64321)
    os.seteuid(64321)
tree = pathlib.Path(sys.argv[1], "tree")
(tree / "closed/inner").mkdir(parents=True)
(tree / "closed/inner/file").write_text("x")
(tree / "blind/inner").mkdir(parents=True)
(tree / "blind/inner").chmod(0o500)
(tree / "blind").chmod(0o300)
(tree / "closed/inner").chmod(0o000)
(tree / "closed").chmod(0o500)
tree.chmod(0o000)
with module.RootFolder(pathlib.Path(sys.argv[1])) as folder:
    folder.remove("tree")
    print(folder.names())
    (tree.parent / "kept").mkdir()
    (tree.parent / "kept/file").write_text("x")
    (tree.parent / "kept").chmod(0o500)
    try:
        folder.remove("kept/file")
    except PermissionError:
        print("refused")
    (tree.parent / "kept").chmod(0o700)
os.seteuid(os.getuid())
"""


def test_closed_folders_are_removed_by_their_owner(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o777 == 0o700:  # pytest's own, one more in a worker
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, str(tmp_path / "all")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["[]", "refused"], done.stderr
