"""A task as data: the language of ``task render --json``. What is empty, false or 0 is left out.

Names are those of a task file; ``waits`` are the steps that one waits for (``acb_root``: none),
``mounts`` name and path of a step's volumes, a secret is its id, its address, and the identity;
``args`` is the command line that the agent runs for a cmd, ``parsed`` Dockerfile, target and context of
a build.
"""

from __future__ import annotations

from typing import Any

from . import agent_command, cached_build
from .build_command import ScannedCommand
from .graph import Graph
from .task_file import Network, Step, Task

# Properties of a step, and the fields of :class:`Step` that have them.
_STEP = {
    "id": "id",
    "build": "build",
    "cmd": "cmd",
    "push": "push",
    "workingDirectory": "working_directory",
    "entryPoint": "entry_point",
    "user": "user",
    "network": "network",
    "isolation": "isolation",
    "cpus": "cpus",
    "cache": "cache",
    "env": "env",
    "expose": "expose",
    "ports": "ports",
    "when": "when",
    "timeout": "timeout",
    "startDelay": "start_delay",
    "retries": "retries",
    "retryDelay": "retry_delay",
    "retryOnErrors": "retry_on_errors",
    "repeat": "repeat",
    "cmdDownloadRetries": "cmd_download_retries",
    "cmdDownloadRetryDelay": "cmd_download_retry_delay",
    "keep": "keep",
    "detach": "detach",
    "privileged": "privileged",
    "ignoreErrors": "ignore_errors",
    "pull": "pull",
    "disableWorkingDirectoryOverride": "disable_working_directory_override",
}


def describe(task: Task) -> dict[str, Any]:
    """The task, its defaults filled in, as a JSON object."""
    waits = Graph(task.steps).told
    return _without_empty(
        {
            "version": task.version,
            "rendered": task.rendered,
            "stepTimeout": task.step_timeout,
            "workingDirectory": task.working_directory,
            "env": task.env,
            "secrets": [[one.id, one.key_vault, one.client_id] for one in task.secrets],
            "networks": [_network(one) for one in task.networks],
            "steps": [_step(one, waits[one.id], task) for one in task.steps],
        }
    )


def _step(step: Step, waits: list[str], task: Task) -> dict[str, Any]:
    described = {name: getattr(step, field) for name, field in _STEP.items()}
    if step.build:
        described |= _build(step, task)
    elif step.cmd:
        described["args"] = ["/bin/sh", "-c", agent_command.of_step(step)]
    described["mounts"] = [[one["name"], one["mountPath"]] for one in step.volume_mounts]
    described["waits"] = waits
    return _without_empty(described)


def _build(step: Step, task: Task) -> dict[str, Any]:
    """What the engine makes of a build, by its own reading of the words."""
    build = cached_build.command_of(step, task.name, task.registry)
    scanned = ScannedCommand.of(build)
    return {
        "build": build,
        "parsed": [scanned.dockerfile, scanned.target, scanned.context],
        "tags": cached_build.tags_of(step),
        "buildArgs": cached_build.following(step.build, "--build-arg"),
    }


def _network(network: Network) -> dict[str, Any]:
    return _without_empty(
        {
            "name": network.name,
            "driver": network.driver,
            "isDefault": network.is_default,
            "skipCreation": network.skip_creation,
            "ipv6": network.ipv6,
        }
    )


def _without_empty(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}
