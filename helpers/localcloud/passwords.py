"""Passwords that the cloud makes: letters and digits only.

One that began with a hyphen would be read as an option by ``az … --password`` and ``docker login
-p``; Azure's begin with a letter or digit, too.
"""

from __future__ import annotations

import secrets
import string

_CHARACTERS = string.ascii_letters + string.digits


def new_password(length: int = 52) -> str:
    """A new password, by default as long as those of container registries."""
    return "".join(secrets.choice(_CHARACTERS) for _ in range(length))
