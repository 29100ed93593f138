"""What ``doctor`` takes out of a state: kept beside it, owner-only, so that nothing is lost for good."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "set-aside"  # in the state folder


class SetAside:
    """The folder for it of one state folder; made when something is put there."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def record(self, kind: str, record: Mapping[str, Any]) -> str:
        """Append a row of a table to the file of its kind; where that is. Raises OSError."""
        path = self._made() / f"{kind}.jsonl"
        line = json.dumps(dict(record), default=repr) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        return f"{FOLDER}/{path.name}"

    def move(self, path: Path, name: str) -> str:
        """Move a file or a folder there, beside what was moved under that name before; where it is."""
        place, number = self._made() / name, 1
        while place.exists():
            place, number = self._folder / f"{name}.{number}", number + 1
        shutil.move(path, place)
        return f"{FOLDER}/{place.name}"

    def _made(self) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder
