"""The agent of one run: what its steps share."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ...cloud import Cloud
from ...identities import Identities
from ...root_folder import RootFolder
from ...store import Resource
from ..definitions import definition
from ..errors import TaskError
from ..runs import Run
from . import secrets
from .log import RunLog
from .source import Source
from .stop import Stop


class StepError(Exception):
    """A run cannot go on; the text says which step or file, why, and what to do."""


@dataclass
class Agent:
    """Where a run's files are, as whom it acts, where it logs to, and what stops it."""

    cloud: Cloud
    run: Run
    registry: Resource
    log: RunLog
    stop: Stop
    source: Source
    home: Path  # /acb/home of the containers
    folder: Path  # holds everything of the run; removed with it
    identities: Identities
    started: float = field(default_factory=time.time)
    volume: str = ""  # the name of the volume that the workspace is
    # Set when the run is to stop, and when one of its steps has failed: the others end, too.
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def server(self) -> str:
        """The login server of the run's registry."""
        server: str = self.registry.properties["loginServer"]
        return server

    @property
    def workspace(self) -> Path:
        """/workspace of the containers."""
        return self.source.folder

    @property
    def is_docker_build(self) -> bool:
        """Whether the run is a Docker build, not a task file."""
        return bool(self.run.request["step"]["type"] == "Docker")

    def check(self) -> None:
        """Raise when the run is to stop (StoppedError) or another step has failed (StepError)."""
        self.stop.check()
        if self.cancelled.is_set():
            raise StepError("another step of the run has failed")

    def wait(self, seconds: float) -> None:
        """Wait; raises as :meth:`check` does, as soon as there is a reason."""
        self.cancelled.wait(min(seconds, threading.TIMEOUT_MAX))
        self.check()

    def read(self, name: str, what: str) -> str:
        """The text of a file of the source. Raises :class:`StepError` that names it."""
        with RootFolder(self.workspace) as folder:
            try:
                return folder.read(folder.real(name, strict=True)).decode()
            except UnicodeDecodeError:
                raise StepError(f"the {what} file '{name}' is not UTF-8 text") from None
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise StepError(
                        f"the {what} file '{name}' lies outside the source code"
                    ) from None
                there = [one for one in folder.names() if folder.is_file(one)][:10]
        raise StepError(
            f"unable to find the {what} file '{name}' in the source code"
            + (f" (its top folder has {', '.join(there)})" if there else " (it is empty)")
            + ". Check the file name of the task (--file) and the branch and folder of its context"
        )

    def parse(
        self, text: str, values_file: str, values: list[dict[str, Any]], volume: str
    ) -> definition.Task:
        """Render and read a task file. Raises :class:`definition.TaskError`."""
        moment = datetime.fromtimestamp(self.started, timezone.utc)
        options = definition.RenderOptions(
            run_id=self.run.run_id,
            commit=self.source.commit,
            repository=self.source.repository,
            branch=self.source.branch,
            git_tag=self.source.tag,
            triggered_by=self._triggered_by(),
            registry=self.server,
            date=moment.strftime("%Y%m%d-%H%M%Sz"),
            shared_volume=volume,
            task_name=self.run.task,
            values={one["name"]: str(one.get("value") or "") for one in values},
            values_file=values_file,
            resolve_secrets=lambda wanted: self._resolve(
                wanted, secrets.unset(text, options.data({})["Values"])
            ),
            read_file=self._read_alias,
        )
        return definition.parse(text, options)

    def _resolve(
        self, wanted: list[definition.SecretReference], lacking: list[str]
    ) -> Mapping[str, str]:
        values = secrets.resolve(self.cloud, self.identities, wanted, lacking)
        self.log.masker.hide(*values.values())
        return values

    def _read_alias(self, name: str) -> str:
        if "://" in name:
            raise TaskError(
                f"the local cloud does not implement aliases from a URL ({name}): put the file "
                "beside the task file"
            )
        return self.read(name, "alias")

    def _triggered_by(self) -> str:
        trigger = self.run.request["trigger"]
        if "sourceTrigger" in trigger:
            return str(trigger["sourceTrigger"].get("eventType") or "commit").capitalize()
        if "imageUpdateTrigger" in trigger:
            return "Image Update"
        return "Timer" if "timerTrigger" in trigger else "Manual"
