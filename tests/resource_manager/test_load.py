"""Many requests at once: no service waits for another, and whoever reads is answered meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from helpers.localcloud.api_versions import newest
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry
from tests.resource_manager.test_tasks import repository

TASKS = 200


def _task(url: str, token: str) -> dict[str, Any]:
    source = {
        "sourceControlType": "Github",
        "repositoryUrl": url,
        "branch": "main",
        "sourceControlAuthProperties": {"tokenType": "PAT", "token": token},
    }
    step = {"type": "FileTask", "taskFilePath": "acr-task.yaml", "contextPath": url}
    trigger = {"name": "push", "sourceTriggerEvents": ["commit"], "sourceRepository": source}
    return {
        "location": "eastus",
        "properties": {
            "platform": {"os": "linux"},
            "step": {**step, "contextAccessToken": token},
            "trigger": {"sourceTriggers": [trigger]},
        },
    }


def test_many_tasks_with_source_triggers_at_once(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    registry = make_registry(local_cloud, group)
    body = _task(repository(local_cloud), local_cloud.account.github_token)
    token = local_cloud.token()
    place = f"https://management.azure.com{local_cloud.subscription}/resourceGroups/{group}"
    tasks = f"{place}/providers/Microsoft.ContainerRegistry/registries/{registry}/tasks"
    version = {"api-version": newest(f"{tasks}/task")}
    headers = {"Authorization": f"Bearer {token}"}
    together = threading.Barrier(TASKS)

    def put(number: int) -> int:
        with local_cloud.http() as client:
            together.wait()
            url = f"{tasks}/task-{number}"
            answer = client.put(url, json=body, params=version, headers=headers, timeout=60)
            return answer.status_code

    meanwhile = []
    with ThreadPoolExecutor(TASKS) as pool, local_cloud.http() as client:
        waiting = [pool.submit(put, number) for number in range(TASKS)]
        while not all(one.done() for one in waiting):
            answer = client.get(
                place, params={"api-version": "2025-04-01"}, headers=headers, timeout=60
            )
            assert answer.status_code == 200
            meanwhile.append(sum(one.done() for one in waiting))
    assert {one.result() for one in waiting} == {200}
    first = local_cloud.http().get(tasks, params=version, headers=headers).json()
    second = local_cloud.http().get(first["nextLink"], headers=headers).json()
    assert len({one["name"] for one in first["value"] + second["value"]}) == TASKS
    assert "nextLink" not in second
    # Answers came while tasks were being made, not when all of them had been.
    assert any(0 < number < TASKS for number in meanwhile)
