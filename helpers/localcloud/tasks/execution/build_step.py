"""A build step: the dependency scan, then what ``docker build`` does, then the digests of both.

Source: acr-builder, builder/builder.go, scan/scanner.go, builder/digest_docker.go.
"""

from __future__ import annotations

import errno
import posixpath
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex

from ...containers.build.builder import BuildResult
from ...containers.build.frontend import Frontend, chosen
from ...containers.build.resources import NOTHING, Resources
from ...errors import CloudError
from ...root_folder import FileBelow, RootFolder
from ..definitions import cached_build
from ..definitions.build_command import BuildCommand, ScannedCommand, is_remote
from ..definitions.build_dependencies import BuildDependency
from ..definitions.dependency_scan import ScanError, scan
from ..definitions.image_names import SCRATCH, ImageName, ImageNameError
from ..definitions.task_file import Step
from ..definitions.words import ShellError, split
from ..errors import UsageError
from . import source
from .agent import Agent, StepError
from .attempts import Attempts, Log
from .build_resources import resources
from .git_context import SourceError
from .session import RunSession


@dataclass
class _Built:
    """What a step has built; ``found`` is what the scan said before."""

    result: BuildResult
    found: list[BuildDependency]
    buildkit: bool


class BuildSteps:
    """Runs the build steps of one run; remembers what they built, and on what."""

    def __init__(self, agent: Agent, session: RunSession, attempts: Attempts) -> None:
        self._agent = agent
        self._session = session
        self._log = agent.log
        self._attempts = attempts
        self._mounts = {
            "/workspace": RootFolder(agent.workspace),
            "/acb/home": RootFolder(agent.home),
        }
        self._lock = threading.Lock()
        self._built: dict[str, _Built] = {}

    def run(self, step: Step, environment: Mapping[str, str]) -> None:
        """Scan and build. Raises :class:`StepError`, and what the words of the step raise."""
        scanned = ScannedCommand.of(step.build)
        self._log.line("Scanning for dependencies...")
        fetched = self._fetch(scanned.context) if is_remote(scanned.context) else None
        found = self._scan(step, scanned, fetched)
        self._log.line("Successfully scanned dependencies")
        command = BuildCommand.parse(split(step.build))
        prepared = self._prepare(step, command, fetched)
        results: list[tuple[BuildResult, Frontend]] = []

        def build(log: Log) -> int:
            frontend = chosen(environment, buildx=step.is_cached)
            result = self._build(step, command, prepared, environment, frontend, log)
            results.append((result, frontend))
            return 0

        self._attempts.run(step, build)
        with self._lock:
            self._built[step.id] = _Built(results[-1][0], found, results[-1][1].buildkit)

    def _resources(
        self, step: Step, command: BuildCommand, environment: Mapping[str, str]
    ) -> Resources:
        return resources(
            command.secrets,
            command.build_contexts,
            command.ssh,
            environment,
            lambda name, what: self._locate(step, name, what),
        )

    def call(
        self, words: list[str], environment: Mapping[str, str], directory: str, log: Log
    ) -> int:
        """``docker build`` with these words, called in ``directory`` of the workspace.

        Without a scan, which steps alone have. Raises what :meth:`run` raises.
        """
        command = BuildCommand.parse(words)
        step = Step("docker-build", working_directory=directory)
        fetched = None
        if is_remote(command.context):
            try:
                fetched = self._download(command.context)
            except SourceError as error:
                raise StepError(f"unable to prepare context: {error}") from None
        prepared = self._prepare(step, command, fetched)
        self._build(step, command, prepared, environment, chosen(environment), log)
        return 0

    def _build(
        self,
        step: Step,
        command: BuildCommand,
        prepared: tuple[RootFolder, str | FileBelow],
        environment: Mapping[str, str],
        frontend: Frontend,
        log: Log,
    ) -> BuildResult:
        context, dockerfile = prepared
        given = {one: environment[one] for one in command.bare_args if one in environment}
        return self._session.build(
            context,
            dockerfile=dockerfile,
            tags=tuple(command.tags),
            build_args={**command.build_args, **given},
            target=command.target or None,
            no_cache=command.no_cache,
            platform=command.platform or None,
            frontend=frontend,
            labels=command.labels,
            network=command.network,
            memory=command.memory,
            hosts=command.hosts,
            cache=cached_build.image_of(step, self._agent.run.task, self._agent.server),
            resources=self._resources(step, command, environment) if frontend.buildkit else NOTHING,
            log=log,
        )

    # -- where things are --------------------------------------------------------------------------

    def _download(self, context: str) -> source.Source:
        target = self._agent.folder / f"context-{token_hex(8)}"
        url = f"https://{context}" if context.startswith("github.com/") else context
        return source.fetch(self._agent.cloud, url, target, registry_id=self._agent.run.registry_id)

    def _fetch(self, context: str) -> source.Source:
        try:
            return self._download(context)
        except SourceError as error:
            raise self._refused(f"failed to download source code: {error}") from None

    def _locate(self, step: Step, name: str, what: str) -> FileBelow:
        """What a path is in the container of a build, links followed.

        Raises FileNotFoundError, and :class:`StepError` for what lies outside the run's files.
        """
        directory = posixpath.join("/workspace", step.working_directory)
        path = posixpath.join(directory, name)
        for written in (path, posixpath.normpath(path)):
            for mount, folder in self._mounts.items():
                if written != mount and not written.startswith(f"{mount}/"):
                    continue
                try:
                    return FileBelow(
                        folder, folder.real(written[len(mount) :].strip("/") or ".", strict=True)
                    )
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise FileNotFoundError(error.errno, error.strerror, name) from None
        raise StepError(f"the {what} '{name}' lies outside the source code")

    def _prepare(
        self, step: Step, command: BuildCommand, fetched: source.Source | None
    ) -> tuple[RootFolder, str | FileBelow]:
        """The opened build context, and the Dockerfile: in it, or elsewhere among the run's files.

        It is opened here and stays this folder, whatever a step puts in its place meanwhile.
        """
        if fetched is not None:
            return RootFolder(fetched.folder), command.dockerfile or "Dockerfile"
        self._check_directory(step)
        missing = StepError(
            f"the build context '{command.context}' was not found in the source code"
        )
        try:
            place = self._locate(step, command.context, "build context")
            context = place.folder.folder(place.path, links=False)
        except OSError:
            raise missing from None
        if not command.dockerfile:
            return context, "Dockerfile"
        try:
            file = self._locate(step, command.dockerfile, "Dockerfile")
        except OSError:
            raise StepError(
                f"unable to find the Dockerfile '{command.dockerfile}': -f counts from the working "
                "directory of the step, not from the build context"
            ) from None
        prefix = "" if place.path == "." else f"{place.path}/"
        if file.folder is place.folder and file.path.startswith(prefix):
            return context, file.path[len(prefix) :]
        return context, file

    def _check_directory(self, step: Step) -> None:
        name = step.working_directory
        try:
            place = self._locate(step, ".", "working directory")
            there = place.folder.is_folder(place.path, links=False)
        except (OSError, StepError):
            there = False
        if not there:
            raise StepError(f"the working directory '{name}' was not found in the source code")

    # -- scan --------------------------------------------------------------------------------------

    def _scan(
        self, step: Step, scanned: ScannedCommand, fetched: source.Source | None
    ) -> list[BuildDependency]:
        try:
            if fetched is not None:
                name = posixpath.normpath(scanned.dockerfile or "Dockerfile")
                with RootFolder(fetched.folder) as folder:
                    text = folder.read(folder.real(name, strict=True))
            else:
                name = scanned.path
                file = self._locate(step, name, "Dockerfile")
                text = file.folder.read(file.path)
        except OSError as error:
            raise self._refused(
                f"error opening dockerfile: {name}, error: open {name}: "
                f"{_reason(error)}{_looked(step, scanned, name)}"
            ) from None
        try:
            found = scan(text, scanned.build_args, scanned.tags, scanned.target)
        except ScanError as error:
            where = f" ({name}:{error.line})" if error.line else ""
            raise self._refused(f"{error}{where}. {error.advice}") from None
        commit = (fetched or self._agent.source).commit
        return [replace(one, commit=commit) for one in found]

    def _refused(self, reason: str) -> StepError:
        self._log.line(f"Output from dependency scanning: {reason}")
        return StepError(f"failed to scan dependencies: {reason}")

    # -- digests -----------------------------------------------------------------------------------

    def dependencies(self, step: Step) -> list[BuildDependency]:
        """What a build step built, and on what, with digests; [] for other steps and failed ones.

        Of a build with the cache of buildx the engine cannot tell it (acr-builder, issue 522).
        Raises :class:`StepError` when the scan named an image that the build had no use for, so
        that it is not there to ask.
        """
        with self._lock:
            built = self._built.get(step.id)
        if built is None or step.is_cached:
            return []
        return [_with_digests(one, lambda name: self._digest(built, name)) for one in built.found]

    def _digest(self, built: _Built, name: ImageName) -> str:
        if name.reference == SCRATCH or name.digest:
            return name.digest
        if built.buildkit:  # the engine asks the registry, since Docker's store does not have them
            used = (one.digest for one in built.result.stages if _is_named(one.reference, name))
            return next(used, "") or self._transferred(name)
        return self._transferred(name, must=True)

    def _transferred(self, name: ImageName, *, must: bool = False) -> str:
        """The digest in the image's repository, "" of one that was neither pulled nor pushed."""
        try:
            known = self._session.images.inspect(name.reference)
        except CloudError:
            known = None
        if known is None and must:
            raise StepError(
                f"failed to query digests, msg: Error: No such object: {name.reference}: exit "
                "status 1. The scan for dependencies takes it for an image of this build, and the "
                "build had no use for it: look at the FROM, ARG and --target of its Dockerfile"
            )
        for digest in (known or {}).get("RepoDigests", ()):
            repository, _, value = str(digest).partition("@")
            if ImageName.of(repository).key[:2] == name.key[:2]:
                return value
        return ""


