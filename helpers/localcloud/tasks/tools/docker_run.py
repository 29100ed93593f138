"""``docker run``: its options, and what they make of an image. Also how every step of a task begins."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ...containers.networks import BRIDGE
from ...containers.running import Record
from ...containers.sandboxes.container import Mount
from ...errors import CloudError
from ...go_literals import size
from ...reference import InvalidReferenceError, Reference
from ...root_folder import FileBelow
from ..definitions import agent_command
from ..definitions.extra_hosts import extra_hosts
from ..definitions.flags import Options, Read, memory_of
from ..definitions.task_file import Step
from ..definitions.words import AGENT, split
from ..errors import UsageError
from . import ToolContext
from .docker_ports import ports
from .files import WORKSPACE, inside

_MEMORY_LEAST = 6 << 20  # bytes; Docker's
_RIGHTS = "containers of the local cloud never get more rights than their run"
_PROCESSORS = "it does not limit processors"
_LINUX = "containers are kept apart in one way"
_DEVICES = "containers see no devices of this machine"

OPTIONS = Options(
    "run",
    values=(
        "--add-host",
        *("-e --env", "--env-file", "--entrypoint", "--expose", "-h --hostname"),
        *("--isolation", "-l --label", "-m --memory", "--name", "--net --network"),
        *("--net-alias --network-alias", "-p --publish", "--platform", "--pull"),
        *("--pids-limit", "--stop-signal", "--stop-timeout", "-u --user", "-v --volume"),
        *("-w --workdir", "--mount", "--tmpfs", "--cidfile"),
    ),
    switches=("-d --detach", "--rm", "-q --quiet", "-P --publish-all"),
    # They tell Docker how to do what is done here anyway, or limit what no step can see.
    ignored_values=(
        *("-a --attach", "--memory-swap", "--memory-reservation", "--memory-swappiness"),
        *(
            "--detach-keys",
            "--log-driver",
            "--log-opt",
            "--oom-score-adj",
            "--shm-size",
            "--ulimit",
        ),
    ),
    ignored_switches=(
        *("-t --tty", "-i --interactive", "--init", "--disable-content-trust", "--sig-proxy"),
        *("--no-healthcheck", "--oom-kill-disable"),
    ),
    missing={
        "--privileged": _RIGHTS,
        "--cap-add": _RIGHTS,
        "--security-opt": _RIGHTS,
        "--userns": _RIGHTS,
        "--cap-drop": "containers have the capabilities that they begin with",
        **dict.fromkeys(
            (
                *("--cpus", "-c --cpu-shares", "--cpu-period", "--cpu-quota", "--cpuset-cpus"),
                *("--cpuset-mems", "--cpu-rt-period", "--cpu-rt-runtime"),
            ),
            _PROCESSORS,
        ),
        **dict.fromkeys(("--device", "--gpus", "--device-cgroup-rule"), _DEVICES),
        **dict.fromkeys(("--ipc", "--pid", "--uts", "--cgroupns", "--runtime"), _LINUX),
        **dict.fromkeys(
            (
                *("--blkio-weight", "--blkio-weight-device", "--device-read-bps"),
                *("--device-read-iops", "--device-write-bps", "--device-write-iops"),
                *("--cgroup-parent", "--dns", "--dns-opt --dns-option", "--dns-search"),
                *("--domainname", "--group-add", "--health-cmd", "--health-interval"),
                *("--health-retries", "--health-start-period", "--health-timeout", "--ip"),
                *("--ip6", "--kernel-memory", "--label-file", "--link", "--link-local-ip"),
                *("--mac-address", "--read-only", "--restart", "--storage-opt", "--sysctl"),
                *("--volume-driver", "--volumes-from"),
            ),
            "",
        ),
    },
    interspersed=False,
)


@dataclass
class Run:
    """A container to run: what the words after ``docker run`` say."""

    image: str
    arguments: list[str]
    read: Read
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def entrypoint(self) -> str | None:
        """What is to be started instead of the image's own; "" takes that away."""
        return self.read.last("entrypoint") if "entrypoint" in self.read.given else None

    @property
    def directory(self) -> str:
        """Its working directory."""
        return self.read.last("workdir")


def words_of(step: Step) -> list[str]:
    """The words after ``docker run`` that the agent's shell makes of a step. Raises :class:`ShellError`."""
    return split(agent_command.of_step(step))[2:]


def of_step(step: Step) -> Run:
    """What the agent runs for a step. Raises :class:`ShellError` and :class:`UsageError`."""
    return parse(words_of(step), AGENT)


