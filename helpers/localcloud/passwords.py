"""Passwords that the cloud makes, and what it keeps of them.

They have letters and digits, and others only behind the first: one that began with a hyphen would be
read as an option by ``az … --password`` and ``docker login -p``; Azure's begin so, too.
"""

from __future__ import annotations

import hashlib
import secrets
import string

_CHARACTERS = string.ascii_letters + string.digits


def new_password(length: int = 52, others: str = "") -> str:
    """A new password, by default as long as those of container registries.

    ``others`` are the characters that it may have besides.
    """
    rest = (secrets.choice(_CHARACTERS + others) for _ in range(length - 1))
    return "".join((secrets.choice(_CHARACTERS), *rest))


def hashed(password: str) -> str:
    """What is kept of a password that is told once; each is too long and random to be guessed."""
    return hashlib.sha256(password.encode()).hexdigest()
