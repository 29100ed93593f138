"""From the text of a task file to a task: aliases, template, secrets, properties, checks.

Source: acr-builder, cmd/acb/commands/exec/exec.go, templating/templating.go and graph/task.go.
Unknown properties are ignored, as the engine ignores them; those that it knows and the local cloud
lacks fail the run (tasks/steps.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ..errors import TaskError
from ..templating import template
from ..templating.render_options import RenderOptions, SecretReference
from . import aliases, validation
from .graph import Graph
from .image_names import normalized
from .task_file import (
    DEFAULT_NETWORK,
    DEFAULT_VERSION,
    RETRY_DELAY,
    STEP_TIMEOUT,
    VERSIONS,
    Network,
    Step,
    Task,
)
from .task_shapes import TASK
from .yaml_values import LINE, Document, YamlError

__all__ = [
    "Network",
    "RenderOptions",
    "SecretReference",
    "Step",
    "Task",
    "TaskError",
    "needs_secrets",
    "parse",
]

_UNMARSHAL = "failed to unmarshal task before running: "
_DESERIALIZE = _UNMARSHAL + "failed to deserialize task and validate: "
Properties = Mapping[str, Any]
_LINE = re.compile(r"(?<=\bline )\d+(?=[:,])")


def needs_secrets(text: str) -> bool:
    """Whether a task file is to be rendered twice, the first time to find its secrets."""
    return "secrets" in text


def parse(text: str, options: RenderOptions) -> Task:
    """Render and read a task file.

    Secrets are resolved between two renderings: the first finds them, the second has their
    values. Raises :class:`TaskError` with the engine's message; lines are those of the file.
    """
    names: dict[str, str] = {}
    parts = aliases.split(text)
    text = parts.rest
    lines: Sequence[int] = parts.rest_lines
    if aliases.supports_aliases(aliases.find_version(text)):
        names, directive = _aliases(parts, options)
        text = aliases.replace(text, names, directive)
        if text.count("\n") != parts.rest.count("\n"):
            lines = []  # an alias of several lines: they cannot be told any more
    secrets: Mapping[str, str] = {}
    if needs_secrets(text):
        wanted = _deserialize(*_render(text, options, {}, lines)).secrets
        if wanted and options.resolve_secrets is None:
            raise TaskError("unable to render task: the run has nobody who could read its secrets")
        if wanted and options.resolve_secrets is not None:
            secrets = options.resolve_secrets(wanted)
    rendered, lines = _render(text, options, secrets, lines)
    task = _deserialize(rendered, lines)
    task.rendered, task.name, task.registry = rendered, options.task_name, options.registry
    try:
        _initialize(task)
    except TaskError as error:
        raise TaskError(f"{_UNMARSHAL}{error}") from None
    for step in task.steps:
        step.cmd = aliases.expand_command(step.cmd, names)
    return task


def assignments(given: Iterable[str]) -> list[tuple[str, str]]:
    """Names and values of ``NAME=VALUE`` (templating/base_render_options.go, parseValues).

    Raises :class:`TaskError`.
    """
    pairs = []
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise TaskError(
                f"failed to parse --set data; invalid format, no = assignment found: {one!r} must "
                "be NAME=VALUE"
            )
        if not name:
            raise TaskError(
                f"failed to parse --set data; expected a key=val format: {one!r} has no name"
            )
        pairs.append((name, value))
    return pairs


def render_template(text: str, options: RenderOptions) -> str:
    """A text rendered as a template alone, with the values of ``options`` and no secrets.

    Raises :class:`TaskError`.
    """
    return _render_text(text, options, {}, ())


def _aliases(parts: aliases.Parts, options: RenderOptions) -> tuple[dict[str, str], str]:
    """Names and directive of the alias block, which is a template of its own."""

    def read(source: str) -> str:
        if options.read_file is None:
            raise TaskError(f"the alias source '{source}' cannot be read: there is no context")
        return options.read_file(source)

    try:
        rendered = template.render(parts.alias, options.data({}))
    except template.TemplateError as error:
        told = _told(error, parts.alias_lines)
        raise TaskError(f"unable to render alias data: {told}") from None
    try:
        return aliases.definitions(rendered, read)
    except TaskError as error:
        raise TaskError(f"unable to search/replace aliases in task: {error}") from None


def _render(
    text: str, options: RenderOptions, secrets: Mapping[str, str], lines: Sequence[int]
) -> tuple[str, Sequence[int]]:
    """The rendered text, and where its lines stood in the file (nothing: not known)."""
    if not text:  # of a file that has nothing but comments, there is nothing to render
        return text, lines
    rendered = _render_text(text, options, secrets, lines)
    return rendered, lines if rendered.count("\n") == text.count("\n") else ()


def _render_text(
    text: str, options: RenderOptions, secrets: Mapping[str, str], lines: Sequence[int]
) -> str:
    try:
        rendered = template.render(text, options.data(secrets))
    except template.TemplateError as error:
        told = _told(error, lines)
        raise TaskError(f"unable to render task: error while rendering templates: {told}") from None
    if not rendered:
        raise TaskError("unable to render task: rendered template was empty")
    return rendered


def _told(error: template.TemplateError, lines: Sequence[int]) -> str:
    """A template's error with the line of the file instead of that of the text rendered."""
    if error.line <= len(lines):
        return str(template.TemplateError(lines[error.line - 1], error.reason, error.column))
    return str(error)


# -- reading ---------------------------------------------------------------------------------------


