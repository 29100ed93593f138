"""Before anything is created: is everything there that the workflow needs, and what will it cost?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from . import locks
from .clouds import MANAGEMENT, ConnectError, Connection
from .display import Table, plain
from .errors import HelpersError
from .forks import API
from .settings import Settings
from .views.elapsed import Elapsed

PROVIDERS = ("Microsoft.ContainerInstance", "Microsoft.ContainerRegistry", "Microsoft.KeyVault")
_SUBSCRIPTIONS_VERSION = "2022-12-01"
_TIMEOUT = 30  # seconds of one request
# Offers whose money is a gift; ACR Tasks are paused on them:
# https://learn.microsoft.com/azure/container-registry/container-registry-tasks-overview
_FREE_CREDIT = ("FreeTrial", "AzurePass", "AzureForStudents")


class PreflightError(HelpersError):
    """Something is missing; the message lists everything that is, and how to get it."""


class _ProblemError(Exception):
    """What one check found wrong, and what to do."""


@dataclass(frozen=True)
class Preflight:
    """What was found: a row for each check."""

    findings: list[tuple[str, str]]

    @property
    def _table(self) -> Table:
        return Table(["what", "found"], self.findings)

    def __repr__(self) -> str:
        """A line for each check."""
        return repr(self._table)

    def _repr_html_(self) -> str:
        return self._table._repr_html_()


def check(connection: Connection, settings: Settings, *, staging: bool = False) -> Preflight:
    """Look whether the workflow can run with these settings; creates and changes nothing.

    ``staging``: the registry for staging is looked at, too, which the first notebooks do not make.
    Waits for others who work with the same names, and says for whom; a notebook keeps the names while
    its cells run. Raises :class:`PreflightError` with all the problems at once.
    """
    if staging:
        _ = settings.staging_login_server  # on Azure it needs a name of one's own
    names = locks.names_of(connection, settings, staging=staging)
    registries = settings.all_registries if staging else settings.registries
    with locks.hold(connection, names, locks.described(), keep=True):
        return _check(connection, settings, registries)


def _check(connection: Connection, settings: Settings, registries: Sequence[str]) -> Preflight:
    checks: tuple[tuple[str, Callable[[Connection, Settings], str]], ...] = (
        ("subscription", _subscription),
        ("resource providers", _providers),
        ("registries", partial(_registries, names=registries)),
        ("vault", _vault),
        ("GitHub", _github),
        ("costs", _costs),
    )
    findings, problems = [], []
    with Elapsed("Looking before anything is created") as going:
        for number, (what, look) in enumerate(checks):
            going.at(what, number / len(checks))
            try:
                findings.append((what, look(connection, settings)))
            except _ProblemError as problem:
                problems.append(f"* {what}: {problem}")
        going.done(f"Looked at {len(checks)} things before anything is created.")
    if problems:
        raise PreflightError(
            f"Nothing was created. {len(problems)} of {len(checks)} checks found something that "
            "has to be put right first:\n" + "\n".join(problems)
        )
    return Preflight(findings)


def _subscription(connection: Connection, _: Settings) -> str:
    token = connection.credential.get_token(f"{MANAGEMENT}/.default").token
    try:
        answer = requests.get(
            f"{MANAGEMENT}/subscriptions/{connection.subscription_id}",
            params={"api-version": _SUBSCRIPTIONS_VERSION},
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
        )
    except OSError as error:  # requests' own errors are such, too
        connection.check()
        raise _ProblemError(f"Azure cannot be reached: {error}") from None
    if answer.status_code != 200:
        raise _ProblemError(
            f"{connection.subscription_id} cannot be read (HTTP {answer.status_code}). Set "
            "AZURE_SUBSCRIPTION_ID to one that you see with: az account list --output table"
        )
    return usable(answer.json())


def usable(subscription: dict[str, Any]) -> str:
    """Whether tasks run in a subscription, as ARM describes it; the finding.

    Raises a problem for one that is not enabled, or that lives on free credit.
    """
    name, state = subscription.get("displayName", ""), subscription.get("state", "")
    if state != "Enabled":
        raise _ProblemError(
            f"'{name}' is {state}, so nothing can be created in it. Choose another with "
            "AZURE_SUBSCRIPTION_ID."
        )
    offer = str((subscription.get("subscriptionPolicies") or {}).get("quotaId", ""))
    if offer.startswith(_FREE_CREDIT):
        raise _ProblemError(
            f"'{name}' lives on free credit ({offer}), on which ACR Tasks are paused: a run ends "
            "with TasksOperationsNotAllowed. Upgrade it to pay-as-you-go, or choose another with "
            "AZURE_SUBSCRIPTION_ID."
        )
    return "enabled, and not on free credit: tasks run"


def _providers(connection: Connection, _: Settings) -> str:
    providers = connection.clients.resources.providers
    missing = [
        name
        for name in PROVIDERS
        if plain(providers.get(name).registration_state) not in ("Registered", "Registering")
    ]
    if missing:
        commands = "; ".join(f"az provider register --wait --namespace {name}" for name in missing)
        raise _ProblemError(f"{', '.join(missing)} not registered in the subscription: {commands}")
    return ", ".join(name.partition(".")[2] for name in PROVIDERS)


def _registries(connection: Connection, settings: Settings, names: Sequence[str]) -> str:
    registries = connection.clients.registries.registries
    mine = {str(one.name).lower(): _group_in(str(one.id)) for one in registries.list()}
    problems = []
    for name in names:
        if name.lower() in mine:
            problems += _elsewhere(settings, name, mine[name.lower()])
            continue
        answer = registries.check_name_availability(
            {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
        )
        if not answer.name_available:
            problems.append(f"{name}: {plain(answer.message)} Choose another name.")
    if problems:
        raise _ProblemError(" ".join(problems))
    return f"{', '.join(names)}: free, or yours already"


def _vault(connection: Connection, settings: Settings) -> str:
    vaults = connection.clients.vaults.vaults
    name = settings.vault
    mine = {str(one.name).lower(): _group_in(str(one.id)) for one in vaults.list_by_subscription()}
    if name.lower() in mine:
        problems = _elsewhere(settings, name, mine[name.lower()])
        if problems:
            raise _ProblemError(problems[0])
        return f"{name}: free, or yours already"
    for one in vaults.list_deleted():
        if str(one.name).lower() == name.lower():
            location = one.properties.location if one.properties else None
            raise _ProblemError(
                f"{name} was deleted and keeps its name until it is purged. Purge it (its secrets "
                f"are gone then): az keyvault purge --name {name} --location {location}"
            )
    answer = vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"})
    if not answer.name_available:
        raise _ProblemError(f"{plain(answer.message)} Choose another name for the vault.")
    return f"{name}: free, or yours already"


def _elsewhere(settings: Settings, name: str, group: str) -> list[str]:
    """A problem when something of that name is in another group than the workflow's."""
    if group.lower() == settings.group_of(name).lower():
        return []
    return [
        f"{name} is in your resource group {group}; the workflow would make it in "
        f"{settings.group_of(name)}, and cannot, nor would it touch the one that is there. Choose another "
        "name."
    ]