def _is_named(reference: str, name: ImageName) -> bool:
    try:
        return ImageName.of(reference).key == name.key
    except ImageNameError:  # what BuildKit builds on need be no image
        return False


def _with_digests(found: BuildDependency, digest: Callable[[ImageName], str]) -> BuildDependency:
    def told(name: ImageName | None) -> ImageName | None:
        return name and replace(name, digest=digest(name))

    return replace(
        found,
        image=told(found.image),
        runtime=told(found.runtime),
        buildtime=tuple(replace(one, digest=digest(one)) for one in found.buildtime),
    )


def _reason(error: OSError) -> str:
    return (error.strerror or "no such file or directory").lower()


def _looked(step: Step, scanned: ScannedCommand, name: str) -> str:
    """What to do about a Dockerfile that the scan has not found."""
    try:
        command = BuildCommand.parse(split(step.build))
    except (ShellError, UsageError):  # the build itself tells what is wrong with the words
        return ""
    if posixpath.normpath(command.path) == posixpath.normpath(name):
        return (
            ". It is looked for from the working directory of the step, not from the build context"
        )
    if command.dockerfile != scanned.dockerfile:
        return (
            f". The scan does not see '{command.dockerfile}': to it the option is a word of its own: "
            f"-f {command.dockerfile}"
        )
    return (
        f". The scan takes '{scanned.context}' for the context, since it takes every word after an "
        f"option for its value: put '{command.context}' first"
    )
