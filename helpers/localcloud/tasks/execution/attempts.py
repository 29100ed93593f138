"""How often the command of a step is run: repeat, retries, and what ends them.

Source: acr-builder, pkg/procmanager/procmanager.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...containers.errors import BuildError, SandboxError
from ...errors import CloudError
from ..definitions.task_file import Step, Task
from .agent import Agent, StepError
from .session import RunSession

Log = Callable[[str], None]

# What docker takes as a container's name; a step's id is one.
_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_DOCKERS_NETWORKS = ("bridge", "host", "none")


class Attempts:
    """Runs commands of the steps of one run, and logs each attempt as the engine does."""

    def __init__(self, agent: Agent, session: RunSession, task: Task) -> None:
        self._agent = agent
        self._session = session
        self._log = agent.log
        self._networks = {one.name for one in task.networks if not one.skip_creation}

    def run(self, step: Step, action: Callable[[Log], int]) -> None:
        """Repeat and retry ``action``, which gives the exit status. Raises :class:`StepError`."""
        failures: list[StepError] = []
        for _ in range(step.repeat + 1):
            try:
                self._retry(step, action)
            except StepError as error:
                failures.append(error)
                if not self._session.time_left():
                    break
        if failures:
            raise failures[0]

    def _retry(self, step: Step, action: Callable[[Log], int]) -> None:
        for attempt in range(step.retries + 1):
            self._agent.check()
            self._log.line(f"Launching container with name: {step.id}")
            output = _Output(self._log.output, step.retry_on_errors)
            failure = self._attempt(step, action, output)
            self._agent.check()
            if failure is None:
                self._log.line(f"Successfully executed container: {step.id}")
                return
            late = not self._session.time_left()
            if late or attempt == step.retries or not output.is_retried:
                self._log.line(f"Container failed during run: {step.id}. No retries remaining.")
                raise timed_out(step) if late else failure
            self._log.line(
                f"Container failed during run: {step.id}, waiting {step.retry_delay} seconds "
                "before retrying..."
            )
            self._agent.wait(min(step.retry_delay, self._session.time_left()))

    def _attempt(self, step: Step, action: Callable[[Log], int], log: Log) -> StepError | None:
        try:
            self._check(step)
            status = action(log)
        except BuildError as error:
            log(error.message)
            status = error.exit_status
        except (CloudError, SandboxError) as error:
            log(str(error))
            return StepError(str(error))
        return StepError(f"exit status {status}") if status else None

    def _check(self, step: Step) -> None:
        """What docker refuses of a container's name and network."""
        if not _CONTAINER_NAME.fullmatch(step.id):
            raise SandboxError(
                f"docker: Error response from daemon: Invalid container name ({step.id}), only "
                "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed. Give the step another id."
            )
        if step.network and step.network not in (*self._networks, *_DOCKERS_NETWORKS):
            raise SandboxError(
                f"docker: Error response from daemon: network {step.network} not found. Name one "
                "of the task's networks."
            )


def timed_out(step: Step) -> StepError:
    """The engine's words (acb prints "timed out" for a deadline exceeded), and how long it was."""
    return StepError(f"timed out (it did not end within {step.timeout} seconds)")


class _Output:
    """Passes output on, and looks in it for the words that ``retryOnErrors`` names."""

    def __init__(self, log: Log, words: list[str]) -> None:
        self._log = log
        self._words = words
        self.is_retried = not words

    def __call__(self, line: str) -> None:
        self.is_retried = self.is_retried or any(word in line for word in self._words)
        self._log(line)
