"""What a run was asked to do: the request, or the task as it was then, in one form."""

from __future__ import annotations

import copy
from typing import Any

from ..errors import CloudError
from ..store import Resource
from . import rules

_REQUESTS = {
    "DockerBuildRequest": "Docker",
    "FileTaskRunRequest": "FileTask",
    "EncodedTaskRunRequest": "EncodedTask",
}


def snapshot(
    request: dict[str, Any], task: Resource | None, trigger: dict[str, Any] | None
) -> dict[str, Any]:
    """The work of a run, complete with secret values, independent of later changes of the task.

    ``request`` has the types that the model of its kind gives it. Keys: task (name or ""), taskId,
    runType, step (as a task's step), platform, agentConfiguration, timeout (seconds), credentials,
    customRegistries (their names), trigger, updateTriggerToken, isArchiveEnabled. Raises 400 for a
    request that cannot be run, 501 for one that only Azure runs.
    """
    kind = request.get("type")
    if kind == "TaskRunRequest":
        if task is None:
            raise _invalid("The TaskRunRequest names no task: taskId is required.")
        order = _of_task(request, task)
    elif kind in _REQUESTS:
        order = _of_request(request, _REQUESTS[str(kind)])
    else:
        raise _invalid(
            f"The run request type '{kind}' is invalid: it is one of TaskRunRequest, "
            + ", ".join(_REQUESTS)
            + "."
        )
    for name in ("agentPoolName", "logTemplate"):
        if request.get(name):
            raise CloudError.not_implemented(f"run request property {name}")
    _check(order)
    docker = order["step"]["type"] == "Docker"
    # A build that somebody asks for is a QuickRun, too (recordings of azure-cli: test_acr_abac_build).
    order["runType"] = ("AutoBuild" if docker else "AutoRun") if trigger else "QuickRun"
    order["trigger"] = trigger or {}
    order["isArchiveEnabled"] = bool(request.get("isArchiveEnabled"))
    order["customRegistries"] = list((order["credentials"] or {}).get("customRegistries") or {})
    return order


def _of_task(request: dict[str, Any], task: Resource) -> dict[str, Any]:
    properties = copy.deepcopy(task.private.get("properties") or task.properties)
    if properties.get("status") == "Disabled":
        raise CloudError(
            409,
            "TaskDisabled",
            f"The task '{task.name}' is disabled and cannot be run. Enable it first: az acr task "
            f"update --name {task.name} --registry {task.parent.rpartition('/')[2]} --status "
            "Enabled.",
        )
    step = properties["step"]
    override = request.get("overrideTaskStepProperties") or {}
    _override(step, override)
    return {
        "task": task.name,
        "taskId": task.id,
        "step": step,
        "platform": properties.get("platform") or rules.platform_of({}),
        "agentConfiguration": rules.agent_of(properties),
        "timeout": properties.get("timeout") or rules.TIMEOUT,
        "credentials": properties.get("credentials") or {},
        "updateTriggerToken": override.get("updateTriggerToken") or "",
    }


def _override(step: dict[str, Any], override: dict[str, Any]) -> None:
    """Values and arguments of one run go over those of the task, name by name."""
    if override.get("contextPath"):
        step["contextPath"] = override["contextPath"]
    docker = step["type"] == "Docker"
    if override.get("file"):
        if step["type"] == "EncodedTask":
            raise _invalid("An EncodedTask has no file that a run could override.")
        step["dockerFilePath" if docker else "taskFilePath"] = override["file"]
    if override.get("target"):
        if not docker:
            raise _invalid("Only a task with a Docker build step has a target.")
        step["target"] = override["target"]
    for field, allowed in (("values", not docker), ("arguments", docker)):
        given = override.get(field) or []
        if given and not allowed:
            other = "arguments (--arg)" if docker else "values (--set)"
            raise _invalid(f"A task with a {step['type']} step takes {other}, not {field}.")
        if given:
            named = {one["name"]: one for one in step.get(field) or []}
            for one in _named(given, field):
                named[one["name"]] = {**one, "isSecret": bool(one.get("isSecret"))}
            step[field] = list(named.values())


def _of_request(request: dict[str, Any], kind: str) -> dict[str, Any]:
    names = [
        *("dockerFilePath", "imageNames", "isPushEnabled", "noCache", "target", "arguments"),
        *("taskFilePath", "valuesFilePath", "values"),
        *("encodedTaskContent", "encodedValuesContent"),
    ]
    step = {name: request[name] for name in names if request.get(name) is not None}
    step |= {"type": kind, "contextPath": request.get("sourceLocation")}
    if kind == "Docker":
        step["isPushEnabled"] = request.get("isPushEnabled") is not False
    return {
        "task": "",
        "taskId": "",
        "step": step,
        "platform": rules.platform_of(request),
        "agentConfiguration": rules.agent_of(request),
        "timeout": rules.TIMEOUT if request.get("timeout") is None else request["timeout"],
        "credentials": request.get("credentials") or {},
        "updateTriggerToken": "",
    }


def _check(order: dict[str, Any]) -> None:
    step = order["step"]
    required = rules.REQUIRED.get(step.get("type"))
    if required is None:
        raise _invalid(f"The step type '{step.get('type')}' is unknown.")
    if not step.get(required):
        raise _invalid(f"The run request requires '{required}'.")
    if step["type"] != "EncodedTask" and not step.get("contextPath"):
        raise _invalid(
            "The run request has no source: give sourceLocation, a git URL like "
            "https://github.com/OWNER/NAME.git#BRANCH:FOLDER or the relativePath of an upload."
        )
    for name in rules.ENCODED:
        if not rules.is_base64(step.get(name)):
            raise _invalid(f"'{name}' is not base64.")
    for name in ("values", "arguments"):
        _named(step.get(name) or [], name)
    rules.check_platform(order["platform"], "runs")
    rules.check_agent(order["agentConfiguration"])
    timeout = order["timeout"]
    if not rules.may_last(timeout):
        raise _invalid(
            f"The timeout is {timeout}; it must be between {rules.SHORTEST} and {rules.LONGEST} "
            "seconds."
        )


def _named(values: Any, field: str) -> list[dict[str, Any]]:
    good = isinstance(values, list) and all(
        isinstance(one, dict) and one.get("name") for one in values
    )
    if not good:
        raise _invalid(f"Each of '{field}' is an object with name, value and isSecret.")
    named: list[dict[str, Any]] = values
    return named


def _invalid(message: str) -> CloudError:
    return CloudError(400, "InvalidRunRequest", message)
