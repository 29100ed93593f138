"""Roles for repositories (rbac-abac): which count, what their conditions say, and how tasks log in."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from helpers.localcloud.api_versions import type_of, versions_of
from helpers.localcloud.built_in_roles import ROLES
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.registry.places import Place
from tests.tasks.running import HEAD, Registry

GUIDS = {role.name: role.guid for role in ROLES}
READER, WRITER, CONTRIBUTOR, LISTER = (
    f"Container Registry Repository {name}"
    for name in ("Reader", "Writer", "Contributor", "Catalog Lister")
)
IMPORTER = "Container Registry Data Importer and Data Reader"
NAME = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]"
DATA = "Microsoft.ContainerRegistry/registries/repositories"
BELOW_TEAM = (
    f"((!(ActionMatches{{'{DATA}/content/read'}}) AND !(ActionMatches{{'{DATA}/metadata/read'}}) AND "
    f"!(ActionMatches{{'{DATA}/content/write'}})) OR ({NAME} StringStartsWithIgnoreCase 'team/'))"
)


class Mode:
    """A registry whose roles are for its repositories, and principals to give roles to."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.registry = place.id
        self.store = Store(place.cloud.home / "state.db")
        self.principals = Principals(
            self.store, place.cloud.account.tenant_id, place.cloud.home / "signing-key.pem"
        )
        place.push("team/app", "1")
        place.push("other/app", "1")
        self.set_mode("AbacRepositoryPermissions")

    def arm(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.place.cloud.http().request(
            method,
            f"https://management.azure.com{path}",
            params={"api-version": versions_of(type_of(path))[-1]},
            json=body,
            headers={"Authorization": f"Bearer {self.place.cloud.token()}"},
            timeout=60,
        )

    def set_mode(self, mode: str) -> requests.Response:
        return self.arm("PATCH", self.registry, {"properties": {"roleAssignmentMode": mode}})

    def assign(self, principal: str, role: str, condition: str = "", scope: str = "") -> None:
        definition = f"/providers/Microsoft.Authorization/roleDefinitions/{GUIDS[role]}"
        properties = {
            "roleDefinitionId": definition,
            "principalId": principal,
            "condition": condition or None,
        }
        name = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        answer = self.arm("PUT", f"{scope or self.registry}{name}", {"properties": properties})
        assert answer.status_code == 201, answer.text

    def somebody(self, *roles: str, condition: str = "") -> requests.Session:
        secret = uuid.uuid4().hex
        made = self.principals.add(f"somebody-{secret[:8]}", secret=secret)
        for role in roles:
            self.assign(made.object_id, role, condition)
        return self.place.as_user((made.app_id, secret))

    def may(self, http: requests.Session, repository: str = "team/app") -> set[str]:
        """What a client may do, asked of the registry itself."""
        url = self.place.url
        acr = f"https://{self.place.server}/acr/v1/{repository}/_tags"
        lock = {"writeEnabled": True}
        answers = {
            "log in": http.get(url("")),
            "pull": http.get(url(f"{repository}/manifests/1")),
            "push": http.post(url(f"{repository}/blobs/uploads/")),
            "delete": http.delete(url(f"{repository}/manifests/none")),
            "read": http.get(acr),
            "lock": http.patch(f"{acr}/1", json=lock),
            "list": http.get(url("_catalog")),
        }
        for answer in answers.values():
            assert answer.status_code in (200, 202, 401, 404), answer.text
        return {what for what, answer in answers.items() if answer.status_code != 401}


@pytest.fixture(scope="module")
def mode(place: Place) -> Iterator[Mode]:
    made = Mode(place)
    yield made
    made.store.close()


PULL = {"log in", "pull", "read"}
PUSH = PULL | {"push", "lock"}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (READER, PULL),
        (WRITER, PUSH),
        (CONTRIBUTOR, PUSH | {"delete"}),
        (LISTER, {"log in", "list"}),
        (IMPORTER, PULL | {"list"}),
        *((role, set()) for role in ("AcrPull", "AcrPush", "AcrDelete")),
        *((role, set()) for role in ("Owner", "Contributor", "Reader")),
        ("Container Registry Tasks Contributor", set()),
    ],
)
def test_the_roles_for_repositories_count_and_the_others_do_not(
    mode: Mode, role: str, allowed: set[str]
) -> None:
    http = mode.somebody(role)
    assert mode.may(http) == allowed
    refused = http.delete(mode.place.url("team/app/manifests/none"))
    if "delete" not in allowed:
        assert refused.json()["errors"][0]["code"] == "UNAUTHORIZED"


