"""How often the command of a step is run: repeat, retries, and what ends them.

Source: acr-builder, pkg/procmanager/procmanager.go.
"""

from __future__ import annotations

from collections.abc import Callable

from ...containers.errors import BuildError, SandboxError
from ...errors import CloudError
from ..definitions.task_file import Step
from .agent import Agent, StepError
from .session import RunSession

Log = Callable[[str], None]
DEADLINE = "context deadline exceeded"


class Attempts:
    """Runs commands of the steps of one run, and logs each attempt as the engine does."""

    def __init__(self, agent: Agent, session: RunSession) -> None:
        self._agent = agent
        self._session = session
        self._log = agent.log

    def run(self, step: Step, action: Callable[[Log], int]) -> None:
        """Repeat and retry ``action``, which gives the exit status. Raises :class:`StepError`.

        The step's time counts for all of it: what is begun after its end fails at once.
        """
        failures: list[str] = []
        for _ in range(step.repeat + 1):
            try:
                self._retry(step, action)
            except StepError as error:
                self._agent.check()
                failures.append(str(error))
        if failures:
            raise StepError(", ".join(failures))

    def _retry(self, step: Step, action: Callable[[Log], int]) -> None:
        for attempt in range(step.retries + 1):
            self._agent.check()
            self._log.line(f"Launching container with name: {step.id}")
            output = _Output(self._log.output, step.retry_on_errors)
            failure = self._attempt(step, action, output) if self._session.time_left() else None
            self._agent.check()
            if not self._session.time_left():
                failure = timed_out()
            if failure is None:
                self._log.line(f"Successfully executed container: {step.id}")
                return
            if attempt == step.retries or not output.is_retried:
                self._log.line(f"Container failed during run: {step.id}. No retries remaining.")
                raise failure
            self._log.line(
                f"Container failed during run: {step.id}, waiting {step.retry_delay} seconds "
                "before retrying..."
            )
            self._agent.wait(step.retry_delay)

    def _attempt(self, step: Step, action: Callable[[Log], int], log: Log) -> StepError | None:
        try:
            status = self._refused(step, log) or action(log)
        except BuildError as error:
            log(error.message)
            status = error.exit_status
        except (CloudError, SandboxError) as error:
            log(str(error))
            status = 1
        return StepError(f"exit status {status}") if status else None

    def _is_known(self, network: str) -> bool:
        """Whether there is the network of a build step; the agent makes none for a Docker build."""
        return not network or self._agent.is_docker_build or self._session.networks.knows(network)

    def _refused(self, step: Step, log: Log) -> int:
        """125 for what docker refuses of a container's name and network; else 0."""
        text = ""
        if not self._session.is_valid_name(step.id):
            text = (
                f"Invalid container name ({step.id}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed. "
                "Give the step another id"
            )
        elif step.build and not self._is_known(step.network):
            text = f"network {step.network} not found. Name one of the task's networks"
        if text:
            log(f"docker: Error response from daemon: {text}.")
        return 125 if text else 0


def timed_out() -> StepError:
    """The end of a step that has no time left; :func:`told` is what a run says of it."""
    return StepError(DEADLINE)


def told(error: str) -> str:
    """The words with which acb ends: "timed out" for Go's, which stay where it only goes on.

    Source: acr-builder, pull request 445.
    """
    return error.replace(DEADLINE, "timed out")


class _Output:
    """Passes output on, and looks in it for the words that ``retryOnErrors`` names."""

    def __init__(self, log: Log, words: list[str]) -> None:
        self._log = log
        self._words = words
        self.is_retried = not words

    def __call__(self, line: str) -> None:
        self.is_retried = self.is_retried or any(word in line for word in self._words)
        self._log(line)
