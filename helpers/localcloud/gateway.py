"""How the cloud's own workers call its services: over HTTPS, through the front door."""

from __future__ import annotations

import requests

from .cloud import Cloud


def session(cloud: Cloud) -> requests.Session:
    """A session that reaches every host of the local cloud, and no other."""
    client = requests.Session()
    client.trust_env = False
    client.proxies = {"http": cloud.proxy_url, "https": cloud.proxy_url}
    client.verify = str(cloud.ca_file)
    return client
