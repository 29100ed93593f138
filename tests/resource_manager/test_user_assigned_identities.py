"""User-assigned identities: as resources, on tasks, and who may assign them. Clients: az, the SDK."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.msi import ManagedServiceIdentityClient

from tests.az import Az
from tests.conftest import LocalCloud
from tests.identity.test_identity import directory
from tests.resource_manager.refusing import assert_refused
from tests.resource_manager.test_requests import send
from tests.resource_manager.test_resource_manager import make_group, make_registry
from tests.sdk import Sdk

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
STEP = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtd"}


@dataclass
class Bench:
    """A group with a registry and two identities."""

    cloud: LocalCloud
    group: str
    registry: str

    def identity(self, name: str) -> dict[str, Any]:
        """Create (or find) an identity; its body."""
        answer = self.send("PUT", f"providers/{TYPE}/{name}", {"location": "eastus"})
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def id(self, name: str) -> str:
        group = f"{self.cloud.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/{TYPE}/{name}"

    def task(self, name: str) -> str:
        path = f"providers/Microsoft.ContainerRegistry/registries/{self.registry}/tasks/{name}"
        return f"{self.cloud.subscription}/resourceGroups/{self.group}/{path}"

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return send(self.cloud, method, f"resourceGroups/{self.group}/{path}", body)

    def put(self, name: str, identity: Any, method: str = "PUT") -> Any:
        """Create, or update, a task with an identity."""
        path = f"providers/Microsoft.ContainerRegistry/registries/{self.registry}/tasks/{name}"
        body: dict[str, Any] = {"identity": identity}
        if method == "PUT":
            body |= {"location": "eastus", "properties": {"step": STEP}}
        return self.send(method, path, body)


@pytest.fixture(scope="module")
def bench(local_cloud: LocalCloud) -> Bench:
    group = make_group(local_cloud)
    return Bench(local_cloud, group, make_registry(local_cloud, group))


@pytest.fixture
def name() -> str:
    return f"identity-{uuid.uuid4().hex[:8]}"


def test_the_sdk_makes_an_identity_that_a_task_has(sdk: Sdk, bench: Bench, name: str) -> None:
    client = sdk.manager(ManagedServiceIdentityClient)
    identities, where = client.user_assigned_identities, (bench.group, name)
    made = identities.create_or_update(*where, {"location": "East US", "tags": {"a": "b"}})
    assert made.id.lower() == bench.id(name).lower()
    assert (made.name, made.location, made.type) == (name, "eastus", TYPE)
    assert made.tenant_id == bench.cloud.account.tenant_id
    assert made.principal_id != made.client_id
    assert identities.get(*where).as_dict() == made.as_dict()
    assert identities.update(*where, {"tags": {"c": "d"}}).tags == {"c": "d"}
    assert name in [one.name for one in identities.list_by_resource_group(bench.group)]
    assert made.id in [one.id for one in identities.list_by_subscription()]
    tasks = sdk.manager(ContainerRegistryTasksMgmtClient).tasks
    identity = {"type": "UserAssigned", "userAssignedIdentities": {made.id: {}}}
    body = {"location": "eastus", "identity": identity, "properties": {"step": STEP}}
    task = tasks.create(bench.group, bench.registry, name, body)
    [held] = task.identity.user_assigned_identities.values()
    assert (held.client_id, held.principal_id) == (made.client_id, made.principal_id)
    identities.delete(*where)
    with pytest.raises(ResourceNotFoundError):
        identities.get(*where)
    with pytest.raises(HttpResponseError, match=name):
        tasks.create(bench.group, bench.registry, f"{name}-b", body)
    told = {one.name for one in client.operations.list()}
    assert f"{TYPE}/assign/action" in told


def test_az_creates_shows_lists_tags_and_deletes_an_identity(
    az: Az, bench: Bench, name: str
) -> None:
    where = ("-g", bench.group, "-n", name)
    made = az.json("identity", "create", *where, "--tags", "a=b")
    assert made["id"] == bench.id(name).replace("resourceGroups", "resourcegroups")
    assert made["tenantId"] == bench.cloud.account.tenant_id
    assert (made["name"], made["location"], made["tags"]) == (name, "eastus", {"a": "b"})
    assert az.json("identity", "show", *where) == made
    assert az.json("identity", "show", "--ids", made["id"]) == made
    assert made in az.json("identity", "list", "-g", bench.group)
    assert made in az.json("identity", "list")
    again = az.json("identity", "create", *where)
    assert (again["principalId"], again["tags"]) == (made["principalId"], {})
    changed = az.json("identity", "update", *where, "--tags", "c=d")
    assert (changed["tags"], changed["clientId"]) == ({"c": "d"}, made["clientId"])
    shown = az.json("ad", "sp", "show", "--id", made["clientId"])
    assert (shown["id"], shown["displayName"]) == (made["principalId"], name)
    assert shown["servicePrincipalType"] == "ManagedIdentity"
    assert shown["alternativeNames"] == ["isExplicit=True", made["id"].lower()]
    assert az.ok("identity", "delete", *where) == ""
    assert az.ok("identity", "delete", *where) == ""
    assert "ResourceNotFound" in az.refused("identity", "show", *where)
    assert "does not exist" in az.refused("ad", "sp", "show", "--id", made["clientId"])


def test_az_lists_the_operations_and_what_an_identity_is_assigned_to(
    az: Az, bench: Bench, name: str
) -> None:
    known = [one["name"] for one in az.json("identity", "list-operations")]
    assert f"{TYPE}/assign/action" in known
    made = bench.identity(name)
    where = ("-g", bench.group, "-n", name)
    assert az.json("identity", "list-resources", *where) == []
    user = {"type": "UserAssigned", "userAssignedIdentities": {made["id"]: {}}}
    assert bench.put("associated", user).status_code == 200
    [found] = az.json("identity", "list-resources", *where)
    assert found["id"] == bench.task("associated")
    assert found["type"] == "microsoft.containerregistry/registries/tasks"
    path = f"providers/{TYPE}/{name}/listAssociatedResources?$top=1&api-version=2022-01-31-preview"
    assert_refused(bench.send("POST", path), 501, "NotImplemented", "$top")


def test_federated_credentials_are_lacking_by_name(az: Az, bench: Bench, name: str) -> None:
    bench.identity(name)
    where = ("-g", bench.group, "--identity-name", name)
    told = az.refused("identity", "federated-credential", "list", *where)
    assert "userAssignedIdentities/federatedIdentityCredentials" in told


@pytest.mark.parametrize(
    ("named", "body", "status", "code", "told"),
    [
        ("ab", {"location": "eastus"}, 400, "InvalidResourceName", "'ab'"),
        ("-bad-", {"location": "eastus"}, 400, "InvalidResourceName", "3 to 128"),
        ("whole", {}, 400, "LocationRequired", "location"),
        ("whole", {"location": "mars"}, 400, "LocationNotAvailableForResourceType", "'mars'"),
        ("whole", {"location": "eastus", "tags": []}, 400, "InvalidRequestContent", "'tags'"),
        (
            "whole",
            {"location": "eastus", "properties": {"isolationScope": "Regional"}},
            501,
            "NotImplemented",
            "isolationScope",
        ),
        (
            "whole",
            {"location": "eastus", "properties": {"isolationScope": "World"}},
            400,
            "InvalidRequestContent",
            "'World'",
        ),
        (
            "whole",
            {"location": "eastus", "properties": {"assignmentRestrictions": {}}},
            501,
            "NotImplemented",
            "assignmentRestrictions",
        ),
    ],
)
def test_what_is_no_identity(
    bench: Bench, named: str, body: dict[str, Any], status: int, code: str, told: str
) -> None:
    answer = bench.send("PUT", f"providers/{TYPE}/{named}", body)
    assert_refused(answer, status, code, told)
    assert bench.send("GET", f"providers/{TYPE}/{named}").status_code == 404


def test_an_identity_stays_where_it_is(bench: Bench, name: str) -> None:
    bench.identity(name)
    for method in ("PUT", "PATCH"):
        answer = bench.send(method, f"providers/{TYPE}/{name}", {"location": "westus"})
        assert_refused(answer, 409, "InvalidResourceLocation", "'eastus'")
    assert bench.send("PATCH", f"providers/{TYPE}/{name}", {"location": "East US"}).ok
    for tags, kept in (({"a": "b"}, {"a": "b"}), (None, {})):
        answer = bench.send("PATCH", f"providers/{TYPE}/{name}", {"tags": tags})
        assert answer.json()["tags"] == kept
    answer = bench.send("PATCH", f"providers/{TYPE}/never-made", {"tags": {}})
    assert_refused(answer, 404, "ResourceNotFound", f"'{TYPE}/never-made'")


def test_az_gives_a_task_identities_and_takes_them_away(az: Az, bench: Bench) -> None:
    one, two = (bench.identity(f"{word}-{uuid.uuid4().hex[:6]}") for word in ("one", "two"))
    task = ("-r", bench.registry, "-n", "assigned")
    made = az.json(
        *("acr", "task", "create", *task, "--cmd", "hello-world", "--context", "/dev/null"),
        *("--assign-identity", "[system]", one["id"]),
    )["identity"]
    assert made["type"] == "SystemAssigned, UserAssigned"
    own = made["principalId"]
    shown = az.json("acr", "task", "identity", "show", *task)
    properties = one["properties"]
    held = {"principalId": properties["principalId"], "clientId": properties["clientId"]}
    assert shown["userAssignedIdentities"] == {one["id"]: held}
    identity = ("acr", "task", "identity")
    added = az.json(*identity, "assign", *task, "--identities", two["id"])["identity"]
    assert (added["type"], added["principalId"]) == ("UserAssigned", None)
    assert set(added["userAssignedIdentities"]) == {one["id"], two["id"]}
    assert directory(bench.cloud).find(object_id=own) is None
    left = az.json(*identity, "remove", *task, "--identities", one["id"])["identity"]
    assert set(left["userAssignedIdentities"]) == {two["id"]}
    both = az.json(*identity, "assign", *task, "--identities", "[system]", one["id"])["identity"]
    assert both["type"] == "SystemAssigned, UserAssigned"
    assert set(both["userAssignedIdentities"]) == {one["id"], two["id"]}
    only = az.json(*identity, "remove", *task, "--identities", "[system]")["identity"]
    assert (only["type"], only["principalId"]) == ("UserAssigned", None)
    assert az.json(*identity, "remove", *task, "--identities", "[all]")["identity"] is None
    assert az.json(*identity, "show", *task) == {}


def test_the_sdk_removes_one_with_null_and_the_last_one_with_its_type(bench: Bench) -> None:
    one, two = bench.identity("first"), bench.identity("second")
    both = {"type": "UserAssigned", "userAssignedIdentities": {one["id"]: {}, two["id"]: {}}}
    assert bench.put("removed", both).ok
    tasks = bench.cloud.client(ContainerRegistryTasksMgmtClient).tasks
    for identity, left in ((one, [two["id"]]), (two, None)):
        upper = identity["id"].upper().replace("/SUBSCRIPTIONS", "/subscriptions")
        change = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {upper: None}}}
        found = tasks.update(bench.group, bench.registry, "removed", change).identity
        assert (found and list(found.user_assigned_identities)) == left
    again = tasks.update(bench.group, bench.registry, "removed", {"identity": both}).identity
    assert set(again.user_assigned_identities) == {one["id"], two["id"]}
    replaced = bench.put(
        "removed",
        {"type": "SystemAssigned, UserAssigned"} | {"userAssignedIdentities": {two["id"]: {}}},
    ).json()["identity"]
    assert list(replaced["userAssignedIdentities"]) == [two["id"]]
    same = bench.put("removed", {"type": "SystemAssigned,UserAssigned"}, "PATCH").json()["identity"]
    assert same == replaced


@pytest.mark.parametrize(
    ("identity", "status", "code", "told"),
    [
        ({"type": "UserAssigned"}, 400, "MissingIdentityIds", "must not be null or empty"),
        (
            {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {}},
            400,
            "MissingIdentityIds",
            "must not be null or empty",
        ),
        (
            {"type": "SystemAssigned", "userAssignedIdentities": {"ID": {}}},
            400,
            "FailedIdentityOperation",
            "a non-UserAssigned identity type should not contain: userAssignedIdentities",
        ),
        (
            {"type": "UserAssigned", "userAssignedIdentities": {"never-made": {}}},
            400,
            "LinkedInvalidPropertyId",
            "'never-made' at path 'identity.userAssignedIdentities'",
        ),
        (
            {"type": "UserAssigned", "userAssignedIdentities": {"ID": {}}},
            400,
            "FailedIdentityOperation",
            '"code":"BadRequest","message":"Resource \'/subscriptions/',
        ),
        ({"type": "None, UserAssigned"}, 400, "IdentityTypeNotSupported", "'None, UserAssigned'"),
        ({"type": "Borrowed"}, 400, "IdentityTypeNotSupported", "'Borrowed' is invalid"),
        (
            {"type": "UserAssigned", "userAssignedIdentities": []},
            400,
            "InvalidRequestContent",
            "'identity.userAssignedIdentities' must be an object",
        ),
        (
            {"type": "UserAssigned", "userAssignedIdentities": {"ID": "x"}},
            400,
            "InvalidRequestContent",
            "/userAssignedIdentities/never-made' must be an object",
        ),
    ],
)
def test_identities_that_cannot_be_assigned(
    bench: Bench, identity: dict[str, Any], status: int, code: str, told: str
) -> None:
    ids = identity.get("userAssignedIdentities")
    if isinstance(ids, dict):
        known = {bench.id("never-made") if key == "ID" else key: ids[key] for key in ids}
        identity = {**identity, "userAssignedIdentities": known}
    assert_refused(bench.put("unassigned", identity), status, code, told)
    assert bench.put("unassigned", {"type": "None"}, "PATCH").status_code == 404


def test_a_registry_is_no_identity(bench: Bench) -> None:
    wrong = bench.task("x").rpartition("/tasks")[0]
    given = {"type": "UserAssigned", "userAssignedIdentities": {wrong: {}}}
    told = f"Resource '{wrong}' was not found."
    assert_refused(bench.put("unassigned", given), 400, "FailedIdentityOperation", told)


@pytest.fixture
def contributor(bench: Bench, az: Az) -> Iterator[ContainerRegistryTasksMgmtClient]:
    """A client of a principal that may do everything with the registry, and with nothing else."""
    cloud = bench.cloud
    principals = directory(cloud)
    secret = uuid.uuid4().hex
    principal = principals.add("a contributor", secret=secret)
    registry = bench.task("x").rpartition("/tasks")[0]
    az.assign(principal.object_id, "Contributor", registry)
    tenant = cloud.account.tenant_id
    credential = ClientSecretCredential(tenant, principal.app_id, secret, **cloud.options)
    with ContainerRegistryTasksMgmtClient(
        credential, cloud.account.subscription_id, **cloud.options
    ) as client:
        yield client


def test_only_who_may_assign_an_identity_gives_it_to_a_task(
    bench: Bench, az: Az, contributor: ContainerRegistryTasksMgmtClient, name: str
) -> None:
    made = bench.identity(name)
    identity = {"type": "UserAssigned", "userAssignedIdentities": {made["id"]: {}}}
    body = {"location": "eastus", "identity": identity, "properties": {"step": STEP}}
    with pytest.raises(HttpResponseError) as caught:
        contributor.tasks.create(bench.group, bench.registry, "linked", body)
    assert caught.value.error is not None
    assert caught.value.error.code == "LinkedAuthorizationFailed"
    assert caught.value.error.message is not None
    assert caught.value.error.message.endswith(
        "has permission to perform action 'Microsoft.ContainerRegistry/registries/tasks/write' on "
        f"scope '{bench.task('linked')}'; however, it does not have permission to perform action "
        f"'{TYPE}/assign/action' on the linked scope(s) '{made['id']}' or the linked scope(s) are "
        "invalid."
    )
    caller = str(caught.value.error.message).split("'")[3]
    az.assign(caller, "Managed Identity Operator", made["id"])
    created = contributor.tasks.create(bench.group, bench.registry, "linked", body)
    assert created.identity is not None
    assert list(created.identity.user_assigned_identities or {}) == [made["id"]]


def test_an_identity_that_names_nothing_changes_nothing(bench: Bench, name: str) -> None:
    made = bench.identity(name)
    user = {"type": "UserAssigned", "userAssignedIdentities": {made["id"]: {}}}
    shown = bench.put("kept-as-it-is", user).json()["identity"]
    path = bench.task("kept-as-it-is").partition(f"/{bench.group}/")[2]
    empty: list[Any] = [None, {}, {"userAssignedIdentities": {}}]
    for nothing in empty:
        answer = bench.send("PATCH", path, {"identity": nothing})
        assert (answer.status_code, answer.json()["identity"]) == (200, shown), nothing
    gone = {"type": "UserAssigned", "userAssignedIdentities": {made["id"]: None}}
    assert_refused(bench.put("kept-as-it-is", gone), 400, "MissingIdentityIds", "must not be null")
    assert bench.send("GET", path).json()["identity"] == shown
