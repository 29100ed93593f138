"""What overlayfs makes of deletions (kernel documentation, "Overlay Filesystem")."""

from __future__ import annotations

import contextlib
import os
import stat

OPAQUE_ATTRIBUTES = ("user.overlay.opaque", "trusted.overlay.opaque")


def is_whiteout(status: os.stat_result) -> bool:
    """Whether it stands for something that was deleted: the character device 0/0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(folder: int) -> bool:
    """Whether an opened directory hides what lower layers have in it."""
    for name in OPAQUE_ATTRIBUTES:
        with contextlib.suppress(OSError):
            if os.getxattr(f"/proc/self/fd/{folder}", name) == b"y":
                return True
    return False
