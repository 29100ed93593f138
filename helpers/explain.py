"""Why a task did not run: what the service has recorded about it, put into sentences."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from .clouds import Connection
from .display import plain
from .errors import HelpersError
from .localcloud.reference import AZURE, login_server
from .localcloud.run_statuses import FINAL
from .pictures import Facts
from .run import bases_of, images_of, is_of, moment, trigger_of

_PULL = "microsoft.containerregistry/registries/pull/read"
_LOOKED_AT = 50  # tags of a repository, the newest first
_SHORT = 19  # characters of a digest that are shown: sha256: and twelve digits


@dataclass(frozen=True)
class Explanation:
    """What can start a task and what keeps it from starting; a table, or sentences."""

    task: str
    registry: str
    facts: list[tuple[str, str]]

    @property
    def reasons(self) -> list[str]:
        """One sentence for each fact, with what it is about in front."""
        return [f"{about}: {text}" for about, text in self.facts]

    def __repr__(self) -> str:
        """A line for each fact."""
        return self.picture().text()

    def picture(self) -> Facts:
        """The facts under the question that they answer."""
        return Facts(f"Why did {self.task} in {self.registry} not run?", self.facts)

    def _repr_html_(self) -> str:
        return self.picture().html()


def why(connection: Connection, group: str, registry: str, task: str) -> Explanation:
    """Why ``task`` did not run, from what the service has recorded: the task, its triggers, the
    base images that its last successful run was built on, what their tags point to now, its runs.

    The rules: https://learn.microsoft.com/azure/container-registry/container-registry-tasks-base-images
    Raises :class:`HelpersError` when there is no such task.
    """
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = connection.clients.tasks.tasks.get(group, registry, task)
    except ResourceNotFoundError as error:
        said = plain(error.message).partition("\n")[0]
        raise HelpersError(f"There is no task {task} in the registry {registry}: {said}") from None
    recent = [
        run
        for run in connection.clients.tasks.runs.list(
            group, registry, filter=f"TaskName eq '{task}'", top=10
        )
        if is_of(run, found)
    ]
    facts = [("task", _task(found)), ("last run", _last_run(recent))]
    facts += _waiting(recent)
    trigger = found.trigger
    facts += _source(trigger.source_triggers if trigger else None)
    facts += _base_image(connection, registry, found, recent)
    facts += _credentials(connection, found)
    facts += _timer(trigger.timer_triggers if trigger else None)
    return Explanation(task, registry, facts)


def _task(task: Any) -> str:
    if plain(task.status) == "Enabled":
        return "it is enabled"
    return (
        "it is disabled: no trigger starts it, whatever is said of them here. Enable it: "
        "az acr task update --status Enabled"
    )


def _last_run(recent: list[Any]) -> str:
    if not recent:
        return "there is none: start it once by hand, with az acr task run"
    newest = recent[0]
    text = f"{newest.run_id}, by {trigger_of(newest)}, {plain(newest.status)}"
    if plain(newest.status) == "Succeeded":
        return f"{text}, pushed {', '.join(images_of(newest)) or 'nothing'}"
    error = plain(newest.run_error_message)
    return f"{text}: {error}" if error else text


def _waiting(recent: list[Any]) -> list[tuple[str, str]]:
    going_on = [run.run_id for run in recent if plain(run.status) not in FINAL]
    if not going_on:
        return []
    text = f"{', '.join(going_on)} has not ended; runs of one task run one after the other"
    return [("queue", text)]


def _source(triggers: list[Any] | None) -> list[tuple[str, str]]:
    if not triggers:
        return [("commits", "it has no source trigger: no commit starts it")]
    return [("commits", _source_text(one)) for one in triggers]


def _source_text(trigger: Any) -> str:
    repository = trigger.source_repository
    address, _, named = plain(repository.repository_url).partition("#")
    branch = repository.branch or named.partition(":")[0] or "main"
    if plain(trigger.status) == "Disabled":
        return f"the source trigger {trigger.name} is disabled"
    events = [plain(one).lower() for one in trigger.source_trigger_events or []]
    if "commit" not in events:
        listens = ", ".join(events) or "nothing"
        return f"the source trigger {trigger.name} listens to {listens}: no commit starts it"
    return f"a push to {branch} of {address} starts it, a push to another branch does not"


def _base_image(
    connection: Connection, registry: str, task: Any, recent: list[Any]
) -> list[tuple[str, str]]:
    about = "base image"
    trigger = task.trigger.base_image_trigger if task.trigger else None
    if trigger is None:
        return [(about, "it has no base image trigger: no new image starts it")]
    if plain(trigger.status) == "Disabled":
        return [(about, f"the base image trigger {trigger.name} is disabled")]
    tracked = task.step.base_image_dependencies or []
    if not tracked:
        return [(about, _unknown(recent))]
    only_runtime = plain(trigger.base_image_trigger_type).lower() == "runtime"
    return [
        (about, _tracked(connection, registry, task, recent, one, only_runtime)) for one in tracked
    ]


def _unknown(recent: list[Any]) -> str:
    """Why no base image is tracked: a task learns from its last successful build."""
    if not recent:
        return (
            "it has never run, so it is not known which image it is built on: no new image starts "
            "it. Start it once by hand: az acr task run"
        )
    if any(plain(run.status) == "Succeeded" for run in recent):
        return "its last successful run has built nothing on another image: no new image starts it"
    return (
        "no run of it has succeeded yet, so it is not known which image it is built on: no new "
        "image starts it"
    )


def _tracked(
    connection: Connection,
    registry: str,
    task: Any,
    recent: list[Any],
    image: Any,
    only_runtime: bool,
) -> str:
    name = f"{image.registry}/{image.repository}"
    if not image.tag:
        return f"{name} is named by its digest, which never changes: no new image starts it"
    name = f"{name}:{image.tag}"
    if only_runtime and plain(image.type).lower() == "buildtime":
        return f"{name} is used by a build stage only; the trigger is for the runtime image"
    if not image.registry.endswith(AZURE):
        return f"{name} is in a public registry: Azure looks there every 10 to 60 minutes"
    missing = _credential_missing(registry, task, image.registry)
    if missing:
        return f"{name}: {missing}"
    built_on = plain(image.digest)[:_SHORT]
    tag = _tag(connection, image)
    if tag is not None and (locks := _locks(connection, image, tag)):
        name = f"{name} ({'; '.join(locks)})"
    now = None if tag is None else str(tag.digest)
    if now is None:
        return f"{name} does not exist any more; the last successful run was built on {built_on}…"
    if now == image.digest:
        return (
            f"{name} points to {built_on}…, and the last successful run was built on that: only "
            f"another digest is an update{_other_tags(connection, image, recent)}"
            f"{_refused(connection, image)}"
        )
    return (
        f"{name} points to {now[:_SHORT]}…, and the last successful run was built on {built_on}…: "
        f"{_started(recent, now)}"
    )


def _started(recent: list[Any], digest: str) -> str:
    """What became of the update to ``digest``."""
    for run in recent:
        if digest in [one.digest for one in bases_of(run)]:
            return f"that has started {run.run_id}, which is {plain(run.status)}"
    return (
        "no recent run was started by that. The image came while the task or its trigger was disabled, "
        "or differently set; what was missed is not made up for. Start one by hand: az acr task run"
    )


def _other_tags(connection: Connection, image: Any, recent: list[Any]) -> str:
    """The newest tag that the repository of ``image`` has got since the last successful run."""
    from azure.containerregistry import ArtifactTagOrder

    built = next((run for run in recent if plain(run.status) == "Succeeded"), None)
    if built is None or built.start_time is None:
        return ""
    tags = connection.clients.registry(image.registry).list_tag_properties(
        image.repository, order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING
    )
    for tag in islice(tags, _LOOKED_AT):
        if tag.name != image.tag and tag.created_on > moment(built.start_time):
            return f"; the tag {tag.name} is new there, and {image.tag} is the one that is watched"
    return ""


def _refused(connection: Connection, image: Any) -> str:
    """When the newest run in the registry of ``image`` has ended without success: that it has."""
    for found in connection.clients.registries.registries.list():
        if found.login_server.lower() == image.registry.lower():
            group, name = str(found.id).split("/")[4], str(found.name)
            for run in connection.clients.tasks.runs.list(group, name, top=1):
                if plain(run.status) in FINAL and plain(run.status) != "Succeeded":
                    return (
                        f"; the newest run there, {run.run_id} of {run.task}, has ended with "
                        f"{plain(run.status)}"
                    )
    return ""


def _credential_missing(registry: str, task: Any, server: str) -> str:
    if server.lower() == login_server(registry):
        return ""
    custom = (task.credentials.custom_registries or {}) if task.credentials else {}
    if server.lower() in {name.lower() for name in custom}:
        return ""
    return (
        "the task has no credential for that registry, so it cannot pull from it; add one: "
        f"az acr task credential add --login-server {server}"
    )


def _credentials(connection: Connection, task: Any) -> list[tuple[str, str]]:
    """A fact for each registry that the task's identity should log in to, and may not."""
    custom = (task.credentials.custom_registries or {}) if task.credentials else {}
    facts = []
    for server, credential in custom.items():
        if credential is None or credential.user_name or plain(credential.identity) != "[system]":
            continue
        problem = _not_allowed(connection, task, server)
        if problem:
            facts.append(("credential", f"{server}: {problem}"))
    return facts


