"""A client in a process of its own that asks one address again and again, and notes how long it took.

Reads what it needs as JSON on stdin; a line more ends it; then it writes the seconds as JSON.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import requests

from helpers.localcloud.api_versions import newest

_TIMEOUT = 15.0  # seconds: an answer that takes longer counts as this
_PAUSE = 0.005  # seconds between two requests


@contextlib.contextmanager
def probing(http: requests.Session, url: str) -> Iterator[list[float]]:
    """Ask ``url`` from another process meanwhile; the list has the seconds afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: list[float] = []
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        given = {
            "url": f"{url}?api-version={newest(url)}",
            "proxies": dict(http.proxies),
            "verify": http.verify,
            "headers": {"Authorization": http.headers["Authorization"]},
        }
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        process.stdout.readline()  # it has asked once
        yield found
        output, _ = process.communicate("\n", timeout=2 * _TIMEOUT)
        found += json.loads(output)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Ask until a line comes."""
    given = json.loads(sys.stdin.readline())
    http = requests.Session()
    http.trust_env = False
    http.proxies, http.verify = given["proxies"], given["verify"]
    http.headers.update(given["headers"])
    http.get(given["url"], timeout=_TIMEOUT).raise_for_status()
    print(flush=True)
    over = threading.Event()

    def until_told() -> None:
        sys.stdin.readline()
        over.set()

    threading.Thread(target=until_told, daemon=True).start()
    found = []
    while not over.is_set():
        began = time.perf_counter()
        try:
            good = http.get(given["url"], timeout=_TIMEOUT).ok
        except requests.RequestException:
            good = False
        found.append(time.perf_counter() - began if good else _TIMEOUT)
        time.sleep(_PAUSE)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
