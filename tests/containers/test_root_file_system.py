"""What COPY may read, and who a user is: a build context, and directories stacked to an image."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from helpers.localcloud.containers.build.build_context import BuildContext, ContextError, ImageTree
from helpers.localcloud.containers.sandboxes.account import UnknownUserError
from helpers.localcloud.containers.sandboxes.root_file_system import RootFileSystem
from helpers.localcloud.root_folder import RootFolder


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """Two layers: the upper one changes what the lower one has."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "etc").mkdir(parents=True)
    (lower / "etc/passwd").write_text("app:x:1000:1001:App:/home/app:/bin/sh\nbroken:x\n")
    (lower / "etc/group").write_text("broken\nstaff:x:50:app\n")
    (lower / "data").mkdir()
    for name in ("a.txt", "b.txt", "c.md"):
        (lower / "data" / name).write_text(f"lower {name}")
    (lower / "hidden").mkdir()
    (lower / "hidden/file").write_text("hidden")
    (upper / "data").mkdir(parents=True)
    (upper / "data/b.txt").write_text("upper b.txt")
    (upper / "hidden").write_text("a file in the place of the folder")
    (upper / "loop").symlink_to("loop")
    (upper / "link").symlink_to("/data/../data/a.txt")
    return [lower, upper]


# -- an image ------------------------------------------------------------------------------------


def test_the_upper_layer_goes_before_the_lower_one(layers: list[Path]) -> None:
    root = RootFileSystem(layers)
    assert root.read("/data/b.txt") == "upper b.txt"
    assert root.read("/data/a.txt") == "lower a.txt"
    assert root.read("/link") == "lower a.txt"
    assert root.read("/hidden/file") == ""
    assert root.read("/../../data/./../data/a.txt") == "lower a.txt"
    assert root.entry(PurePosixPath("/hidden/file")) is None
    whole = root.locate("/data/..")
    assert whole is not None
    assert whole.path == "."


def test_links_in_a_circle_are_refused(layers: list[Path]) -> None:
    with pytest.raises(OSError, match=r"\[Errno 40\]"):
        RootFileSystem(layers).resolve("/loop/file")


def test_a_name_that_is_too_long_is_no_missing_file(layers: list[Path]) -> None:
    with pytest.raises(OSError, match=r"\[Errno 36\]"):
        RootFileSystem(layers).find("/" + "n" * 300)
    with RootFolder(layers[0]) as layer, pytest.raises(OSError, match=r"\[Errno 36\]"):
        RootFileSystem.hides(layer, PurePosixPath("n" * 300, "file"))
    with pytest.raises(OSError, match=r"\[Errno 36\]"):
        ImageTree(layers).find("n" * 300 + "/*")


def test_users_and_groups_are_the_image_s(layers: list[Path]) -> None:
    root = RootFileSystem(layers)
    app = root.account("app:staff")
    assert (app.uid, app.gid, app.name, app.home) == (1000, 50, "app", "/home/app")
    assert root.account("1000").name == "app"
    assert root.account("app:7").gid == 7
    assert root.account("77").gid == 0
    with pytest.raises(UnknownUserError, match="unable to find group nobody: no matching entries"):
        root.account("app:nobody")
    with pytest.raises(UnknownUserError, match="unable to find user broken: no matching entries"):
        root.account("broken")


def test_root_needs_no_passwd(tmp_path: Path) -> None:
    account = RootFileSystem([tmp_path]).account("root")
    assert (account.uid, account.gid, account.home) == (0, 0, "/root")


def test_wildcards_see_the_layers_merged(layers: list[Path]) -> None:
    tree = ImageTree(layers)
    assert tree.find("/data/*.txt") == ["data/a.txt", "data/b.txt"]
    assert tree.find("d?ta") == ["data"]
    assert tree.find("/data/../data/c.md") == ["data/c.md"]
    for pattern in ("/data/*.none", "/missing/*", "/hidden/*"):
        with pytest.raises(ContextError, match="no source files were specified: nothing matches"):
            tree.find(pattern)
    with pytest.raises(ContextError, match="stat missing: file does not exist"):
        tree.find("/missing")
    with pytest.raises(ContextError, match="stat hidden/file: file does not exist"):
        tree.path("hidden/file")


def test_what_is_below_a_folder_is_of_both_layers(layers: list[Path]) -> None:
    found = {name: item.stat().st_size for name, item in ImageTree(layers).below("data")}
    assert found == {"a.txt": 11, "b.txt": 11, "c.md": 10}


def test_a_whiteout_hides_the_file_below_it(layers: list[Path]) -> None:
    os.mknod(layers[1] / "data/a.txt", 0o20000, os.makedev(0, 0))
    assert ImageTree(layers).find("/data/*.txt") == ["data/b.txt"]
    assert RootFileSystem(layers).read("/data/a.txt") == ""


# -- a build context -----------------------------------------------------------------------------


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    folder = tmp_path / "context"
    (folder / "src").mkdir(parents=True)
    (folder / "src/app.js").write_text("x" * 513)
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to("loop")
    (folder / "inside").symlink_to("src")
    return BuildContext(RootFolder(folder))


def test_a_link_out_of_the_context_is_named(context: BuildContext) -> None:
    with pytest.raises(ContextError, match="out is a symbolic link to /etc/passwd"):
        context.path("out")
    with pytest.raises(ContextError, match="outside the build context: out/file is a symbolic"):
        context.path("out/file")
    with pytest.raises(ContextError, match="stat loop: too many levels of symbolic links"):
        context.path("loop")


def test_a_path_out_of_the_context_is_refused(context: BuildContext) -> None:
    assert context.find("src/../src/app.js") == ["src/app.js"]
    with pytest.raises(ContextError, match=r"forbidden path outside the build context: \.\./x"):
        context.find("../x")


def test_what_is_missing_is_named(context: BuildContext) -> None:
    assert context.find("inside/*.js", buildkit=True) == ["src/app.js"]
    assert context.find("inside/*.js", empty=True) == []  # a link is no folder of the classic one
    for path in ("missing", "missing/file"):
        with pytest.raises(ContextError, match=f"stat {path}: file does not exist"):
            context.path(path)


def test_what_is_gone_meanwhile_has_no_size(context: BuildContext, tmp_path: Path) -> None:
    assert "src/app.js" in context.files
    before = context.size
    (tmp_path / "context/src/app.js").unlink()
    assert context.size == before - 1024  # its two blocks; its header is counted


def test_folders_that_are_nested_too_deeply_are_refused(
    context: BuildContext, tmp_path: Path
) -> None:
    descriptor = os.open(tmp_path / "context", os.O_RDONLY)
    for _ in range(30):  # longer than a path may be
        os.mkdir("n" * 200, dir_fd=descriptor)
        inner = os.open("n" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    with pytest.raises(ContextError, match="nested too deeply"):
        _ = context.files
    with RootFolder(tmp_path) as folder:
        folder.remove("context")  # what pytest itself may not be able to
