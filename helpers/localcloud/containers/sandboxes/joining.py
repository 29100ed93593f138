"""How a process goes into a container that runs: its namespaces, limits, rights. For the holder of a network.

Until it becomes a program of ours that is no file of this machine (see launcher) nobody in the container
may look at it: /proc/PID/exe would lead to the interpreter of the local cloud.
"""

# ruff: noqa: S606

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import time

from . import pseudo_terminal
from .confinement import hide, keep, leave_groups, restrict
from .namespaces import check
from .processes import PARENT, STATE, children_of, columns

# The user namespace last: the others are above it.
_NAMESPACES = ("ipc", "uts", "pid", "mnt", "user")
_PATIENCE = 20.0  # seconds
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


def join(
    container: int, program: int, filters: bytes, capabilities: int, *, terminal: bool = False
) -> int:
    """Run ``program``, a descriptor, in a container that bubblewrap holds; its exit status.

    With a ``terminal`` of its own, whose other side goes to the socket that is its output.
    ``container`` is the process of bubblewrap, a child of this one's parent. Raises OSError when it has
    ended.
    """
    holder = os.getppid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    hide()
    for namespace in _opened(container, holder):
        check(_libc.setns(namespace, 0))
        os.close(namespace)
    hide()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # other rights: set anew
    process = os.fork()  # the first that is in its process namespace
    if process == 0:
        try:
            os.setsid()
            os.chdir("/")
            if terminal:
                pseudo_terminal.begin(1)
            leave_groups()
            keep(capabilities)
            restrict(filters)
            os.execve(program, ["command"], {})
        except OSError as error:
            os.write(2, f"bwrap: cannot enter the container: {error.strerror}\n".encode())
        finally:
            os._exit(1)
    os.closerange(0, 1 << 16)  # its output ends with the command's
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _opened(container: int, holder: int) -> list[int]:
    """The namespaces of a container, once its command has begun."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        row = columns(container)
        if int(row[PARENT]) != holder or row[STATE] in (b"Z", b"X"):
            break
        for init in children_of(container):
            # Its command is there when bubblewrap has set everything up.
            if not children_of(init):
                continue
            opened = [os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY) for name in _NAMESPACES]
            # The number was that process's all the while.
            with contextlib.suppress(OSError):
                if int(columns(init)[PARENT]) == container:
                    return opened
        time.sleep(0.005)
    raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))


def enter_folder(folder: str) -> None:
    """Go to the working directory of a chroot; without it, say so in bubblewrap's words and end."""
    try:
        os.chdir("/")
        os.chdir(folder)
    except OSError as error:
        os.write(2, f"bwrap: Can't chdir to {folder}: {error.strerror}\n".encode())
        os._exit(1)
