"""Executes one run from its source to its last log line, as the hosted agent does."""

from __future__ import annotations

import base64
import logging
import shlex
import time
import traceback
import uuid
from typing import Any

import yaml

from ... import timestamps
from ...blobs.account import BlobAccount
from ...cloud import Cloud
from ...containers.workload_identity import WorkloadIdentity
from ...errors import CloudError
from ...identities import Identities
from ...root_folder import remove_tree
from ...store import Resource
from ..completion import last_line
from ..definitions import aliases, definition
from ..runs import Run, Runs
from . import limits, source
from .agent import Agent, StepError
from .docker_config import DockerConfig
from .folders import folder_of
from .git_context import SourceError
from .log import RunLog
from .session import RunSession
from .source import Source
from .steps import Steps
from .stop import Stop, StoppedError, late, unexpected

log = logging.getLogger(__name__)

FAILED = "failed during run, err: exit status 1"
BUILD_TIMEOUT, PUSH_TIMEOUT = 8 * 3600, 3600  # seconds; acb build
ALIASES = (
    "Alias support enabled for version >= 1.1.0, please see https://aka.ms/acr/tasks/task-aliases "
    "for more information."
)


def execute(cloud: Cloud, run: Run, stop: Stop, token: str = "") -> None:
    """Execute a run that was claimed; when this returns its status is final.

    ``token`` is what the run's own registry knows the agent by; without one it is made when needed.
    """
    runner = _Runner(cloud, run, stop, token)
    try:
        runner.execute()
    finally:
        runner.release()


class _Runner:
    def __init__(self, cloud: Cloud, run: Run, stop: Stop, token: str) -> None:
        self._cloud = cloud
        self._token = token
        self._run = run
        self._stop = stop
        self._request = run.request
        self._runs = Runs(cloud)
        self._account = BlobAccount(cloud)
        self._log = RunLog(self._account.run_log(run.registry_id, run.run_id))
        self._log.masker.hide(*_secret_values(run.request))
        container = self._account.container_of(run.registry_id)
        self._folder = cloud.home / folder_of(container, run.run_id)
        self._started = time.monotonic()

    # -- the frame: status, time limit, last line --------------------------------------------------

    def execute(self) -> None:
        self._runs.update(self._run, status="Running", startTime=timestamps.microseconds())
        timeout = int(self._request["timeout"])
        status, message, shown = "Succeeded", "", ""
        try:
            with self._stop.after(timeout, "Timeout", late(timeout)):
                self._work()
        except (StepError, definition.TaskError) as error:
            self._log.raw(str(error))
            status, message, shown = "Failed", str(error), FAILED
        except (SourceError, CloudError) as error:
            status, message = "Failed", str(error)
            shown = (
                f"failed to download the source code: {error}"
                if isinstance(error, SourceError)
                else message
            )
        except StoppedError:
            status, message = self._stop.status, self._stop.message
        except Exception as error:  # noqa: BLE001 - it is logged
            # What has failed may quote a secret of the run.
            trace = self._log.masker.mask(traceback.format_exc())
            log.error("run %s\n%s", self._run.run_id, trace)
            status, message = unexpected(error)
        if status != "Succeeded" and self._stop.event.is_set():
            # What fails after a stop was asked for, fails because of it.
            status, message, shown = self._stop.status, self._stop.message, ""
        message = self._log.masker.mask(message)
        remove_tree(self._folder)
        seconds = time.monotonic() - self._started
        self._log.raw("")
        self._log.raw(last_line(self._run.run_id, status, seconds, shown or message))
        self._log.close(status)
        more = {"runErrorMessage": message} if message else {}
        self._runs.update(self._run, status=status, finishTime=timestamps.microseconds(), **more)

    def release(self) -> None:
        """Let go of the log: whoever ends the run instead writes its end."""
        self._log.release()

    # -- the work ------------------------------------------------------------------------------------

    def _work(self) -> None:
        remove_tree(self._folder)
        self._folder.mkdir(mode=0o700, parents=True)
        registry = self._cloud.store.get(self._run.registry_id)
        if registry is None:
            raise StepError("the registry of the run was deleted")
        files = self._fetch()
        self._stop.check()
        volume = f"acb_vol_{uuid.uuid4()}"
        self._log.line(f"Using {volume} as the home volume")
        home = self._folder / "home"
        home.mkdir()
        task_resource = self._task_resource()
        own = self._request.get("identity")  # of a task run
        body = {"identity": own} if own else task_resource.body if task_resource else {}
        identities = Identities.of(self._cloud.principals, body)
        agent = Agent(
            cloud=self._cloud,
            run=self._run,
            registry=registry,
            log=self._log,
            stop=self._stop,
            source=files,
            home=home,
            folder=self._folder,
            identities=identities,
            volume=volume,
        )
        with limits.within(limits.RENDERING, "Rendering and reading the task file"):
            task = self._define(agent, volume)
        config = DockerConfig(self._cloud, home, self._log.masker, self._token)
        proof = WorkloadIdentity(self._cloud, identities, self._log.masker.hide)
        session = RunSession(self._cloud, self._log.masker.cut, config, proof, registry.key)
        with self._stop.action(agent.cancelled.set), self._stop.action(session.close):
            try:
                steps = Steps(agent, session, task)
                steps.execute()
            finally:
                session.close()
        self._stop.check()
        self._record(steps, task_resource)

    def _fetch(self) -> Source:
        step = self._request["step"]
        context = step.get("contextPath")
        workspace = self._folder / "workspace"
        nothing = source.is_none(context)
        if not nothing:
            self._log.line("Downloading source code...")
        pushed = self._request["trigger"].get("sourceTrigger") or {}
        files = source.fetch(
            self._cloud,
            context,
            workspace,
            registry_id=self._run.registry_id,
            token=step.get("contextAccessToken") or "",
            commit=pushed.get("commitId") or "",
        )
        if not nothing:
            self._log.line("Finished downloading source code")
        return files

    def _task_resource(self) -> Resource | None:
        task_id = self._request["taskId"]
        return self._cloud.store.get(task_id) if task_id else None

    def _define(self, agent: Agent, volume: str) -> definition.Task:
        step = self._request["step"]
        values_file = ""
        if step["type"] == "FileTask":
            text = agent.read(step["taskFilePath"], "task")
            if step.get("valuesFilePath"):
                values_file = agent.read(step["valuesFilePath"], "values")
        elif step["type"] == "EncodedTask":
            text = _decode(step["encodedTaskContent"])
            values_file = _decode(step.get("encodedValuesContent") or "")
        else:
            text = docker_task(step, agent.server)
        if aliases.supports_aliases(aliases.find_version(text)):
            self._log.line(ALIASES)
        return agent.parse(text, values_file, step.get("values") or [], volume)

    def _record(self, steps: Steps, task: Resource | None) -> None:
        """What the run made, and which base images it depends on."""
        self._runs.update(self._run, outputImages=steps.output_images())
        dependencies = steps.base_image_dependencies()
        if task is None or dependencies is None:
            return
        with self._cloud.store.transaction():
            current = self._cloud.store.get(task.id)
            if current is None:
                return
            for properties in (current.properties, current.private.get("properties")):
                if properties and "step" in properties:
                    properties["step"]["baseImageDependencies"] = dependencies
            self._cloud.store.put(current)


