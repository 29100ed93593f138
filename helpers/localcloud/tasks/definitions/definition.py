"""From the text of a task file to a task: aliases, template, secrets, properties, checks.

Source: acr-builder, cmd/acb/commands/exec/exec.go, templating/templating.go and graph/task.go.
Unknown properties are ignored, as the engine ignores them; those that it knows and the local cloud
lacks fail the run (tasks/steps.py).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence

from ..errors import TaskError
from ..templating import template
from ..templating.render_options import RenderOptions, SecretReference
from . import aliases
from .graph import Graph
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
from .yaml_values import Document, Properties, YamlError

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
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LINE = re.compile(r"(?<=\bline )\d+(?=:)")


def needs_secrets(text: str) -> bool:
    """Whether a task file is to be rendered twice, the first time to find its secrets."""
    return "secrets" in text


def parse(text: str, options: RenderOptions) -> Task:
    """Render and read a task file.

    Secrets are resolved between two renderings: the first finds them, the second has their
    values. Raises :class:`TaskError` with the engine's message; lines are those of the file.
    """
    names: dict[str, str] = {}
    lines: Sequence[int] | None = None
    if aliases.supports_aliases(aliases.find_version(text)):
        parts = aliases.split(text)
        names, directive = _aliases(parts, options)
        text, lines = aliases.replace(parts.rest, names, directive), parts.rest_lines
        if text.count("\n") != parts.rest.count("\n"):
            lines = None  # an alias of several lines: they cannot be told any more
    secrets: Mapping[str, str] = {}
    if needs_secrets(text):
        wanted = _deserialize(*_render(text, options, {}, lines)).secrets
        if wanted and options.resolve_secrets is None:
            raise TaskError("unable to render task: the run has nobody who could read its secrets")
        if wanted and options.resolve_secrets is not None:
            secrets = options.resolve_secrets(wanted)
    rendered, lines = _render(text, options, secrets, lines)
    task = _deserialize(rendered, lines)
    task.rendered = rendered
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
    return _render(text, options, {}, None)[0]


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
    text: str, options: RenderOptions, secrets: Mapping[str, str], lines: Sequence[int] | None
) -> tuple[str, Sequence[int] | None]:
    """The rendered text, and where its lines stood in the file (None: not known)."""
    try:
        rendered = template.render(text, options.data(secrets))
    except template.TemplateError as error:
        told = _told(error, lines)
        raise TaskError(f"unable to render task: error while rendering templates: {told}") from None
    if not rendered.strip():
        raise TaskError("unable to render task: rendered template was empty")
    same = lines is not None and rendered.count("\n") == text.count("\n")
    return rendered, lines if same else None


def _told(error: template.TemplateError, lines: Sequence[int] | None) -> str:
    """A template's error with the line of the file instead of that of the text rendered."""
    if lines and error.line <= len(lines):
        return str(template.TemplateError(lines[error.line - 1], error.reason))
    return str(error)


# -- reading ---------------------------------------------------------------------------------------


def _deserialize(text: str, lines: Sequence[int] | None) -> Task:
    """The properties of a rendered file, its secrets and volumes checked (Task.Validate)."""
    try:
        document = Document(text)
        task = _task(document.root("graph.Task"))
        document.check()
    except YamlError as error:
        told = str(error)
        if lines:
            known = lines
            told = _LINE.sub(lambda m: str(known[min(int(m[0]), len(known)) - 1]), told)
        raise TaskError(_DESERIALIZE + told) from None
    try:
        _check_secrets(task.secrets)
        _check_volumes(task)
    except TaskError as error:
        raise TaskError(_DESERIALIZE + str(error)) from None
    return task


def _task(given: Properties) -> Task:
    return Task(
        version=given.text("version"),
        steps=[_step(one) for one in given.mappings("steps", "graph.Step")],
        step_timeout=given.number("stepTimeout"),
        working_directory=given.text("workingDirectory"),
        env=given.texts("env"),
        secrets=[
            SecretReference(one.text("id"), one.text("keyvault"), one.text("clientID"))
            for one in given.mappings("secrets", "secretmgmt.Secret")
        ],
        networks=[
            Network(
                one.text("name"),
                one.text("driver"),
                one.flag("isDefault"),
                one.flag("skipCreation"),
                one.flag("ipv6"),
            )
            for one in given.mappings("networks", "graph.Network")
        ],
        # The documentation has "secret", the engine's newest source "values".
        volumes=[
            {"name": one.text("name"), "secret": dict(one.pairs("secret") + one.pairs("values"))}
            for one in given.mappings("volumes", "volume.VolumeMount")
        ],
    )


