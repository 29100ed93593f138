"""Delete the state folder of a local cloud, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from .errors import HelpersError
from .localcloud import daemon
from .localcloud.root_folder import remove_tree

# What a state folder has from its first start on; without it, a folder is somebody's own.
_MARKS = ("account.json", "daemon.json", "daemon.log")

_OTHERS = (
    "Something may hold it open, or containers have left files to ids of /etc/subuid and /etc/subgid that "
    "this user no longer has: let an administrator give them back, or delete the folder."
)


class StateError(HelpersError):
    """The state folder cannot be deleted; the message says why."""


def delete_state(home: Path) -> bool:
    """Delete the state folder ``home``; False when there is none.

    Raises :class:`StateError` for a folder that is no state folder, or is in use.
    """
    if not home.exists():
        return False
    if not any((home / mark).is_file() for mark in _MARKS):
        if any(home.iterdir()):
            raise StateError(
                f"{home} does not look like the state of a local cloud, so it was not deleted. "
                "Is LOCALCLOUD_HOME right?"
            )
        return False
    with daemon.held(home) as alone:  # a notebook that goes on would start one in what is left
        if not alone:
            raise StateError(
                f"The local cloud in {home} still runs. Stop it, and what uses it: "
                "python -m helpers down"
            )
        for path in home.iterdir():
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
                if path.exists():
                    raise StateError(f"{path} cannot be deleted. {_OTHERS}")
            elif path.name != daemon.LOCK:
                path.unlink()
        shutil.rmtree(home)
    return True