def docker_task(step: dict[str, Any], server: str) -> str:
    """The task file of a Docker build step: build, then push (acb build)."""
    images = [_qualified(name, server) for name in step.get("imageNames") or []]
    words = ["-f", step["dockerFilePath"]]
    for image in images:
        words += ["-t", image]
    for argument in step.get("arguments") or []:
        value = str(argument.get("value") or "")
        if argument.get("isSecret"):  # a secret is a value, never a template
            value = value.replace("{{", '{{"{{"}}')
        words += ["--build-arg", f"{argument['name']}={value}"]
    if step.get("target"):
        words += ["--target", step["target"]]
    if step.get("noCache"):
        words.append("--no-cache")
    words.append(".")
    build = {"id": "build", "build": shlex.join(words), "timeout": BUILD_TIMEOUT}
    steps: list[dict[str, Any]] = [build]
    if images and step.get("isPushEnabled", True):
        steps.append({"id": "push", "push": images, "when": ["build"], "timeout": PUSH_TIMEOUT})
    task = {"version": "v1.0.0", "steps": steps}
    return str(yaml.dump(task, Dumper=_OneLine, width=100_000, sort_keys=False))


class _OneLine(yaml.SafeDumper):
    """Texts of several lines in one: a line of them could be taken for a comment."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = '"' if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)


_OneLine.add_representer(str, _OneLine.represent_text)


def _qualified(image: str, server: str) -> str:
    """An image name without a registry is one of the run's own registry."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{server}/{image}"


def _decode(content: str) -> str:
    try:
        return base64.b64decode(content).decode()
    except UnicodeDecodeError:
        raise StepError("the encoded task content is not UTF-8 text") from None


def _secret_values(request: dict[str, Any]) -> list[str]:
    """Every value of the request that is a secret."""
    step = request["step"]
    values = [step.get("contextAccessToken"), *source.secrets_of(step.get("contextPath"))]
    for one in [*(step.get("values") or []), *(step.get("arguments") or [])]:
        if one.get("isSecret"):
            values.append(one.get("value"))
    registries = (request.get("credentials") or {}).get("customRegistries") or {}
    for credential in registries.values():
        password = (credential or {}).get("password") or {}
        if password.get("type", "Opaque") == "Opaque":
            values.append(password.get("value"))
    return [str(value) for value in values if value]
