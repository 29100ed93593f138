"""What somebody is told of a machine that refuses containers their namespaces."""

from __future__ import annotations

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
