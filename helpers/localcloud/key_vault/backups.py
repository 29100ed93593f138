"""Backups of secrets: opaque texts that only this subscription can read, within one geography.

Source: "Azure Key Vault backup and restore": same subscription, same Azure geography.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import zlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ... import base64url
from .. import atomic
from ..cloud import Cloud
from ..errors import CloudError
from ..set_aside import SetAside
from .geographies import geography_of

log = logging.getLogger(__name__)

_KEY_FILE = "backup-key"
_KEY = 32  # bytes, for AES-256
_NONCE = 12  # bytes, as NIST SP 800-38D recommends
_MAGIC = b"secret-1"
_making = threading.Lock()


class Backups:
    """Seals and opens backups with a key that never leaves the state folder."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def seal(self, location: str, content: dict[str, Any]) -> str:
        """What a client keeps of ``content``, which is of a vault in ``location``."""
        nonce = secrets.token_bytes(_NONCE)
        plain = zlib.compress(json.dumps(content).encode())
        sealed = self._cipher(location).encrypt(nonce, plain, _MAGIC)
        return base64url.encode(_MAGIC + nonce + sealed)

    def open(self, location: str, text: str) -> dict[str, Any]:
        """What :meth:`seal` was given, for a vault in ``location``. Raises 400 BadParameter.

        It is refused when it was changed, or is of another subscription or geography.
        """
        try:
            raw = base64url.decode(text)
            if not raw.startswith(_MAGIC):
                raise ValueError("no backup of a secret")
            nonce, sealed = raw[len(_MAGIC) :][:_NONCE], raw[len(_MAGIC) + _NONCE :]
            plain = self._cipher(location).decrypt(nonce, sealed, _MAGIC)
        except (ValueError, InvalidTag):
            raise CloudError(400, "BadParameter", "Cannot decrypt backup blob.") from None
        content: dict[str, Any] = json.loads(zlib.decompress(plain))
        return content

    def _cipher(self, location: str) -> AESGCM:
        context = f"{self._cloud.account.subscription_id}/{geography_of(location)}".encode()
        return AESGCM(HKDF(hashes.SHA256(), _KEY, None, context).derive(self._key()))

    def _key(self) -> bytes:
        """The key; a damaged one is set aside and made anew, and what it has sealed stays sealed."""
        path = self._cloud.home / _KEY_FILE
        with _making:
            key = path.read_bytes() if path.exists() else b""
            if key and len(key) != _KEY:
                kept = SetAside(path.parent).move(path, path.name)
                log.error(
                    "%s, the key of backups of secrets, is damaged: it was made anew, and is in %s",
                    path.name,
                    kept,
                )
            if len(key) != _KEY:
                key = secrets.token_bytes(_KEY)
                atomic.write(path, key, durable=True)
        return key
