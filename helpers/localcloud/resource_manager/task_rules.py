"""What a task's properties must be: defaults, checks, and how an update merges into them."""

from __future__ import annotations

import re
from typing import Any

from ..cloud import Cloud
from ..git_host.access import RepositoryNotFoundError, find
from ..git_host.authentication import BadCredentialsError
from ..tasks import rules
from ..tasks.schedule import Schedule, ScheduleError
from .routing import invalid

_GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/#]+?)(?:\.git)?(?:#.*)?/?", re.IGNORECASE)


def complete(properties: dict[str, Any]) -> dict[str, Any]:
    """Fill in the service's defaults (az acr task create: cpu 2, timeout 3600 seconds)."""
    properties["platform"] = rules.platform_of(properties)
    properties["agentConfiguration"] = rules.agent_of(properties)
    properties["status"] = properties.get("status") or "Enabled"
    properties.setdefault("timeout", rules.TIMEOUT)
    properties["isSystemTask"] = bool(properties.get("isSystemTask"))
    step = properties.get("step")
    if isinstance(step, dict):
        _complete_step(step)
    trigger = properties.get("trigger") or {}
    for one in trigger.get("sourceTriggers") or []:
        one.setdefault("status", "Enabled")
    for one in trigger.get("timerTriggers") or []:
        one.setdefault("status", "Enabled")
    base_image = trigger.get("baseImageTrigger")
    if base_image:
        base_image.setdefault("status", "Enabled")
        base_image.setdefault("updateTriggerPayloadType", "Default")
    credentials = properties.get("credentials") or {}
    registries = credentials.get("customRegistries") or {}
    if None in registries.values():  # removed, where an update names it so
        kept = {server: one for server, one in registries.items() if one is not None}
        properties["credentials"] = {**credentials, "customRegistries": kept}
    if not credentials:
        properties.pop("credentials", None)
    if not trigger:
        properties.pop("trigger", None)
    return properties


def _complete_step(step: dict[str, Any]) -> None:
    for value in [*(step.get("values") or []), *(step.get("arguments") or [])]:
        value["isSecret"] = bool(value.get("isSecret"))
    if step.get("type") == "Docker":
        step["isPushEnabled"] = step.get("isPushEnabled", True) is not False
        step["noCache"] = bool(step.get("noCache"))
        step.setdefault("arguments", [])


def check(properties: dict[str, Any]) -> None:
    """Raise 400 with what is wrong, before anything is stored; :func:`check_sources` is the rest."""
    rules.check_platform(properties["platform"], "tasks")
    if not rules.may_last(properties["timeout"]):
        raise invalid(
            f"The task timeout must be between {rules.SHORTEST} and {rules.LONGEST} seconds.",
            "InvalidTimeout",
        )
    rules.check_agent(properties["agentConfiguration"])
    check_step(properties.get("step"))
    trigger = properties.get("trigger") or {}
    _check_names(trigger)
    for one in trigger.get("timerTriggers") or []:
        try:
            Schedule.parse(str(one.get("schedule", "")))
        except ScheduleError as error:
            raise invalid(
                f"The schedule '{one.get('schedule')}' of the timer trigger "
                f"'{one.get('name')}' is not a cron expression of five fields: minute "
                "(0-59), hour (0-23), day of month (1-31), month (1-12), day of week (0-6): "
                f"{error}.",
                "InvalidSchedule",
            ) from None
    credentials = properties.get("credentials") or {}
    for server, credential in (credentials.get("customRegistries") or {}).items():
        _check_credential(server, credential)


def _check_names(trigger: dict[str, Any]) -> None:
    """A run tells the name of the timer that started it, and updates go by name."""
    for what in ("sourceTriggers", "timerTriggers"):
        names = [one.get("name") for one in trigger.get(what) or []]
        if not all(names):
            raise invalid(f"Each of '{what}' needs a name.", "InvalidTrigger")
        if len(set(names)) < len(names):
            raise invalid(f"Two of '{what}' have the same name.", "InvalidTrigger")
    base_image = trigger.get("baseImageTrigger")
    for what in ("name", "baseImageTriggerType"):
        if base_image is not None and not base_image.get(what):
            raise invalid(f"The base image trigger of a task needs '{what}'.", "InvalidTrigger")


