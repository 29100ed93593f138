"""An address next to a container network: in a network namespace of its own, behind a veth pair.

As on Azure, where the metadata service is on no machine: containers reach the address, and all
ports of their network stay theirs. Nothing else is in that second namespace, it has no other
interface and no route but that back, and it ends with the listener, the last that is open in it.

For the holder of a network, which is the root of its user namespace. Sources: rtnetlink(7),
veth(4), network_namespaces(7), linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import time

from .namespaces import CLONE_NEWNET, SIOCSIFFLAGS, check, listener
from .processes import write_kernel_file

SIOCSIFADDR, SIOCSIFNETMASK = 0x8916, 0x891C  # linux/sockios.h
NAME = b"metadata"  # of either end
NEAR = "169.254.169.253"  # the end in the network: what containers ask from
# Both ends have the same, so neither has to ask for the other's (ARP) before the first packet.
_HARDWARE_ADDRESS = bytes((2, 0, 0, 0, 0, 1))
_IFF_UP, _IFF_NOARP = 0x1, 0x80  # linux/if.h
_NETLINK_ROUTE = 0
_REQUEST_AND_ACKNOWLEDGE, _CREATE = 0x1 | 0x4, 0x200 | 0x400  # linux/netlink.h; no existing one
_NEW_LINK, _NEW_ADDRESS = 16, 20
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL, _SCOPE_LINK = 1, 2, 253
_WITHIN, _ATTEMPT = 1.0, 0.001  # seconds

_libc = ctypes.CDLL(None, use_errno=True)


def listen(address: str, port: int) -> tuple[socket.socket, str]:
    """A listener that this network reaches at ``address``, and why the port is not its alone.

    That is '' when the address is in a namespace of its own. Where the kernel has no veth or
    refuses it, the address becomes one of this network, of whose servers none can listen on that
    port of all addresses then. Raises OSError.
    """
    try:
        return _listen_apart(address, port), ""
    except OSError as error:
        _add_to_loopback(address)
        return listener(address, port), error.strerror or str(error)


def _listen_apart(address: str, port: int) -> socket.socket:
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _no_ipv6()
        check(_libc.unshare(CLONE_NEWNET))
        try:
            _no_ipv6()
            _make_pair(home)
            _add_address(address, NEAR)
            made = listener(address, port)
        finally:
            # What this process starts next has to be in the network: better nothing than elsewhere.
            try:
                check(_libc.setns(home, CLONE_NEWNET))
            except OSError as error:
                raise SystemExit(f"no way back to the network: {error.strerror}") from None
    finally:
        os.close(home)
    try:
        _add_address(NEAR, address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh14x", NAME, _IFF_UP | _IFF_NOARP)
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
        _try(made)
    except BaseException:
        made.close()  # and with it the pair
        raise
    return made


def _no_ipv6() -> None:
    """No addresses beside the one that is given, for interfaces that come to be from now on."""
    with contextlib.suppress(OSError):  # a kernel without IPv6, or where /proc/sys is read-only
        write_kernel_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")


def _make_pair(network: int) -> None:
    """A veth pair: one end here, and up; the other in ``network``."""
    both = _attribute(_IFLA_IFNAME, NAME + b"\0") + _attribute(_IFLA_ADDRESS, _HARDWARE_ADDRESS)
    there = _attribute(_IFLA_NET_NS_FD, struct.pack("=I", network))
    peer = _attribute(_VETH_INFO_PEER, _interface(_IFF_NOARP) + both + there)
    kind = _attribute(_INFO_KIND, b"veth\0") + _attribute(_INFO_DATA, peer)
    content = _interface(_IFF_UP | _IFF_NOARP) + both + _attribute(_IFLA_LINKINFO, kind)
    _request(_NEW_LINK, content)


def _add_address(own: str, other: str) -> None:
    """Give the end in this namespace an address, and with it the route to that of the other end."""
    index = socket.if_nametoindex(NAME.decode())
    content = struct.pack("=BBBBI", socket.AF_INET, 32, 0, _SCOPE_LINK, index)
    content += _attribute(_IFA_LOCAL, socket.inet_aton(own))
    content += _attribute(_IFA_ADDRESS, socket.inet_aton(other))
    _request(_NEW_ADDRESS, content)


def _try(made: socket.socket) -> None:
    """Connect once: the kernel may need a moment before it lets packets through.

    Raises OSError (ETIMEDOUT) when none gets through.
    """
    end = time.monotonic() + _WITHIN
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            tried.settimeout(_ATTEMPT)
            with contextlib.suppress(TimeoutError):
                tried.connect(made.getsockname())
                break
        if time.monotonic() > end:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    made.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            made.accept()[0].close()
    made.setblocking(True)


def _add_to_loopback(address: str) -> None:
    """Give the network another address of its own, which nothing outside of it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for operation, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.255")):
            number = socket.inet_aton(value)
            request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, number)
            fcntl.ioctl(any_socket, operation, request)


def _interface(flags: int) -> bytes:
    """A struct ifinfomsg."""
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, flags, flags)


def _attribute(kind: int, value: bytes) -> bytes:
    """A struct rtattr, and what fills it up to four bytes."""
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _request(kind: int, content: bytes) -> None:
    """Ask the kernel for something of this namespace, and wait for it. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as control:
        flags = _REQUEST_AND_ACKNOWLEDGE | _CREATE
        control.send(struct.pack("=IHHII", 16 + len(content), kind, flags, 1, 0) + content)
        code = -struct.unpack_from("=i", control.recv(65536), 16)[0]
    if code != 0:
        raise OSError(code, os.strerror(code))
