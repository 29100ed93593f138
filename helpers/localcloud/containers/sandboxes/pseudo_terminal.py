"""A terminal for a command in a container (pty(7)). For the holder of a network.

The process that becomes the command makes it, so that it is one of the container's own /dev/pts, and
hands the other side to whoever asked for it, over a socket (SCM_RIGHTS).
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios

_IN_CONTAINER, _OF_MACHINE = "/dev/pts/ptmx", "/dev/ptmx"
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441  # asm-generic/ioctls.h


def begin(channel: int, *, owner: int | None = None) -> None:
    """Be the leader of a session on a new terminal, which is input and output from now on.

    The other side goes to the socket ``channel``. In a chroot, which has no terminals of its own, it
    is the machine's, and ``owner`` gets it. Raises OSError.
    """
    where = _IN_CONTAINER if owner is None else _OF_MACHINE
    master = os.open(where, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    if owner is not None:
        os.fchown(slave, owner, -1)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    with socket.socket(fileno=os.dup(channel)) as other:
        socket.send_fds(other, [b"t"], [master])
    for number in (0, 1, 2):
        os.dup2(slave, number)
    os.close(master)
    os.close(slave)


def resize(terminal: int, rows: int, columns: int) -> None:
    """Tell a terminal how large it is, in characters (tty_ioctl(4))."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