def _step(given: Properties) -> Step:
    return Step(
        id=given.text("id"),
        build=given.text("build").strip(),
        cmd=given.text("cmd").strip(),
        push=given.texts("push"),
        working_directory=given.text("workingDirectory"),
        entry_point=given.text("entryPoint"),
        user=given.text("user"),
        network=given.text("network"),
        isolation=given.text("isolation"),
        cpus=given.text("cpus"),
        cache=given.text("cache"),
        env=given.texts("env"),
        expose=given.texts("expose"),
        ports=given.texts("ports"),
        volume_mounts=[
            {"name": one.text("name"), "mountPath": one.text("mountPath")}
            for one in given.mappings("volumeMounts", "volume.Mount")
        ],
        when=given.texts("when") or None,
        timeout=given.number("timeout"),
        start_delay=given.number("startDelay"),
        retries=given.number("retries"),
        retry_delay=given.number("retryDelay"),
        retry_on_errors=given.texts("retryOnErrors"),
        repeat=given.number("repeat"),
        cmd_download_retries=given.number("cmdDownloadRetries"),
        cmd_download_retry_delay=given.number("cmdDownloadRetryDelay"),
        keep=given.flag("keep"),
        detach=given.flag("detach"),
        privileged=given.flag("privileged"),
        ignore_errors=given.flag("ignoreErrors"),
        pull=given.flag("pull"),
        disable_working_directory_override=given.flag("disableWorkingDirectoryOverride"),
    )


# -- rules and defaults ----------------------------------------------------------------------------


def _check_secrets(secrets: list[SecretReference]) -> None:
    seen: set[str] = set()
    for secret in secrets:
        message = ""
        if not secret.id:
            raise TaskError("secret is missing an ID as well as auto-generated ID")
        if any(character.isspace() for character in secret.id):
            message = "secret ID cannot contain spaces"
        elif not secret.key_vault:
            message = (
                "secret should contain either keyvault property for vault secret, or msi "
                "clientID/aadResourceId for msi authentication"
            )
        elif secret.client_id and not _is_uuid(secret.client_id):
            message = "msi client ID is not a valid guid"
        if message:
            raise TaskError(f"failed to validate secret with ID: {secret.id}: {message}")
        if secret.id in seen:
            raise TaskError(f"duplicate secret found with ID: {secret.id}")
        seen.add(secret.id)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _check_volumes(task: Task) -> None:
    names: set[str] = set()
    for volume in task.volumes:
        name = volume["name"]
        if not name or not volume["secret"]:
            raise TaskError("volume name or values is empty")
        if not _VOLUME_NAME.fullmatch(name):
            raise TaskError(
                f"volume name is not well formed. Only use alphanumeric and - _ [volume: {name}]"
            )
        if "" in volume["secret"]:
            raise TaskError(f"filename provided for value is empty [volume: {name}]")
        if name in names:
            raise TaskError(f"volume with duplicate name found [volume: {name}]")
        names.add(name)
    for step in task.steps:
        for mount in step.volume_mounts:
            if mount["name"] and mount["name"] not in names:
                raise TaskError(
                    f"provided mount name does not correspond to a volume [mount: {mount['name']}]"
                )


def _initialize(task: Task) -> None:
    """Defaults, merged environments, and the step graph (Task.initialize)."""
    task.version = task.version or DEFAULT_VERSION
    if task.version.lower() not in VERSIONS:
        raise TaskError(
            f'invalid version specified: "{task.version}", the current version is '
            f'"{DEFAULT_VERSION}" (there are {", ".join(VERSIONS)})'
        )
    if not task.steps:
        raise TaskError("the task file has no steps")
    if not task.networks:
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
        step.env = _merge(step.env, task.env)
        step.id = step.id or f"acb_step_{number}"
        step.push = list(dict.fromkeys(map(_tagged, step.push)))
    Graph(task.steps)


def _tagged(image: str) -> str:
    return image if "@" in image or ":" in image else f"{image}:latest"


def _merge(own: list[str], given: list[str]) -> list[str]:
    """The step's variables, then those of the task that it lacks.

    A variable of the task may hold several, with commas between (graph/task.go, mergeEnvs).
    """
    if not given:
        return own
    merged = list(own)
    names = set()
    for pair in own:
        if "=" not in pair:
            raise TaskError(_unparsed("step", pair))
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
