"""A container host for each run: its own images by name, logins, containers and network.

What `docker` is on an agent of ACR Tasks; images and layers are shared below it.
"""

from __future__ import annotations

import errno
import json
import math
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import Reference
from ..registry.client import RegistryClient
from ..registry.credentials import Credential
from ..root_folder import FileBelow, RootFolder
from .build.build_context import BuildContext, ContextError
from .build.builder import Build, BuildResult
from .build.buildkit import build_by_buildkit
from .build.dockerfile import parse
from .build.frontend import CLASSIC, Frontend
from .build.labels import labelled
from .build.resources import NOTHING, Resources
from .build.stage import Stage
from .errors import BuildError, SandboxError
from .images.images import Image, ImageStore
from .images.local_images import LocalImages, parse_reference
from .sandboxes.container import Container, ContainerSpec, ContainerTimeoutError, Limits, Mount
from .sandboxes.egress import EgressWatch
from .sandboxes.network import IN_A_CHROOT, Network
from .sandboxes.output import LineSplitter
from .sandboxes.ownership import readable
from .sandboxes.sandbox import Sandbox

Log = Callable[[str], None]
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Engine:
    """Makes container hosts; all of a local cloud share images, layers and build cache."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def session(self) -> Session:
        """A fresh host: it has no images, logins or containers yet."""
        return Session(self.cloud)


class Session:
    """One container host; close it when its run ends. Thread-safe.

    ``cut`` tells where a very long line of output may be cut; see :class:`LineSplitter`.
    """

    def __init__(self, cloud: Cloud, cut: Callable[[str], int] = len) -> None:
        self._cloud = cloud
        self._cut = cut
        self._client = RegistryClient(cloud)
        self._store = ImageStore(cloud)
        self._sandbox = Sandbox(cloud)
        self.images = LocalImages(self._store)
        self._logins: dict[str, Credential] = {}
        self._containers: dict[str, Container] = {}
        self._followers: list[threading.Thread] = []  # of detached containers
        self._network: Network | None = None
        self._lock = threading.RLock()
        self._closed = False
        self._told = False  # what containers share with this machine
        self._shared = False  # whether one has had a folder of this machine

    # -- registries --------------------------------------------------------------------------

    def login(self, server: str, credential: Credential) -> None:
        """Check and keep a credential of a registry. Raises :class:`CloudError`."""
        name = Reference.parse(f"{server}/x").registry
        self._client.login(name, credential)
        with self._lock:
            self._logins[name] = credential

    def logout(self, server: str) -> bool:
        """Forget a credential; False when there was none."""
        with self._lock:
            return self._logins.pop(Reference.parse(f"{server}/x").registry, None) is not None

    def pull(self, reference: str, log: Log) -> str:
        """Pull an image by name; returns its digest. Raises :class:`CloudError`."""
        wanted = parse_reference(reference)
        log(f"{wanted.version}: Pulling from {wanted.repository}")
        digest = self._client.pull(wanted, self._logins.get(wanted.registry))
        known = self.images.digest(wanted) == digest
        self.images.transferred(wanted, digest)
        log(f"Digest: {digest}")
        verb = "Image is up to date" if known else "Downloaded newer image"
        log(f"Status: {verb} for {wanted.familiar}")
        return digest

    def push(self, reference: str, log: Log) -> str:
        """Push a tagged image; returns its digest. Raises :class:`CloudError`."""
        wanted = parse_reference(reference)
        repository = f"{wanted.registry}/{wanted.repository}"
        log(f"The push refers to repository [{repository}]")
        digest = self.images.digest(wanted)
        if digest is None:
            raise CloudError(
                404,
                "MANIFEST_UNKNOWN",
                f"An image does not exist locally with the tag: {repository}:{wanted.tag}",
            )
        self._client.push(wanted, digest, self._logins.get(wanted.registry))
        for layer in reversed(self._store.image(digest).layers):
            log(f"{str(layer['digest']).removeprefix('sha256:')[:12]}: Pushed")
        self.images.transferred(wanted, digest)
        size = self._cloud.content.size(digest)
        log(f"{wanted.tag}: digest: {digest} size: {size}")
        return digest

    # -- building ----------------------------------------------------------------------------

    def _available(self, reference: str, log: Log) -> Image:
        digest = self.images.find(reference)
        return self._store.image(digest if digest is not None else self.pull(reference, log))

    def build(  # noqa: PLR0913 (the options of docker build)
        self,
        context: RootFolder | Path,
        *,
        dockerfile: str | FileBelow = "Dockerfile",
        tags: Sequence[str] = (),
        build_args: Mapping[str, str] | None = None,
        target: str | None = None,
        no_cache: bool = False,
        platform: str | None = None,
        frontend: Frontend = CLASSIC,
        resources: Resources = NOTHING,
        labels: Mapping[str, str] | None = None,
        network: str = "default",
        memory: int = 0,
        log: Log,
    ) -> BuildResult:
        """Build an image and tag it, with the classic builder unless ``frontend`` is BuildKit's.

        ``dockerfile`` is in the context, or a file elsewhere; ``resources`` are for BuildKit alone.
        Raises :class:`BuildError` with file, line and instruction.
        """
        references = [parse_reference(tag) for tag in tags]
        if platform not in (None, "", "linux", "linux/amd64"):
            raise BuildError(f"the local cloud builds for linux/amd64 only, not for {platform}")
        folder = context if isinstance(context, RootFolder) else RootFolder(context)
        if self._shared:
            folder = readable(folder, self._cloud.scratch)
        elsewhere = isinstance(dockerfile, FileBelow)
        name = dockerfile.path if isinstance(dockerfile, FileBelow) else dockerfile
        text = _text(dockerfile.folder if isinstance(dockerfile, FileBelow) else folder, name)
        text = labelled(text, labels or {}, target, frontend, name)
        source = BuildContext(folder, "" if elsewhere else name)
        try:
            size = source.size
        except ContextError as error:
            raise BuildError(f"unable to prepare context: {error}") from None
        arguments = dict(build_args or {})
        if frontend.buildkit:
            parts = (
                self._cloud,
                _Host(self, network, memory),
                source,
                log,
                arguments,
                no_cache,
                target,
            )
            names = tuple((str(one), partial(self.images.name, one)) for one in references)
            return build_by_buildkit(text, name, frontend, resources, *parts, names)
        log(f"Sending build context to Docker daemon  {human_size(size)}")
        build = Build(
            self._cloud,
            _Host(self, network, memory),
            parse(text, name, frontend),
            source,
            log,
            arguments,
            no_cache,
            target,
        )
        result = build.run()
        for tag in references:
            self.images.name(tag, result.digest)
            log(f"Successfully tagged {tag.familiar}")
        return result

    @staticmethod
    def is_valid_name(name: str) -> bool:
        """Whether docker takes it as the name of a container."""
        return bool(_NAME.fullmatch(name))

    # -- running -----------------------------------------------------------------------------

    def run(  # noqa: PLR0913 (the options of docker run)
        self,
        reference: str,
        *,
        arguments: Sequence[str] | None = None,
        entrypoint: str | None = None,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        user: str | None = None,
        mounts: Sequence[Mount] = (),
        network: str | None = None,
        name: str = "",
        log: Log,
        timeout: float | None = None,
        detach: bool = False,
        memory: int = 0,
    ) -> int | Container:
        """Run a container; its exit status, or the container itself when it is detached.

        ``network`` "none" gives it none. Raises :class:`CloudError` for the image,
        :class:`SandboxError` when it cannot run, ContainerTimeoutError after ``timeout`` seconds.
        """
        image = self._available(reference, log)
        # As in docker, an entry point of the caller takes the image's command away, even an empty one.
        command = (
            list(arguments) if arguments else ([] if entrypoint is not None else image.command)
        )
        own = image.entrypoint if entrypoint is None else [entrypoint] if entrypoint else []
        argv = [*own, *command]
        if not argv:
            raise CloudError(
                400,
                "NoCommand",
                f"docker: Error response from daemon: No command specified: {reference} has "
                "neither CMD nor ENTRYPOINT. Name a command after the image.",
            )
        if network == "host":
            raise CloudError.not_implemented("docker run --network host: the host is never shown")
        spec = ContainerSpec(
            lowers=tuple(self._store.lowers(image)),
            argv=argv,
            environment={**image.env, **(environment or {})},
            working_dir=working_dir or image.working_dir,
            user=user or image.user,
            hostname=name,
            mounts=tuple(mounts),
            network=None if network == "none" else self._own_network(),
            proxy=network != "none",
            platform=image.platform,
            volumes=image.volumes,
            limits=Limits(memory=memory) if memory else Limits(),
        )
        if spec.foreign:
            log(
                f"WARNING: The requested image's platform ({image.platform}) does not match the "
                "detected host platform (linux/amd64) and no specific platform was requested"
            )
        self._shared = self._shared or bool(mounts)
        return self._start(spec, name, log, timeout, detach=detach)

    def _start(
        self,
        spec: ContainerSpec,
        name: str,
        log: Log,
        timeout: float | None,
        *,
        detach: bool = False,
    ) -> int | Container:
        watch = EgressWatch(log)
        lines = LineSplitter(watch, self._cut)
        with self._lock:
            if self._closed:
                raise SandboxError("the run was stopped")
            container = self._sandbox.start(spec, lines.write, name)
            self._containers[container.name] = container
            told, self._told = self._told, self._told or container.network.mode == "chroot"
        if self._told and not told:
            log(f"localcloud: {IN_A_CHROOT}.")
        if detach:
            # Its last line may have no end: it is shown when the container has ended.
            def follow() -> None:
                container.wait()
                lines.close()

            follower = threading.Thread(target=follow, name=f"detached {name}", daemon=True)
            with self._lock:
                self._followers.append(follower)
            follower.start()
            return container
        try:
            code = container.wait(timeout)
            if code is None:
                container.kill()
                raise ContainerTimeoutError(
                    f"the container did not end within {timeout:g} s and was killed"
                )
        finally:
            lines.close()
            with self._lock:
                self._containers.pop(container.name, None)
        watch.explain(code)
        return code

    def time_left(self) -> float:
        """Seconds that whoever calls has for what it does."""
        return math.inf

    def listen(self) -> socket.socket:
        """A listening socket that the containers of this host reach on their loopback address.

        Raises :class:`SandboxError` when this machine allows no network.
        """
        return self._own_network().listen()

    def credential(self, server: str) -> Credential | None:
        """What the registry ``server`` was logged in to with, if it was."""
        with self._lock:
            return self._logins.get(server)

    def _own_network(self) -> Network:
        with self._lock:
            if self._network is None:
                self._network = Network.create(self._cloud)
                self._furnish(self._network)
            return self._network

    def _furnish(self, network: Network) -> None:
        """Add what containers find in each network of this host, before any has started."""

    def containers(self) -> dict[str, Container]:
        """Containers that run, by name."""
        with self._lock:
            return dict(self._containers)

    def close(self) -> None:
        """Stop every container, and forget everything."""
        with self._lock:
            self._closed = True
            running = list(self._containers.values())
            self._containers.clear()
            network, self._network = self._network, None
            followers, self._followers = self._followers, []
        for container in running:
            container.kill()
        for follower in followers:
            follower.join()
        if network is not None:
            network.close()


class _Host:
    """What a build uses of its session."""

    def __init__(self, session: Session, network: str = "default", memory: int = 0) -> None:
        self._session = session
        self._network = network
        self._limits = Limits(memory=memory) if memory else Limits()

    def resolve(self, reference: str, log: Log) -> Image:
        """The image of a FROM."""
        return self._session._available(reference, log)

    def check(self) -> None:
        """End a build that waits when its run was stopped or has no time left."""
        if self._session._closed or not self._session.time_left():
            raise BuildError("the run was stopped")

    def execute(  # noqa: PLR0913 (all that decides what a RUN does)
        self,
        stage: Stage,
        lowers: list[Path],
        upper: Path,
        argv: list[str],
        environment: Mapping[str, str],
        log: Log,
        *,
        network: str = "default",
        mounts: Sequence[Mount] = (),
        hostname: str = "",
    ) -> int:
        """A RUN; with a ``hostname`` it is BuildKit's, whose log tells of no container."""
        session = self._session
        network = self._network if network == "default" else network
        name = stage.short_id
        if not hostname:
            log(f" ---> Running in {name}")
        spec = ContainerSpec(
            lowers=tuple(lowers),
            argv=argv,
            environment=environment,
            working_dir=stage.working_dir,
            user=stage.settings.get("User") or "",
            hostname=hostname or name,
            upper=upper,
            mounts=tuple(mounts),
            network=None if network == "none" else session._own_network(),
            proxy=network != "none",
            platform=stage.platform,
            limits=self._limits,
            volumes=tuple(stage.settings.get("Volumes") or {}),
        )
        try:
            code = session._start(spec, name, log, None)
        except SandboxError as error:
            raise BuildError(str(error)) from None
        if not hostname:
            log(f"Removing intermediate container {name}")
        assert isinstance(code, int)
        return code


def _text(folder: RootFolder, dockerfile: str) -> str:
    """The text of a Dockerfile. Raises :class:`BuildError`."""
    try:
        return folder.read(folder.real(dockerfile, strict=True)).decode()
    except UnicodeDecodeError:
        raise BuildError(f"{dockerfile} is not UTF-8 text") from None
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise BuildError(
                f"unable to prepare context: the Dockerfile ({dockerfile}) must be within the "
                "build context"
            ) from None
        raise BuildError(
            f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat "
            f"{dockerfile}: no such file or directory"
        ) from None


def human_size(size: float) -> str:
    """Bytes as docker prints them: 3.072kB, 14.5MB (units of 1000, four digits)."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.4g}{unit}"
        size /= 1000
    return f"{size:.4g}TB"


def describe(value: Any) -> str:
    """JSON as ``docker inspect`` prints it."""
    return json.dumps(value, indent=4)
