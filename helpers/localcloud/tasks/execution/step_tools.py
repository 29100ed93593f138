"""Tools in the steps of one run: called by a step itself, or from inside of its container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex

from ...containers.errors import SandboxError
from ...containers.images import azure_cli, tool_client
from ...containers.networks import BRIDGE, NONE
from ...containers.sandboxes.container import Mount
from ...errors import CloudError
from ...reference import DOCKER_HUB, Reference
from ...root_folder import RootFolder
from ..definitions import agent_command
from ..tools import ToolContext, az, docker
from ..tools.server import Call
from ..tools.volumes import Volumes
from .agent import Agent, StepError
from .attempts import Log
from .build_step import BuildSteps
from .session import RunSession

_MICROSOFT = "mcr.microsoft.com"
_IMAGES = {
    (DOCKER_HUB, "library/docker"): "docker",
    (_MICROSOFT, "acr/docker"): "docker",
    (_MICROSOFT, "acr/azure-cli"): "az",
    (_MICROSOFT, "azure-cli"): "az",
    (DOCKER_HUB, "microsoft/azure-cli"): "az",
    (_MICROSOFT, "acr/acr-cli"): "acr",
    (_MICROSOFT, "acr/cssc"): "cssc",
}
# Without an entry point the tool is the first word, or something else is.
_BARE = ("azure-cli", "microsoft/azure-cli")
_SHELLS = ("bash", "sh")


def _acr(words: list[str], context: ToolContext) -> int:
    from ..tools import acr  # few runs purge: only they pay for its engine of regular expressions

    return acr.run(words, context)


_TOOLS = {"acr": _acr, "az": az.run, "docker": docker.run}


def tool_of(image: str) -> str | None:
    """The tool of the local cloud that stands for a tool image, or None."""
    try:
        reference = Reference.parse(image)
    except (CloudError, ValueError):
        return None
    return _IMAGES.get((reference.registry, reference.repository))


def plain_call(words: list[str]) -> tuple[str, list[str]] | None:
    """The tool and its words, where a cmd is nothing but a call of a tool; else None.

    A shell of the image needs a container.
    """
    tool = tool_of(words[0])
    if tool is None or (tool == "az" and _is_real()):
        return None
    reference = Reference.parse(words[0])
    if tool == "acr" and not reference.tag.startswith("0."):
        return None  # there are versions of it alone
    if words[1:2] == [tool]:
        return tool, words[2:]
    if tool == "az" and (reference.repository in _BARE or words[1:2] in [[s] for s in _SHELLS]):
        return None
    return tool, words[1:]


def _is_real() -> bool:
    """Whether az is the real one, which runs in a container. Raises :class:`StepError`."""
    try:
        return azure_cli.wanted()
    except SandboxError as error:
        raise StepError(str(error)) from None


class StepTools:
    """Executes tools with the identities of the run, under its logins."""

    def __init__(self, agent: Agent, session: RunSession) -> None:
        self._agent = agent
        self._session = session
        self._workspace = RootFolder(agent.workspace)
        self.builds: BuildSteps | None = None
        self.volumes = Volumes(agent.folder / "docker-volumes")
        for name in (agent_command.WORKSPACE_VOLUME, agent.volume):
            self.volumes.give(name, agent.workspace)
        self.volumes.give(agent_command.HOME_VOLUME, agent.home)

    def build(
        self, words: list[str], environment: Mapping[str, str], directory: str, log: Log
    ) -> int:
        """See :class:`~..tools.ToolImages`."""
        try:
            assert self.builds is not None
            return self.builds.call(words, environment, directory, log)
        except StepError as error:
            log(str(error))
            return 1

    def call(self, words: list[str]) -> tuple[str, list[str]] | None:
        """See :class:`~..tools.ToolImages`."""
        return plain_call(words)

    def run(
        self,
        tool: str,
        words: list[str],
        environment: Mapping[str, str],
        directory: str,
        log: Log,
    ) -> int:
        """Run a tool with its output in the log; returns its exit status."""
        return _TOOLS[tool](words, self.context(environment, log, directory))

    def mount(self, image: str, environment: Mapping[str, str], network: str) -> list[Mount]:
        """What lets a container of ``image`` call the tools that its image has; [] without any."""
        found = self._session.images.inspect(image)
        labels = (found or {}).get("Config", {}).get("Labels") or {}
        tools = [one for one in str(labels.get(tool_client.LABEL, "")).split() if one in _TOOLS]
        if not tools:
            return []

        def execute(call: Call) -> int:
            if call.tool not in tools:
                call.error(f"{call.tool}: the image {image} has no such tool")
                return 127
            given = {**environment, **call.settings}
            context = replace(
                self.context(given, call.output),
                error=call.error,
                cancelled=lambda: call.cancelled() or self._agent.cancelled.is_set(),
            )
            return _TOOLS[call.tool](call.words, context)

        if network == NONE or network.startswith("container:"):
            network = BRIDGE  # the first cannot connect, and the second is told where its own is
        server, port = self._session.tool_server(network)
        key = server.admit(execute)
        self._agent.log.masker.hide(key)
        with RootFolder(self._agent.folder) as folder:
            place = f"tools/{token_hex(8)}"
            folder.make_folders("tools", 0o700)
            folder.write(place, f"{port} {key}\n".encode())
        return [Mount(self._agent.folder / place, tool_client.ADDRESS_FILE, read_only=True)]

    def context(self, environment: Mapping[str, str], log: Log, directory: str = "") -> ToolContext:
        """What a tool that a step calls may use."""
        return ToolContext(
            session=self._session,
            cloud=self._agent.cloud,
            identities=self._agent.identities,
            state=self._agent.folder,
            workspace=self._workspace,
            environment=dict(environment),
            log=log,
            registry=self._agent.server,
            cancelled=lambda: self._agent.cancelled.is_set() or not self._session.time_left(),
            directory=directory,
            tools=self,
            volumes=self.volumes,
        )
