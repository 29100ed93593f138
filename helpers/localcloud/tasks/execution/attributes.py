"""What a repository's attributes make of its files when they are checked out (gitattributes(5)).

Line endings, ``$Id$`` and encodings are converted by git itself, of which most files need nothing. A
file whose content Git LFS keeps elsewhere is refused: nothing here could fetch it.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob

from ...root_folder import RootFolder
from .checkout import CheckoutError, Entry, write
from .git_program import GitProgram, GitProgramError

FILE = ".gitattributes"
_ASKED = ("filter", "eol", "ident", "working-tree-encoding")
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_LARGEST_POINTER = 1024  # bytes (git-lfs, docs/spec.md)
_NAMED = 10  # files in a message


class Attributes:
    """The conversions of one commit; git is not started where no file has attributes.

    Raises :class:`CheckoutError` for files of Git LFS, GitProgramError where git does not run.
    """

    def __init__(self, program: GitProgram, objects: BaseObjectStore, entries: list[Entry]) -> None:
        self._program = program
        self._converted: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        files = [entry for entry in entries if entry.is_file]
        given = [entry for entry in files if entry.name == FILE]
        if given:
            self._read(objects, given, files)

    def _read(self, objects: BaseObjectStore, given: list[Entry], files: list[Entry]) -> None:
        with RootFolder(self._program.files) as folder:
            for entry in given:
                folder.make_folders(str(PurePosixPath(entry.path).parent))
            write(objects, folder, given)
        found = self._ask(entry.path for entry in files)
        pointers = [
            entry.path
            for entry in files
            if found[entry.path]["filter"] == "lfs" and _is_pointer(objects, entry)
        ]
        if pointers:
            raise CheckoutError(_elsewhere(pointers))
        self._converted = {
            path
            for path, values in found.items()
            if values["eol"] == "crlf"
            or values["ident"] == "set"
            or values["working-tree-encoding"] not in ("unspecified", "unset")
        }

    def _ask(self, paths: Iterable[str]) -> dict[str, dict[str, str]]:
        data = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
        answer = self._program.run(["check-attr", "-z", "--stdin", *_ASKED], data)
        fields = iter(answer.decode(errors="surrogateescape").split("\0")[:-1])
        found: dict[str, dict[str, str]] = {}
        for path, name, value in zip(fields, fields, fields, strict=True):
            found.setdefault(path, {})[name] = value
        return found

    def convert(self, entry: Entry) -> bytes | None:
        """What a file has on disk, where that is not its blob's content.

        Raises GitProgramError.
        """
        if entry.path not in self._converted:
            return None
        if "\n" in entry.path:  # it would end a line of the other form
            words = ["cat-file", "--filters", f"--path={entry.path}", entry.sha.decode()]
            return self._program.run(words, b"")
        if self._process is None:
            self._process = self._program.open(["cat-file", "--batch", "--filters"])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # The size that is told is that before the conversion; what no object is called is the end.
        end = secrets.token_hex(32).encode()
        name = entry.path.encode(errors="surrogateescape")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"%s %s\n%s\n" % (entry.sha, name, end))
            self._process.stdin.flush()
        last = b"\n%s missing\n" % end
        self._process.stdout.readline()
        data = b"".join(_until(self._process.stdout, last[1:]))
        if not data.endswith(last):
            raise GitProgramError(f"git could not convert {entry.path}")
        return data[: -len(last)]

    def close(self) -> None:
        """End what was started."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


def _until(lines: Iterable[bytes], last: bytes) -> Iterator[bytes]:
    for line in lines:
        yield line
        if line.endswith(last):
            return


def _is_pointer(objects: BaseObjectStore, entry: Entry) -> bool:
    blob = objects[entry.sha]
    if not isinstance(blob, Blob) or blob.raw_length() > _LARGEST_POINTER:
        return False
    return blob.as_raw_string().startswith(_POINTER)


def _elsewhere(paths: list[str]) -> str:
    more = len(paths) - _NAMED
    named = ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"Git LFS keeps the content of {named} on a server, and the local cloud has none. Commit the "
        "content itself, without filter=lfs in .gitattributes"
    )
