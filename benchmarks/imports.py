"""An image of 100 MB from one registry to another: importImage, and skopeo copy beside it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import requests

from helpers.localcloud import daemon

from .clouds import client, manager, registry
from .images import push_blob, push_manifest
from .report import Figure, compared, seconds
from .sides import Side, Started, each

LAYERS, LAYER = 5, 20 * 1000 * 1000  # bytes of a layer
TURNS = 3
_SOURCE, _TARGET = "importsource", "importtarget"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Medians of nine imports, each to a new repository, and of three copies by skopeo."""
    found = each(sides, folder, partial(_measure, folder))
    imported, copied = [one[0] * 1000 for one in found], found[0][1]
    figures = [
        compared("import 100 MB", imported, "ms", 50, "begun, and its outcome told; TLS kept")
    ]
    if copied is None:
        note = "not installed: apt-get install skopeo"
        return [*figures, Figure("… skopeo copy", 0, "s", note=note)]
    ratio = imported[0] / 1000 / copied
    return [
        *figures,
        Figure("… skopeo copy", copied, "s", note="to a registry that has none of it"),
        Figure("… ratio import / skopeo copy", ratio, "", 0.1),
    ]


def _measure(folder: Path, started: Started) -> tuple[float, float | None]:
    http, group = manager(started.running)
    source, target = (registry(http, group, name) for name in (_SOURCE, _TARGET))
    pushing = client(started.running)
    account = started.running.account
    pushing.auth = (account.client_id, account.client_secret)
    numbers = iter(range(1000))

    def import_once() -> None:
        resource = source.removeprefix("https://management.azure.com")
        body = {
            "source": {"resourceId": resource, "sourceImage": "bench:1"},
            "targetTags": [f"imported{next(numbers)}:1"],
        }
        _import(http, target, body)

    imports, copies = [], []
    program = shutil.which("skopeo")
    for _ in range(TURNS):
        _push(pushing)  # new content each time
        imports += seconds(import_once, 3)
        if program is not None:
            to = f"copied{next(numbers)}:1"
            copies += seconds(partial(_copy, program, started.running, folder, to), 1)
    return statistics.median(imports), statistics.median(copies) if copies else None


def _import(http: requests.Session, target: str, body: dict[str, Any]) -> None:
    answer = http.post(f"{target}/importImage", json=body, timeout=60)
    while answer.status_code == 202:
        answer = http.get(answer.headers["Location"], timeout=60)
    answer.raise_for_status()


def _push(http: requests.Session) -> None:
    base = f"https://{_SOURCE}.azurecr.io/v2/bench"
    layers = [os.urandom(1000) + bytes(LAYER - 1000) for _ in range(LAYERS)]
    described = [push_blob(http, base, data) for data in layers]
    push_manifest(http, base, "1", push_blob(http, base, b"{}"), described)


def _copy(program: str, running: daemon.Running, folder: Path, target: str) -> None:
    account = running.account
    user = base64.b64encode(f"{account.client_id}:{account.client_secret}".encode()).decode()
    servers = (f"{_SOURCE}.azurecr.io", f"{_TARGET}.azurecr.io")
    logins = folder / "auth.json"
    logins.touch(0o600)
    logins.write_text(json.dumps({"auths": {server: {"auth": user} for server in servers}}))
    addresses = (f"docker://{servers[0]}/bench:1", f"docker://{servers[1]}/{target}")
    done = subprocess.run(
        [program, "copy", "--authfile", str(logins), *addresses],
        env={**os.environ, **daemon.environment(running)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"skopeo copy failed: {done.stderr.strip()}")
