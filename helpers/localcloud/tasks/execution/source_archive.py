"""Uploaded source archives, unpacked: whole or not at all, and nothing of them leaves its folder.

A link stays what the archive says, as tar and Docker keep it; nothing is written through one that
leads out.
"""

from __future__ import annotations

import errno
import os
import tarfile
from pathlib import Path, PurePosixPath

from ...archive import ArchiveError, content, open_archive
from ...errors import words_of
from ...root_folder import RootFolder, remove

LARGEST = 4 << 30  # bytes that an archive may unpack to
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class SourceArchiveError(Exception):
    """An archive that is refused; the text is one sentence without its beginning."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive of any compression into the new ``folder``.

    Owners are the user's who unpacks, modes as tarfile's filter "data" gives them.
    Raises :class:`SourceArchiveError`.
    """
    folder.mkdir(parents=True)
    total = 0
    try:
        with RootFolder(folder) as root, archive.open("rb") as file, open_archive(file) as members:
            for member in members:
                total += member.size
                if total > LARGEST:
                    raise SourceArchiveError("unpacks to more than 4 GiB")
                _extract(members, member, root)
    except ArchiveError as error:
        raise SourceArchiveError(f"cannot be unpacked: {error}. Is it a .tar.gz?") from None
    except (OSError, ValueError, OverflowError) as error:
        raise SourceArchiveError(f"cannot be unpacked: {words_of(error)}") from None


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, root: RootFolder) -> None:
    path = PurePosixPath(member.name)
    outside = SourceArchiveError(f"is refused: {member.name} would lead outside its folder")
    if ".." in path.parts or path.is_absolute():
        raise outside
    if not path.parts:
        return
    _stay(root, path.parent, outside)
    root.make_folders(str(path.parent))
    with root.parent(str(path)) as (folder, name):
        if member.isdir():
            _stay(root, path, outside)
            root.make_folders(str(path))
            return
        remove(folder, name)
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=folder)
        elif member.islnk():
            if _leads_out(member.linkname):
                raise outside
            _stay(root, PurePosixPath(member.linkname).parent, outside)
            with root.parent(member.linkname) as (origin, linked):
                os.link(linked, name, src_dir_fd=origin, dst_dir_fd=folder, follow_symlinks=False)
        elif member.isreg():
            mode = member.mode & 0o755 | 0o600
            mode = mode if mode & 0o100 else mode & ~0o111
            with os.fdopen(os.open(name, _FRESH, 0o600, dir_fd=folder), "wb") as file:
                for data in content(archive, member):
                    file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.utime(file.fileno(), (member.mtime, member.mtime))
        else:
            raise SourceArchiveError(f"is refused: {member.name} is a special file")


def _stay(root: RootFolder, path: PurePosixPath, outside: SourceArchiveError) -> None:
    """Refuse a path of the archive that goes through one of its links to the outside."""
    try:
        root.real(str(path), strict=True)
    except FileNotFoundError:  # what is there leads nowhere else
        return
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise outside from None
        raise


def _leads_out(target: str) -> bool:
    """Whether the target of a hard link, which counts from the top, lies above it."""
    whole = os.path.normpath(target)
    return whole.startswith("/") or whole == ".." or whole.startswith("../")