def _not_allowed(connection: Connection, task: Any, server: str) -> str:
    """What keeps the task's identity from pulling there; '' also where that cannot be seen."""
    from azure.core.exceptions import HttpResponseError

    principal = task.identity.principal_id if task.identity else None
    if not principal:
        return (
            "its run should log in there as the task's managed identity, and the task has none: "
            "az acr task identity assign"
        )
    scope = next(
        (
            str(one.id)
            for one in connection.clients.registries.registries.list()
            if one.login_server.lower() == server.lower()
        ),
        None,
    )
    if scope is None:
        return ""  # of another subscription
    authorization = connection.clients.authorization
    try:
        held = authorization.role_assignments.list_for_scope(
            scope, filter=f"assignedTo('{principal}')"
        )
        # The answer has those of what lies below the scope, too.
        there = [one for one in held if scope.lower().startswith(str(one.scope).lower())]
        roles = [
            authorization.role_definitions.get_by_id(str(one.role_definition_id)) for one in there
        ]
    except HttpResponseError:
        return ""  # who may not read roles cannot tell
    if any(_may_pull(one) for one in roles):
        return ""
    names = ", ".join(sorted(plain(one.role_name) for one in roles))
    return (
        f"the task's identity has {f'only {names}' if names else 'no role'} on that registry, so "
        f"it cannot pull from it; give it one: az role assignment create --role AcrPull --scope {scope}"
    )


