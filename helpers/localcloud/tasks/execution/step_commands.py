"""What a step does: build an image, push images, or run a container or a tool."""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
from pathlib import Path

from ...containers.sandboxes.container import Mount
from ...errors import CloudError
from ...root_folder import RootFolder
from ..definitions import definition
from ..definitions.build_command import BuildCommandError
from ..definitions.build_dependencies import BuildDependency
from ..definitions.words import ShellError, split
from .agent import Agent, StepError
from .attempts import Attempts, Log, timed_out
from .build_step import BuildSteps
from .session import RunSession
from .step_tools import StepTools, plain_call, tool_of

PUSH_ATTEMPTS = 3


class StepCommands:
    """Executes the command of each step; remembers what was built and pushed."""

    def __init__(self, agent: Agent, session: RunSession, task: definition.Task) -> None:
        self._agent = agent
        self._session = session
        self._task = task
        self._log = agent.log
        self._files = RootFolder(agent.workspace)
        self._attempts = Attempts(agent, session, task)
        self._tools = StepTools(agent, session)
        self._builds = BuildSteps(agent, session, self._attempts)

    def run(self, step: definition.Step, timeout: float) -> None:
        """Run the step, as often as its repeat and retries say, for ``timeout`` seconds in all.

        Raises :class:`StepError`.
        """
        try:
            if step.pull and step.cmd:
                self._log.line("Step specified pull. Performing an explicit pull...")
                self._explicit_pull(step)
            with self._session.within(timeout):
                if step.push:
                    self._push(step)
                elif step.build:
                    self._builds.run(step, self._environment(step))
                else:
                    self._cmd(step)
        except (ShellError, BuildCommandError) as error:
            raise StepError(str(error)) from None

    def dependencies(self, step: definition.Step) -> list[BuildDependency]:
        """What a build step built, and on what; see :meth:`BuildSteps.dependencies`."""
        return self._builds.dependencies(step)

    def _directory(self, step: definition.Step) -> str:
        """The working directory of a step in the workspace, without links."""
        return self._inside(".", step.working_directory.lstrip("/"), "working directory")

    def _inside(self, folder: str, name: str, what: str) -> str:
        """A folder of the workspace, without links. Raises :class:`StepError`."""
        outside = StepError(f"the {what} '{name}' lies outside the source code")
        if name.startswith("/"):
            raise outside
        try:
            real = self._files.real(f"{folder}/{name}", strict=True)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise outside from None
            real = ""
        if not real or not self._files.is_folder(real, links=False):
            raise StepError(f"the {what} '{name}' was not found in the source code")
        return real

    def _open(self, place: str, name: str, what: str) -> RootFolder:
        try:
            return self._files.folder(place, links=False)
        except OSError:  # it was there a moment ago
            raise StepError(f"the {what} '{name}' was not found in the source code") from None

    # -- push --------------------------------------------------------------------------------------

    def _push(self, step: definition.Step) -> None:
        for image in step.push:
            self._push_one(step, image)

    def _push_one(self, step: definition.Step, image: str) -> None:
        for attempt in range(1, PUSH_ATTEMPTS + 1):
            self._agent.check()
            if not self._session.time_left():
                raise timed_out(step)
            self._log.line(f"Pushing image: {image}, attempt {attempt}")
            try:
                self._session.push(image, self._log.raw)
            except CloudError as error:
                self._log.raw(str(error))
            else:
                self._log.line(f"Successfully pushed image: {image}")
                return
            self._agent.wait(min(0.25 * 2 ** (attempt - 1), 5))
        raise StepError("failed to push images successfully")

    # -- cmd ---------------------------------------------------------------------------------------

    def _cmd(self, step: definition.Step) -> None:
        words = _command(step)
        tool = tool_of(words[0])
        if tool == "cssc":
            raise StepError(
                f"the local cloud does not implement the tool image {words[0]} ({tool}): of those "
                "that have aliases it has acr, az, bash and curl. It works on Azure"
            )
        call = None if step.entry_point else plain_call(words)
        if call is not None:
            self._attempts.run(step, lambda log: self._tool(*call, step, log))
        else:
            self._attempts.run(step, lambda log: self._container(step, words, log))

    def _tool(self, tool: str, words: list[str], step: definition.Step, log: Log) -> int:
        workspace = self._open(self._directory(step), step.working_directory, "working directory")
        return self._tools.run(tool, words, self._environment(step), workspace, log)

    def _environment(self, step: definition.Step) -> dict[str, str]:
        """The step's own variables win over the task's; a bare NAME is empty."""
        pairs = [*self._task.env, *step.env]
        merged = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        return {"HOME": "/acb/home", **merged}

    def _container(self, step: definition.Step, words: list[str], log: Log) -> int:
        image = words[0]
        if self._session.images.inspect(image) is None:
            self._pull(step, image, log)
        directory = None
        if not step.disable_working_directory_override:
            directory = self._container_directory(step)
        mounts = [
            Mount(self._agent.workspace, "/workspace"),
            Mount(self._agent.home, "/acb/home"),
        ]
        mounts += [self._volume(step, one) for one in step.volume_mounts]
        mounts += self._tools.mount(image, self._environment(step), self._files)
        result = self._session.run(
            image,
            arguments=words[1:] or None,
            entrypoint=step.entry_point or None,
            environment=self._environment(step),
            working_dir=directory,
            user=step.user or None,
            mounts=tuple(mounts),
            network=step.network or None,
            name=step.id,
            log=log,
            detach=step.detach,
        )
        return result if isinstance(result, int) else 0

    def _container_directory(self, step: definition.Step) -> str:
        """The container's working directory; docker makes one that is not there."""
        parts = [part for part in Path(step.working_directory.lstrip("/")).parts if part != "."]
        with contextlib.suppress(OSError):  # the container tells why it cannot go there
            self._files.make_folders("/".join(parts))
        return "/".join(["/workspace", *parts])

    def _volume(self, step: definition.Step, mount: dict[str, str]) -> Mount:
        """A volume of the task file: files whose content is given in base64."""
        name, target = mount.get("name", ""), mount.get("mountPath", "")
        found = next((one for one in self._task.volumes if one.get("name") == name), None)
        if found is None or not target.startswith("/"):
            raise StepError(
                f"invalid use of Mounts. '{name}' must be one of the task's volumes, and its "
                f"mountPath '{target}' must be absolute"
            )
        place = f"volumes/{step.id}/{target.replace('/', '-')}"
        files: dict[str, bytes] = {}
        for file, content in (found.get("secret") or {}).items():
            try:
                decoded = base64.b64decode(str(content), validate=True)
            except binascii.Error:
                raise StepError(f"the file '{file}' of volume '{name}' is not base64") from None
            self._log.masker.hide(decoded.decode(errors="ignore"))
            if not file or "/" in file or file in (".", ".."):
                raise StepError(f"volume '{name}': '{file}' is not the name of a file")
            files[file] = decoded
        with RootFolder(self._agent.folder) as folder:
            folder.remove(place)  # an earlier try of the step may have put links into it
            folder.make_folders(place, 0o700)
            for file, decoded in files.items():
                folder.write(f"{place}/{file}", decoded)
        return Mount(self._agent.folder / place, target)

    def _explicit_pull(self, step: definition.Step) -> None:
        image = _command(step)[0]
        if not step.entry_point and plain_call(_command(step)) is not None:
            return  # what stands for it is part of the local cloud
        try:
            self._pull(step, image, self._log.raw)
        except CloudError as error:
            raise StepError(str(error)) from None

    def _pull(self, step: definition.Step, image: str, log: Log) -> None:
        for attempt in range(step.cmd_download_retries + 1):
            try:
                self._session.pull(image, log)
                return
            except CloudError:
                if attempt == step.cmd_download_retries:
                    raise
                self._agent.wait(step.cmd_download_retry_delay)


def _command(step: definition.Step) -> list[str]:
    """The words of a cmd: an image, and what it is given."""
    words = split(step.cmd)
    if not words:
        raise StepError("its cmd is empty")
    if words[0].startswith("-"):
        raise StepError(
            f"its cmd begins with the option '{words[0]}' of docker run, which the local cloud "
            "does not implement: use the step's properties (env, ports, detach, user, …)"
        )
    return words
