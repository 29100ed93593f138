"""Whose files are: kept beside a layer, and made true on disk for containers that have several users.

A layer that was unpacked belongs to the user of the local cloud, who has to read it. Where files of it are
others', containers get a copy with true owners; the folder that keeps what a container has written is taken
over when it has ended. A container that has one id and is not root gets a copy whose modes let the owner do
what they would let it do.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ... import user_namespace_process
from ...file_lock import locked
from ...root_folder import RootFolder, remove_tree
from ...user_namespace import UserNamespace, available
from .account import Account

Owner = tuple[int, int]  # user id, group id
ROOT: Owner = (0, 0)
OWNED = "owned-"  # in the name of a copy with true owners, before the key of the identities
RESTRICTED = "as-"  # in that of a copy for one user, before a key of the account
_PROCESS = user_namespace_process.__name__


def write_owners(layer: Path, owners: Mapping[str, Owner]) -> None:
    """Keep the owners of an unpacked layer's files that are not root's, by their paths in it."""
    if owners:
        _file(layer).write_text(json.dumps(owners))


def read_owners(layer: Path) -> Mapping[str, Owner]:
    """What :func:`write_owners` has kept."""
    try:
        status = _file(layer).stat()
    except FileNotFoundError:
        return {}
    return _read(_file(layer), status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=64)
def _read(file: Path, *_: int) -> Mapping[str, Owner]:
    try:
        return {path: (uid, gid) for path, (uid, gid) in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}


def _file(layer: Path) -> Path:
    return layer.with_name(f"{layer.name.partition('.')[0]}.owners")


def seen(layers: Sequence[Path], users: UserNamespace | None, account: Account) -> tuple[Path, ...]:
    """Layers as a container may see them: with true owners, or what ``account`` may do. Raises OSError."""
    if users is not None:
        return tuple(owned(layer, users) for layer in layers)
    if account.uid == 0:
        return tuple(layers)
    return tuple(restricted(layer, account) for layer in layers)


def owned(layer: Path, users: UserNamespace) -> Path:
    """The layer with true owners: itself, or a copy beside it that is made once. Raises OSError."""
    if not _file(layer).exists():
        return layer
    last = users.identities.count - 1

    def fill(fresh: Path) -> None:
        places = {
            "source": str(layer.absolute()),
            "target": str(fresh.absolute()),
            "owners": str(_file(layer).absolute()),
        }
        users.call(f"{_PROCESS}:copy", {**places, "last": last})

    return _copy(layer, f"{OWNED}{users.identities.key}", fill)


def restricted(layer: Path, account: Account) -> Path:
    """A copy of the layer in which ``account``, as the owner of all, may do what it may do. Raises OSError.

    It may change modes, as owners may; rights that it has not got are refused unless it does.
    """
    owners = read_owners(layer)

    def fill(fresh: Path) -> None:
        # What nobody may read is left out: the account could not read it either.
        subprocess.run(
            ["cp", "-a", "--reflink=auto", f"{layer}/.", str(fresh)],
            check=False,
            capture_output=True,
        )
        found = list(user_namespace_process.below(str(fresh)))
        for path, status in reversed(found):  # a folder after what is in it
            mode = stat.S_IMODE(status.st_mode)
            less = effective_mode(mode, owners.get(path, ROOT), account)
            if less != mode and stat.S_IFMT(status.st_mode) in (stat.S_IFREG, stat.S_IFDIR):
                (fresh / path).chmod(less)

    who = json.dumps([account.uid, account.gid, sorted(account.groups)])
    return _copy(layer, f"{RESTRICTED}{hashlib.sha256(who.encode()).hexdigest()[:12]}", fill)


def effective_mode(mode: int, owner: Owner, account: Account) -> int:
    """The mode that gives the owner what ``mode`` gives ``account`` of a file that is ``owner``'s."""
    if account.uid in (0, owner[0]):
        return mode
    allowed = mode >> 3 if owner[1] in (account.gid, *account.groups) else mode
    return mode & ~stat.S_IRWXU | (allowed & 0o7) << 6


def _copy(layer: Path, kind: str, fill: Callable[[Path], None]) -> Path:
    """The copy of a layer beside it, made once."""
    stem = layer.name.partition(".")[0]
    target = layer.with_name(f"{stem}.{kind}")
    if target.exists():
        return target
    with locked(layer.with_name(f".lock-{stem[:1]}")):
        if not target.exists():
            fresh = layer.with_name(f"{target.name}.new")
            remove_tree(fresh)
            fresh.mkdir(mode=0o755)
            fill(fresh)
            fresh.rename(target)
    return target


def note(upper: Path, uid: int, gid: int, users: UserNamespace) -> None:
    """Note that what a container, which runs as ``uid`` and ``gid``, writes has true owners."""
    last = users.identities.count - 1
    _note(upper).write_text(json.dumps({"last": last, "uid": uid, "gid": gid}))


def taken_over(upper: Path, users: UserNamespace | None) -> Mapping[str, Owner] | None:
    """Whose the files were that a container has written to ``upper``; now they are this user's.

    Those of root are left out. None where containers have one user, and nobody knows. Raises OSError.
    """
    try:
        noted = json.loads(_note(upper).read_text())
    except FileNotFoundError:
        return None
    if users is None or not _foreign(upper):
        return {}
    found = users.call(f"{_PROCESS}:take_over", {"folder": str(upper.absolute())})
    last = noted["last"]
    # A number beyond those that there are has had the last one.
    last_user, last_group = max(last, noted["uid"]), max(last, noted["gid"])
    return {
        path: (last_user if uid == last else uid, last_group if gid == last else gid)
        for path, (uid, gid) in found.items()
    }


def readable(folder: RootFolder, scratch: Path) -> RootFolder:
    """A folder that containers have written to, as this user can read it: itself, or a copy in ``scratch``.

    Files that another user of a container has closed are nobody else's; Docker reads them as root.
    Raises OSError.
    """
    if os.geteuid() == 0 or not _closed(f"/proc/self/fd/{folder.descriptor}"):
        return folder
    users = available()
    if users is None:
        return folder
    target = tempfile.mkdtemp(prefix="context-", dir=scratch)
    users.call(f"{_PROCESS}:snapshot", {"target": target}, folder.descriptor)
    return RootFolder(Path(target))


def _closed(folder: str) -> bool:
    """Whether anything below is another user's who lets nobody read it."""
    try:
        return any(
            status.st_uid != os.geteuid()
            and stat.S_ISREG(status.st_mode)
            and not status.st_mode & stat.S_IROTH
            for _, status in user_namespace_process.below(folder)
        )
    except PermissionError:
        return True
    except OSError:  # whoever reads it says what is wrong
        return False


def _note(upper: Path) -> Path:
    return upper.with_name(f"{upper.name}.users")


def _foreign(folder: Path) -> bool:
    """Whether anything below is another user's."""
    own = os.geteuid(), os.getegid()
    try:
        return any(
            (status.st_uid, status.st_gid) != own
            for _, status in user_namespace_process.below(str(folder))
        )
    except PermissionError:
        return True
