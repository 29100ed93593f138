"""The volumes of a container group: folders of this machine that its containers share."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..root_folder import RootFolder


def fill(folder: Path, volume: dict[str, Any]) -> None:
    """An empty directory, or one with a file for each secret: whoever a container runs as may use it.

    Above it is a folder of this user alone.
    """
    folder.mkdir(mode=0o755)
    folder.chmod(0o755 if volume.get("secret") else 0o777)
    with RootFolder(folder) as opened:
        for key, value in (volume.get("secret") or {}).items():
            opened.write(key, base64.b64decode(value), 0o644)
