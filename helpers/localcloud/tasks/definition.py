"""A task file as data: rendered, read, checked, with the engine's defaults.

Source: acr-builder, graph/task.go and graph/step.go; documentation "ACR Tasks reference: YAML".
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from . import aliases, template
from .errors import TaskError

__all__ = ["Network", "RenderOptions", "SecretReference", "Step", "Task", "TaskError", "parse"]

STEP_TIMEOUT = 600  # seconds (graph/task.go)
RETRY_DELAY = 5  # seconds (graph/task.go; the documentation says 0)
DEFAULT_NETWORK = "acb_default_network"
_UNMARSHAL = "failed to unmarshal task before running: "


@dataclass(frozen=True)
class SecretReference:
    """A secret of the file's ``secrets``: where its value is kept."""

    id: str
    key_vault: str  # URL of a secret
    client_id: str = ""  # a user-assigned identity


@dataclass(frozen=True)
class Network:
    """A network of the run."""

    name: str
    driver: str = "bridge"


@dataclass
class Step:
    """One step; times are in seconds. Exactly one of ``build``, ``cmd`` and ``push`` is set."""

    id: str
    build: str = ""
    cmd: str = ""
    push: list[str] = field(default_factory=list)
    working_directory: str = ""
    entry_point: str = ""
    user: str = ""
    network: str = DEFAULT_NETWORK
    isolation: str = ""
    cpus: str = ""
    cache: str = ""
    env: list[str] = field(default_factory=list)
    expose: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    volume_mounts: list[dict[str, str]] = field(default_factory=list)
    when: list[str] | None = None
    timeout: int = 0  # 0: the task's stepTimeout
    start_delay: int = 0
    retries: int = 0
    retry_delay: int = RETRY_DELAY
    retry_on_errors: list[str] = field(default_factory=list)
    repeat: int = 0
    cmd_download_retries: int = 0
    cmd_download_retry_delay: int = 0
    keep: bool = False
    detach: bool = False
    privileged: bool = False
    ignore_errors: bool = False
    pull: bool = False
    disable_working_directory_override: bool = False


@dataclass
class Task:
    """A task file, ready to run."""

    version: str
    steps: list[Step]
    step_timeout: int = STEP_TIMEOUT
    working_directory: str = ""
    env: list[str] = field(default_factory=list)
    secrets: list[SecretReference] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class RenderOptions:
    """What templates may refer to, and how secrets and alias files are got.

    ``resolve_secrets`` is called when the file mentions secrets; ``read_file`` gives the text of
    a file that ``alias.src`` names.
    """

    run_id: str = ""
    commit: str = ""
    repository: str = ""
    branch: str = ""
    git_tag: str = ""
    triggered_by: str = ""
    registry: str = ""
    date: str = ""
    shared_volume: str = ""
    os: str = "linux"
    os_version: str = ""
    architecture: str = "amd64"
    task_name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    values_file: str = ""
    resolve_secrets: Callable[[list[SecretReference]], Mapping[str, str]] | None = None
    read_file: Callable[[str], str] | None = None

    def data(self, secrets: Mapping[str, str]) -> dict[str, Any]:
        """The dot of the template (templating/base_render_options.go)."""
        run = {
            "ID": self.run_id,
            "Commit": self.commit,
            "Repository": self.repository,
            "Branch": self.branch,
            "GitTag": self.git_tag,
            "TriggeredBy": self.triggered_by,
            "Registry": self.registry,
            "RegistryName": self.registry.split(".")[0],
            "Date": self.date,
            "SharedVolume": self.shared_volume,
            "OS": self.os,
            "OSVersion": self.os_version,
            "Architecture": self.architecture,
            "TaskName": self.task_name,
        }
        values = {**_values_file(self.values_file), **self.values}
        return {
            "Build": {"ID": self.run_id},
            "Run": run,
            "Values": values,
            "ValuesJSON": shlex.quote(json.dumps(values, separators=(",", ":"))),
            "RunJSON": shlex.quote(json.dumps(run, separators=(",", ":"))),
            "Secrets": dict(secrets),
        }


