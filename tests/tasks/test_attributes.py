"""Attributes of a run's source: what real git makes of the same repository is what a run gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.tasks.execution.git_context import SourceError
from helpers.localcloud.tasks.execution.git_program import GitProgram, GitProgramError
from tests.tasks.repositories import FILE, LINK, Repository, by_git, run, tree

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
TEXT = "first\nsecond\r\nthird\n"


@pytest.mark.parametrize(
    "attributes",
    [
        "*.txt eol=crlf\n",
        "* text=auto eol=crlf\n*.bin binary\n",
        "* text=auto\n",
        "*.txt text eol=lf\n",
        "*.txt -text eol=crlf\n",
        "*.id ident\nsub/*.id -ident\n",
        "*.wide text working-tree-encoding=UTF-16LE\n",
        "*.wide text working-tree-encoding=UTF-16LE-BOM eol=crlf\n",
        '"sp ace.txt" eol=crlf\n',
        "[attr]windows text eol=crlf\n*.txt windows\n",
        "sub/** eol=crlf\n**/deep.txt -text\n",
        "*.txt filter=unknown\n",
        "a.txt export-ignore\nb.id export-subst\n",
        "# nothing\n\n",
    ],
)
def test_files_are_as_git_checks_them_out(cloud: Cloud, tmp_path: Path, attributes: str) -> None:
    repository = Repository(cloud)
    repository.commit(
        "main",
        {
            ".gitattributes": (FILE, attributes),
            "a.txt": (FILE, TEXT),
            "unix.txt": (FILE, "first\nsecond\n"),
            "empty.txt": (FILE, ""),
            "last.txt": (FILE, "no end"),
            "sp ace.txt": (FILE, "first\nsecond\n"),
            "new\nline.txt": (FILE, "first\nsecond\n"),
            "é\udcff.txt": (FILE, "first\nsecond\n"),
            "data.bin": (FILE, "first\nsecond\n\0"),
            "b.id": (FILE, "$Id$\n$Id: old$\n"),
            "c.wide": (FILE, "wide é\n"),
            "link.txt": (LINK, "a.txt"),
            "run.txt": (0o100755, "#!/bin/sh\n"),
            "sub/.gitattributes": (FILE, "plain.txt -text\n"),
            "sub/plain.txt": (FILE, "first\nsecond\n"),
            "sub/other.txt": (FILE, "first\nsecond\n"),
            "sub/b.id": (FILE, "$Id$\n"),
            "sub/deep/deep.txt": (FILE, "first\nsecond\n"),
        },
    )
    run(cloud, repository.url, tmp_path / "ours")
    assert by_git(cloud, repository.url, tmp_path / "git") == (0, "")
    assert tree(tmp_path / "ours/workspace") == tree(tmp_path / "git")
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["workspace"]


def test_files_that_lfs_keeps_elsewhere_are_named(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    files = {
        ".gitattributes": (FILE, "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
        "model.bin": (FILE, POINTER),
        "sub/other.bin": (FILE, POINTER),
        "real.bin": (FILE, "content"),
        "pointer.txt": (FILE, POINTER),
    }
    repository.commit("main", files)
    with pytest.raises(SourceError, match=r"Git LFS keeps .* of model\.bin, sub/other\.bin on"):
        run(cloud, repository.url, tmp_path / "lfs")
    repository.commit("main", {**files, ".gitattributes": (FILE, "*.bin -text\n")})
    run(cloud, repository.url, tmp_path / "text")
    assert (tmp_path / "text/workspace/model.bin").read_text() == POINTER
    many = {f"{number}.bin": (FILE, POINTER) for number in range(25)}
    repository.commit("main", {**files, **many})
    with pytest.raises(SourceError, match=r"0\.bin, 1\.bin, .* and 17 more on a server"):
        run(cloud, repository.url, tmp_path / "many")


def test_a_filter_of_a_stranger_runs_nothing(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own configuration, and one in the repository, are not looked at."""
    config = f'[filter "evil"]\n\tsmudge = "touch {tmp_path}/evil; cat"\n'
    (tmp_path / ".gitconfig").write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    repository = Repository(cloud)
    files = {
        ".gitattributes": (FILE, "* filter=evil eol=crlf\n"),
        "a": (FILE, "a\n"),
        "config": (FILE, config),
        "hooks/post-checkout": (0o100755, f"#!/bin/sh\ntouch {tmp_path}/evil\n"),
    }
    repository.commit("main", files)
    run(cloud, repository.url, tmp_path / "ours")
    assert (tmp_path / "ours/workspace/a").read_bytes() == b"a\r\n"
    assert not (tmp_path / "evil").exists()


def test_what_git_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = GitProgram(tmp_path / "git", tmp_path)
    with pytest.raises(GitProgramError, match="fatal: Not a valid object name nothing"):
        program.run(["cat-file", "-p", "nothing"], b"")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitProgramError, match="need the program git, which this machine has not"):
        GitProgram(tmp_path / "other", tmp_path).run(["version"], b"")
