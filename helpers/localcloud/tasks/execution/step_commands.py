"""What a step does: build an image, push images, or run a container or a tool."""

from __future__ import annotations

import contextlib

from ...errors import CloudError
from ..definitions import definition
from ..definitions.build_dependencies import BuildDependency
from ..definitions.words import AGENT, ShellError
from ..errors import UsageError
from ..tools import docker, docker_run
from .agent import Agent, StepError
from .attempts import Attempts, Log, timed_out
from .build_step import BuildSteps
from .session import RunSession
from .step_tools import StepTools, tool_of
from .step_volumes import prepare

PUSH_ATTEMPTS = 3


class StepCommands:
    """Executes the command of each step; remembers what was built and pushed."""

    def __init__(self, agent: Agent, session: RunSession, task: definition.Task) -> None:
        self._agent = agent
        self._session = session
        self._task = task
        self._log = agent.log
        self._attempts = Attempts(agent, session)
        self._tools = StepTools(agent, session)
        self._builds = BuildSteps(agent, session, self._attempts)
        self._tools.builds = self._builds

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
        except (ShellError, UsageError) as error:
            raise StepError(str(error)) from None

    def prepare_volumes(self) -> None:
        """Make the volumes of the task file. Raises :class:`StepError`."""
        prepare(self._agent, self._task, self._tools.volumes)

    def dependencies(self, step: definition.Step) -> list[BuildDependency]:
        """What a build step built, and on what; see :meth:`BuildSteps.dependencies`."""
        return self._builds.dependencies(step)

    # -- push --------------------------------------------------------------------------------------

    def _push(self, step: definition.Step) -> None:
        for image in step.push:
            self._push_one(image)

    def _push_one(self, image: str) -> None:
        for attempt in range(1, PUSH_ATTEMPTS + 1):
            self._agent.check()
            if not self._session.time_left():
                raise timed_out()
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
        words = docker_run.words_of(step)
        with contextlib.suppress(UsageError):  # docker says so itself
            image = docker_run.parse(words, {}).image
            if tool_of(image) == "cssc":
                raise StepError(
                    f"the local cloud does not implement the tool image {image} (cssc): of those "
                    "that have aliases it has acr, az, bash and curl. It works on Azure"
                )
        self._attempts.run(step, lambda log: self._docker(step, ["run", *words], log))

    def _docker(self, step: definition.Step, words: list[str], log: Log) -> int:
        """Run a docker command as the agent does, outside of any container."""
        context = self._tools.context(AGENT, log)
        context.downloads = lambda image, show: self._download(step, image, show)
        return docker.run(words, context)

    def _environment(self, step: definition.Step) -> dict[str, str]:
        """The variables of a build step's docker, as the agent's shell reads them."""
        try:
            return docker_run.of_step(step).environment
        except UsageError as error:
            self._log.raw(str(error))
            raise StepError("exit status 125") from None

    def _explicit_pull(self, step: definition.Step) -> None:
        image = step.cmd.partition(" ")[0]
        if tool_of(image) is not None:
            return  # what stands for it is part of the local cloud
        status = self._docker(step, ["pull", image], self._log.raw)
        if status:
            raise StepError(f"exit status {status}")

    def _download(self, step: definition.Step, image: str, log: Log) -> str:
        for attempt in range(step.cmd_download_retries + 1):
            try:
                return self._session.pull(image, log)
            except CloudError:
                if attempt >= step.cmd_download_retries:
                    raise
                self._agent.wait(step.cmd_download_retry_delay)
        raise AssertionError("it was tried")
