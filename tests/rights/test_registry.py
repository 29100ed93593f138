"""Every role, token and user at every operation of a registry, in both modes, against the documentation.

The operations are those that the service has: tests/project/test_rights.py is red for one without a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests

from tests.conftest import LocalCloud
from tests.proofs.operations import REGISTRY, operations
from tests.registry.places import Place

from .people import ARM, NOBODY, People
from .roles import ROLES, named

_ACR = "https://learn.microsoft.com/azure/container-registry"
# How each operation is named in a scope: Azure/acr, docs/AAD-OAuth.md and docs/Token-BasicAuth.md.
OAUTH = "https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md"
ROLES_PAGE = f"{_ACR}/container-registry-rbac-built-in-roles-directory-reference"
ABAC_PAGE = f"{_ACR}/container-registry-rbac-abac-repository-permissions"
TOKENS_PAGE = f"{_ACR}/container-registry-token-based-repository-permissions"
ADMIN_PAGE = f"{_ACR}/container-registry-authentication#admin-account"
LOG_IN, LIST, LIST_DELETED = "log in", "list", "list deleted"
PULL, PUSH, DELETE = "pull", "push", "delete"
READ, WRITE = "metadata_read", "metadata_write"
QUARANTINE_PAGE = "https://github.com/Azure/acr/blob/main/docs/preview/quarantine/readme.md"
SCAN, MARK = "quarantine_read", "quarantine_write"
READ_DELETED, RESTORE = "deleted_read", "deleted_restore"

OPERATIONS: dict[str, str] = {
    "GET /v2": LOG_IN,
    "HEAD /v2": LOG_IN,
    "GET /v2/_catalog": LIST,
    "GET /v2/*/tags/list": PULL,
    "GET /v2/*/referrers/*": PULL,
    "GET /v2/*/manifests/*": PULL,
    "HEAD /v2/*/manifests/*": PULL,
    "PUT /v2/*/manifests/*": PUSH,
    "DELETE /v2/*/manifests/*": DELETE,
    "GET /v2/*/blobs/*": PULL,
    "HEAD /v2/*/blobs/*": PULL,
    "DELETE /v2/*/blobs/*": DELETE,
    "POST /v2/*/blobs/uploads": PUSH,
    "GET /v2/*/blobs/uploads/*": PUSH,
    "PATCH /v2/*/blobs/uploads/*": PUSH,
    "PUT /v2/*/blobs/uploads/*": PUSH,
    "DELETE /v2/*/blobs/uploads/*": PUSH,
    "GET /acr/v1/_catalog": LIST,
    "GET /acr/v1/*": READ,
    "PATCH /acr/v1/*": WRITE,
    "DELETE /acr/v1/*": DELETE,
    "GET /acr/v1/*/_tags": READ,
    "GET /acr/v1/*/_tags/*": READ,
    "PATCH /acr/v1/*/_tags/*": WRITE,
    "DELETE /acr/v1/*/_tags/*": DELETE,
    "GET /acr/v1/*/_manifests": READ,
    "GET /acr/v1/*/_manifests/*": READ,
    "PATCH /acr/v1/*/_manifests/*": WRITE,
    # "Recover deleted artifacts with soft delete policy": at the registry, in both modes.
    "GET /acr/v1/_deleted/_catalog": LIST_DELETED,
    "GET /acr/v1/_deleted/*/_manifests": READ_DELETED,
    "GET /acr/v1/_deleted/*/_tags": READ_DELETED,
    "POST /acr/v1/_deleted/*/_manifests/*": RESTORE,
    "GET /oauth2/token": LOG_IN,
    "POST /oauth2/token": LOG_IN,
    "POST /oauth2/exchange": LOG_IN,
}
# What the roles for a quarantine allow besides, where a registry has that policy.
IN_QUARANTINE: dict[str, str] = {
    "GET /v2/*/manifests/*": SCAN,
    "HEAD /v2/*/manifests/*": SCAN,
    "GET /v2/*/blobs/*": SCAN,
    "HEAD /v2/*/blobs/*": SCAN,
    "GET /acr/v1/*/_manifests": SCAN,
    "GET /acr/v1/*/_manifests/*": SCAN,
    "PATCH /acr/v1/*/_manifests/*": MARK,
}
_PULLS = {LOG_IN, PULL, READ}
_DELETED = {READ_DELETED, LIST_DELETED}  # registries/deleted/read
_ALL = {LOG_IN, PULL, PUSH, DELETE, READ, WRITE, LIST, RESTORE} | _DELETED


def _of(rows: dict[str, set[str]]) -> dict[str, set[str]]:
    return {role: what for roles, what in rows.items() for role in named(roles)}


# Where roles are for registries. What ends with /read has registries/pull/read as well.
BY_REGISTRY = _of(
    {
        "own con": _ALL,
        "rea rba uaa": _PULLS | {LIST} | _DELETED,
        "pull imp": _PULLS | {LIST},
        "push": _PULLS | {LIST, PUSH, WRITE},
        "del": {LOG_IN, DELETE},
        "qre": {LOG_IN, SCAN},
        "qwr": {LOG_IN, SCAN, MARK},
    }
)
# Where they are for repositories: the others have no data actions.
BY_REPOSITORY = _of(
    {
        "rre": _PULLS,
        "rwr": _PULLS | {PUSH, WRITE},
        "rco": _PULLS | {PUSH, WRITE, DELETE},
        "lst": {LOG_IN, LIST},
        "imp": _PULLS | {LIST},
        "qre": {LOG_IN, SCAN},
        "qwr": {LOG_IN, SCAN, MARK},
    }
)
MODES = {
    "LegacyRegistryPermissions": (BY_REGISTRY, ROLES_PAGE),
    "AbacRepositoryPermissions": (BY_REPOSITORY, ABAC_PAGE),
}
TOKENS = {  # the actions of a scope map
    "content/read": {LOG_IN, PULL},
    "content/write": {LOG_IN, PUSH},
    "content/delete": {LOG_IN, DELETE},
    "metadata/read": {LOG_IN, READ},
    "metadata/write": {LOG_IN, WRITE},
}


ROUTES = [one.row for one in operations(REGISTRY)]


def path(operation: str) -> str:
    """An address of the operation, in a repository where there is nothing."""
    where = operation.partition(" ")[2]
    nothing = f"sha256:{'0' * 64}"
    for kind, name in (("manifests", nothing), ("blobs", nothing), ("referrers", nothing)):
        where = where.replace(f"/{kind}/*", f"/{kind}/{name}")
    return where.replace("/_tags/*", "/_tags/none").replace("*", "rights/none", 1).replace("*", "1")


class Registries(People):
    """A registry of each mode, whose images wait in quarantine."""

    repository = "rights/none"

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(cloud)
        self.places = {"LegacyRegistryPermissions": self.place}
        self.places["AbacRepositoryPermissions"] = Place(cloud)
        for mode, place in self.places.items():
            policies = {"quarantinePolicy": {"status": "enabled"}}
            properties = {
                "roleAssignmentMode": mode,
                "adminUserEnabled": True,
                "policies": policies,
            }
            answer = self.manage("PATCH", place.id, {"properties": properties})
            assert answer.status_code == 200, answer.text

    def told(
        self, place: Place, operation: str, user: tuple[str, str] | None, entra: str = ""
    ) -> requests.Response:
        """What the registry answers to a user (name and password), or who an Entra token proves."""
        method, where = operation.partition(" ")[0], path(operation)
        form: dict[str, str] | None = None
        params = {"service": place.server} if where == "/oauth2/token" and method == "GET" else None
        if operation == "POST /oauth2/exchange":
            form = {"grant_type": "access_token", "service": place.server, "access_token": entra}
        elif operation == "POST /oauth2/token":
            name, password = user or ("", "")
            form = {"grant_type": "password", "service": place.server}
            form |= {"username": name, "password": password}
        return self.ask(
            method,
            f"https://{place.server}{where}",
            params=params,
            data=form,
            json={} if method in ("PATCH", "PUT") and "uploads" not in where else None,
            auth=user,
        )

    def lacking(self, operation: str) -> list[dict[str, str]] | None:
        """What the detail of a refusal says, as recorded with the SDKs: none of a log-in."""
        needed = OPERATIONS[operation]
        if needed == LOG_IN:
            return None
        if needed in (LIST, LIST_DELETED):
            name = "catalog" if needed == LIST else "deleted_catalog"
            return [{"Type": "registry", "Name": name, "Action": "*"}]
        actions = [PULL, PUSH] if needed == PUSH else [needed]
        name = self.repository
        return [{"Type": "repository", "Name": name, "Action": action} for action in actions]

    def allowed(
        self, place: Place, user: tuple[str, str] | None, entra: str = ""
    ) -> dict[str, bool]:
        """Whether each operation is allowed."""
        found = {}
        for operation in ROUTES:
            if operation == "POST /oauth2/exchange" and not entra:
                continue  # it is for whoever Entra knows
            answer = self.told(place, operation, user, entra)
            assert answer.status_code not in (403, 500, 501), answer.text
            found[operation] = answer.status_code != 401
            if answer.status_code == 401 and operation.partition(" ")[0] != "HEAD":
                [told] = answer.json()["errors"]
                assert told["code"] == "UNAUTHORIZED", operation
                assert told["message"].startswith("authentication required, visit https://aka.ms/")
                assert told["detail"] == self.lacking(operation), operation
        return found


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[Registries]:
    with closing(Registries(local_cloud)) as made:
        yield made


def expected(found: dict[str, bool], allowed: set[str]) -> dict[str, bool]:
    return {
        operation: OPERATIONS[operation] in allowed or IN_QUARANTINE.get(operation) in allowed
        for operation in found
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("role", [*ROLES, NOBODY])
def test_a_role_allows_what_is_documented_and_nothing_else(
    world: Registries, role: str, mode: str
) -> None:
    person = world.person(ROLES.get(role, NOBODY))
    world.bearer(person)
    found = world.allowed(world.places[mode], (person.app_id, person.secret), person.tokens[ARM])
    rows, page = MODES[mode]
    assert found == expected(found, rows.get(role, set())), page


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("action", TOKENS)
def test_a_token_allows_what_its_scope_map_says(world: Registries, action: str, mode: str) -> None:
    place = world.places[mode]
    name = action.replace("/", "-")
    for number, pattern in enumerate(("rights/none", "rights/*", "*")):
        user = place.token(f"{name}-{number}", f"repositories/{pattern}/{action}")
        found = world.allowed(place, user)
        assert found == expected(found, TOKENS[action]), TOKENS_PAGE
    for number, pattern in enumerate(("rights", "rights/none/*", "other/*")):
        user = place.token(f"{name}-of-others-{number}", f"repositories/{pattern}/{action}")
        found = world.allowed(place, user)
        assert found == expected(found, {LOG_IN}), TOKENS_PAGE


@pytest.mark.parametrize("mode", MODES)
def test_the_admin_may_do_everything_and_who_is_unknown_nothing(
    world: Registries, mode: str
) -> None:
    place = world.places[mode]
    admin = world.manage("POST", f"{place.id}/listCredentials").json()
    found = world.allowed(place, (admin["username"], admin["passwords"][0]["value"]))
    assert found == expected(found, _ALL), ADMIN_PAGE
    disabled = place.token("disabled", "repositories/*/content/read", status="disabled")
    for user in (None, ("nobody", "nothing"), (admin["username"], "wrong"), disabled):
        found = world.allowed(place, user)
        assert found == expected(found, set()), OAUTH


def test_a_token_has_other_rights_when_its_scope_map_is_changed_or_it_has_another(
    world: Registries,
) -> None:
    place = world.place
    user = place.token("changing", "repositories/rights/*/content/read")
    registry = place.id
    changes: tuple[tuple[str, dict[str, Any], set[str]], ...] = (
        ("scopeMaps/changing-map", {"actions": ["repositories/*/metadata/read"]}, {LOG_IN, READ}),
        ("scopeMaps/changing-map", {"actions": ["repositories/other/content/read"]}, {LOG_IN}),
        (
            "tokens/changing",
            {"scopeMapId": f"{registry}/scopeMaps/_repositories_push"},
            {LOG_IN, PULL, PUSH},
        ),
        ("tokens/changing", {"status": "disabled"}, set()),
    )
    for where, properties, allowed in changes:
        answer = world.manage("PATCH", f"{registry}/{where}", {"properties": properties})
        assert answer.status_code == 200, answer.text
        found = world.allowed(place, user)
        assert found == expected(found, allowed), TOKENS_PAGE


SEES = named("own con rea rba uaa qre qwr")  # what ends with /read is quarantine/read, too
MARKS = named("own con qwr")


@pytest.fixture(scope="module")
def waiting(world: Registries) -> dict[str, str]:
    """An image in quarantine in the registry of each mode; its digest."""
    found = {}
    for mode, place in world.places.items():
        pusher = place.token("pusher", "repositories/waiting/content/write")
        http, place.http = place.http, place.as_user(pusher)
        found[mode] = place.push("waiting", "v1")
        place.http = http
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("role", [*ROLES, NOBODY])
def test_a_role_reads_and_marks_in_quarantine_as_documented_and_no_other_does(
    world: Registries, waiting: dict[str, str], role: str, mode: str
) -> None:
    person, place, digest = world.person(ROLES.get(role, NOBODY)), world.places[mode], waiting[mode]
    user = (person.app_id, person.secret)
    by_registry = mode == "LegacyRegistryPermissions"
    sees = SEES if by_registry else named("qre qwr")
    marks = MARKS if by_registry else named("qwr")
    for reference, hidden in (
        (digest, (403, "IMAGE_QUARANTINED")),
        ("v1", (404, "MANIFEST_UNKNOWN")),
    ):
        answer = world.ask("GET", place.url(f"waiting/manifests/{reference}"), auth=user)
        if reference == digest and role in sees:
            assert answer.status_code == 200, QUARANTINE_PAGE
        elif role in sees or PULL in (BY_REGISTRY if by_registry else BY_REPOSITORY).get(role, ()):
            [told] = answer.json()["errors"]
            assert (answer.status_code, told["code"]) == hidden, QUARANTINE_PAGE
        else:
            assert answer.status_code == 401
    mark = {"quarantineState": "Failed", "quarantineDetails": "{}"}
    where = f"https://{place.server}/acr/v1/waiting/_manifests/{digest}"
    answer = world.ask("PATCH", where, json=mark, auth=user)
    assert answer.status_code == (200 if role in marks else 401), answer.text
    if role == "push" and by_registry:  # who may change its locks
        assert answer.json()["errors"][0]["detail"] == [
            {"Type": "repository", "Name": "waiting", "Action": "quarantine_write"}
        ]
    if role == "qwr":  # and no locks
        assert world.ask("PATCH", where, json={"listEnabled": True}, auth=user).status_code == 401


@pytest.mark.parametrize("mode", MODES)
def test_no_token_and_not_the_admin_reads_or_marks_in_quarantine(
    world: Registries, waiting: dict[str, str], mode: str
) -> None:
    place, digest = world.places[mode], waiting[mode]
    admin = world.manage("POST", f"{place.id}/listCredentials").json()
    token = place.token("everything", *(f"repositories/*/{one}" for one in TOKENS))
    where = f"https://{place.server}/acr/v1/waiting/_manifests/{digest}"
    for user in ((admin["username"], admin["passwords"][0]["value"]), token):
        pulled = world.ask("GET", place.url(f"waiting/manifests/{digest}"), auth=user)
        assert pulled.status_code == 403, ADMIN_PAGE
        mark = {"quarantineState": "Passed"}
        assert world.ask("PATCH", where, json=mark, auth=user).status_code == 401, TOKENS_PAGE
        shown = world.ask("GET", where, auth=user).json()["manifest"]
        assert (shown["quarantineTag"], shown.get("tags")) == ("v1", [])