def check_step(step: Any) -> None:
    """Raise 400 unless ``step`` is one of the three kinds, with what its kind requires."""
    if not isinstance(step, dict):
        raise invalid("The property 'step' of a task is required.", "InvalidTaskStep")
    name = rules.REQUIRED[step["type"]]
    if not step.get(name):
        raise invalid(f"The {step['type']} step requires '{name}'.", "InvalidTaskStep")
    if step["type"] != "EncodedTask" and not step.get("contextPath"):
        raise invalid(f"The {step['type']} step requires 'contextPath'.", "InvalidTaskStep")
    if step["type"] == "EncodedTask":
        for field in rules.ENCODED:
            if not rules.is_base64(step.get(field)):
                raise invalid(f"The step's '{field}' is not base64.", "InvalidTaskStep")
    for value in [*(step.get("values") or []), *(step.get("arguments") or [])]:
        if not value.get("name"):
            raise invalid("Every value and argument of a step needs a name.", "InvalidTaskStep")


def _check_credential(server: str, credential: Any) -> None:
    if not server.strip():
        raise invalid("A registry of 'customRegistries' has no name.", "InvalidCustomRegistry")
    for name in ("userName", "password"):
        secret = (credential or {}).get(name)
        if not secret:
            continue
        kind = secret.setdefault("type", "Opaque")
        if kind == "Vaultsecret" and not str(secret.get("value", "")).startswith("https://"):
            raise invalid(
                f"The {name} of '{server}' must be the URL of a Key Vault secret, like "
                "https://<vault>.vault.azure.net/secrets/<name>.",
                "InvalidVaultSecret",
            )


def check_sources(cloud: Cloud, properties: dict[str, Any]) -> None:
    """Raise 400 unless the webhooks of the source triggers can be set: GitHub is asked."""
    for one in (properties.get("trigger") or {}).get("sourceTriggers") or []:
        _check_source(cloud, one)


def _check_source(cloud: Cloud, trigger: dict[str, Any]) -> None:
    """The service sets a webhook, so repository and token must be good when the task is made."""
    repository = trigger.get("sourceRepository") or {}
    url = str(repository.get("repositoryUrl") or "")
    match = _GITHUB.fullmatch(url)
    if repository.get("sourceControlType") != "Github" or match is None:
        raise invalid(
            f"The source trigger '{trigger.get('name')}' needs a GitHub repository, like "
            f"https://github.com/<owner>/<name>.git#main; it has '{url}'.",
            "InvalidSourceRepository",
        )
    token = (repository.get("sourceControlAuthProperties") or {}).get("token")
    if not token:
        raise invalid(
            f"The source trigger '{trigger.get('name')}' needs a token of the repository: ACR "
            "sets a webhook. Give --git-access-token, or switch commit triggers off.",
            "SourceControlTokenRequired",
        )
    owner, name = match[1], match[2]
    try:
        find(cloud, owner, name, str(token))
    except BadCredentialsError:
        why = "the token is not valid (Bad credentials)"
    except RepositoryNotFoundError:
        why = "the repository is not found"
    else:
        return
    raise invalid(
        f"Unable to create a webhook at https://github.com/{owner}/{name}: {why}. Check the "
        "repository's URL, and that the token has the scope repo (or public_repo) and "
        "admin:repo_hook.",
        "SourceControlWebhookFailed",
    )