def test_roles_add_up(mode: Mode) -> None:
    http = mode.somebody(READER, LISTER, "AcrDelete")
    assert mode.may(http) == PULL | {"list"}


def test_a_condition_narrows_a_role_to_repositories(mode: Mode) -> None:
    http = mode.somebody(WRITER, condition=BELOW_TEAM)
    assert mode.may(http) == PUSH
    # The condition says nothing of metadata/write, which the role has: then it is for all.
    assert mode.may(http, "other/app") == {"log in", "lock"}
    assert mode.may(http, "team") == {"log in", "lock"}
    query = [("service", mode.place.server)]
    query += [("scope", f"repository:{name}/app:pull,push") for name in ("team", "other")]
    answer = http.get(f"https://{mode.place.server}/oauth2/token", params=query)
    claims = answer.json()["access_token"].split(".")[1]
    access = json.loads(base64.urlsafe_b64decode(claims + "=="))["access"]
    assert [one["actions"] for one in access] == [["pull", "push"], []]


def test_one_repository_and_a_role_at_the_group(mode: Mode) -> None:
    exact = f"{NAME} StringEquals 'other/app'"
    http = mode.somebody(READER, condition=exact)
    assert (mode.may(http), mode.may(http, "other/app")) == ({"log in"}, PULL)
    secret = uuid.uuid4().hex
    made = mode.principals.add(f"somebody-{secret[:8]}", secret=secret)
    mode.assign(made.object_id, READER, scope=mode.registry.partition("/providers/")[0])
    assert mode.may(mode.place.as_user((made.app_id, secret))) == PULL


def test_a_blob_is_mounted_only_from_where_a_condition_lets_pull(mode: Mode) -> None:
    http = mode.somebody(WRITER, condition=BELOW_TEAM)
    cloud = mode.place.cloud.account
    mode.assign(cloud.object_id, CONTRIBUTOR)
    for name, status in (("other/app", 202), ("team/app", 201)):
        blob = mode.place.push_blob(name, f"of {name}".encode())["digest"]
        answer = http.post(
            mode.place.url("team/new/blobs/uploads/"), params={"mount": blob, "from": name}
        )
        assert answer.status_code == status


def test_tokens_and_the_admin_go_on_and_the_mode_can_be_set_back(mode: Mode) -> None:
    user = mode.place.token("puller", "repositories/*/content/read")
    assert mode.may(mode.place.as_user(user)) == {"log in", "pull"}
    puller, reader = mode.somebody("AcrPull"), mode.somebody(READER)
    assert (mode.may(puller), mode.may(reader)) == (set(), PULL)
    shown = mode.set_mode("legacyregistrypermissions").json()["properties"]["roleAssignmentMode"]
    assert shown == "LegacyRegistryPermissions"
    assert (mode.may(puller), mode.may(reader)) == (PULL | {"list"}, set())
    mode.set_mode("AbacRepositoryPermissions")
    refused = mode.set_mode("Anything")
    assert refused.status_code == 400
    assert "LegacyRegistryPermissions, AbacRepositoryPermissions" in refused.text
    shown = mode.arm("GET", mode.registry).json()["properties"]["roleAssignmentMode"]
    assert shown == "AbacRepositoryPermissions"


# -- tasks ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry(mode: Mode) -> Registry:
    made = Registry(mode.place.cloud)
    body = {"properties": {"roleAssignmentMode": "AbacRepositoryPermissions"}}
    assert made.call("PATCH", "", body).status_code == 200
    return made


TASK = (
    HEAD
    + "  - build: -t $Registry/app:{{.Run.ID}} -f Dockerfile .\n  - push: ['$Registry/app:{{.Run.ID}}']\n"
)
FILES = {"task.yaml": TASK, "Dockerfile": "FROM scratch\nLABEL one=two\n"}


def source(identity: str) -> dict[str, Any]:
    return {"credentials": {"sourceRegistry": {"identity": identity}}}


def test_a_run_has_no_access_to_its_own_registry_unless_it_names_an_identity(
    mode: Mode, registry: Registry
) -> None:
    plain = registry.wait(registry.files(FILES))
    assert plain.status == "Failed", plain.log
    assert f"Logging in to registry: {registry.server}" not in plain.log
    assert f"without credentials of {registry.server}" in plain.log, plain.log
    refused = registry.wait(registry.files(FILES, **source("[caller]")))
    assert refused.status == "Failed"
    assert f"failed to log in to {registry.server} as the caller" in refused.log
    assert "Container Registry Repository Reader, Writer or Contributor" in refused.log
    mode.assign(mode.place.cloud.account.object_id, WRITER, scope=registry.id)
    pushed = registry.wait(registry.files(FILES, **source("[caller]")))
    assert pushed.status == "Succeeded", pushed.log
    assert f"Successfully logged into {registry.server}" in pushed.log