def _deserialize(text: str, lines: Sequence[int]) -> Task:
    """The properties of a rendered file, its secrets and volumes checked (Task.Validate)."""
    line_of = partial(_line_of, lines=lines)
    try:
        given = Document(text).read(TASK)
    except YamlError as error:
        told = _LINE.sub(lambda found: str(line_of(int(found[0]))), str(error))
        raise TaskError(_DESERIALIZE + told) from None
    try:
        task = _task(given)
        for step in task.steps:
            step.line = line_of(step.line)
        validation.check_secrets(given.get("secrets") or [], line_of)
        validation.check_volumes(given.get("volumes") or [], task.steps, line_of)
    except TaskError as error:
        raise TaskError(_DESERIALIZE + str(error)) from None
    return task


def _line_of(line: int, lines: Sequence[int]) -> int:
    """The line of the file for one of the text that was read."""
    return lines[min(line, len(lines)) - 1] if lines and line else line


def _task(given: Properties) -> Task:
    return Task(
        version=given.get("version", ""),
        steps=[_step(one) for one in _items(given, "steps")],
        step_timeout=given.get("stepTimeout", 0),
        working_directory=given.get("workingDirectory", ""),
        env=given.get("env") or [],
        secrets=[
            SecretReference(one.get("id", ""), one.get("keyvault", ""), one.get("clientID", ""))
            for one in _items(given, "secrets")
        ],
        networks=[
            Network(
                one.get("name", ""),
                one.get("driver", ""),
                one.get("isDefault", False),
                one.get("skipCreation", False),
                one.get("ipv6", False),
            )
            for one in _items(given, "networks")
        ],
        volumes=[
            {"name": one.get("name", ""), "secret": one.get("secret")}
            for one in _items(given, "volumes")
        ],
        is_build=given.get("isbuildtask", False),
    )


def _items(given: Properties, name: str) -> list[Properties]:
    items: list[Properties | None] = given.get(name) or []
    for number, item in enumerate(items, 1):
        if item is None:  # the engine falls over it
            raise TaskError(f"item {number} of '{name}' is empty: it must be a mapping")
    return [item for item in items if item is not None]


def _step(given: Properties) -> Step:
    return Step(
        id=given.get("id", ""),
        build=given.get("build", ""),
        cmd=given.get("cmd", ""),
        push=given.get("push") or [],
        working_directory=given.get("workingDirectory", ""),
        entry_point=given.get("entryPoint", ""),
        user=given.get("user", ""),
        network=given.get("network", ""),
        isolation=given.get("isolation", ""),
        cpus=given.get("cpus", ""),
        cache=given.get("cache", ""),
        env=given.get("env") or [],
        expose=given.get("expose") or [],
        ports=given.get("ports") or [],
        volume_mounts=[
            {"name": one.get("name", ""), "mountPath": one.get("mountPath", "")}
            for one in _items(given, "volumeMounts")
        ],
        tags=given.get("tags") or [],
        when=given.get("when") or None,
        timeout=given.get("timeout", 0),
        start_delay=given.get("startDelay", 0),
        retries=given.get("retries", 0),
        retry_delay=given.get("retryDelay", 0),
        retry_on_errors=given.get("retryOnErrors") or [],
        repeat=given.get("repeat", 0),
        cmd_download_retries=given.get("cmdDownloadRetries", 0),
        cmd_download_retry_delay=given.get("cmdDownloadRetryDelay", 0),
        keep=given.get("keep", False),
        detach=given.get("detach", False),
        privileged=given.get("privileged", False),
        ignore_errors=given.get("ignoreErrors", False),
        pull=given.get("pull", False),
        disable_working_directory_override=given.get("disableWorkingDirectoryOverride", False),
        line=given.get(LINE, 0),
    )


# -- rules and defaults ----------------------------------------------------------------------------


def _initialize(task: Task) -> None:
    """Defaults, merged environments, and the step graph (Task.initialize)."""
    task.version = task.version or DEFAULT_VERSION
    if task.version.lower() not in VERSIONS:
        raise TaskError(
            f'invalid version specified: "{task.version}", the current version is '
            f'"{DEFAULT_VERSION}" (there are {", ".join(VERSIONS)})'
        )
    if not task.networks and not task.is_build:
        task.networks = [Network(DEFAULT_NETWORK, "bridge", is_default=True)]
    default = next((one.name for one in reversed(task.networks) if one.is_default), "")
    if task.step_timeout <= 0:
        task.step_timeout = STEP_TIMEOUT
    for number, step in enumerate(task.steps):
        if step.timeout <= 0:
            step.timeout = task.step_timeout
        if step.retry_delay <= 0:
            step.retry_delay = RETRY_DELAY
        step.network = step.network or default
        step.working_directory = step.working_directory or task.working_directory
        step.env = _merge(step, task.env)
        step.id = step.id or f"acb_step_{number}"
        step.push = list(dict.fromkeys(map(normalized, step.push)))
    Graph(task.steps)


def _merge(step: Step, given: list[str]) -> list[str]:
    """The step's variables, then those of the task that it lacks.

    A variable of the task may hold several, with commas between (graph/task.go, mergeEnvs).
    """
    if not given:
        return step.env
    merged = list(step.env)
    names = set()
    for pair in step.env:
        if "=" not in pair:
            raise TaskError(_unparsed("step", pair) + step.place)
        names.add(pair.partition("=")[0])
    for pair in [part for one in given for part in one.split(",")]:
        if "=" not in pair:
            raise TaskError(_unparsed("task", pair))
        if pair.partition("=")[0] not in names:
            merged.append(pair)
    return merged


def _unparsed(whose: str, pair: str) -> str:
    return (
        "failed to merge task and step environment variables: cannot parse "
        f"{whose} environment variable {pair} correctly: it must be NAME=value"
    )
