"""Platforms as Docker names them, like linux/amd64.

Source: Dockerfile reference, "Automatic platform ARGs in the global scope"; containerd's package
platforms.
"""

from __future__ import annotations

import re

from .variables import VariableError, quoted

# BuildKit alone gives them.
PLATFORM_ARGUMENTS = {
    f"{side}{part}": value
    for side in ("TARGET", "BUILD")
    for part, value in (
        *(("PLATFORM", "linux/amd64"), ("OS", "linux"), ("ARCH", "amd64"), ("VARIANT", "")),
    )
}
_COMPONENT = re.compile(r"[A-Za-z0-9_-]+")
_SYSTEMS = frozenset(
    (
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js"),
        *("linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"),
    )
)
_ARCHITECTURES = {
    **{"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"},
    **{"armhf": "arm", "armel": "arm"},
}
_KNOWN = frozenset(
    (
        *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips"),
        *("mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le"),
        *("riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
    )
)


def normal_platform(text: str) -> str:
    """What ``--platform`` asks for, as os/architecture. Raises :class:`VariableError`."""
    parts = text.split("/")
    failed = f"failed to parse platform {text}"
    for part in parts:
        if not _COMPONENT.fullmatch(part):
            raise VariableError(
                f"{failed}: {quoted(part)} is an invalid component of {quoted(text)}: platform "
                f"specifier component must match {quoted('^[A-Za-z0-9_-]+$')}: invalid argument"
            )
    parts = [_ARCHITECTURES.get(part.lower(), part.lower()) for part in parts]
    if len(parts) == 1 and parts[0] in _SYSTEMS:
        return f"{parts[0]}/amd64"
    if len(parts) == 1 and parts[0] in _KNOWN:
        return f"linux/{parts[0]}"
    if len(parts) == 1:
        raise VariableError(f"{failed}: {quoted(text)}: unknown operating system or architecture")
    if len(parts) > 3:
        raise VariableError(f"{failed}: {quoted(text)}: cannot parse platform specifier")
    return "/".join(parts[:2])