# -- merging -------------------------------------------------------------------------------------


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The properties after a PATCH: what is not named stays, lists of the step are replaced.

    ``new`` is what a request says, without what is null. Triggers are merged by their name, registry
    credentials by their server; a credential of null is removed. Source: Azure/acr issue 497
    (values), az acr task credential remove.
    """
    merged = dict(old)
    for name, value in new.items():
        if name == "step":
            merged["step"] = _merge_step(old["step"], value)
        elif name == "trigger":
            merged["trigger"] = _merge_triggers(old.get("trigger") or {}, value)
        elif name == "credentials":
            merged["credentials"] = _merge_credentials(old.get("credentials") or {}, value)
        elif name in ("platform", "agentConfiguration"):
            merged[name] = {**(old.get(name) or {}), **value}
        else:
            merged[name] = value
    return complete(merged)


def keep_secrets(old: dict[str, Any], new: dict[str, Any]) -> None:
    """A PUT of what was read has no secrets, since reads mask them: it keeps those it had.

    ``az acr task timer remove`` puts the answer of listDetails back, less the timer. A token stays
    with the same repository only, and a password with the same registry.
    """
    before, after = old["step"], new["step"]
    if before.get("contextPath") == after.get("contextPath"):
        _keep(before, after, "contextAccessToken")
    triggers = {one["name"]: one for one in (old.get("trigger") or {}).get("sourceTriggers") or []}
    for one in (new.get("trigger") or {}).get("sourceTriggers") or []:
        source = triggers.get(one.get("name"), {}).get("sourceRepository") or {}
        repository = one.get("sourceRepository") or {}
        if source and source.get("repositoryUrl") == repository.get("repositoryUrl"):
            access = repository.get("sourceControlAuthProperties") or {}
            _keep(source.get("sourceControlAuthProperties") or {}, access, "token")
            repository["sourceControlAuthProperties"] = access
    registries = (old.get("credentials") or {}).get("customRegistries") or {}
    for server, credential in (
        (new.get("credentials") or {}).get("customRegistries") or {}
    ).items():
        for name in ("userName", "password"):
            secret = (credential or {}).get(name) or {}
            stored = (registries.get(server) or {}).get(name) or {}
            if secret and secret.get("type", "Opaque") == stored.get("type", "Opaque"):
                _keep(stored, secret, "value")


def _keep(old: dict[str, Any], new: dict[str, Any], name: str) -> None:
    if not new.get(name) and old.get(name):
        new[name] = old[name]


def _merge_step(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    kind = new.get("type") or old["type"]
    if kind != old["type"]:
        raise invalid(
            f"The task has a step of type {old['type']}, which an update cannot change to {kind}. "
            "Create the task again under the same name.",
            "InvalidTaskStep",
        )
    merged = {**old, **new}
    if merged.get("contextPath") != old.get("contextPath"):
        merged.pop("baseImageDependencies", None)
    return merged


def _merge_triggers(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for kind in ("sourceTriggers", "timerTriggers"):
        if not new.get(kind):
            continue
        by_name = {one["name"]: one for one in old.get(kind) or []}
        for one in new[kind]:
            before = by_name.get(one.get("name"), {})
            given = {**before, **one}
            if before and "sourceRepository" in one:
                given["sourceRepository"] = _merge_source(
                    before["sourceRepository"], one["sourceRepository"]
                )
            by_name[one.get("name")] = given
        merged[kind] = list(by_name.values())
    if new.get("baseImageTrigger"):
        before = old.get("baseImageTrigger") or {}
        merged["baseImageTrigger"] = {**before, **new["baseImageTrigger"]}
    return merged


def _merge_source(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """``az acr task update`` names the kind of the token and not the token: that stays."""
    access = "sourceControlAuthProperties"
    merged = {**old, **new}
    if access in new:
        merged[access] = {**(old.get(access) or {}), **new[access]}
    return merged


def _merge_credentials(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = {**old, **new}
    registries = dict(old.get("customRegistries") or {})
    for server, credential in (new.get("customRegistries") or {}).items():
        if credential is None:
            registries.pop(server, None)
        else:
            registries[server] = credential
    merged["customRegistries"] = registries
    if not registries:
        merged.pop("customRegistries")
    return merged
