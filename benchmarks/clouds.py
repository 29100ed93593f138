"""The daemon itself: how soon it is ready, what it holds in memory, how fast it answers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from helpers.localcloud import daemon
from tests.client import Client

from .report import Figure, compared, median
from .sides import Side


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Five starts, the memory of an idle daemon's processes, and two hundred management calls."""
    ready = in_turn_starts(folder, sides)
    memory, calls = [], []
    for number, side in enumerate(sides):
        with side.cloud(folder / f"idle{number}") as started:
            calls.append(management_calls(started.running) * 1000)
        with side.cloud(folder / f"idle{number}") as started:
            time.sleep(2)
            memory.append(started.memory)
    return [
        compared("daemon ready", ready, "s", 0.7, "median of 5"),
        compared("daemon idle memory", memory, "MB", 100, "PSS of all its processes"),
        compared("management call", calls, "ms", 10, "median of 200 at the client, TLS kept"),
    ]


def in_turn_starts(folder: Path, sides: Sequence[Side]) -> list[float]:
    """Median seconds until a fresh cloud is ready, the sides taking turns."""
    found: list[list[float]] = [[] for _ in sides]
    for turn in range(5):
        for number, side in enumerate(sides):
            with side.cloud(folder / f"start{number}-{turn}") as started:
                found[number].append(started.seconds)
    return [statistics.median(one) for one in found]


def client(running: daemon.Running) -> requests.Session:
    """A plain HTTP client of a cloud."""
    http = Client()
    http.trust_env = False
    http.proxies = {"http": running.proxy_url, "https": running.proxy_url}
    http.verify = running.ca_file
    return http


def token(
    running: daemon.Running, http: requests.Session, audience: str = "https://management.azure.com"
) -> str:
    """A token of the tutorial's service principal, for Azure Resource Manager or another service."""
    account = running.account
    answer = http.post(
        f"https://login.microsoftonline.com/{account.tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "scope": f"{audience}/.default",
        },
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def manager(running: daemon.Running) -> tuple[requests.Session, str]:
    """A client that may manage everything, and the address of a resource group, which it has made."""
    http = client(running)
    http.headers["Authorization"] = f"Bearer {token(running, http)}"
    subscription = running.account.subscription_id
    url = f"https://management.azure.com/subscriptions/{subscription}/resourceGroups/bench"
    http.put(url, json={"location": "eastus"}, timeout=60).raise_for_status()
    return http, url


def registry(http: requests.Session, group: str, name: str) -> str:
    """The address of a registry in that group, which is made."""
    url = f"{group}/providers/Microsoft.ContainerRegistry/registries/{name}"
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    http.put(url, json=body, timeout=60).raise_for_status()
    return url


def management_calls(running: daemon.Running) -> float:
    """Median of a GET of a resource group, in seconds, over one kept connection."""
    http, url = manager(running)
    return median(lambda: http.get(url, timeout=30).raise_for_status(), 200)