def _values_file(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TaskError(f"failed to read the values file: {_where(error)}") from None
    if not isinstance(values, dict):
        raise TaskError("failed to read the values file: it must map names to values")
    return values


def parse(text: str, options: RenderOptions) -> Task:
    """Render and read a task file.

    Secrets are resolved between two renderings: the first finds them, the second has their
    values. Raises :class:`TaskError` with the engine's message.
    """
    version = aliases.find_version(text)
    names: dict[str, str] = {}
    if aliases.supports_aliases(version):
        alias_text, text = aliases.split(text)

        def read(source: str) -> str:
            if options.read_file is None:
                raise TaskError(f"the alias source '{source}' cannot be read: there is no context")
            return options.read_file(source)

        rendered_alias = template.render(alias_text, options.data({})) if alias_text else ""
        names, directive = aliases.definitions(rendered_alias, read)
        text = aliases.replace(text, names, directive)
    task = _unmarshal(_render(text, options, {}), names)
    if "secrets" in text.lower() and task.secrets:
        if options.resolve_secrets is None:
            raise TaskError("unable to render task: the run has nobody who could read its secrets")
        secrets = options.resolve_secrets(task.secrets)
        task = _unmarshal(_render(text, options, secrets), names)
    return task


def _render(text: str, options: RenderOptions, secrets: Mapping[str, str]) -> str:
    rendered = template.render(text, options.data(secrets))
    if not rendered.strip():
        raise TaskError("unable to render task: rendered template was empty")
    return rendered


def _where(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"yaml: line {mark.line + 1}: {problem}" if mark else f"yaml: {problem}"


def _unmarshal(text: str, names: dict[str, str]) -> Task:
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TaskError(_UNMARSHAL + _where(error)) from None
    if not isinstance(parsed, dict):
        raise TaskError(f"{_UNMARSHAL}yaml: the task file must be a mapping with 'steps'")
    version = str(parsed.get("version") or aliases.DEFAULT_VERSION)
    if version not in aliases.VERSIONS:
        raise TaskError(
            f"{_UNMARSHAL}invalid version specified: {version}; versions are "
            f"{', '.join(aliases.VERSIONS)}"
        )
    read = _Reader("task", parsed)
    steps = parsed.get("steps")
    if not isinstance(steps, list) or not steps:
        raise TaskError(f"{_UNMARSHAL}the task file has no steps")
    task = Task(
        version=version,
        steps=[_step(number, one, names) for number, one in enumerate(steps)],
        step_timeout=read.number("stepTimeout", STEP_TIMEOUT) or STEP_TIMEOUT,
        working_directory=read.text("workingDirectory"),
        env=read.texts("env"),
        secrets=[_secret(one) for one in parsed.get("secrets") or []],
        networks=_networks(parsed.get("networks")),
        volumes=list(parsed.get("volumes") or []),
    )
    seen: set[str] = set()
    for secret in task.secrets:
        if secret.id in seen:
            raise TaskError(f"{_UNMARSHAL}duplicate secret found with id: {secret.id}")
        seen.add(secret.id)
    return task


def _secret(given: Any) -> SecretReference:
    read = _Reader("secret", given if isinstance(given, dict) else {})
    found = SecretReference(read.text("id"), read.text("keyvault"), read.text("clientID"))
    if not found.id:
        raise TaskError(f"{_UNMARSHAL}secret is missing an ID")
    if not found.key_vault:
        raise TaskError(f"{_UNMARSHAL}secret '{found.id}' is missing its keyvault URL")
    return found


def _networks(given: Any) -> list[Network]:
    networks = [Network(DEFAULT_NETWORK)]
    for one in given or []:
        read = _Reader("network", one if isinstance(one, dict) else {})
        name = read.text("name")
        if not name:
            raise TaskError(f"{_UNMARSHAL}network is missing a name")
        networks.append(Network(name, read.text("driver") or "bridge"))
    return networks


def _step(number: int, given: Any, names: dict[str, str]) -> Step:
    if not isinstance(given, dict):
        raise TaskError(f"{_UNMARSHAL}step {number + 1} is no mapping")
    read = _Reader(f"step '{given.get('id') or number}'", given)
    command = read.text("cmd")
    push = read.texts("push")
    step = Step(
        id=read.text("id") or f"acb_step_{number}",
        build=read.text("build").strip(),
        cmd=aliases.expand_command(command.strip(), names),
        push=push,
        working_directory=read.text("workingDirectory"),
        entry_point=read.text("entryPoint"),
        user=read.text("user"),
        network=read.text("network") or DEFAULT_NETWORK,
        isolation=read.text("isolation"),
        cpus=read.text("cpus"),
        cache=read.text("cache"),
        env=read.texts("env"),
        expose=read.texts("expose"),
        ports=read.texts("ports"),
        volume_mounts=list(given.get("volumeMounts") or []),
        when=read.texts("when") if given.get("when") is not None else None,
        timeout=read.number("timeout", 0),
        start_delay=read.number("startDelay", 0),
        retries=read.number("retries", 0),
        retry_delay=read.number("retryDelay", RETRY_DELAY),
        retry_on_errors=read.texts("retryOnErrors"),
        repeat=read.number("repeat", 0),
        cmd_download_retries=read.number("cmdDownloadRetries", 0),
        cmd_download_retry_delay=read.number("cmdDownloadRetryDelay", 0),
        keep=read.flag("keep"),
        detach=read.flag("detach"),
        privileged=read.flag("privileged"),
        ignore_errors=read.flag("ignoreErrors"),
        pull=read.flag("pull"),
        disable_working_directory_override=read.flag("disableWorkingDirectoryOverride"),
    )
    _check(step)
    return step


def _check(step: Step) -> None:
    """The engine's rules for a step, in its words (graph/step.go)."""
    kinds = [bool(step.build), bool(step.cmd), bool(step.push)]
    message = ""
    if any(character.isspace() for character in step.id):
        message = "step ID cannot contain spaces"
    elif step.id == "acb_root":
        message = "step ID cannot be acb_root, which is reserved"
    elif not any(kinds):
        message = "step is missing a cmd, build, or push property"
    elif sum(kinds) > 1:
        message = "step must only contain a single build, cmd, or push property"
    elif step.when and "-" in step.when and len(step.when) > 1:
        message = (
            "step cannot contain other IDs in when if the immediate execution token is specified"
        )
    elif step.retries < 0:
        message = "step must specify retries >= 0"
    elif step.repeat < 0:
        message = "step must specify repeat >= 0"
    elif step.cache.lower() not in ("", "enabled", "disabled"):
        message = "invalid value for cache property. Valid values are 'enabled', 'disabled'"
    if message:
        raise TaskError(f"{_UNMARSHAL}{message} [step: {step.id}]")


class _Reader:
    """Reads properties of a mapping; the text says whose property has the wrong type."""

    def __init__(self, whose: str, values: Mapping[str, Any]) -> None:
        self._whose = whose
        self._values = values

    def _wrong(self, name: str, wanted: str) -> TaskError:
        return TaskError(
            f"{_UNMARSHAL}yaml: cannot read '{name}' of {self._whose}: it must be {wanted}"
        )

    def text(self, name: str) -> str:
        """A scalar as text; "" when missing."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, (dict, list)):
            raise self._wrong(name, "a text")
        return str(value).lower() if isinstance(value, bool) else str(value)

    def texts(self, name: str) -> list[str]:
        """A list of texts; a single text is a list of one, as yaml.v2 reads it."""
        value = self._values.get(name)
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, (dict, list)) for item in items):
            raise self._wrong(name, "a list of texts")
        return [str(item) for item in items]

    def number(self, name: str, default: int) -> int:
        """A whole number; ``default`` when missing."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
            raise self._wrong(name, "a whole number")
        return int(value)

    def flag(self, name: str) -> bool:
        """true or false; false when missing."""
        value = self._values.get(name)
        if value in (None, "true", "false") or isinstance(value, bool):
            return value in (True, "true")
        raise self._wrong(name, "true or false")
