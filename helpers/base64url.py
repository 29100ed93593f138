"""Base64 for addresses and tokens: another alphabet, and nothing that fills up (RFC 4648, section 5)."""

from __future__ import annotations

import base64


def encode(content: bytes) -> str:
    """The bytes as text."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of a text. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
