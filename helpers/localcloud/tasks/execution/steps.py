"""The steps of one run: set-up, graph, and what is reported once all have passed."""

from __future__ import annotations

import threading
import time

import yaml

from ...containers.errors import SandboxError
from ...errors import CloudError
from ..definitions import definition, graph
from ..definitions.build_dependencies import BuildDependency
from . import credentials
from .agent import Agent, StepError
from .attempts import told
from .session import RunSession
from .step_commands import StepCommands

UNSUPPORTED = {
    "privileged": "containers of the local cloud never get more rights than their run",
    "cpus": "the local cloud does not limit processors",
}
# The one in C is ten times as fast, for what has no long texts to fold: those it folds otherwise.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Steps:
    """Executes the steps of a task; afterwards it knows the images and what they build on."""

    def __init__(self, agent: Agent, session: RunSession, task: definition.Task) -> None:
        self._agent = agent
        self._session = session
        self._task = task
        self._log = agent.log
        self._commands = StepCommands(agent, session, task)
        self._elapsed: dict[str, float] = {}
        self._lock = threading.Lock()

    def execute(self) -> None:
        """Set up, run every step, then print the marks. Raises :class:`StepError`."""
        for step in self._task.steps:
            _check(step)
        self._set_up()
        graph.Graph(self._task.steps).run(self._step, self._end_others)
        self._agent.stop.check()
        for step in self._task.steps:
            self._log.line(
                f"Step ID: {step.id} marked as successful (elapsed time in seconds: "
                f"{self._elapsed.get(step.id, 0.0):.6f})"
            )
            if self._commands.dependencies(step):
                self._log.line(f"Populating digests for step ID: {step.id}...")
                self._log.line(f"Successfully populated digests for step ID: {step.id}")
        found = self._dependencies()
        if found:
            self._log.line("The following dependencies were found:")
            self._log.line("")
            for line in render([one.describe() for one in found]).split("\n"):
                self._log.raw(line)

    def output_images(self) -> list[dict[str, str]]:
        """What was pushed, as ARM shows it."""
        return self._session.output_images()

    def base_image_dependencies(self) -> list[dict[str, str]] | None:
        """The base images of everything that was built, as ARM shows them in a task's step.

        None when nothing was built.
        """
        found: list[dict[str, str]] = []
        built = self._dependencies()
        if not built:
            return None
        for one in built:
            for base in one.base_images():
                if base not in found:
                    found.append(base)
        return found

    def _dependencies(self) -> list[BuildDependency]:
        return [one for step in self._task.steps for one in self._commands.dependencies(step)]

    # -- before the first step -------------------------------------------------------------------

    def _set_up(self) -> None:
        for network in [] if self._agent.is_docker_build else self._task.networks:
            if network.skip_creation:
                self._log.line(f"Skip creating network: {network.name}")
                continue
            self._log.line(f"Creating Docker network: {network.name}, driver: '{network.driver}'")
            try:
                self._session.networks.create(network.name, network.driver, ipv6=network.ipv6)
            except SandboxError as error:
                raise StepError(
                    f"failed to create network: {network.name}, err: exit status 1, msg: Error "
                    f"response from daemon: {error}"
                ) from None
            self._log.line(f"Successfully set up Docker network: {network.name}")
        self._log.line("Setting up Docker configuration...")
        logins = credentials.resolve(
            self._agent.cloud,
            self._agent.registry,
            self._agent.run.request["credentials"],
            self._agent.identities,
            str(self._agent.run.request.get("caller") or ""),
        )
        self._log.line("Successfully set up Docker configuration")
        for server, credential in logins.items():
            self._log.masker.hide(credential.password)
            self._log.line(f"Logging in to registry: {server}")
            try:
                self._session.login(server, credential)
            except CloudError as error:
                # The engine tries three times; the answer of a registry that is here is final.
                raise StepError(
                    f"failed to login, ran out of retries: failed to set docker credentials: {error}"
                ) from None
            self._log.line(f"Successfully logged into {server}")
        self._commands.prepare_volumes()

    def _end_others(self) -> None:
        self._agent.cancelled.set()
        self._session.close()

    # -- one step ----------------------------------------------------------------------------------

    def _step(self, step: definition.Step) -> None:
        stop = self._agent.stop
        self._agent.check()
        network = "" if self._agent.is_docker_build else step.network
        self._log.line(
            f"Executing step ID: {step.id}. Timeout(sec): {step.timeout}, Working directory: "
            f"'{step.working_directory}', Network: '{network}'"
        )
        if step.start_delay > 0:
            self._log.line(
                f"Waiting {step.start_delay} seconds before executing step ID: {step.id}"
            )
            self._agent.wait(step.start_delay)
        started = time.monotonic()
        try:
            self._commands.run(step, step.timeout)
        except StepError as error:
            stop.check()
            if not step.ignore_errors or self._agent.cancelled.is_set():
                raise StepError(told(f"failed to run step ID: {step.id}: {error}")) from None
            self._log.line(
                f"Step ID: {step.id} encountered an error: {error}, but is set to ignore errors. "
                "Continuing..."
            )
        with self._lock:
            self._elapsed[step.id] = time.monotonic() - started


def _check(step: definition.Step) -> None:
    """Refuse what the local cloud lacks, before anything has run."""
    for name, why in UNSUPPORTED.items():
        if getattr(step, name, None):
            raise StepError(
                f"step ID: {step.id}: the local cloud does not implement the property '{name}': "
                f"{why}"
            )
    if step.build and step.volume_mounts:
        raise StepError(
            f"step ID: {step.id}: the local cloud does not implement volumeMounts of a build step: "
            "it works on Azure. A cmd step before it can copy the files into the source"
        )


def render(dependencies: list[dict[str, object]]) -> str:
    """The dependencies as the hosted service prints them."""
    return str(yaml.dump(dependencies, None, _DUMPER, sort_keys=False, default_flow_style=False))
