"""Connect to a cloud: credential, SDK clients and environment, the same for both clouds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .clients import Clients
from .errors import HelpersError
from .localcloud import daemon
from .localcloud.cloud import Account
from .localcloud.errors import DaemonError
from .views.elapsed import Elapsed

MANAGEMENT = "https://management.azure.com"

# Whatever of these the reader's shell sets would lead the local cloud's clients elsewhere.
MISLEADING = (
    "ALL_PROXY",
    "all_proxy",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
)
# Sites of the local cloud have loopback addresses; everything else must pass through its proxy.
_DIRECT = "localhost,127.0.0.0/8"


class ConnectError(HelpersError):
    """No cloud to talk to; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class Connection:
    """An open connection to a cloud."""

    cloud: str
    credential: Any = field(repr=False)
    subscription_id: str
    tenant_id: str
    clients: Clients = field(repr=False)
    environment: dict[str, str] = field(repr=False, default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether this is the local cloud."""
        return self.cloud == "local"

    @property
    def poll_seconds(self) -> float:
        """How long to wait between two looks at something that takes a while."""
        return 0.2 if self.is_local else 2.0

    def check(self) -> None:
        """Raise :class:`~helpers.transport.CloudLostError` for a local cloud that is no longer there.

        For who could not reach it, or was not known there.
        """
        if self.is_local:
            from . import transport

            transport.check(Path(self.environment["LOCALCLOUD_HOME"]), self.subscription_id)

    def with_timeout(self, seconds: float) -> Connection:
        """The same, with clients of its own: whatever takes longer fails, and is not tried again."""
        return _connection(
            self.cloud, self.subscription_id, self.tenant_id, self.environment, seconds
        )

    @property
    def object_id(self) -> str:
        """Object id of who is signed in, as access policies and role assignments name it."""
        return str(_claims(self.credential)["oid"])

    @property
    def github_owner(self) -> str:
        """The GitHub account that has the sample repositories. Raises :class:`ConnectError`."""
        return self._from_environment(
            "GITHUB_OWNER", "the GitHub account (or organization) for the three repositories"
        )

    @property
    def git_token(self) -> str:
        """The GitHub token of :attr:`github_owner`. Raises :class:`ConnectError`."""
        return self._from_environment(
            "GIT_TOKEN", "a classic GitHub token with the permissions repo and admin:repo_hook"
        )

    def _from_environment(self, name: str, meaning: str) -> str:
        value = self.environment.get(name) or os.environ.get(name, "")
        if not value:
            raise ConnectError(
                f"The environment variable {name} is not set. It holds {meaning}. Set it in the "
                "shell that starts Jupyter, never in a notebook, then start Jupyter again."
            )
        return value


def connect(
    cloud: str = "local", *, github_owner: str = "", home: Path | None = None
) -> Connection:
    """Connect to the local cloud, which is started if need be, or to Azure.

    Local: ``home`` is its state folder (default: LOCALCLOUD_HOME, else .localcloud), and only the
    environment of this process changes. Azure: whoever ``DefaultAzureCredential`` finds signed in,
    and AZURE_SUBSCRIPTION_ID, or the only subscription there is. ``github_owner``: the account or
    organization that has the sample repositories, when it is not the environment's GITHUB_OWNER.
    Raises :class:`ConnectError`.
    """
    if cloud == "local":
        return _connect_local(home or daemon.default_home(), github_owner)
    if cloud == "azure":
        return _connect_azure(github_owner)
    raise ConnectError(f"cloud={cloud!r}: the cloud is 'local' or 'azure'.")


def local_environment(running: daemon.Running) -> dict[str, str]:
    """What a process needs in its environment to be a client of this local cloud."""
    return {
        **daemon.environment(running),
        "NO_PROXY": _DIRECT,
        "no_proxy": _DIRECT,
        "LOCALCLOUD_HOME": running.home,
    }


def _connect_local(home: Path, github_owner: str) -> Connection:
    try:
        with Elapsed("Starting the local cloud") as going:
            running = daemon.up(home)
            going.done("The local cloud runs.")
    except DaemonError as error:
        raise ConnectError(str(error)) from None
    environment = {**local_environment(running), **_owner(github_owner)}
    for name in MISLEADING:
        os.environ.pop(name, None)
    os.environ.update(environment)
    account = running.account
    return _connection("local", account.subscription_id, account.tenant_id, environment)


def _connection(
    cloud: str,
    subscription: str,
    tenant: str,
    environment: dict[str, str] | None = None,
    timeout: float | None = None,
) -> Connection:
    from azure.identity import DefaultAzureCredential

    def options() -> dict[str, Any]:
        if timeout is not None:
            return {"connection_timeout": timeout, "read_timeout": timeout, "retry_total": 0}
        if cloud != "local":
            return {}
        from .transport import LocalTransport

        home = Path((environment or {})["LOCALCLOUD_HOME"])
        return {"transport": LocalTransport(home, subscription)}

    credential = DefaultAzureCredential(**options())
    clients = Clients(credential, subscription, options)
    return Connection(cloud, credential, subscription, tenant, clients, environment or {})


def _connect_azure(github_owner: str) -> Connection:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    _refuse_local_environment()
    try:
        claims = _claims(DefaultAzureCredential())
    except ClientAuthenticationError:
        raise ConnectError(
            "Nobody is signed in to Azure here. Run 'az login', or set AZURE_TENANT_ID, "
            "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal, and try again. "
            "Without a subscription, use cloud='local'."
        ) from None
    subscription = os.environ.get("AZURE_SUBSCRIPTION_ID") or _only_subscription()
    return _connection("azure", subscription, str(claims["tid"]), _owner(github_owner))


def _owner(github_owner: str) -> dict[str, str]:
    return {"GITHUB_OWNER": github_owner} if github_owner else {}


def _refuse_local_environment() -> None:
    """A shell after ``eval "$(python -m helpers env)"`` would only reach the local cloud."""
    path = daemon.default_home() / "account.json"
    if path.exists() and os.environ.get("AZURE_TENANT_ID") == Account.load(path).tenant_id:
        raise ConnectError(
            "This process talks to the local cloud: its environment variables say so. To talk to "
            "Azure, start a new shell (or restart the kernel)."
        )


def _only_subscription() -> str:
    import requests
    from azure.identity import DefaultAzureCredential

    token = DefaultAzureCredential().get_token(f"{MANAGEMENT}/.default").token
    try:
        answer = requests.get(
            f"{MANAGEMENT}/subscriptions",
            params={"api-version": "2022-12-01"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        raise ConnectError(
            f"The subscriptions of this account cannot be listed ({error}). Set "
            "AZURE_SUBSCRIPTION_ID to the subscription to use, or try again."
        ) from None
    found = [(one["displayName"], one["subscriptionId"]) for one in answer.json()["value"]]
    if len(found) == 1:
        return str(found[0][1])
    known = "; ".join(f"{name}: {number}" for name, number in found) or "none at all"
    raise ConnectError(
        f"Set AZURE_SUBSCRIPTION_ID to the subscription to use. This account sees {known}."
    )


def _claims(credential: Any) -> dict[str, Any]:
    """What the access token says of who is signed in. Azure has verified it, not we."""
    import jwt

    token = credential.get_token(f"{MANAGEMENT}/.default").token
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