def _may_pull(role: Any) -> bool:
    """Whether a role lets its holder pull; the action is AcrPull's in the list of built-in roles."""
    return any(
        any(fnmatchcase(_PULL, plain(one).lower()) for one in given.actions or [])
        and not any(fnmatchcase(_PULL, plain(one).lower()) for one in given.not_actions or [])
        for given in role.permissions or []
    )


def _tag(connection: Connection, image: Any) -> Any | None:
    from azure.core.exceptions import ResourceNotFoundError, ServiceRequestError

    try:
        return connection.clients.registry(image.registry).get_tag_properties(
            image.repository, image.tag
        )
    except (ResourceNotFoundError, ServiceRequestError):
        return None


def _locks(connection: Connection, image: Any, tag: Any) -> list[str]:
    """What the attributes of a base image keep from happening: nothing new, or no pull."""
    client = connection.clients.registry(image.registry)
    objects = [
        ("repository", client.get_repository_properties(image.repository)),
        ("tag", tag),
        ("manifest", client.get_manifest_properties(image.repository, str(tag.digest))),
    ]
    texts = [
        f"its {kind} is locked, writeEnabled is false: no push moves the tag"
        for kind, one in objects[:2]
        if not one.can_write
    ]
    return texts + [
        f"its {kind} may not be read, readEnabled is false: a run cannot pull it"
        for kind, one in objects
        if not one.can_read
    ]


def _timer(triggers: list[Any] | None) -> list[tuple[str, str]]:
    texts = []
    for one in triggers or []:
        if plain(one.status) == "Disabled":
            texts.append(f"the timer trigger {one.name} is disabled")
        else:
            texts.append(f"{one.name} starts it at {one.schedule} (cron, in UTC)")
    return [("timer", text) for text in texts]
