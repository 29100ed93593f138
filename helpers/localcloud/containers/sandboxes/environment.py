"""The variables that a container begins with."""

from __future__ import annotations

from pathlib import Path

from .account import Account
from .container import ContainerSpec
from .network import Network

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OWN = "localhost,127.0.0.1,169.254.169.254"  # what a container reaches itself
CA_FILE = "/run/localcloud/ca.pem"
CA_VARIABLES = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
)


def variables(
    account: Account, hostname: str, spec: ContainerSpec, network: Network, ca_file: Path
) -> dict[str, str]:
    """What every container has, and what its specification says."""
    environment = {"PATH": PATH, "HOME": account.home, "HOSTNAME": hostname}
    if spec.proxy:
        url = network.proxy_url
        if url:
            environment |= {"HTTPS_PROXY": url, "https_proxy": url}
            environment |= {"NO_PROXY": OWN, "no_proxy": OWN}
        if ca_file.exists():
            environment |= dict.fromkeys(CA_VARIABLES, CA_FILE)
    return environment | dict(spec.environment)
