"""The managed identities of a workload, as its containers have them: an address, or two variables."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..cloud import Cloud
from ..identities import Identities
from .sandboxes import metadata
from .sandboxes.network import Network

TOKENS = "/msi/token"  # App Service's form, where the secret comes in a header


class WorkloadIdentity:
    """Proves who a workload is to the metadata service, while it lasts. Thread-safe.

    Without ``identities`` it proves nothing, and the service says what it says to a machine without
    an identity. ``hide`` is told of the secret.
    """

    def __init__(self, cloud: Cloud, identities: Identities, hide: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._identities = identities
        self._hide = hide
        self._lock = threading.Lock()
        self._secret = ""
        self._closed = False

    def serve(self, network: Network) -> None:
        """Let the containers of a network ask at 169.254.169.254, where that address is its own.

        Only for a workload with an identity: others do not pay for it.
        """
        if not self._identities:
            return
        if network.mode != "chroot" and self._cloud.proxy_url:
            metadata.serve(network, self._cloud.proxy_url, self.secret)

    def secret(self) -> str:
        """What proves the identity; "" without one, or when the workload is over."""
        with self._lock:
            if not self._identities or self._closed:
                return ""
            if not self._secret:
                self._secret = self._cloud.principals.open_session(*self._identities.object_ids)
                self._hide(self._secret)
            return self._secret

    def environment(self, network: Network) -> dict[str, str]:
        """The variables that a container in ``network`` asks for tokens with.

        Source: "How to use managed identities for App Service", REST endpoint reference.
        """
        secret = self.secret() if self._cloud.proxy_url else ""
        if not secret:
            return {}
        own = network.mode != "chroot"
        base = f"http://{metadata.ADDRESS}" if own else self._cloud.proxy_url
        return {"IDENTITY_ENDPOINT": f"{base}{TOKENS}", "IDENTITY_HEADER": secret}

    def close(self) -> None:
        """Make what was proved with worthless."""
        with self._lock:
            self._closed = True
            secret, self._secret = self._secret, ""
        if secret:
            self._cloud.principals.close_session(secret)