def test_a_task_logs_in_as_its_own_identity(mode: Mode, registry: Registry) -> None:
    content = base64.b64encode((HEAD + "  - cmd: $Registry/app:none\n").encode()).decode()
    step = {"type": "EncodedTask", "encodedTaskContent": content}
    task = registry.task("reader", step, **source("[system]"))
    refused = registry.wait(registry.start_task("reader"))
    assert "as the task's managed identity" in refused.log
    assert "Container Registry Repository Reader" in refused.log
    mode.assign(task["identity"]["principalId"], READER, scope=registry.id)
    logged_in = registry.wait(registry.start_task("reader"))
    assert f"Successfully logged into {registry.server}" in logged_in.log
    registry.task("nobody", step, **source("00000000-1111-2222-3333-444444444444"))
    assert "00000000-1111" in registry.wait(registry.start_task("nobody")).log


# -- the real az -------------------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_az_makes_a_registry_of_this_mode_and_narrows_a_role(mode: Mode, az: Any) -> None:
    group, name = mode.place.group, f"abac{uuid.uuid4().hex[:10]}"
    made = az.json(
        *("acr", "create", "--resource-group", group, "--name", name, "--sku", "Basic"),
        *("--role-assignment-mode", "rbac-abac"),
    )
    assert made["roleAssignmentMode"] == "AbacRepositoryPermissions"
    secret = uuid.uuid4().hex
    who = mode.principals.add(f"somebody-{secret[:8]}", secret=secret)
    scope = ("--scope", made["id"])
    assigned = az.json(
        *("role", "assignment", "create", "--role", READER, "--assignee", who.object_id, *scope),
        *("--condition", BELOW_TEAM, "--condition-version", "2.0"),
    )
    assert assigned["condition"] == BELOW_TEAM
    url = f"https://{name}.azurecr.io/v2/{{}}/tags/list"
    http = mode.place.as_user((who.app_id, secret))
    assert [http.get(url.format(one)).status_code for one in ("team/a", "a")] == [404, 401]
    listed = ("acr", "repository", "list", "--name", name)
    assert "Unable to get AAD authorization tokens" in az.refused(*listed)
    az.ok(
        *("role", "assignment", "create", "--role", LISTER, *scope),
        *("--assignee", mode.place.cloud.account.object_id),
    )
    assert az.json(*listed) == []
    back = az.json("acr", "update", "--name", name, "--role-assignment-mode", "rbac")
    assert back["roleAssignmentMode"] == "LegacyRegistryPermissions"


@pytest.mark.timeout(400)
def test_az_gives_a_task_and_a_quick_run_an_identity_for_their_registry(
    mode: Mode, registry: Registry, az: Any
) -> None:
    identity = f"{registry.id.partition('/providers/')[0]}/providers/Microsoft.ManagedIdentity"
    identity += f"/userAssignedIdentities/reader{uuid.uuid4().hex[:6]}"
    made = mode.arm("PUT", identity, {"location": "eastus"}).json()["properties"]
    mode.assign(made["principalId"], READER, scope=registry.id)
    where = ("--registry", registry.name)
    task = az.json(
        *("acr", "task", "create", *where, "--name", "assigned", "--context", "/dev/null"),
        *("--cmd", "$Registry/app:none", "--source-acr-auth-id", identity),
    )
    assert task["credentials"]["sourceRegistry"]["identity"] == made["clientId"]
    ended = registry.wait(registry.start_task("assigned"))
    assert f"Successfully logged into {registry.server}" in ended.log, ended.log
    updated = az.json(
        *("acr", "task", "update", *where, "--name", "assigned", "--source-acr-auth-id", "[system]")
    )
    assert updated["credentials"]["sourceRegistry"]["identity"] == "[system]"
    refused = registry.wait(registry.start_task("assigned"))
    assert f"failed to log in to {registry.server} as the task's managed identity" in refused.log
    mode.assign(mode.place.cloud.account.object_id, CONTRIBUTOR, scope=registry.id)
    az.ok(
        *("acr", "run", *where, "--source-acr-auth-id", "[caller]", "/dev/null"),
        *("--cmd", "mcr.microsoft.com/acr/acr-cli:0.14 version", "--no-wait"),
    )
    newest = registry.call("GET", "/runs?$top=1").json()["value"][0]["properties"]["runId"]
    assert f"Successfully logged into {registry.server}" in registry.wait(newest).log
