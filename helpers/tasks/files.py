"""Texts that a command is given by name, and what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import HelpersError
from ..localcloud.tasks.errors import TaskError

LARGEST = 8 << 20  # bytes; ACR Tasks takes no larger task file either


class FileError(HelpersError):
    """A file that cannot be read as text; the message names it, and where it is wrong."""


def read(name: str) -> str:
    """The text of a file; ``-`` is standard input.

    Raises :class:`FileError` for what is no text in UTF-8: with the line and the column.
    """
    return decode(content(name), name)


def of_aliases(folder: Path, name: str) -> str:
    """The text of a file that ``alias.src`` names. Raises :class:`TaskError`."""
    if "://" in name:
        raise TaskError(
            f"aliases from a URL are not fetched here ({name}): put the file beside the task file"
        )
    path = str(folder / name)
    try:
        return read("./-" if path == "-" else path)  # here it is a file like any other
    except FileError as error:
        raise TaskError(str(error)) from None


def content(name: str) -> bytes:
    """The bytes of a file; ``-`` is standard input. Raises :class:`FileError`."""
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if name == "-" else _bytes(Path(name))
    except FileNotFoundError:
        raise FileError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"{name}: it is a folder; name a file in it") from None
    except OSError as error:
        raise FileError(f"{name}: it cannot be read ({error.strerror})") from None
    except ValueError as error:  # a NUL in the name
        raise FileError(f"{name!r}: it cannot be read ({error})") from None
    if len(data) > LARGEST:
        raise FileError(f"{name}: it has more than {LARGEST >> 20} MB, which is no task file")
    return data


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def decode(data: bytes, name: str) -> str:
    """``data`` as text. Raises :class:`FileError` with the line and the column."""
    if (zero := data.find(b"\0")) >= 0:
        raise FileError(f"{name}: {_place(data, zero)}: it has a NUL, so it is no text")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileError(
            f"{name}: {_place(data, error.start)}: byte 0x{data[error.start]:02x} is not UTF-8; "
            "the file must be text in UTF-8"
        ) from None


def _place(data: bytes, offset: int) -> str:
    before, _, start = data[:offset].rpartition(b"\n")
    line = before.count(b"\n") + 1 + (b"\n" in data[:offset])
    return f"line {line}, column {len(start.decode(errors='replace')) + 1}"
