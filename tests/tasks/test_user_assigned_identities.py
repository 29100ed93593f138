"""Runs of a task with user-assigned identities: who reads secrets, logs in, and gets which token."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from azure.keyvault.secrets import SecretClient

from tests.az import Az
from tests.tasks.running import HEAD, Ended, Registry
from tests.tasks.test_step_identity import ASK, answers, step, who

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
TOOL = "mcr.microsoft.com/acr/azure-cli az"


class Bench:
    """A registry, two identities in its group, and a vault that the second may read."""

    def __init__(self, registry: Registry, az: Az) -> None:
        self.registry, self.az = registry, az
        self.one, self.two = (self.identity(f"{word}-identity") for word in ("first", "second"))
        self.vault = f"v{uuid.uuid4().hex[:12]}"
        az.ok(*("keyvault", "create", "-g", registry.group, "-n", self.vault))
        az.ok(
            *("keyvault", "update", "-g", registry.group, "-n", self.vault),
            *("--enable-rbac-authorization", "false"),
        )
        own = registry.cloud.account.object_id
        for object_id, permissions in ((own, ("get", "set")), (self.two["principalId"], ("get",))):
            az.ok(
                *("keyvault", "set-policy", "-g", registry.group, "-n", self.vault),
                *("--object-id", object_id, "--secret-permissions", *permissions),
            )
        url = f"https://{self.vault}.vault.azure.net"
        secrets = SecretClient(url, registry.cloud.credential, **registry.cloud.options)
        self.secret = str(secrets.set_secret("word", "shibboleth").id)

    def identity(self, name: str) -> dict[str, Any]:
        return dict(self.az.json("identity", "create", "-g", self.registry.group, "-n", name))

    def task(self, name: str, text: str, *identities: dict[str, Any], **more: Any) -> None:
        """Create a task of a task file with user-assigned identities only."""
        content = base64.b64encode(text.encode()).decode()
        ids: dict[str, Any] = {one["id"]: {} for one in identities}
        body = {
            "location": "eastus",
            "identity": {"type": "UserAssigned", "userAssignedIdentities": ids},
            "properties": {
                "step": {"type": "EncodedTask", "encodedTaskContent": content},
                **more,
            },
        }
        answer = self.registry.call("PUT", f"/tasks/{name}", body)
        assert answer.status_code == 200, answer.text

    def run(self, name: str) -> Ended:
        return self.registry.wait(self.registry.start_task(name))


@pytest.fixture(scope="module")
def bench(registry: Registry, az: Az) -> Bench:
    return Bench(registry, az)


def secret(bench: Bench, client_id: str = "") -> str:
    """A task file that measures a secret, which is read as the identity of that client id."""
    named = f"    clientID: {client_id}\n" if client_id else ""
    return (
        f"version: v1.1.0\nsecrets:\n  - id: word\n    keyvault: {bench.secret}\n{named}"
        "steps:\n  - cmd: bash -c 'echo length=$(echo -n {{.Secrets.word}} | wc -c)'\n"
    )


def test_a_secret_is_read_as_the_identity_that_it_names(bench: Bench) -> None:
    bench.task("named-secret", secret(bench, bench.two["clientId"]), bench.one, bench.two)
    ended = bench.run("named-secret")
    assert ended.status == "Succeeded", ended.log
    assert "length=10" in ended.lines
    bench.task("wrong-secret", secret(bench, bench.one["clientId"]), bench.one, bench.two)
    ended = bench.run("wrong-secret")
    assert (ended.status, "could not be read" in ended.log) == ("Failed", True)
    assert bench.one["principalId"] in ended.log


def test_without_a_name_the_only_identity_reads_and_of_two_none(bench: Bench) -> None:
    bench.task("only-secret", secret(bench), bench.two)
    assert "length=10" in bench.run("only-secret").lines
    bench.task("two-secrets", secret(bench), bench.one, bench.two)
    ended = bench.run("two-secrets")
    assert ended.status == "Failed"
    assert "secret 'word': Multiple user assigned identities exist, please specify" in ended.log


def test_the_metadata_service_gives_tokens_of_the_identity_that_is_asked_for(bench: Bench) -> None:
    two = bench.two
    asks = [
        f"client_id={two['clientId']}",
        f"object_id={two['principalId']}",
        f"msi_res_id={two['id']}",
        f"mi_res_id={two['id'].upper()}",
        "",
        "client_id=00000000-0000-0000-0000-000000000001",
        f"client_id={two['clientId']}&object_id={bench.one['principalId']}",
    ]
    steps = [step(ASK.replace("resource=", f"{ask}&resource=") + "; echo") for ask in asks]
    bench.task("metadata", "steps:\n" + "".join(steps), bench.one, two)
    ended = bench.run("metadata")
    found = answers(ended)
    assert [who(one)[0] for one in found[:4]] == [two["principalId"]] * 4, ended.log
    assert [one["client_id"] for one in found[:4]] == [two["clientId"]] * 4
    assert [one["error_description"] for one in found[4:]] == [
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
        "identity in the token request",
        "Identity not found",
        "Identity not found",
    ]
    bench.task("metadata", "steps:\n" + steps[4], two)
    [alone] = answers(bench.run("metadata"))
    assert who(alone)[0] == two["principalId"]


def test_az_in_a_step_logs_in_as_the_identity_that_it_names(bench: Bench) -> None:
    group = bench.registry.id.partition("/providers/")[0]
    for identity in (bench.one, bench.two):
        bench.az.assign(identity["principalId"], "Reader", group)
    two = bench.two
    names = {
        "--client-id": two["clientId"],
        "--object-id": two["principalId"],
        "--resource-id": two["id"],
    }
    logins = list(names.items())
    logins += [("--username", value) for value in names.values()]
    show = f"{TOOL} keyvault secret show --vault-name {bench.vault} -n word --query attributes"
    steps = "".join(
        f"  - cmd: {TOOL} login --identity {option} {value} --query [0].user\n  - cmd: {show}\n"
        for option, value in logins
    )
    bench.task("login", HEAD + steps, bench.one, two)
    ended = bench.run("login")
    assert ended.status == "Succeeded", ended.log
    assert ended.log.count('"enabled": true') == 6
    assert ended.log.count('"name": "userAssignedIdentity"') == 6
    kinds = [f"MSIClient-{two['clientId']}", f"MSIObject-{two['principalId']}"]
    for kind in (*kinds, f"MSIResource-{two['id']}"):
        assert ended.log.count(f'"assignedIdentityInfo": "{kind}"') == 2
    assert ended.log.count("WARNING: Passing the managed identity ID with --username") == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "Multiple user assigned identities exist"),
        ("--client-id 00000000-0000-0000-0000-000000000001", "Identity not found"),
        ("--client-id a --object-id b", "Provide only one of --client-id, --object-id"),
    ],
)
def test_a_login_that_names_no_identity_of_the_task(bench: Bench, words: str, told: str) -> None:
    bench.task(
        "no-login", f"{HEAD}  - cmd: {TOOL} login --identity {words}\n", bench.one, bench.two
    )
    ended = bench.run("no-login")
    assert (ended.status, told in ended.log) == ("Failed", True), ended.log


def test_az_adds_a_credential_that_uses_an_identity(bench: Bench) -> None:
    """And it stops when that is deleted; a new one of its name is another."""
    registry, az = bench.registry, bench.az
    other = Registry(registry.cloud)
    puller = bench.identity("puller")
    az.assign(puller["principalId"], "AcrPull", other.id)
    bench.task("credential", f"{HEAD}  - cmd: bash -c 'echo done'\n", bench.one, puller)
    az.ok(
        *("acr", "task", "credential", "add", "-r", registry.name, "-n", "credential"),
        *("--login-server", other.server, "--use-identity", puller["clientId"]),
    )
    ended = bench.run("credential")
    assert ended.status == "Succeeded", ended.log
    assert f"Successfully logged into {other.server}" in ended.lines
    az.ok("identity", "delete", "--ids", puller["id"])
    shown = registry.call("GET", "/tasks/credential").json()["identity"]
    assert puller["id"] in shown["userAssignedIdentities"]
    again = bench.identity("puller")
    assert again["principalId"] != puller["principalId"]
    ended = bench.run("credential")
    assert ended.status == "Failed"
    told = f"uses the user-assigned identity with the client id '{puller['clientId']}'"
    assert told in ended.log


def test_a_token_of_a_deleted_identity_is_worth_nothing(bench: Bench) -> None:
    gone = bench.identity("gone")
    delete = f"https://management.azure.com{gone['id']}?api-version=2023-01-31"
    bench.az.assign(gone["principalId"], "Owner", gone["id"])
    script = (
        f"T=$({ASK.replace('vault.azure.net', 'management.azure.com')}"
        ' | sed \'s/.*"access_token":"\\([^"]*\\).*/\\1/\'); '
        f"for i in 1 2; do curl -s -X DELETE -H \"Authorization: Bearer $T\" '{delete}' "
        f"-w '\\nstatus=%{{http_code}}\\n'; done; {ASK}; echo"
    )
    bench.task("goner", "steps:\n" + step(script), gone)
    ended = bench.run("goner")
    assert "status=200" in ended.lines, ended.log
    [refused, metadata] = answers(ended)
    assert refused["error"]["code"] == "InvalidAuthenticationToken"
    assert metadata["error_description"].startswith("Identity not found")