def _group_in(resource_id: str) -> str:
    return resource_id.split("/")[4]


def _github(connection: Connection, _: Settings) -> str:
    missing = []
    for name in ("github_owner", "git_token"):
        try:
            getattr(connection, name)
        except ConnectError as error:
            missing.append(str(error))
    if missing:
        raise _ProblemError(" ".join(missing))
    owner, token = connection.github_owner, connection.git_token
    try:
        answer = requests.get(
            f"{API}/user", headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT
        )
    except OSError as error:
        connection.check()
        raise _ProblemError(f"GitHub cannot be reached: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise _ProblemError(
            f"GitHub does not accept the token in GIT_TOKEN (HTTP {answer.status_code}). Make "
            "another: https://github.com/settings/tokens"
        )
    return f"{sufficient(answer.headers.get('X-OAuth-Scopes'))}, for repositories of {owner}"


def sufficient(scopes: str | None) -> str:
    """Whether a token's scopes (GitHub's header X-OAuth-Scopes) are enough; the finding.

    Raises a problem when one is missing. None: a fine-grained token, which does not tell.
    """
    if scopes is None:
        return "the token does not tell its permissions (a fine-grained one?)"
    given = {one.strip() for one in scopes.split(",")}
    missing = []
    if "repo" not in given and not given >= {"public_repo", "repo:status"}:
        missing.append("repo (or, for public repositories, public_repo and repo:status)")
    if "admin:repo_hook" not in given:
        missing.append("admin:repo_hook")
    if missing:
        raise _ProblemError(
            f"the token in GIT_TOKEN lacks {' and '.join(missing)}; it has: {scopes or 'nothing'}. "
            "Change it: https://github.com/settings/tokens"
        )
    return "the token may push and set webhooks"


def _costs(connection: Connection, _: Settings) -> str:
    if connection.is_local:
        return "nothing: it all runs on this machine"
    # List prices change and differ between regions; the orders of magnitude do not.
    return (
        "three Premium registries (from notebook 11 on: four) about 5 US dollars a day, the "
        "container instance about 1, runs of tasks some cents; 99-clean-up ends it. "
        "https://azure.microsoft.com/pricing/calculator"
    )