def parse(words: list[str], context: Mapping[str, str], files: ToolContext | None = None) -> Run:
    """Read the words after ``docker run``; variables without a value come from ``context``.

    Raises :class:`UsageError` in Docker's words.
    """
    read = OPTIONS.read(words)
    read.need("run", 1)
    isolation = read.last("isolation")
    if isolation not in ("", "default"):
        raise refused(f"Invalid isolation: \"{isolation}\" - linux only supports 'default'")
    environment = variables(read, context, files)
    return Run(read.arguments[0], read.arguments[1:], read, environment)


def variables(
    read: Read, context: Mapping[str, str], files: ToolContext | None = None
) -> dict[str, str]:
    """What ``--env-file`` and ``--env`` say; those without a value come from ``context``.

    Raises :class:`UsageError`.
    """
    environment: dict[str, str] = {}
    for name in read.all("env-file"):
        environment |= _environment_file(name, context, files)
    for pair in read.all("env"):
        key, equals, value = pair.partition("=")
        if not key:
            raise UsageError(
                f'invalid argument "{pair}" for "-e, --env" flag: invalid environment variable: '
                f"{pair}"
            )
        if equals:
            environment[key] = value
        elif key in context:  # one that docker itself has not got is not there
            environment[key] = context[key]
    return environment


def refused(text: str) -> UsageError:
    """What Docker's daemon refuses, in its frame."""
    return UsageError(f"docker: Error response from daemon: {text}.")


def _environment_file(
    name: str, context: Mapping[str, str], files: ToolContext | None
) -> dict[str, str]:
    if files is None:
        raise UsageError(f"docker: open {name}: no such file or directory.")
    try:
        text = files.workspace.read(inside(files, name)).decode()
    except (OSError, UsageError):
        raise UsageError(f"docker: open {name}: no such file or directory.") from None
    except UnicodeDecodeError:
        raise UsageError(f"docker: {name} is not UTF-8 text.") from None
    found: dict[str, str] = {}
    for line in text.splitlines():
        pair = line.lstrip()
        key, equals, value = pair.partition("=")
        if not pair or pair.startswith("#"):
            continue
        if not key or re.search(r"\s", key):
            raise UsageError(f"docker: poorly formatted environment: variable '{key}' contains "
                             "whitespaces." if key else f"docker: poorly formatted environment: no "
                             f"variable name on line '{pair}'.")  # fmt: skip
        if equals:
            found[key] = value
        elif key in context:
            found[key] = context[key]
    return found


