"""Clones and pushes that take long: who asks the git host for anything else is answered."""

from __future__ import annotations

import asyncio
import importlib
import threading
from typing import Any

import pytest

from helpers.localcloud import git_host
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.git_host.repositories import Repositories

MANY = 30  # more than a service has threads


def test_many_packs_hold_up_nobody(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    smart_http = importlib.import_module("helpers.localcloud.git_host.smart_http")
    run = smart_http._run

    def slow(*arguments: Any, **more: Any) -> Any:
        assert go_on.wait(30)
        return run(*arguments, **more)

    monkeypatch.setattr(smart_http, "_run", slow)
    service = git_host.app(cloud)
    Repositories(cloud).create("somebody", "large", private=False, description="")

    async def ask(host: str, method: str, path: str, body: bytes = b"") -> int:
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", host.encode())],
        }
        await service(scope, receive, send)  # type: ignore[arg-type]
        return int(answers[0]["status"])

    async def scenario() -> None:
        clone = "/somebody/large.git/git-upload-pack"
        waiting = [
            asyncio.ensure_future(ask("github.com", "POST", clone, b"0000")) for _ in range(MANY)
        ]
        try:
            for host, path in (
                ("api.github.com", "/repos/somebody/large"),
                ("github.com", "/somebody/large"),
            ):
                assert await asyncio.wait_for(ask(host, "GET", path), 20) == 200
            assert not any(one.done() for one in waiting)
        finally:
            go_on.set()
        assert set(await asyncio.gather(*waiting)) == {200}

    asyncio.run(scenario())
