"""The storage account behind the registries: run logs and uploaded sources, as files on disk."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import atomic
from ..cloud import Cloud
from .signature import SharedAccess

log = logging.getLogger(__name__)

ACCOUNT = "acrtasks"
HOST = f"{ACCOUNT}.blob.core.windows.net"
_KEY = re.compile(rb"[A-Za-z0-9+/]{86}==")  # 64 bytes
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")


@dataclass(frozen=True)
class Blob:
    """One blob: ``path`` holds its bytes, ``properties_path`` type, content type and metadata."""

    container: str
    name: str
    path: Path
    properties_path: Path

    def exists(self) -> bool:
        """Whether the blob was created."""
        return self.path.is_file()

    def create(self, kind: str, content_type: str) -> None:
        """Make an empty blob of ``kind`` (AppendBlob, BlockBlob); an existing one is emptied."""
        for path in (self.path, self.properties_path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._save({"type": kind, "contentType": content_type, "metadata": {}})
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))

    def renew(self, kind: str, content_type: str) -> None:
        """Make the properties of a blob anew, as :meth:`create` does; its bytes stay."""
        self.properties_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._save({"type": kind, "contentType": content_type, "metadata": {}})

    def commit(self, source: Path, content_type: str) -> None:
        """Make the file at ``source`` the content of this block blob, all at once."""
        for path in (self.path, self.properties_path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._save({"type": "BlockBlob", "contentType": content_type, "metadata": {}})
        source.replace(self.path)

    def properties(self) -> dict[str, Any]:
        """type, contentType, metadata; of a blob that exists."""
        loaded: dict[str, Any] = json.loads(self.properties_path.read_text())
        return loaded

    def metadata(self) -> dict[str, str]:
        """The names and values that a reader sees as ``x-ms-meta-NAME``."""
        found: dict[str, str] = self.properties()["metadata"]
        return found

    def set_metadata(self, metadata: dict[str, str]) -> None:
        """Replace the metadata."""
        self._save({**self.properties(), "metadata": metadata})

    def _save(self, properties: dict[str, Any]) -> None:
        atomic.write(self.properties_path, json.dumps(properties))


class BlobAccount:
    """The account of one local cloud; every registry has a container of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self.folder = cloud.folder("blobs")
        self.access = SharedAccess(ACCOUNT, self._key())

    def _key(self) -> bytes:
        path = self.folder / "account-key"
        with contextlib.suppress(FileNotFoundError):
            key = path.read_bytes()
            if _KEY.fullmatch(key):
                return base64.b64decode(key)
            log.error("blobs/account-key is damaged and was made anew: links to logs end with it")
            path.unlink(missing_ok=True)
        if not path.exists():
            temporary = self.folder / f".{secrets.token_hex(8)}.new"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(base64.b64encode(secrets.token_bytes(64)).decode())
            with contextlib.suppress(FileExistsError):  # another thread was first
                path.hardlink_to(temporary)
            temporary.unlink()
        return base64.b64decode(path.read_text())

    @staticmethod
    def container_of(registry_id: str) -> str:
        """The container that holds the logs and sources of a registry."""
        return uuid.uuid5(uuid.NAMESPACE_URL, registry_id.lower()).hex

    def blob(self, container: str, name: str) -> Blob:
        """The blob of that name, existing or not. Raises ValueError on a name that is not one."""
        words = name.split("/")
        if (
            not _CONTAINER.fullmatch(container)
            or len(name) > 1024
            or any(word in ("", ".", "..") or len(word.encode()) > 200 for word in words)
            or any(ord(character) < 32 for character in name)
        ):
            raise ValueError(f"'{container}/{name}' is not the name of a blob.")
        root = self.folder / container
        return Blob(
            container,
            name,
            root.joinpath("data", *words),
            root.joinpath("properties", *words[:-1], words[-1] + ".json"),
        )

    def run_log(self, registry_id: str, run_id: str) -> Blob:
        """The log of a run."""
        return self.blob(self.container_of(registry_id), f"logs/{run_id}/rawtext.log")

    def url(self, blob: Blob, permissions: str, lifetime: int) -> str:
        """The blob's URL with a shared access signature, good for ``lifetime`` seconds."""
        query = self.access.sign(blob.container, blob.name, permissions, lifetime)
        return f"https://{HOST}/{blob.container}/{blob.name}?{query}"

    def staging(self, blob: Blob) -> Path:
        """Where uncommitted blocks of ``blob`` wait; created on demand."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{blob.container}/{blob.name}").hex
        path = self.folder / blob.container / "blocks" / name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def sweep(self, registry_id: str, keeps_log: Callable[[str], bool], before: float) -> None:
        """Delete the logs whose run ``keeps_log`` does not know, and uploads from ``before`` then."""
        root = self.folder / self.container_of(registry_id)
        for path in [*root.rglob("*")]:  # a log's run was recorded before the log was made
            kind, _, name = path.relative_to(root).as_posix().partition("/")
            is_log = kind != "blocks" and name.startswith("logs/")
            with contextlib.suppress(OSError):  # gone meanwhile
                if path.is_dir():
                    continue
                if is_log and not keeps_log(name.split("/")[1]):
                    path.unlink()
                    path.parent.rmdir()
                elif not is_log and path.stat().st_mtime < before:
                    path.unlink()

    def others(self, registry_ids: Iterable[str]) -> list[Path]:
        """Folders of containers that belong to none of these registries."""
        known = {self.container_of(registry_id) for registry_id in registry_ids}
        return [one for one in self.folder.iterdir() if one.is_dir() and one.name not in known]
