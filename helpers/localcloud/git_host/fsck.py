"""What is checked of a push before anything of it is stored, as GitHub does (receive.fsckObjects).

Source of the rules and of their words: git documentation, "git-fsck", fsck-msgids; git's fsck.c.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import cast

from dulwich.config import ConfigFile
from dulwich.object_format import SHA1
from dulwich.objects import Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.pack import DeltaChainIterator, PackData, UnpackedObject

LARGEST_OBJECT = 100 * 1024 * 1024  # bytes; GitHub documentation, "About large files on GitHub"
LARGEST_PACK = 1024 * 1024 * 1024  # bytes of all objects, unpacked
MOST_OBJECTS = 500_000
_CHUNK = 4096  # bytes
_DELTAS = (6, 7)  # OFS_DELTA, REF_DELTA (git documentation, "gitformat-pack")
_SUBMODULE = 0o160000
_MODES = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, _SUBMODULE)
# Code points that HFS+ ignores in names (git's utf8.c, next_hfs_char)
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
RawObject = Callable[[ObjectID], tuple[int, bytes]]


class FsckError(Exception):
    """A push that is refused; the message is git's, with the object that it is about."""


def check_pack(pack: memoryview, has: Callable[[ObjectID], bool], raw: RawObject) -> None:
    """Raise :class:`FsckError` for the first object of a pack that git refuses.

    ``has`` and ``raw`` find the objects that are stored already.
    """
    _check_sizes(pack)
    names: set[ObjectID] = set()
    needed: dict[ObjectID, ObjectID] = {}  # by what
    modules: dict[ObjectID, ObjectID] = {}  # blobs that are a .gitmodules
    blobs: dict[ObjectID, bytes] = {}
    for name, kind, data in _objects(pack, raw):
        names.add(name)
        if kind == Tree.type_num:
            for mode, entry, child in _entries(name, data):
                if stat.S_IFMT(mode) != _SUBMODULE:
                    needed.setdefault(child, name)
                    if _is_gitmodules(entry):
                        modules[child] = name
        elif kind in (Commit.type_num, Tag.type_num):
            needed |= dict.fromkeys(_references(name, kind, data), name)
        elif len(data) < _CHUNK * 16 and b"submodule" in data:
            blobs[name] = data
    for child, by in needed.items():
        if child not in names and not has(child):
            raise FsckError(f"object {by.decode()}: missing {child.decode()}, which it refers to")
    for name in set(modules) & set(blobs):
        _check_modules(name, blobs[name])


def _check_sizes(pack: memoryview) -> None:
    """Refuse what would unpack to more than the limits, without unpacking more than they allow."""
    if len(pack) < 32 or bytes(pack[:4]) != b"PACK":
        raise FsckError("pack signature mismatch")
    version, count = struct.unpack(">II", pack[4:12])
    if version not in (2, 3):
        raise FsckError(f"pack version {version} unsupported")
    if count > MOST_OBJECTS:
        raise FsckError(f"the pack has {count} objects; up to {MOST_OBJECTS} are taken at once")
    position, total = 12, 0
    for _ in range(count):
        kind, size, position = _header(pack, position)
        if kind in _DELTAS:
            position = _past_base(pack, position, kind)
        start, position = _inflated(pack, position, size)
        if kind in _DELTAS:
            size += _result_size(start)
        total += size
        if size > LARGEST_OBJECT or total > LARGEST_PACK:
            raise FsckError(
                f"an object may have {LARGEST_OBJECT} bytes, all of a push {LARGEST_PACK}"
            )


def _header(pack: memoryview, position: int) -> tuple[int, int, int]:
    """Type and size of the entry at ``position``, and where it goes on."""
    byte = _byte(pack, position)
    kind, size, shift = byte >> 4 & 7, byte & 15, 4
    while byte & 0x80 and shift < 64:
        position += 1
        byte = _byte(pack, position)
        size |= (byte & 0x7F) << shift
        shift += 7
    if kind in (0, 5) or size > LARGEST_OBJECT:
        raise FsckError(f"an object of type {kind} with {size} bytes is not taken")
    return kind, size, position + 1


def _byte(pack: memoryview, position: int) -> int:
    if position >= len(pack):
        raise FsckError("early EOF")
    return pack[position]


def _past_base(pack: memoryview, position: int, kind: int) -> int:
    """Where a delta begins behind the name, or the offset, of its base."""
    if kind == 7:
        return position + 20
    while _byte(pack, position) & 0x80:
        position += 1
    return position + 1


def _inflated(pack: memoryview, position: int, size: int) -> tuple[bytes, int]:
    """The first bytes of an entry, which must have ``size``, and where the next one begins."""
    inflater, start, length = zlib.decompressobj(), b"", 0
    while not inflater.eof:
        chunk = pack[position : position + _CHUNK]
        if not chunk:
            raise FsckError("early EOF")
        try:
            data = inflater.decompress(chunk, size - length + 1)
        except zlib.error as error:
            raise FsckError(f"inflate returned an error: {error}") from None
        length += len(data)
        start = start or bytes(data[:32])
        if length > size:
            raise FsckError("an object is larger than it says")
        position += len(chunk) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
        if not data and inflater.unconsumed_tail and not inflater.eof:
            raise FsckError("an object is larger than it says")
    if length != size:
        raise FsckError("an object is smaller than it says")
    return start, position


