"""``.docker/config.json`` in the home volume of a run: the registries that it is logged in to.

Docker's own form, which every client of registries reads (docker/cli, cli/config). The agent of ACR
Tasks writes it for its logins, and mounts the home volume into every container of a step.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from ...cloud import Cloud
from ...reference import DOCKER_HUB
from ...registry.credentials import Credential
from ...registry.tokens import sendable
from ...root_folder import RootFolder
from .masking import Masker

PLACE = ".docker/config.json"
_HUB = "https://index.docker.io/v1/"  # what docker calls Docker Hub there
_HEADERS = {"X-Meta-Source-Client": "azure/acr/tasks"}
_LARGEST = 1 << 20  # bytes of what a step may have made of it


class DockerConfig:
    """The file of one run; what steps have put into it stays."""

    def __init__(self, cloud: Cloud, home: Path, masker: Masker, token: str = "") -> None:
        """``token`` is what the run's own registry knows its agent by, if that was made already."""
        self._cloud = cloud
        self._token = token
        self._home = home
        self._masker = masker
        self._lock = threading.Lock()

    def add(self, server: str, credential: Credential) -> None:
        """Keep a login for the steps to come; nothing of it is shown in the log. Raises OSError."""
        sent = sendable(self._cloud, credential, self._token)
        text = f"{sent.username}:{sent.password}"
        self._masker.hide(sent.password, text)
        auth = base64.b64encode(text.encode()).decode()
        self._change(server, {"auth": auth})

    def remove(self, server: str) -> None:
        """Forget a login. Raises OSError."""
        self._change(server, None)

    def _change(self, server: str, login: dict[str, str] | None) -> None:
        name = _HUB if server == DOCKER_HUB else server
        with self._lock, RootFolder(self._home) as folder:
            content = self._content(folder)
            logins: dict[str, Any] = content["auths"]
            logins.pop(name, None)
            if login is not None:
                logins[name] = login
            try:
                folder.make_folders(".docker", 0o700)
            except OSError:  # a step has put something else there
                folder.remove(".docker")
                folder.make_folders(".docker", 0o700)
            folder.write(PLACE, json.dumps(content, indent="\t").encode(), 0o600)

    def _content(self, folder: RootFolder) -> dict[str, Any]:
        """What is there; a file that a step has made something else of begins anew."""
        found: Any = None
        with contextlib.suppress(OSError, ValueError):
            if folder.stat(PLACE).st_size <= _LARGEST:
                found = json.loads(folder.read(PLACE))
        content: dict[str, Any] = found if isinstance(found, dict) else {"HttpHeaders": _HEADERS}
        if not isinstance(content.get("auths"), dict):
            content["auths"] = {}
        return content
