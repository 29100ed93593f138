"""A task file as data, with the engine's defaults.

Source: acr-builder, graph/task.go, graph/step.go and graph/network.go; documentation "ACR Tasks
reference: YAML".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..templating.render_options import SecretReference

STEP_TIMEOUT = 600  # seconds (graph/task.go)
RETRY_DELAY = 5  # seconds (graph/task.go; the documentation says 0)
DEFAULT_NETWORK = "acb_default_network"
DEFAULT_VERSION = "v1.0.0"
VERSIONS = ("1.0-preview-1", DEFAULT_VERSION, "v1.1.0")


@dataclass(frozen=True)
class Network:
    """A network of the run; ``is_default``: of the steps that name none."""

    name: str
    driver: str = ""
    is_default: bool = False
    skip_creation: bool = False
    ipv6: bool = False


@dataclass
class Step:
    """One step; times are in seconds. Exactly one of ``build``, ``cmd`` and ``push`` is set."""

    id: str
    build: str = ""
    cmd: str = ""
    push: list[str] = field(default_factory=list)
    working_directory: str = ""
    entry_point: str = ""
    user: str = ""
    network: str = DEFAULT_NETWORK
    isolation: str = ""
    cpus: str = ""
    cache: str = ""
    env: list[str] = field(default_factory=list)
    expose: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    volume_mounts: list[dict[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)  # instead of those that the build names
    when: list[str] | None = None  # None or []: after the step before it
    timeout: int = STEP_TIMEOUT  # when not given, the task's stepTimeout
    start_delay: int = 0
    retries: int = 0
    retry_delay: int = RETRY_DELAY
    retry_on_errors: list[str] = field(default_factory=list)
    repeat: int = 0
    cmd_download_retries: int = 0
    cmd_download_retry_delay: int = 0
    keep: bool = False
    detach: bool = False
    privileged: bool = False
    ignore_errors: bool = False
    pull: bool = False
    disable_working_directory_override: bool = False
    line: int = 0  # where it begins in the file; 0: not known

    @property
    def is_cached(self) -> bool:
        """Whether it builds with buildx, which keeps the layers in a registry."""
        return self.cache.lower() == "enabled"

    @property
    def place(self) -> str:
        """Its line, as the end of a message."""
        return f" (line {self.line})" if self.line else ""


@dataclass
class Task:
    """A task file, ready to run.

    A volume is ``{"name": …, "secret": {file name: content in base64}}``.
    """

    version: str
    steps: list[Step]
    step_timeout: int = STEP_TIMEOUT
    working_directory: str = ""
    env: list[str] = field(default_factory=list)
    secrets: list[SecretReference] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    is_build: bool = False  # no network is made for it
    name: str = ""  # of the task, and
    registry: str = ""  # the login server: what the cache of a build is named by
    rendered: str = field(default="", repr=False)  # what was read; it has the values of secrets
