"""The daemon itself: how soon it is ready, what it holds in memory, how fast it answers."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import requests

from helpers.localcloud import daemon

from .report import Figure, seconds


def measure(folder: Path) -> list[Figure]:
    """Three starts, the memory of an idle daemon, and two hundred management calls."""
    starts = []
    for number in range(3):
        home = folder / f"start{number}"
        started = time.perf_counter()
        daemon.up(home)
        starts.append(time.perf_counter() - started)
        daemon.down(home)
    running = daemon.up(folder / "idle")
    try:
        time.sleep(1)
        memory = resident(running.pid)
        calls = management_calls(running)
    finally:
        daemon.down(folder / "idle")
    return [
        Figure("daemon ready (worst of 3)", max(starts), "s", 1.5),
        Figure("daemon idle memory", memory, "MB", 150),
        Figure("management call, median of 200", calls * 1000, "ms", 10, "at the client, TLS kept"),
    ]


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("this system does not tell the memory of a process")


def client(running: daemon.Running) -> requests.Session:
    """A plain HTTP client of a cloud."""
    http = requests.Session()
    http.trust_env = False
    http.proxies = {"http": running.proxy_url, "https": running.proxy_url}
    http.verify = running.ca_file
    return http


def token(running: daemon.Running, http: requests.Session) -> str:
    """A management token of the tutorial's service principal."""
    account = running.account
    answer = http.post(
        f"https://login.microsoftonline.com/{account.tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "scope": "https://management.azure.com/.default",
        },
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def management_calls(running: daemon.Running) -> float:
    """Median of a GET of a resource group, in seconds, over one kept connection."""
    http = client(running)
    http.headers["Authorization"] = f"Bearer {token(running, http)}"
    subscription = running.account.subscription_id
    url = f"https://management.azure.com/subscriptions/{subscription}/resourcegroups/bench"
    http.put(url, json={"location": "eastus"}, timeout=30).raise_for_status()
    return statistics.median(seconds(lambda: http.get(url, timeout=30).raise_for_status(), 200))
