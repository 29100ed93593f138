"""A push is checked before anything of it is stored: each object by git's rules, all by limits."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from dulwich.objects import ObjectID
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.localcloud.git_host import fsck
from helpers.localcloud.git_host.fsck import FsckError, check_pack
from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create, git, with_token

FILE, LINK, FOLDER, MODULE = b"100644", b"120000", b"40000", b"160000"
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def add(work: Path, kind: str, data: bytes) -> str:
    """Write an object, whatever is in it; returns its id."""
    done = subprocess.run(
        ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
        cwd=work,
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def tree(work: Path, *entries: tuple[bytes, bytes, str]) -> str:
    data = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(one) for mode, name, one in entries)
    return add(work, "tree", data)


@pytest.fixture(scope="module")
def work(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fsck")
    assert git(local_cloud, folder, "init", "-q", "-b", "main").returncode == 0
    assert add(folder, "blob", b"") == EMPTY
    return folder


@pytest.fixture(scope="module")
def repository(local_cloud: LocalCloud) -> str:
    return create(local_cloud)


def push(cloud: LocalCloud, work: Path, repository: str, commit: str, ref: str) -> tuple[bool, str]:
    done = git(cloud, work, "push", with_token(cloud, repository), f"{commit}:{ref}")
    return done.returncode == 0, done.stderr


def commit_of(cloud: LocalCloud, work: Path, top: str) -> str:
    done = git(cloud, work, "commit-tree", top, "-m", "a commit")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        (b".git", FOLDER, "hasDotgit"),
        (b".git", FILE, "hasDotgit"),
        (b".GIT", FILE, "hasDotgit"),
        (b".gIt ", FILE, "hasDotgit"),
        (b".git. .", FILE, "hasDotgit"),
        (b".git::$INDEX_ALLOCATION", FILE, "hasDotgit"),
        (b"git~1", FILE, "hasDotgit"),
        (b"GIT~1", FOLDER, "hasDotgit"),
        (b"a\\.git", FILE, "hasDotgit"),
        (".g\u200cit".encode(), FILE, "hasDotgit"),
        ("\ufeff.Gi\u206at".encode(), FOLDER, "hasDotgit"),
        (b"..", FOLDER, "hasDotdot"),
        (b"..", LINK, "hasDotdot"),
        (b".", FOLDER, "hasDot"),
        (b"/etc/passwd", FILE, "fullPathname"),
        (b"a/b", FILE, "fullPathname"),
        (b".gitmodules", LINK, "gitmodulesSymlink"),
        (b".GitModules ", LINK, "gitmodulesSymlink"),
        (b"gitmod~1", LINK, "gitmodulesSymlink"),
        (b"a", b"0100644", "badTree"),
        (b"a", b"010644", "zeroPaddedFilemode"),
        (b"a", b"60644", "badFilemode"),
    ],
)
def test_a_tree_that_no_checkout_may_have_is_refused(
    local_cloud: LocalCloud,
    work: Path,
    repository: str,
    tmp_path: Path,
    name: bytes,
    kind: bytes,
    word: str,
) -> None:
    inner = tree(work, (FILE, b"file", EMPTY))
    bad = tree(work, (kind, name, inner if kind == FOLDER else EMPTY))
    deep = tree(work, (FOLDER, b"deep", bad))
    data = f"tree {deep}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n".encode()
    commit = add(work, "commit", data)
    done, said = push(local_cloud, work, repository, commit, "refs/heads/bad")
    assert not done
    assert f"remote: error: object {bad}: {word}: " in said, said
    assert "unpacker error" in said
    assert not git(local_cloud, work, "ls-remote", f"https://github.com/{repository}").stdout
    blank = tmp_path / "blank"
    assert git(local_cloud, tmp_path, "init", "-q", str(blank)).returncode == 0
    fetched = git(local_cloud, blank, "fetch", f"https://github.com/{repository}", commit)
    assert fetched.returncode != 0  # nothing of it was stored


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (
            b"100644 b\0" + bytes.fromhex(EMPTY) + b"100644 a\0" + bytes.fromhex(EMPTY),
            "treeNotSorted",
        ),
        (b"100644 a\0" + bytes.fromhex(EMPTY) + b"100644 a\0" + bytes.fromhex(EMPTY), "duplicate"),
        (b"100644 a\0" + bytes(20), "nullSha1"),
        (b"100644 a\0" + bytes.fromhex(EMPTY)[:5], "badTree"),
        (b"no tree", "badTree"),
        (b"100644 \0" + bytes.fromhex(EMPTY), "emptyName"),
        (b"040000 a\0" + bytes.fromhex(EMPTY), "zeroPaddedFilemode"),
        (b"x a\0" + bytes.fromhex(EMPTY), "badTree"),
    ],
)
def test_a_damaged_tree_is_refused(data: bytes, word: str) -> None:
    pack = packed((2, data))
    with pytest.raises(FsckError, match=word):
        check_pack(memoryview(pack), lambda _: True, missing)


@pytest.mark.parametrize(
    "text",
    [
        '[submodule "../../x"]\n\tpath = a\n\turl = https://example.org\n',
        '[submodule "x"]\n\tpath = a\n\turl = -u./payload\n',
        '[submodule "x"]\n\tpath = -a\n\turl = https://example.org\n',
        '[submodule "x"]\n\tpath = a\n\turl = b\n\tupdate = !touch x\n',
    ],
)
def test_submodules_that_lead_out_are_refused(
    local_cloud: LocalCloud, work: Path, repository: str, text: str
) -> None:
    top = tree(work, (FILE, b".gitmodules", add(work, "blob", text.encode())))
    commit = commit_of(local_cloud, work, top)
    done, said = push(local_cloud, work, repository, commit, "refs/heads/modules")
    assert not done
    assert ": gitmodules" in said


def test_what_is_unusual_and_allowed_is_taken(
    local_cloud: LocalCloud, work: Path, repository: str
) -> None:
    modules = b'[submodule "lib"]\n\tpath = lib\n\turl = https://github.com/o/r\n'
    entries = sorted(
        [
            (FILE, b".gitmodules", add(work, "blob", modules)),
            (FILE, b".gitignore", EMPTY),
            (FILE, b"...", EMPTY),
            (FILE, b"a.git", EMPTY),
            (FILE, b"git", EMPTY),
            (b"100755", b"\xff\xfe", EMPTY),
            (LINK, b"link", add(work, "blob", b"../../etc/passwd")),
            (MODULE, b"lib", "1" * 40),
            (FILE, b"two\\parts", EMPTY),
        ],
        key=lambda one: one[1],
    )
    commit = commit_of(local_cloud, work, tree(work, *entries))
    done, said = push(local_cloud, work, repository, commit, "refs/heads/good")
    assert done, said
    again, said = push(local_cloud, work, repository, f"{commit}", "refs/heads/again")
    assert again, said
    for branch in ("good", "again"):
        deleted, said = push(local_cloud, work, repository, "", f"refs/heads/{branch}")
        assert deleted, said


def test_references_are_for_what_is_there(
    local_cloud: LocalCloud, work: Path, repository: str
) -> None:
    http = local_cloud.http()
    http.auth = (local_cloud.account.github_token, "")
    url = f"https://github.com/{repository}.git/git-receive-pack"
    good = packed((3, b"only a blob"))
    blob = hashlib.sha1(b"blob 11\0only a blob", usedforsecurity=False).hexdigest()
    for new, ref, why in (
        ("2" * 40, b"refs/heads/missing", b"missing necessary objects"),
        (blob, b"refs/heads/blob", b"no commit"),
        (blob, b"refs/heads/a..b", b"funny refname"),
        (blob, b"refs/heads/\xff", b"funny refname"),
        (blob, b"refs/heads/" + b"x" * 300, b"funny refname"),
        (blob, b"HEAD", b"funny refname"),
        (blob, b"refs/../../x", b"funny refname"),
        (blob, b"refs/heads/a.lock", b"funny refname"),
    ):
        line = f"{'0' * 40} {new} ".encode() + ref + b"\0report-status\n"
        body = f"{len(line) + 4:04x}".encode() + line + b"0000" + good
        answer = http.post(url, data=body)
        assert answer.status_code == 200, (ref, answer.text)
        assert why in answer.content, (ref, answer.content)
    listed = http.get(f"https://api.github.com/repos/{repository}/branches", auth=None)
    assert listed.json() == []


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
@pytest.mark.parametrize(
    "body",
    [
        *(
            b"0004",
            b"0005",
            b"0001",
            b"zzzz",
            b"ffff",
            b"\xff" * 8,
            b"0009want \n",
            b"000bwant zz\n",
        ),
        b"0032want " + b"0" * 40 + b"\n0000",
        b"0032want " + b"1" * 40 + b"\n00000009done\n",
    ],
)
def test_lines_that_are_none_of_the_protocol_are_refused(
    local_cloud: LocalCloud, repository: str, service: str, body: bytes
) -> None:
    http = local_cloud.http()
    http.auth = (local_cloud.account.github_token, "")
    answer = http.post(f"https://github.com/{repository}.git/{service}", data=body)
    assert answer.status_code in (200, 400), answer.text
    assert "defect" not in answer.text


# -- packs ---------------------------------------------------------------------------------------


def entry(kind: int, data: bytes, *, said: int | None = None, base: bytes = b"") -> bytes:
    size = len(data) if said is None else said
    byte, size = (kind << 4) | (size & 15), size >> 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head) + base + zlib.compress(data)


def pack_of(*entries: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(entries) if count is None else count)
    body += b"".join(entries)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def packed(*objects: tuple[int, bytes]) -> bytes:
    return pack_of(*(entry(kind, data) for kind, data in objects))


def missing(name: ObjectID) -> tuple[int, bytes]:
    raise KeyError(name)


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


BASE = hashlib.sha1(b"blob 4\0base", usedforsecurity=False).digest()


@pytest.mark.parametrize(
    "pack",
    [
        b"",
        b"PACK",
        b"KCAP" + bytes(40),
        pack_of(count=2**32 - 1),
        pack_of(count=3),
        pack_of(entry(3, b"data", said=3)),
        pack_of(entry(3, b"data", said=5)),
        pack_of(entry(3, b"", said=2**60)),
        pack_of(entry(3, bytes(1000), said=2**26)),
        pack_of(entry(5, b"reserved")),
        pack_of(entry(7, b"\x04", base=BASE)),
        pack_of(entry(7, varint(4) + varint(2**40) + b"\x90", base=BASE)),
        pack_of(entry(7, varint(4) + varint(4) + b"\x90\x04", base=bytes(20))),
        pack_of(entry(6, varint(4) + varint(4) + b"\x90\x04", base=b"\xff\xff\x7f")),
        pack_of(entry(1, b"no commit")),
        pack_of(entry(4, b"no tag")),
        pack_of(entry(1, b"tree " + b"1" * 40 + b"\nauthor A <a@b> 99999999999999999999 +9\n\n")),
        pack_of(b"\x30not zlib"),
        packed((2, b"100644 a\0" + b"\1" * 20)),
    ],
)
def test_a_pack_that_is_none_is_refused(pack: bytes) -> None:
    with pytest.raises(FsckError):
        check_pack(memoryview(pack), lambda _: False, missing)


def test_deltas_that_grow_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes a hundred times of its base: seven of them would be 4 TB."""
    monkeypatch.setattr(fsck, "LARGEST_OBJECT", 1_000_000)
    entries, size, name = [entry(3, bytes(100))], 100, b""
    name = hashlib.sha1(b"blob 100\0" + bytes(100), usedforsecurity=False).digest()
    for _ in range(7):
        copy = b"\xb0" + size.to_bytes(3, "little")[:2] if size < 65536 else b"\x80"
        delta = varint(size) + varint(size * 100) + copy * 100
        size *= 100
        entries.append(entry(7, delta, base=name))
    with pytest.raises(FsckError, match="may have"):
        check_pack(memoryview(pack_of(*entries)), lambda _: False, missing)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=20_000), min_size=1, max_size=8))
def test_packs_of_any_blobs_are_taken(blobs: list[bytes]) -> None:
    check_pack(memoryview(packed(*((3, one) for one in blobs))), lambda _: False, missing)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pack_ends_in_a_sentence(data: st.DataObject) -> None:
    whole = bytearray(packed((3, b"some data"), (2, b"100644 a\0" + b"\1" * 20), (3, b"x" * 5000)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        check_pack(memoryview(cut), lambda _: True, missing)
    except FsckError as error:
        said = str(error)
    else:
        said = "taken"
    assert said
    assert "\n" not in said
