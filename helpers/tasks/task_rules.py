"""Rules of ``task lint`` for task files: what the engine, the agent's shell and the scan make of them."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..localcloud.containers.build.frontend import Frontend, chosen
from ..localcloud.containers.errors import BuildError
from ..localcloud.containers.networks import OWN
from ..localcloud.containers.running import NAME
from ..localcloud.tasks.definitions import aliases, definition
from ..localcloud.tasks.definitions.agent_command import BUILDKIT, unquoted
from ..localcloud.tasks.definitions.build_command import (
    BuildCommand,
    ScannedCommand,
    is_remote,
)
from ..localcloud.tasks.definitions.image_names import normalized
from ..localcloud.tasks.definitions.task_file import Step, Task
from ..localcloud.tasks.definitions.words import ShellError, split
from ..localcloud.tasks.errors import TaskError, UsageError
from ..localcloud.tasks.templating.render_options import RenderOptions
from ..localcloud.tasks.tools import docker_run
from . import dockerfile_rules, files, property_rules
from .dockerfile_rules import UNKNOWN, Build
from .findings import ERROR, WARNING, Finding

_VALUE = re.compile(r"\.Values\.(\w+)", re.ASCII)
_COMMAND = re.compile(r"""^(\s*(?:-\s+)?)["']?(?:build|cmd|push)["']?\s*:""", re.MULTILINE)
_PLACE = re.compile(r"(?:\bline |\bgotpl:)(\d+)(?:, column (\d+)|:(\d+))?")
_ALIASES = re.compile(r"the alias file '(.+?)' cannot be read: ")
_SECRET_NAME = re.compile(r"passw|secret|token|api_?key|credential|\bpat\b|_pat\b", re.IGNORECASE)
_HIDDEN = "0secret0"  # stands for the value of a secret
_NETWORKS = {"", "default", *OWN}  # those that docker has
_TOOLS = {"docker", *aliases.IMAGES}


@dataclass
class TaskFile:
    """A task file, where its source begins, and what is given with it."""

    name: str
    text: str
    root: Path
    values: Mapping[str, str] = field(default_factory=dict)
    values_file: str = ""
    registry: str = "myregistry.azurecr.io"
    built: set[str] = field(default_factory=set)  # Dockerfiles that its steps build, as resolved


def check(file: TaskFile) -> Iterator[Finding]:
    """Everything that the rules find in a task file and the Dockerfiles that it builds."""
    yield from _secrets_of_set(file)
    yield from _aliases_off(file)
    run = _options(file, file.values).run()
    yield from property_rules.run_names(file.name, file.text, list(run))
    try:
        task = _read(file)
    except TaskError as error:
        yield _refused(file, str(error))
        yield from property_rules.ignored(file.name, file.text)  # the cause may be a slip in a name
        return
    yield from property_rules.ignored(file.name, file.text, task.rendered)
    if not task.steps:
        yield Finding(
            *(file.name, 1, 1, WARNING, "no-steps"),
            "the file has no steps: its run does nothing, and succeeds",
            "List them below 'steps'",
        )
    places = _places(file.text, len(task.steps))
    made = {normalized(tag) for step in task.steps if step.build for tag in _tags(step)}
    changed = False  # whether an earlier step may have made files
    networks = {*_NETWORKS, *(one.name for one in task.networks)}
    for step, place in zip(task.steps, places, strict=True):
        if step.network not in networks and UNKNOWN not in step.network:
            yield Finding(
                *(file.name, *place, ERROR, "network-unknown"),
                f"step {step.id}: the file has no network '{step.network}', and docker refuses it",
                "Declare it below 'networks'",
            )
        if not step.push and not NAME.fullmatch(step.id) and UNKNOWN not in step.id:
            yield Finding(
                *(file.name, *place, ERROR, "step-name-refused"),
                f"step {step.id}: docker refuses the id as the name of a container",
                "Give the step an id of two characters or more, letters, digits and _.- alone",
            )
        yield from _environment(file, task, step, place)
        if step.build:
            yield from _build(file, step, place, frozenset(made), changed=changed)
        elif step.cmd:
            yield from _command(file, step, place, made)
            changed = True


def _refused(file: TaskFile, error: str) -> Finding:
    """What the engine refuses, where it stands: in the task file, or in a file of aliases."""
    told, *more = (part.strip().rstrip(".") for part in error.splitlines())
    told = " ".join([told, "; ".join(more)]).rstrip()
    place, aliased = _PLACE.search(told), _ALIASES.search(told)
    where = _shown(file, file.root / aliased[1]) if aliased else file.name
    line, column = (int(place[1]), int(place[2] or place[3] or 1)) if place else (1, 1)
    return Finding(
        *(where, line, column, ERROR, "task-refused"),
        f"ACR Tasks refuses the file: {told}",
        "Correct it and lint again: of the steps nothing was looked at yet",
    )


def _read(file: TaskFile) -> Task:
    """The task, with a mark for each value that only the run will have, else without them."""
    unknown = {name: UNKNOWN for name in _VALUE.findall(file.text) if name not in file.values}
    try:
        return definition.parse(file.text, _options(file, {**unknown, **file.values}))
    except TaskError:  # a number may be wanted where the mark is
        return definition.parse(file.text, _options(file, file.values))


def _options(file: TaskFile, values: Mapping[str, str]) -> RenderOptions:
    return RenderOptions(
        run_id="ca1",
        commit="0" * 40,
        repository="https://github.com/owner/name",
        branch="main",
        git_tag="",
        triggered_by="Manual",
        registry=file.registry,
        date="20260101-000000z",
        shared_volume="acb_home_vol",
        task_name="task",
        values=values,
        values_file=file.values_file,
        resolve_secrets=lambda wanted: {one.id: _HIDDEN for one in wanted},
        read_file=lambda name: files.of_aliases(file.root, name),
    )


def _places(text: str, steps: int) -> list[tuple[int, int]]:
    """Line and column of the command of each step."""
    ends = [at for at, letter in enumerate(text) if letter == "\n"]
    found = [
        (
            bisect_left(ends, one.start(1)) + 1 + one[1].count("\n"),
            len(one[1].split("\n")[-1]) + 1,
        )
        for one in _COMMAND.finditer(text)
        if not text[one.start() : one.end()].lstrip().startswith("#")
    ]
    if len(found) == steps:
        return found
    before = text.find("\nsteps:")  # a template makes more or fewer of them
    return [(text.count("\n", 0, before + 1) + 1 if before >= 0 else 1, 1)] * steps


def _secrets_of_set(file: TaskFile) -> Iterator[Finding]:
    for name in file.values:
        if _SECRET_NAME.search(name):
            at = file.text.find(f".Values.{name}")
            line = file.text.count("\n", 0, at) + 1 if at >= 0 else 1
            yield Finding(
                *(file.name, line, 1, WARNING, "secret-in-set"),
                f"--set {name} looks like a secret, and what --set gives is shown with the task",
                f"Give it with --set-secret {name}=…, or read it from a vault (secrets:)",
            )


def _aliases_off(file: TaskFile) -> Iterator[Finding]:
    version = aliases.find_version(file.text)
    if aliases.supports_aliases(version):
        return
    what = f"version {version}" if version else "no version"
    names = "|".join(aliases.PRESETS)
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            continue
        used = re.search(rf"\$({names})\b", line)
        if used:
            yield Finding(
                *(file.name, number, used.start() + 1, ERROR, "aliases-off"),
                f"${used[1]} stays as it is: a file with {what} has no aliases",
                "Begin the file with version: v1.1.0",
            )


def _environment(
    file: TaskFile, task: Task, step: Step, place: tuple[int, int]
) -> Iterator[Finding]:
    own = [pair for pair in step.env if pair not in task.env or step is task.steps[0]]
    for pair in own:
        name, _, value = pair.partition("=")
        try:
            words = split(pair, {})
        except ShellError as error:
            words = []
            problem = f"the agent's shell cannot read it: {error}"
        else:
            problem = f"to the agent's shell it is {len(words)} words, and docker takes the second "
            problem += "for the image"
        quote = f"Quote it for the shell: {name}='…'"
        if len(words) != 1 and value:
            yield Finding(
                *(file.name, *_find(file.text, name, value, place), ERROR, "env-unquoted"),
                f"env {name} ends the command line: {problem}",
                quote,
            )
        elif _HIDDEN in value and not re.search(rf"""['"][^'"]*{_HIDDEN}""", value):
            yield Finding(
                *(file.name, *_find(file.text, name, value, place), WARNING, "env-unquoted"),
                f"env {name} is a secret without quotes: a space or a $ in it breaks the command line",
                quote,
            )


def _find(text: str, name: str, value: str, default: tuple[int, int]) -> tuple[int, int]:
    """Where an env stands in the file: as it is written, or at least its name."""
    for wanted in (f"{name}={value}", f"{name}="):
        at = text.find(wanted)
        if at >= 0:
            return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return default


def _command(
    file: TaskFile, step: Step, place: tuple[int, int], made: set[str]
) -> Iterator[Finding]:
    try:
        words = split(step.cmd)
    except ShellError as error:
        yield Finding(
            *(file.name, *place, WARNING, "agent-shell"),
            f"step {step.id}: {str(error).rstrip('.')}",
            "Put it into the container: bash -c '…'",
        )
        return
    try:
        image = docker_run.parse(words, {}).image
    except UsageError as error:
        told = str(error).removeprefix("docker: ").splitlines()[0].rstrip(".")
        yield Finding(
            *(file.name, *place, ERROR, "command-refused"),
            f"step {step.id}: docker run refuses the words of cmd: {told}",
            "In front of the image stand options of docker run alone",
        )
        return
    if image.partition(":")[0] not in _TOOLS and normalized(image) not in made:
        yield from dockerfile_rules.missing(file.name, place, image)


def _tags(step: Step) -> list[str]:
    try:
        return BuildCommand.parse(split(step.build)).tags
    except (ShellError, UsageError):
        return []


def _build(
    file: TaskFile,
    step: Step,
    place: tuple[int, int],
    made: frozenset[str],
    *,
    changed: bool,
) -> Iterator[Finding]:
    yield from _switch(file, step, place)
    scanned = ScannedCommand.of(step.build)
    try:
        command = BuildCommand.parse(split(step.build))
        buildkit = _frontend(step).buildkit
    except (ShellError, UsageError, BuildError) as error:
        told = error.message if isinstance(error, BuildError) else str(error)
        yield Finding(
            *(file.name, *place, ERROR, "build-refused"),
            f"step {step.id}: {told.rstrip('.')}",
            "Change 'build' of the step, or its 'env'",
        )
        return
    if is_remote(scanned.context) or is_remote(command.context):
        return
    looked, meant = scanned.path, command.path
    target = _path(file.root, step, looked)
    if posixpath.normpath(looked) != posixpath.normpath(meant):
        there = target is not None and target.is_file()
        yield Finding(
            *(file.name, *place, WARNING if there else ERROR, "option-unseen"),
            f"step {step.id}: the dependency scan reads '{looked}', while '{meant}' is built"
            + ("" if there else ", and that it cannot open it ends the run"),
            "To the scan every option is a word of its own before its value (-f NAME), and the "
            "context comes first or after a value",
        )
    if target is None or UNKNOWN in looked:
        return
    if not target.is_file():
        if not changed and posixpath.normpath(looked) == posixpath.normpath(meant):
            yield Finding(
                *(file.name, *place, ERROR, "dockerfile-missing"),
                f"step {step.id}: there is no file '{looked}' for the dependency scan to open",
                "-f counts from the step's workingDirectory, not from the build context",
            )
        return
    file.built.add(str(target.resolve()))
    build = Build(
        scanned.build_args,
        scanned.target,
        buildkit,
        known=True,
        ignored=made,
        stage=command.target,
        contexts=frozenset(one.partition("=")[0].lower() for one in command.build_contexts),
    )
    yield from dockerfile_rules.check(_shown(file, target), target.read_bytes(), build)


def _frontend(step: Step) -> Frontend:
    """The builder that the run takes. Raises :class:`BuildError`."""
    try:
        environment = docker_run.of_step(step).environment
    except (ShellError, UsageError):  # told where the env stands
        environment = {}
    return chosen(environment, buildx=step.is_cached)


def _switch(file: TaskFile, step: Step, place: tuple[int, int]) -> Iterator[Finding]:
    """A DOCKER_BUILDKIT that switches nothing: the agent looks for 1 alone, else it adds 0."""
    for pair in step.env:
        name, equals, value = unquoted(pair).partition("=")
        if name == BUILDKIT and equals and value not in ("0", "1") and UNKNOWN not in value:
            yield Finding(
                *(file.name, *_find(file.text, name, value, place), WARNING, "buildkit-value"),
                f"step {step.id}: {pair} does not switch BuildKit on: the agent looks for "
                f"{BUILDKIT}=1, and adds {BUILDKIT}=0 where it does not find it",
                f"Write {BUILDKIT}=1, or leave it out",
            )


def _path(root: Path, step: Step, name: str) -> Path | None:
    """A file of the source by the path that a build has for it; None outside of the source."""
    full = posixpath.normpath(posixpath.join("/workspace", step.working_directory, name))
    return root / full.removeprefix("/workspace/") if full.startswith("/workspace/") else None


def _shown(file: TaskFile, target: Path) -> str:
    folder = Path(file.name).parent
    try:
        return str(folder / target.relative_to(folder))
    except ValueError:
        return str(target)