def _result_size(delta: bytes) -> int:
    """Bytes of what a delta makes: the second number at its beginning."""
    position = value = 0
    for _ in range(2):
        value = shift = 0
        while True:
            if position >= len(delta) or shift > 63:
                raise FsckError("a delta is damaged")
            byte = delta[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
    return value


class _Inflater(DeltaChainIterator[tuple[ObjectID, int, bytes]]):
    """Name, type and bytes of each object of a pack, which nobody has parsed."""

    def _result(self, unpacked: UnpackedObject) -> tuple[ObjectID, int, bytes]:
        kind, data = unpacked.obj_type_num, b"".join(unpacked.obj_chunks or ())
        assert kind is not None
        word = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}[kind]
        name = hashlib.sha1(b"%s %d\0" % (word, len(data)), usedforsecurity=False)
        name.update(data)
        return ObjectID(name.hexdigest().encode()), kind, data


def _objects(pack: memoryview, raw: RawObject) -> Iterator[tuple[ObjectID, int, bytes]]:
    try:
        with PackData.from_file(io.BytesIO(pack), object_format=SHA1) as data:
            yield from _Inflater.for_pack_data(data, resolve_ext_ref=raw)  # type: ignore[arg-type]
    except FsckError:
        raise
    except Exception as error:  # noqa: BLE001 - dulwich raises whatever its parser stumbles over
        raise FsckError(f"the pack is damaged: {type(error).__name__}: {_line(error)}") from None


def _references(name: ObjectID, kind: int, data: bytes) -> list[ObjectID]:
    """What a commit or a tag refers to. Raises :class:`FsckError` when it is none."""
    try:
        one = ShaFile.from_raw_string(kind, data)
        one.check()
        return [one.tree, *one.parents] if isinstance(one, Commit) else [cast(Tag, one).object[1]]
    except Exception as error:  # noqa: BLE001 - as above
        word = "badCommit" if kind == Commit.type_num else "badTag"
        raise FsckError(f"object {name.decode()}: {word}: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


# -- trees ---------------------------------------------------------------------------------------


def _entries(tree: ObjectID, data: bytes) -> Iterator[tuple[int, bytes, ObjectID]]:
    """Mode, name and object of each entry of a tree. Raises :class:`FsckError`."""
    position, before, names = 0, b"", set()
    while position < len(data):
        space, end = data.find(b" ", position), data.find(b"\0", position)
        if not position < space < end or end + 21 > len(data):
            raise _refused(tree, "badTree: cannot be parsed as a tree")
        digits, name, child = data[position:space], data[space + 1 : end], data[end + 1 : end + 21]
        position = end + 21
        if not digits.isdigit() or len(digits) > 6 or digits.strip(b"01234567"):
            raise _refused(tree, "badTree: cannot be parsed as a tree")
        if digits.startswith(b"0"):
            raise _refused(tree, "zeroPaddedFilemode: contains zero-padded file modes")
        mode = int(digits, 8)
        if stat.S_IFMT(mode) not in _MODES:
            raise _refused(tree, "badFilemode: contains bad file modes")
        _check_name(tree, name)
        if _is_gitmodules(name) and stat.S_ISLNK(mode):
            raise _refused(tree, "gitmodulesSymlink: .gitmodules is a symbolic link")
        if not any(child):
            raise _refused(tree, "nullSha1: contains entries pointing to null sha1")
        if name in names:
            raise _refused(tree, "duplicateEntries: contains duplicate file entries")
        names.add(name)
        key = name + b"/" if stat.S_ISDIR(mode) else name
        if key < before:
            raise _refused(tree, "treeNotSorted: not properly sorted")
        before = key
        yield mode, name, ObjectID(child.hex().encode())


def _check_name(tree: ObjectID, name: bytes) -> None:
    if not name:
        raise _refused(tree, "emptyName: contains empty pathname")
    if b"/" in name:
        raise _refused(tree, "fullPathname: contains full pathnames")
    if name == b".":
        raise _refused(tree, "hasDot: contains '.'")
    if name == b"..":
        raise _refused(tree, "hasDotdot: contains '..'")
    if _names_git(name):
        raise _refused(tree, "hasDotgit: contains '.git'")


def _refused(tree: ObjectID, what: str) -> FsckError:
    return FsckError(f"object {tree.decode()}: {what}")


def _names_git(name: bytes) -> bool:
    """Whether some file system takes the name, or what follows a backslash in it, for .git."""
    if _on_hfs(name) == ".git":
        return True
    return any(_on_ntfs(part) in (b".git", b"git~1") for part in name.split(b"\\"))


def _is_gitmodules(name: bytes) -> bool:
    short = rb"gitmod~[1-4]|gi7eba~[1-9]|gi7eb[0-9a-f]~[1-9]|gi7d29~[1-9]"
    ntfs = _on_ntfs(name)
    return (
        _on_hfs(name) == ".gitmodules" or ntfs == b".gitmodules" or bool(re.fullmatch(short, ntfs))
    )


def _on_hfs(name: bytes) -> str:
    """As HFS+ compares it: without case and without what cannot be seen."""
    return _IGNORED.sub("", name.decode(errors="replace")).lower()


def _on_ntfs(name: bytes) -> bytes:
    """As NTFS compares it: without case, stream, and spaces and periods at the end."""
    return name.split(b":")[0].rstrip(b" .").lower()


def _check_modules(name: ObjectID, data: bytes) -> None:
    """Names and URLs of submodules that would lead out, or be options of a command."""
    try:
        config = ConfigFile.from_file(io.BytesIO(data))
    except ValueError:
        return  # git only notes it (gitmodulesParse)
    for section in config.sections():
        if section[0].lower() != b"submodule" or len(section) < 2:
            continue
        if b".." in re.split(rb"[/\\]", section[1]):
            raise _refused(name, "gitmodulesName: disallowed submodule name")
        for key in (b"url", b"path", b"update"):
            try:
                value = config.get(section, key)
            except KeyError:
                continue
            if value.startswith((b"-", b"!")) or b"\n" in value:
                what = f"gitmodules{key.decode().title()}: disallowed submodule {key.decode()}"
                raise _refused(name, what)