def execute(words: list[str], context: ToolContext) -> int:
    """Run a container; its exit status, 125 where it could not be run at all."""
    run = parse(words, context.environment, context)
    _make_directory(run.directory, context)
    tools = context.tools
    call = None if run.entrypoint else tools.call([run.image, *run.arguments])
    if call is not None:
        directory = inside(context, run.directory or "/workspace")
        return tools.run(*call, run.environment, directory, context.log)
    fetched = _fetch(run, context)
    if fetched:
        return fetched
    network = run.read.last("network") or BRIDGE
    if network == "default":
        network = BRIDGE
    mounts = volumes(run, context)
    directory = run.directory
    if directory and not directory.startswith("/"):
        raise refused(
            f"the working directory '{directory}' is invalid, it needs to be an absolute path"
        )
    name = run.read.last("name")
    if name and not context.session.is_valid_name(name):
        raise refused(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    if not network.startswith("container:") and not context.session.networks.knows(network):
        raise refused(f"network {network} not found")
    published = ports(run.read, run.image, context, network)
    mounts += tools.mount(run.image, run.environment, network)
    record = Record(
        run.image,
        run.arguments,
        name=name,
        network=network,
        remove=run.read.is_set("rm"),
        ports=published,
        labels=dict(pair.partition("=")[::2] for pair in run.read.all("label")),
        aliases=tuple(run.read.all("network-alias")),
        hostname=run.read.last("hostname"),
    )
    status = context.session.run(
        run.image,
        arguments=run.arguments or None,
        entrypoint=run.entrypoint,
        environment=run.environment,
        working_dir=directory or None,
        user=run.read.last("user") or None,
        mounts=mounts,
        log=context.log,
        memory=memory(run.read.last("memory")),
        record=record,
        hosts=extra_hosts(run.read.all("add-host"), "run"),
        detach=run.read.is_set("detach"),
    )
    if run.read.is_set("detach"):
        context.log(record.id)
    return status


def _make_directory(name: str, context: ToolContext) -> None:
    """Docker makes a working directory that is not there; one in the workspace stays."""
    with contextlib.suppress(OSError, ValueError):  # the container tells why it cannot go there
        context.workspace.make_folders(str(PurePosixPath(name).relative_to(WORKSPACE)))


def _fetch(run: Run, context: ToolContext) -> int:
    """Pull the image where it is not here, as ``--pull`` says; 125 when it cannot be had."""
    when = run.read.last("pull", "missing")
    if when not in ("always", "missing", "never"):
        raise UsageError(
            f'docker: invalid pull option: \'{when}\': must be one of "always", "missing" or '
            '"never".'
        )
    if not run.image or re.search(r"\s", run.image):
        raise refused_image(f"invalid reference format: {run.image!r}")
    try:
        Reference.parse(run.image)
    except InvalidReferenceError as error:
        raise refused_image(str(error)) from None
    here = context.session.images.inspect(run.image) is not None
    if here and when != "always":
        return 0
    if not here and when == "never":
        context.log(f"docker: Error response from daemon: No such image: {run.image}.")
        return 125
    quiet = run.read.is_set("quiet")
    if not here and not quiet:
        context.log(f"Unable to find image '{_full(run.image)}' locally")
    try:
        context.pull(run.image, (lambda _: None) if quiet else context.log)
    except CloudError as error:
        context.log(f"docker: Error response from daemon: {error.message}")
        return 125
    return 0


def refused_image(text: str) -> UsageError:
    """What docker says of a name that is none."""
    return UsageError(f"docker: {text}.")


def _full(image: str) -> str:
    return Reference.parse(image).familiar


def memory(text: str) -> int:
    """Bytes of ``--memory``, 0 where none is given. Raises :class:`UsageError`."""
    if not text:
        return 0
    found = memory_of(text)
    if 0 < found < _MEMORY_LEAST:
        raise refused("Minimum memory limit allowed is 6MB")
    return found


def volumes(run: Run, context: ToolContext) -> list[Mount]:
    """What ``--volume`` and ``--mount`` say. Raises :class:`UsageError`."""
    found = []
    for text in run.read.all("volume"):
        parts = text.split(":")
        if len(parts) == 1:
            parts = ["", *parts]
        source, target, mode = (*parts, "")[:3]
        if len(parts) > 3 or not target.startswith("/"):
            why = "" if target.startswith("/") else f": {_relative('volume', target)}"
            raise refused(f"invalid volume specification: '{text}'{why}")
        read_only = "ro" in mode.split(",")
        if target == "/var/run/docker.sock":
            continue  # what speaks to it is part of the local cloud
        found.append(_mount(context, source, target, read_only))
    for text in run.read.all("mount"):
        found.append(_long_mount(context, text))
    for text in run.read.all("tmpfs"):
        target, _, options = text.partition(":")
        given = dict(option.partition("=")[::2] for option in options.split(","))
        found.append(_in_memory(context, target, given.get("size", ""), "ro" in given))
    return found


def _relative(kind: str, target: str) -> str:
    """What Docker says of a place in a container that is no path from the root."""
    return (
        f"invalid mount config for type \"{kind}\": invalid mount path: '{target}' "
        "mount path must be absolute"
    )


def _in_memory(context: ToolContext, target: str, wanted: str, read_only: bool) -> Mount:
    """A file system in memory; of the bytes that its ``size`` says."""
    if not target.startswith("/"):
        raise refused(_relative("tmpfs", target))
    bytes_ = size(wanted) if wanted else 0
    if bytes_ is None:
        raise refused(f"invalid tmpfs option: size={wanted}")
    return Mount(context.volumes.empty(), target, read_only, bytes_)


def _mount(context: ToolContext, source: str, target: str, read_only: bool) -> Mount:
    if source.startswith(("/", ".", "~")):
        return Mount(FileBelow(context.workspace, inside(context, source)), target, read_only)
    return Mount(context.volumes.place(source), target, read_only)


def _long_mount(context: ToolContext, text: str) -> Mount:
    given = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        given[key.lower()] = value
    kind = given.get("type", "volume")
    target = given.get("target") or given.get("destination") or given.get("dst") or ""
    source = given.get("source") or given.get("src") or ""
    read_only = any(given.get(key) in ("", "true", "1") for key in ("readonly", "ro"))
    if kind == "tmpfs" and target:
        return _in_memory(context, target, given.get("tmpfs-size", ""), read_only)
    if kind not in ("bind", "volume", "tmpfs"):
        raise UsageError(
            f"the local cloud does not implement docker run --mount type={kind}. It works on Azure"
        )
    if not target:
        raise UsageError(f'invalid argument "{text}" for "--mount" flag: target is required')
    return _mount(context, source, target, read_only)
