"""What each instruction of a Dockerfile does to a stage (Dockerfile reference)."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ...root_folder import remove_tree
from ..sandboxes.container import Mount, signal_of
from ..sandboxes.root_file_system import RootFileSystem
from .copying import Copy
from .dockerfile import Instruction, parse
from .stage import Stage
from .state import BuildState
from .variables import VariableError, expand, pairs, split

_URL = re.compile(r"(https?://|git@|git://)")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_PORTS = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/(\w*))?")
_SHEBANG = "#!"


def apply(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    """Do one instruction other than FROM and ARG. Raises VariableError, ContextError, BuildError."""
    _HANDLERS[instruction.name](build, stage, instruction)


def _expanded(build: BuildState, stage: Stage, text: str) -> str:
    return expand(text, stage.variables, build.dockerfile.escape)


def _env(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    values = pairs(instruction.rest, stage.variables, build.dockerfile.escape, old_form=True)
    stage.set_environment(values)
    build.metadata(stage, "ENV " + " ".join(f"{k}={v}" for k, v in values.items()))


def _label(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    values = pairs(instruction.rest, stage.variables, build.dockerfile.escape, old_form=True)
    stage.settings["Labels"] = {**(stage.settings.get("Labels") or {}), **values}
    build.metadata(stage, "LABEL " + " ".join(f"{k}={v}" for k, v in values.items()))


def _maintainer(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.config["author"] = instruction.rest
    build.metadata(stage, f"MAINTAINER {instruction.rest}")


def _command(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    words = instruction.exec_form
    stage.settings["Cmd"] = [*stage.shell, instruction.rest] if words is None else words
    stage.has_command = True
    build.metadata(stage, f"CMD {json.dumps(stage.settings['Cmd'])}")


def _entrypoint(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    words = instruction.exec_form
    stage.settings["Entrypoint"] = [*stage.shell, instruction.rest] if words is None else words
    if not stage.has_command:
        stage.settings.pop("Cmd", None)  # an ENTRYPOINT resets what CMD the base image had
    build.metadata(stage, f"ENTRYPOINT {json.dumps(stage.settings['Entrypoint'])}")


def _shell(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    words = instruction.exec_form
    if not words:
        raise VariableError("SHELL requires the arguments to be in JSON form")
    stage.settings["Shell"] = words
    build.metadata(stage, f"SHELL {json.dumps(words)}")


def _user(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    stage.settings["User"] = _expanded(build, stage, instruction.rest)
    build.metadata(stage, f"USER {stage.settings['User']}")


def _stop_signal(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    text = _expanded(build, stage, instruction.rest)
    if signal_of(text) is None:
        raise VariableError(f"Invalid signal: {text}")
    stage.settings["StopSignal"] = text
    build.metadata(stage, f"STOPSIGNAL {stage.settings['StopSignal']}")


def _expose(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    exposed = dict(stage.settings.get("ExposedPorts") or {})
    for word in split(_expanded(build, stage, instruction.rest)):
        match = _PORTS.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not first <= last <= 65535:
            raise VariableError(f"invalid containerPort: {word}")
        protocol = (match[3] or "tcp").lower()
        if protocol not in ("tcp", "udp", "sctp"):
            raise VariableError(f"invalid proto: {protocol}")
        for number in range(first, last + 1):
            exposed[f"{number}/{protocol}"] = {}
    stage.settings["ExposedPorts"] = exposed
    build.metadata(stage, f"EXPOSE {instruction.rest}")


def _volume(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    words = instruction.exec_form or split(instruction.rest)
    paths = [_expanded(build, stage, word) for word in words]
    if not all(path.strip() for path in paths):
        raise VariableError("VOLUME specified can not be an empty string")
    stage.settings["Volumes"] = {**(stage.settings.get("Volumes") or {}), **{p: {} for p in paths}}
    build.metadata(stage, f"VOLUME {json.dumps(paths)}")


def _health_check(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    kind, _, rest = instruction.rest.partition(" ")
    if kind.upper() == "NONE":
        check: dict[str, object] = {"Test": ["NONE"]}
    elif kind.upper() == "CMD" and rest.strip():
        inner = Instruction("CMD", rest.strip(), {}, instruction.line, instruction.text)
        words = inner.exec_form
        check = {"Test": ["CMD", *words] if words is not None else ["CMD-SHELL", rest.strip()]}
    else:
        raise VariableError(f"unknown type {kind!r} in HEALTHCHECK (try CMD)")
    for flag, name in (
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start-period", "StartPeriod"),
        ("start-interval", "StartInterval"),
    ):
        if flag in instruction.flags:
            check[name] = _nanoseconds(instruction.flags[flag])
    retries = instruction.flags.get("retries", "")
    if retries:
        if not re.fullmatch(r"[0-9]+", retries):
            raise VariableError(f"--retries must be a number of at least 1, not {retries!r}")
        check["Retries"] = int(retries)
    stage.settings["Healthcheck"] = check
    build.metadata(stage, f"HEALTHCHECK {json.dumps(check)}")


def _nanoseconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise VariableError(f"time: invalid duration {text!r}: write it like 30s or 1m30s")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return int(((hours * 60 + minutes) * 60 + seconds) * 1e9 + milliseconds * 1e6)


def _on_build(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    word = instruction.rest.split(None, 1)[0].upper()
    if word in ("ONBUILD", "FROM", "MAINTAINER"):
        raise VariableError(f"{word} isn't allowed as an ONBUILD trigger")
    parse(f"FROM scratch\n{instruction.rest}", build.dockerfile.name, build.frontend)
    stage.settings.setdefault("OnBuild", []).append(instruction.rest)
    build.metadata(stage, f"ONBUILD {instruction.rest}")


def _working_dir(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    path = _expanded(build, stage, instruction.rest)
    whole = os.path.normpath(str(PurePosixPath("/", stage.working_dir, path)))
    lowers = build.images.unpacked(stage.layers)
    stage.settings["WorkingDir"] = whole
    existing = RootFileSystem(lowers).find(whole) if lowers else None
    if existing is not None and existing.is_dir():
        build.metadata(stage, f"WORKDIR {whole}")
        return
    if existing is not None:
        raise VariableError(f"mkdir {whole}: not a directory")
    copy = Copy(lowers, "/", build.images.owners(stage.layers), frontend=build.frontend)
    copy.make_directory(whole)
    build.layer(stage, f"WORKDIR {whole}", copy.entries)


def _copy(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    words = instruction.exec_form or split(instruction.rest, build.dockerfile.escape)
    words = [_expanded(build, stage, word) for word in words]
    if len(words) < 2:
        raise VariableError(
            f"{instruction.name} requires at least two arguments: sources and a destination"
        )
    *sources, destination = words
    documents = {document.name: document for document in instruction.here_documents}
    flags = {name: _expanded(build, stage, text) for name, text in instruction.flags.items()}
    copy = Copy(
        build.images.unpacked(stage.layers),
        stage.working_dir,
        build.images.owners(stage.layers),
        owner=flags.get("chown", ""),
        mode=flags.get("chmod", ""),
        frontend=build.frontend,
    )
    plain: list[str] = []
    for source in sources:
        name = source.removeprefix("<<").removeprefix("-")
        if source.startswith("<<") and name in documents:
            document = documents[name]
            text = document.content
            if document.expand:
                text = expand(text, stage.variables, build.dockerfile.escape, keep_quotes=True)
            copy.add_text(name, text, destination)
        elif _URL.match(source):
            raise VariableError(
                f"the local cloud cannot fetch {source}: nothing leaves this machine. Put the file "
                "into the build context"
            )
        else:
            plain.append(source)
    shown = f"{instruction.name} {' '.join(sources)} in {destination}"
    with tempfile.TemporaryDirectory(prefix="add-", dir=build.cloud.scratch) as scratch:
        if plain:
            origin = build.source(stage, flags["from"]) if "from" in flags else build.context
            unpack_in = Path(scratch) if instruction.name == "ADD" else None
            copy.add(origin, plain, destination, unpack_in=unpack_in)
        build.layer(stage, shown, copy.entries)


def _run(build: BuildState, stage: Stage, instruction: Instruction) -> None:
    for flag in ("mount", "security"):
        if flag in instruction.flags:
            raise VariableError(
                f"the --{flag} option requires BuildKit, which the local cloud lacks"
            )
    network = instruction.flags.get("network", "default")
    if network not in ("default", "none"):
        raise VariableError("the local cloud has no --network=host: containers never see the host")
    argv, shown, script = _run_words(stage, instruction)
    if not argv or any("\0" in word for word in argv):
        raise VariableError("there is no command to run, or it holds a zero byte")
    environment = build.run_environment(stage)
    declared = {k: v for k, v in environment.items() if k not in stage.environment}
    key = build.cache.key(
        stage.id, json.dumps([argv, script, network]), json.dumps(declared, sort_keys=True)
    )
    known, layer = build.cache.get(key)
    if known and not build.no_cache:
        build.log(" ---> Using cache")
        stage.record(shown, layer)
        return
    scratch = Path(tempfile.mkdtemp(prefix="build-", dir=build.cloud.scratch))
    try:
        upper = scratch / "upper"
        lowers = build.images.unpacked(stage.layers)
        if not lowers:
            raise VariableError("the stage is empty (FROM scratch): there is nothing to run")
        mounts = []
        if script:
            file = scratch / "script"
            file.write_text(script)
            file.chmod(0o755)
            mounts.append(Mount(file, argv[0], read_only=True))
        status = build.host.execute(
            *(stage, lowers, upper, argv, environment, build.log), network=network, mounts=mounts
        )
        if status != 0:
            command = shlex.join(argv) if instruction.exec_form else " ".join(argv)
            raise build.dockerfile.error(
                instruction, f"The command '{command}' returned a non-zero code: {status}", status
            )
        layer = None
        if upper.exists():
            account = RootFileSystem(lowers).account(stage.settings.get("User") or "")
            owners = build.images.owners(stage.layers)
            layer = build.store(owners.written(upper, (account.uid, account.gid)))
    finally:
        remove_tree(scratch)
    build.cache.put(key, layer)
    stage.record(shown, layer)


def _run_words(stage: Stage, instruction: Instruction) -> tuple[list[str], str, str]:
    """The command of a RUN, how the history shows it, and the script that the command names.

    A here-document that begins with ``#!`` is a program, at the place where BuildKit puts it.
    """
    words = instruction.exec_form
    if words is not None:
        return words, shlex.join(words), ""
    if not instruction.here_documents:
        return [*stage.shell, instruction.rest], " ".join([*stage.shell, instruction.rest]), ""
    first = instruction.here_documents[0]
    if instruction.rest.split() and re.fullmatch(
        r"""<<-?["']?\w+["']?""", instruction.rest.strip()
    ):
        text = first.content
        if text.startswith(_SHEBANG):
            return [f"/dev/pipes/{first.name}"], f"RUN <<{first.name}", text
    else:
        bodies = "".join(f"{d.content}{d.name}\n" for d in instruction.here_documents)
        text = f"{instruction.rest}\n{bodies}"
    return [*stage.shell, text], f"RUN {instruction.rest}", ""


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
