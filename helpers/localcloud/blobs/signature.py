"""Shared access signatures: who holds the URL may do what it says, until it expires.

Source of the format: learn.microsoft.com, "Create a service SAS", version 2020-12-06 and later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from .. import timestamps
from ..errors import CloudError

VERSION = "2022-11-02"


class SharedAccess:
    """Signs and checks the queries of blob URLs with the key of one storage account."""

    def __init__(self, account: str, key: bytes) -> None:
        self._account = account
        self._key = key

    def sign(self, container: str, name: str, permissions: str, lifetime: int) -> str:
        """A query string that grants ``permissions`` (r, c, w, …) for ``lifetime`` seconds."""
        now = datetime.now(timezone.utc)
        fields = {
            "sv": VERSION,
            "st": timestamps.seconds(now - timedelta(minutes=5)),  # clocks differ
            "se": timestamps.seconds(now + timedelta(seconds=lifetime)),
            "sr": "b",
            "sp": permissions,
            "spr": "https",
        }
        return urlencode({**fields, "sig": self._signature(container, name, fields)})

    def check(self, container: str, name: str, query: Mapping[str, str], permissions: str) -> None:
        """Raise 403 unless ``query`` grants one of ``permissions`` on the blob now."""
        if not query.get("sig"):
            raise CloudError(
                401,
                "NoAuthenticationInformation",
                "Server failed to authenticate the request. The URL has no shared access "
                "signature: ask the registry for a new one (listLogSasUrl, "
                "listBuildSourceUploadUrl).",
            )
        expected = self._signature(container, name, query)
        if not hmac.compare_digest(expected.encode(), query["sig"].encode()):
            raise _refused(
                "AuthenticationFailed",
                "Signature did not match. The URL was changed, or belongs to another blob.",
            )
        try:
            start = _time(query["st"]) if query.get("st") else None
            expiry = _time(query["se"])
        except (KeyError, ValueError):
            raise _refused("AuthenticationFailed", "Its start or expiry is malformed.") from None
        now = datetime.now(timezone.utc)
        if now > expiry or (start is not None and now < start):
            raise _refused(
                "AuthenticationFailed",
                f"Signature not valid in the specified time frame: Start [{query.get('st')}] - "
                f"Expiry [{query['se']}] - Current [{timestamps.seconds(now)}]. Ask for a new URL.",
            )
        if not set(permissions) & set(query.get("sp", "")):
            raise _refused(
                "AuthorizationPermissionMismatch",
                f"The signature grants '{query.get('sp', '')}', the request needs one of "
                f"'{permissions}'.",
            )

    def _signature(self, container: str, name: str, fields: Mapping[str, str]) -> str:
        resource = f"/blob/{self._account}/{container}/{name}"
        order = (
            *("sp", "st", "se", resource, "si", "sip", "spr", "sv", "sr", "snapshot", "ses"),
            *("rscc", "rscd", "rsce", "rscl", "rsct"),
        )
        text = "\n".join(word if word == resource else fields.get(word, "") for word in order)
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def _refused(code: str, detail: str) -> CloudError:
    return CloudError(403, code, f"Server failed to authenticate the request. {detail}")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
