"""What each instruction of a Dockerfile does to a stage (Dockerfile reference)."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

from ...go_literals import nanoseconds
from ...root_folder import remove_tree
from ..sandboxes.container import signal_of
from ..sandboxes.root_file_system import RootFileSystem
from .copying import Copy
from .dockerfile import Instruction
from .exposed_ports import exposed
from .paths import absolute
from .running import command_line, execute
from .stage import Stage
from .state import BuildState
from .variables import VariableError, expand_words

_URL = re.compile(r"(https?://|git@|git://)")
_REQUIRES = (
    "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how "
    "to build images with BuildKit enabled"
)


def apply(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    """Do one instruction other than FROM and ARG. Raises VariableError, ContextError, BuildError."""
    _HANDLERS[instruction.name](build, stage, instruction)


def _expanded(build: BuildState, stage: Stage, text: str) -> str:
    return build.expanded(text, build.variables(stage))


def _pairs(build: BuildState, stage: Stage, instruction: Instruction) -> dict[str, str]:
    words = [_expanded(build, stage, word) for word in instruction.words]
    return dict(zip(words[::2], words[1::2], strict=True))


def _env(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    values = _pairs(build, stage, instruction)
    if "" in values:
        raise VariableError(f"invalid environment variable: ={values['']}")
    stage.set_environment(values)
    build.metadata(stage, "ENV " + " ".join(f"{k}={v}" for k, v in values.items()))


def _label(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    values = _pairs(build, stage, instruction)
    stage.add("Labels", values)
    build.metadata(stage, "LABEL " + " ".join(f"{k}={v}" for k, v in values.items()))


def _maintainer(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.set_author(instruction.rest)
    build.metadata(stage, f"MAINTAINER {instruction.rest}")


def _command(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.set("Cmd", command_line(stage, instruction))
    if instruction.words:
        stage.has_command = True
    build.metadata(stage, f"CMD {json.dumps(stage.settings['Cmd'])}")


def _entrypoint(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.set("Entrypoint", command_line(stage, instruction) if instruction.words else [])
    if not stage.has_command:
        stage.remove("Cmd")  # an ENTRYPOINT resets what CMD the base image had
    build.metadata(stage, f"ENTRYPOINT {json.dumps(stage.settings['Entrypoint'])}")


def _shell(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.set("Shell", list(instruction.words))
    build.metadata(stage, f"SHELL {json.dumps(stage.settings['Shell'])}")


def _user(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.set("User", _expanded(build, stage, instruction.words[0]))
    build.metadata(stage, f"USER {stage.settings['User']}")


def _stop_signal(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    text = _expanded(build, stage, instruction.words[0])
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None
    if number == 0 or (number is None and signal_of(text) is None):
        raise VariableError(f"Invalid signal: {text}")
    stage.set("StopSignal", text)
    build.metadata(stage, f"STOPSIGNAL {stage.settings['StopSignal']}")


def _expose(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    variables, escape = build.variables(stage), build.dockerfile.escape
    words = [
        word
        for text in sorted(instruction.words)
        for word in expand_words(text, variables, escape, build.frontend)
    ]
    ports: dict[str, dict[str, str]] = {port: {} for word in words for port in exposed(word)}
    stage.add("ExposedPorts", ports)
    build.metadata(stage, f"EXPOSE {' '.join(words)}")


def _volume(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    paths = [_expanded(build, stage, word.strip()) for word in instruction.words]
    if not all(paths):
        raise VariableError("VOLUME specified can not be an empty string")
    stage.add("Volumes", {path: {} for path in paths})
    build.metadata(stage, f"VOLUME {json.dumps(paths)}")


def _health_check(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    kind, *command = instruction.words
    test = [kind.upper(), *command]
    if kind.upper() == "CMD" and not instruction.json:
        test[0] = "CMD-SHELL"
    check: dict[str, object] = {"Test": test}
    for flag, name in (
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start-period", "StartPeriod"),
        ("start-interval", "StartInterval"),
    ):
        duration = nanoseconds(instruction.flags.get(flag, ""))
        if duration:
            check[name] = duration
    if instruction.flags.get("retries"):
        check["Retries"] = int(instruction.flags["retries"])
    stage.set("Healthcheck", check)
    build.metadata(stage, f"HEALTHCHECK {json.dumps(check)}")


def _on_build(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.append("OnBuild", instruction.rest)
    build.metadata(stage, f"ONBUILD {instruction.rest}")


def _working_dir(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    path = _expanded(build, stage, instruction.words[0])
    if not path:
        raise VariableError("cannot normalize nothing")
    # An absolute one stays as it is written; what is made has no dots in it.
    whole = absolute(stage.working_dir, path)
    lowers = build.images.unpacked(stage.layers)
    stage.set("WorkingDir", path if path.startswith("/") else whole)
    existing = RootFileSystem(lowers).find(whole) if lowers else None
    if existing is not None and existing.is_dir():
        build.metadata(stage, f"WORKDIR {whole}")
        return
    if existing is not None:
        raise VariableError(f"Cannot mkdir: {whole} is not a directory")
    copy = Copy(lowers, "/", build.images.owners(stage.layers), frontend=build.frontend)
    copy.make_directory(whole)
    build.layer(stage, f"WORKDIR {whole}", copy.entries)


def _copy(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    if instruction.flags.get("chmod"):
        raise VariableError(_REQUIRES.format("chmod"))
    *sources, destination = [_expanded(build, stage, word) for word in instruction.words]
    copy = Copy(
        build.images.unpacked(stage.layers),
        stage.working_dir,
        build.images.owners(stage.layers),
        owner=_expanded(build, stage, instruction.flags.get("chown", "")),
    )
    for source in sources:
        if _URL.match(source):
            raise VariableError(
                f"the local cloud cannot fetch {source}: nothing leaves this machine. Put the file "
                "into the build context"
            )
    given = instruction.flags.get("from")
    origin = build.source(stage, given) if given else build.context
    shown = f"{instruction.name} {' '.join(sources)} in {destination}"
    with build.unpacking(wanted=instruction.name == "ADD") as unpack_in:
        copy.add(origin, sources, destination, unpack_in=unpack_in)
        build.layer(stage, shown, copy.entries)


def _run(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    if "mount" in instruction.flags:
        raise VariableError(_REQUIRES.format("mount"))
    argv = command_line(stage, instruction)
    if not argv:
        raise VariableError("No command specified")
    if any("\0" in word for word in argv):
        raise VariableError("the command holds a zero byte")
    shown = shlex.join(argv) if instruction.json else " ".join(argv)
    environment = build.run_environment(stage)
    declared = {k: v for k, v in environment.items() if k not in stage.environment}
    key = build.cache.key(stage.id, json.dumps(argv), json.dumps(declared, sort_keys=True))
    known, layer = build.remembered(key)
    if known:
        build.log(" ---> Using cache")
        stage.record(shown, layer)
        return
    scratch = Path(tempfile.mkdtemp(prefix="build-", dir=build.cloud.scratch))
    try:
        status, layer = execute(build, stage, argv, environment, scratch / "upper", build.log)
    finally:
        remove_tree(scratch)
    if status != 0:
        raise build.dockerfile.error(
            instruction, f"The command '{shown}' returned a non-zero code: {status}", status
        )
    build.cache.put(key, layer)
    stage.record(shown, layer)


_HANDLERS: dict[str, Callable[[BuildState, Stage, Instruction], None]] = {
    "ADD": _copy,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _health_check,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _on_build,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _working_dir,
}
