"""Fixtures that every test may use: a real local cloud, and the environment of its clients."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsynchronousCredential
from hypothesis import HealthCheck, settings

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Account, Cloud
from helpers.localcloud.media_types import OCI_INDEX, OCI_MANIFEST
from tests.client import Client
from tests.proofs.recording import Comparison, Proofs, Recording

# In the suite: few examples, and always the same. `make fuzz` tries many, with seeds that it prints.
settings.register_profile("suite", max_examples=50, deadline=None, derandomize=True)
settings.register_profile(
    "fuzz",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Record which operations real clients call (tests/proofs); with xdist, its workers do."""
    proofs: Proofs = {}
    worker = hasattr(config, "workerinput")
    if worker or not config.getoption("numprocesses", None):
        folder = tempfile.TemporaryDirectory(prefix="requests-")
        config.add_cleanup(folder.cleanup)
        config.pluginmanager.register(Recording(Path(folder.name) / "requests.jsonl", proofs))
    if not worker:
        config.pluginmanager.register(Comparison(proofs))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests may take long come first, so that no worker ends with one of them alone.

    The others of each folder are spread over the rest: some wait and some compute, and workers do both
    at any time.
    """
    longest: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0]) if marker is not None else 0.0
        longest[item.path] = max(longest.get(item.path, 0.0), seconds)
    places: dict[Path, float] = {}
    for _, some in groupby(longest, lambda path: path.parent):
        files = list(some)
        places |= {path: (number + 0.5) / len(files) for number, path in enumerate(files)}
    items.sort(key=lambda item: (-longest[item.path], places[item.path]))


@dataclass
class LocalCloud:
    """A running daemon, and what its clients need."""

    home: Path
    proxy_url: str
    ca_file: str
    account: Account
    env: dict[str, str]
    pid: int

    @property
    def subscription(self) -> str:
        """ARM id of its subscription."""
        return f"/subscriptions/{self.account.subscription_id}"

    @property
    def options(self) -> dict[str, Any]:
        """What an unmodified SDK client is given instead of environment variables."""
        return {"proxies": {"https": self.proxy_url}, "connection_verify": self.ca_file}

    @cached_property
    def credential(self) -> ClientSecretCredential:
        """The tutorial's own service principal."""
        account = self.account
        return ClientSecretCredential(
            account.tenant_id, account.client_id, account.client_secret, **self.options
        )

    def client(self, kind: Any) -> Any:
        """A management client of the Azure SDK, of the class ``kind``."""
        return kind(
            self.credential, self.account.subscription_id, polling_interval=1, **self.options
        )

    def asynchronous_options(self) -> dict[str, Any]:
        """What an asynchronous client is given: a transport of its own, which stands on requests."""
        transport = AsyncioRequestsTransport(connection_verify=self.ca_file)
        return {"proxies": self.options["proxies"], "transport": transport}

    def asynchronous_credential(self) -> AsynchronousCredential:
        """The tutorial's own service principal, for asynchronous clients."""
        account = self.account
        return AsynchronousCredential(
            account.tenant_id,
            account.client_id,
            account.client_secret,
            **self.asynchronous_options(),
        )

    def http(self) -> requests.Session:
        """A plain HTTP client of this cloud; it accepts what containers' clients do."""
        session = Client()
        session.headers["Accept"] = ", ".join([OCI_MANIFEST, OCI_INDEX, "*/*"])
        session.trust_env = False
        session.proxies = {"http": self.proxy_url, "https": self.proxy_url}
        session.verify = self.ca_file
        return session

    def token(self, audience: str = "https://management.azure.com") -> str:
        """An access token of the tutorial's own service principal."""
        return str(self.credential.get_token(f"{audience}/.default").token)

    def token_of(
        self, app_id: str, secret: str, audience: str = "https://management.azure.com"
    ) -> str:
        """An access token of another service principal, by its client secret."""
        answer = self.http().post(
            f"https://login.microsoftonline.com/{self.account.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": app_id,
                "client_secret": secret,
                "scope": f"{audience}/.default",
            },
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def start(home: Path) -> LocalCloud:
    """Start (or find) the daemon of ``home``."""
    running = daemon.up(home)
    kept = {k: v for k, v in os.environ.items() if k.lower() not in ("no_proxy", "http_proxy")}
    return LocalCloud(
        home,
        running.proxy_url,
        running.ca_file,
        running.account,
        {**kept, **daemon.environment(running)},
        running.pid,
    )


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for all tests that leave no trace for others."""
    home = tmp_path_factory.mktemp("localcloud")
    yield start(home)
    daemon.down(home)


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A local cloud of the test's own."""
    home = tmp_path / "localcloud"
    yield start(home)
    daemon.down(home)


@pytest.fixture(scope="session")
def az(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The real Azure CLI, signed in to the local cloud of all tests: an ``Az`` of tests/az.py."""
    from tests.az import AZ, Az

    if AZ is None:
        pytest.skip("the Azure CLI is not installed; do it with: make az")
    made = Az(local_cloud, tmp_path_factory.mktemp("az"))
    made.sign_in()
    return made


@pytest.fixture(params=["synchronous", "asynchronous"])
def sdk(request: pytest.FixtureRequest, local_cloud: LocalCloud) -> Iterator[Any]:
    """Makes clients of the Azure SDK, in one form and then in the other: an ``Sdk`` of tests/sdk.py."""
    from tests.sdk import Sdk

    made = Sdk(local_cloud, request.param)
    yield made
    made.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A state of its own, as the local cloud's code has it; no daemon."""
    cloud = Cloud(tmp_path / "home")
    yield cloud
    cloud.close()
