"""File work below an opened folder: what leads out is inside, whoever swaps what when."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from helpers.localcloud import resolution
from helpers.localcloud.root_folder import RootFolder, remove_tree

from .exchanging import exchanging


@pytest.fixture(params=["openat2", "walk"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RootFolder:
    resolve = {"openat2": resolution.by_kernel, "walk": resolution.by_walk}[request.param]
    monkeypatch.setattr(resolution, "resolve", resolve)
    inside = tmp_path / "inside"
    (inside / "usr/bin").mkdir(parents=True)
    (inside / "usr/bin/tool").write_text("tool")
    (inside / "bin").symlink_to("usr/bin")
    (inside / "absolute").symlink_to("/usr/bin")
    (inside / "up").symlink_to("../../..")
    (inside / "loop").symlink_to("loop")
    (inside / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/canary").write_text("canary")
    return RootFolder(inside)


@pytest.mark.parametrize(
    "path", ["usr/bin/tool", "bin/tool", "absolute/tool", "up/bin/tool", "/../bin/./tool"]
)
def test_links_are_followed_inside(folder: RootFolder, path: str) -> None:
    assert folder.read(path) == b"tool"
    assert folder.real(path) == "usr/bin/tool"


@pytest.mark.parametrize("path", ["out/canary", "up/outside/canary", "../outside/canary", "loop"])
def test_nothing_leads_out(folder: RootFolder, path: str) -> None:
    with pytest.raises(OSError, match=r"\[Errno (2|40)\]"):
        folder.read(path)
    assert not folder.exists(path)


def test_links_can_be_refused(folder: RootFolder) -> None:
    for path in ("bin/tool", "absolute/tool"):
        with pytest.raises(OSError, match="symbolic links") as caught:
            folder.open(path, links=False)
        assert caught.value.errno == errno.ELOOP
    assert stat.S_ISLNK(folder.stat("bin", links=False).st_mode)
    assert folder.readlink("bin") == "usr/bin"
    for path in ("out", "up", "absolute", ".."):
        with pytest.raises(OSError, match="cross-device") as caught:
            folder.folder(path, strict=True)
        assert caught.value.errno == errno.EXDEV
    assert folder.folder("bin", strict=True).names() == ["tool"]


def test_what_is_written_stays_inside(folder: RootFolder, tmp_path: Path) -> None:
    folder.write("out", b"new")
    assert folder.read("out") == b"new"
    folder.make_folders("up/a/b", 0o700)
    assert (tmp_path / "inside/a/b").is_dir()
    with pytest.raises(FileNotFoundError):
        folder.write("up/outside/canary", b"changed")
    with pytest.raises(OSError, match="regular file"):
        folder.read("usr")
    with pytest.raises(NotADirectoryError):
        folder.make_folders("usr/bin/tool/x")
    folder.remove("up/a")
    folder.remove("never/there")
    assert not (tmp_path / "inside/a").exists()
    assert (tmp_path / "outside/canary").read_text() == "canary"


def test_a_pipe_does_not_hold_the_reader_up(folder: RootFolder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inside/pipe")
    with pytest.raises(OSError, match="regular file"):
        folder.read("pipe")


def test_a_swap_while_reading_never_shows_the_outside(folder: RootFolder, tmp_path: Path) -> None:
    (tmp_path / "inside/one").mkdir()
    (tmp_path / "inside/one/canary").write_text("inside")
    (tmp_path / "inside/other").symlink_to(tmp_path / "outside")
    seen = set()
    with exchanging(tmp_path / "inside/one", tmp_path / "inside/other"):
        for _ in range(2000):
            for links in (True, False):
                try:
                    with folder.reader("one/canary", links=links) as file:
                        seen.add(file.read())
                except OSError:
                    continue
    assert seen == {b"inside"}


def test_a_swap_while_writing_and_removing_changes_nothing_outside(
    folder: RootFolder, tmp_path: Path
) -> None:
    (tmp_path / "inside/one/deep").mkdir(parents=True)
    (tmp_path / "outside/deep").mkdir(mode=0o755)
    (tmp_path / "inside/other").symlink_to(tmp_path / "outside")
    with exchanging(tmp_path / "inside/one", tmp_path / "inside/other"):
        for number in range(500):
            for action in (
                lambda: folder.write("one/canary", b"changed"),
                lambda n=number: folder.make_folders(f"one/new{n % 7}"),
                lambda: folder.remove("one/canary"),
                lambda: folder.remove("one/deep"),
            ):
                try:
                    action()  # type: ignore[no-untyped-call]
                except OSError:
                    continue
    assert sorted(p.name for p in (tmp_path / "outside").iterdir()) == ["canary", "deep"]
    assert (tmp_path / "outside/canary").read_text() == "canary"


def test_a_tree_is_removed_however_deep_and_closed_it_is(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (tmp_path / "outside").mkdir(mode=0o755)
    (tmp_path / "outside/canary").write_text("canary")
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "closed/inner").mkdir(parents=True)
    (top / "closed/inner").chmod(0)
    (top / "closed").chmod(0o500)
    current = os.open(top, os.O_RDONLY)
    for _ in range(3000):  # more than a path can name, and than descriptors there are
        os.mkdir("deeper", dir_fd=current)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = inner
    os.close(current)
    remove_tree(top)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside"]
    assert (tmp_path / "outside/canary").read_text() == "canary"
    remove_tree(top)


def test_a_swap_while_a_tree_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o711)
    (outside / "canary").write_text("canary")
    for _ in range(20):
        top = tmp_path / "top"
        for number in range(20):
            (top / f"{number}").mkdir(parents=True)
            (top / f"{number}/canary").touch()
        (tmp_path / "link").symlink_to(outside)
        with exchanging(top / "7", tmp_path / "link"):
            remove_tree(top)
        remove_tree(top)
        remove_tree(tmp_path / "link")
    assert (outside / "canary").read_text() == "canary"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o711
