"""Blob uploads that are going on; given up ones are dropped after an hour."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from ..cloud import Cloud
from ..content import Writer
from ..errors import CloudError

_IDLE = 3600.0  # seconds


@dataclass
class Upload:
    """One blob on its way into one repository of one incarnation of a registry."""

    id: str
    registry: str
    repository: str
    writer: Writer
    touched: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def location(self) -> str:
        """Where the client goes on."""
        return f"/v2/{self.repository}/blobs/uploads/{self.id}"

    @property
    def range(self) -> str:
        """What has arrived, as the Range header of a 202."""
        return f"0-{max(self.writer.size - 1, 0)}"


class Uploads:
    """Uploads by id. They live in memory: a client starts anew after a restart, as OCI allows."""

    def __init__(self, cloud: Cloud) -> None:
        self._content = cloud.content
        self._uploads: dict[str, Upload] = {}

    def start(self, registry: str, repository: str) -> Upload:
        """A new upload."""
        self._drop_idle()
        upload = Upload(str(uuid.uuid4()), registry, repository, self._content.writer())
        self._uploads[upload.id] = upload
        return upload

    def get(self, upload_id: str, registry: str, repository: str) -> Upload:
        """The upload of that id and repository. Raises 404 BLOB_UPLOAD_UNKNOWN."""
        found = self._uploads.get(upload_id)
        if found is None or (found.registry, found.repository) != (registry, repository):
            raise _unknown()
        found.touched = time.monotonic()
        return found

    def check(self, upload: Upload) -> None:
        """Raise 404 BLOB_UPLOAD_UNKNOWN for one that ended while a request waited for its turn."""
        if self._uploads.get(upload.id) is not upload:
            raise _unknown()

    def end(self, upload: Upload) -> None:
        """Forget an upload, and what it wrote unless that was committed."""
        self._uploads.pop(upload.id, None)
        upload.writer.abort()

    def _drop_idle(self) -> None:
        limit = time.monotonic() - _IDLE
        for upload in [one for one in self._uploads.values() if one.touched < limit]:
            if not upload.lock.locked():
                self.end(upload)


def _unknown() -> CloudError:
    return CloudError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
