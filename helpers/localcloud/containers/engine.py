"""A container host for each run: its own images by name, logins, containers and network.

What `docker` is on an agent of ACR Tasks; images and layers are shared below it.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

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
from .build.registry_cache import RegistryCache
from .build.resources import NOTHING, Resources
from .build.stage import Stage
from .errors import BuildError, SandboxError
from .images.images import Image, ImageStore
from .images.local_images import LocalImages, parse_reference
from .networks import BRIDGE, NONE, OWN, Networks
from .running import NAME, Containers, Record
from .sandboxes.container import TERMINATE, ContainerSpec, Limits, Mount, signal_of
from .sandboxes.network import Network
from .sandboxes.ownership import readable

Log = Callable[[str], None]


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
        self.images = LocalImages(self._store)
        self._logins: dict[str, Credential] = {}
        self._lock = threading.RLock()
        self.scope = ""  # whose the caches of its builds are
        self._shared = False  # whether one has had a folder of this machine
        self.networks = Networks(cloud, self._furnish)
        self.containers = Containers(cloud, self.networks, cut, self.time_left)

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
            log(f"{str(layer['digest']).partition(':')[2][:12]}: Pushed")
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
        hosts: Sequence[tuple[str, str]] = (),
        cache: str = "",
        log: Log,
    ) -> BuildResult:
        """Build an image and tag it, with the classic builder unless ``frontend`` is BuildKit's.

        ``dockerfile`` is in the context, or a file elsewhere; ``resources`` are for BuildKit alone;
        ``hosts`` are addresses and names that a RUN knows, ``cache`` is the image that BuildKit keeps
        its cache as.
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
        host = _Host(self, network, memory, hosts)
        if frontend.buildkit:
            parts = (self._cloud, host, source, log, arguments, no_cache, target)
            names = tuple((str(one), partial(self.images.name, one)) for one in references)
            kept = self._kept(cache) if cache else None
            return build_by_buildkit(text, name, frontend, resources, *parts, names, kept)
        log(f"Sending build context to Docker daemon  {human_size(size)}")
        build = Build(
            self._cloud,
            host,
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

    def _kept(self, cache: str) -> RegistryCache:
        place = parse_reference(cache)
        credential = self.credential(place.registry)
        return RegistryCache(self._cloud.content, self._client, place, credential)

    @staticmethod
    def is_valid_name(name: str) -> bool:
        """Whether docker takes it as the name of a container."""
        return bool(NAME.fullmatch(name))

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
        log: Log,
        timeout: float | None = None,
        memory: int = 0,
        record: Record | None = None,
        hosts: Sequence[tuple[str, str]] = (),
        detach: bool = False,
    ) -> int:
        """Run a container; its exit status, 0 at once when it is detached.

        ``record`` says how docker is to know it. Raises :class:`CloudError` for the image,
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
        record = record or Record(reference, argv)
        record.command = argv
        record.exposed = frozenset(image.settings.get("ExposedPorts") or {})
        record.stop_signal = signal_of(str(image.settings.get("StopSignal") or "")) or TERMINATE
        joined, names, private = self._join(record, hosts)
        spec = ContainerSpec(
            lowers=tuple(self._store.lowers(image)),
            argv=argv,
            environment={
                **(self._known_to(joined) if joined is not None else {}),
                **image.env,
                **(environment or {}),
            },
            working_dir=working_dir or image.working_dir,
            user=user or image.user,
            hostname=record.hostname or record.short,
            mounts=tuple(mounts),
            network=joined,
            proxy=joined is not None,
            platform=image.platform,
            volumes=image.volumes,
            limits=Limits(memory=memory) if memory else Limits(),
            names=names,
            hosts=private,
        )
        if spec.foreign:
            log(
                f"WARNING: The requested image's platform ({image.platform}) does not match the "
                "detected host platform (linux/amd64) and no specific platform was requested"
            )
        self._shared = self._shared or bool(mounts)
        return self.containers.start(spec, record, log, timeout, detach=detach)

    def time_left(self) -> float:
        """Seconds that whoever calls has for what it does."""
        return math.inf

    def _join(
        self, record: Record, hosts: Sequence[tuple[str, str]]
    ) -> tuple[Network | None, tuple[str, ...], tuple[tuple[str, str], ...] | None]:
        """The network of a container, its names there, and what it alone knows.

        Names are known on the networks that somebody has made; on Docker's own there are none.
        """
        if record.network == NONE:
            return None, (), tuple(hosts)
        if record.network.startswith("container:"):
            other = self.containers.find(record.network.partition(":")[2])
            if other is None or other.container is None:
                raise SandboxError(f"No such container: {record.network.partition(':')[2]}")
            return other.container.network, (), tuple(hosts)
        network = self.networks.get(record.network)
        if record.network in OWN:
            return network, (), tuple(hosts)
        for address, name in hosts:
            network.add_name(name, address)
        return network, (record.name, *record.aliases), None

    def _furnish(self, network: Network) -> None:
        """Add what containers find in each network of this host, before any has started."""

    def _known_to(self, network: Network) -> Mapping[str, str]:  # noqa: ARG002
        """Variables that tell containers of a network what else they find there."""
        return {}

    def credential(self, server: str) -> Credential | None:
        """What the registry ``server`` was logged in to with, if it was."""
        with self._lock:
            return self._logins.get(server)

    def close(self) -> None:
        """Stop every container, and forget everything."""
        self.containers.close()
        self.networks.close()


class _Host:
    """What a build uses of its session."""

    def __init__(
        self, session: Session, network: str, memory: int, hosts: Sequence[tuple[str, str]]
    ) -> None:
        self._session = session
        self._network = network
        self._limits = Limits(memory=memory) if memory else Limits()
        self._hosts = tuple(hosts)
        self.scope = session.scope

    def resolve(self, reference: str, log: Log) -> Image:
        """The image of a FROM."""
        return self._session._available(reference, log)

    def copies_mounts(self) -> bool:
        """Whether containers run in a chroot."""
        return self._session.networks.get(BRIDGE).mode == "chroot"

    def check(self) -> None:
        """End a build that waits when its run was stopped or has no time left."""
        if self._session.containers.closed or not self._session.time_left():
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
            network=None if network == "none" else session.networks.get(BRIDGE),
            proxy=network != "none",
            platform=stage.platform,
            limits=self._limits,
            volumes=tuple(stage.settings.get("Volumes") or {}),
            hosts=self._hosts,
        )
        record = Record(stage.short_id, argv, name, NONE if network == "none" else BRIDGE)
        try:
            code = session.containers.start(spec, record, log)
        except SandboxError as error:
            raise BuildError(str(error)) from None
        if not hostname:
            log(f"Removing intermediate container {name}")
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
