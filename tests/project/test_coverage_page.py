"""docs/coverage.md tells what the suite has shown, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.front_door.request_log import VARIABLE
from tests.az import PROGRAMS, Answer
from tests.conftest import start
from tests.project.test_project import ROOT
from tests.proofs import commands
from tests.proofs.__main__ import PAGE, written
from tests.proofs.clients import client
from tests.proofs.commands import Outcome, Result, command_of, is_of, outcome, scenario
from tests.proofs.operations import MANAGER, REGISTRY, SERVICES, VAULT, Operation, Operations
from tests.proofs.reasons import REASONS, unexplained
from tests.proofs.recording import PROVEN, add, dump, load, lost

REGISTRIES = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"


@pytest.fixture(scope="module")
def operations() -> Operations:
    return Operations()


def test_the_page_is_what_the_generator_makes() -> None:
    assert PAGE.read_text() == written(), "run: make test, then python -m tests.proofs"


def test_each_proof_is_of_an_operation_that_is_there_by_a_test_that_is_there(
    operations: Operations,
) -> None:
    proven = load(json.loads(PROVEN.read_text())["operations"])
    assert len(proven) > 100
    assert set(proven) <= set(operations)
    for module in {module for clients in proven.values() for module in clients.values()}:
        assert (ROOT / module).is_file(), module


def test_every_operation_is_on_the_page_and_none_is_there_twice(operations: Operations) -> None:
    text = PAGE.read_text()
    found = list(operations)
    assert len(found) == len(set(found)) > 170
    assert {one.service for one in found} == set(SERVICES)
    for one in found:
        assert text.count(f"| `{one.method} {one.path}` |") or one.service == MANAGER
    rows = [line for line in text.splitlines() if line.startswith("| `") and " /" in line]
    assert len([one for one in found if one.service != MANAGER]) <= len(rows)


@pytest.mark.parametrize(
    ("host", "method", "path", "found"),
    [
        ("management.azure.com", "GET", f"{REGISTRIES}", (MANAGER, "registries/{registry}")),
        ("management.azure.com", "GET", f"{REGISTRIES}/".upper(), (MANAGER, "/{registry}")),
        ("management.azure.com", "GET", f"{REGISTRIES}/none/of/them", None),
        ("one.azurecr.io:443", "PUT", "/v2/a/b/manifests/t", (REGISTRY, "/manifests/{reference}")),
        ("vault.vault.azure.net", "GET", "/secrets/s/1", (VAULT, "/secrets/{name}[/{version}]")),
        ("example.com", "GET", "/", None),
    ],
)
def test_a_request_is_an_operation(
    operations: Operations, host: str, method: str, path: str, found: tuple[str, str] | None
) -> None:
    one = operations.of({"host": host, "method": method, "path": path})
    if found is None:
        assert one is None
    else:
        assert one is not None
        assert (one.service, one.path.endswith(found[1])) == (found[0], True)


def test_a_client_is_known_by_what_it_sends_and_a_test_s_own_is_none() -> None:
    assert client("AZURECLI/2.84.0 (PIP) azsdk-python-core/1.0 Python/3.11") == "az"
    assert client("azsdk-python-mgmt-keyvault/14 Python/3") == "azure-mgmt-keyvault"
    assert client("azsdk-python-azure-mgmt-authorization/4") == "azure-mgmt-authorization"
    assert client("azsdk-js-keyvault-secrets/4.8 core-rest") == "@azure/keyvault-secrets"
    assert client("python/3.11.7 (Linux-6.1) AZURECLI/2.84.0 (PIP)") == "az"
    assert client("node", "graph-js/3.0.7 (featureUsage=6)") == "@microsoft/microsoft-graph-client"
    assert client("octokit-rest.js/22.0.1 octokit-core.js/7.0.8 Node.js/24") == "@octokit/rest"
    assert client("git/2.39.5") == "git"
    assert client("python-requests/2.32") is None
    assert client("python-requests/2.32", "", "az") == "az"
    assert client("git/2.39.5", "", "az") == "git"
    assert client("") is None


def test_what_no_client_shows_has_a_reason(operations: Operations) -> None:
    proven = load(json.loads(PROVEN.read_text())["operations"])
    assert set(REASONS) <= set(operations)
    assert not set(REASONS) & {one for one, clients in proven.items() if clients}
    one, other = Operation(VAULT, "GET", "/secrets"), Operation(VAULT, "PUT", "/secrets/{name}")
    excused = next(iter(REASONS))
    assert list(unexplained([one, other, excused], {one: {"az": "a.py"}, other: {}})) == [other]
    text = PAGE.read_text()
    for one, why in REASONS.items():
        assert f"| {one.service}: `{one.method} {one.path}` | {why} |" in text


def test_what_is_shown_no_more_is_named_but_of_a_client_that_is_not_there() -> None:
    one, other = Operation(VAULT, "GET", "/secrets"), Operation(VAULT, "PUT", "/secrets/{name}")
    polled = Operation(MANAGER, "GET", "/x/operationStatuses/{operation}")
    proven = {one: {"az": "a.py", "git": "b.py"}, other: {"az": "a.py"}, polled: {"az": "a.py"}}
    seen: dict[Operation, dict[str, str]] = {}
    add(seen, one, "az", "z.py")
    add(seen, one, "az", "c.py")
    assert seen == {one: {"az": "c.py"}}
    assert lost(proven, seen) == ["Key Vault: PUT /secrets/{name} by az (was in a.py)"]
    assert load(json.loads(json.dumps(dump(proven)))) == proven


def test_the_log_of_requests_tells_who_called_what_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "requests.jsonl"
    monkeypatch.setenv(VARIABLE, str(file))
    cloud = start(tmp_path / "home")
    try:
        with cloud.http() as http:
            http.get("https://management.azure.com/subscriptions?sig=hidden", timeout=30)
            http.proxies = {"https": cloud.proxy_url.replace("//", "//somebody:else@")}
            http.get("https://management.azure.com/tenants", timeout=30)
        cloud.token()
    finally:
        daemon.down(cloud.home)
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    first, second = map(json.loads, text.splitlines()[:2])
    assert first["agent"].startswith("python-requests/")
    assert (first["method"], first["path"], first["status"]) == ("GET", "/subscriptions", 401)
    assert "user" not in first
    assert (second["path"], second["user"]) == ("/tenants", "somebody")
    assert "hidden" not in text
    assert "else" not in text
    assert cloud.account.client_secret not in text


def test_a_scenario_tells_what_az_must_say() -> None:
    text = (
        "# nothing\n\nacr show --name $one => $one b\nlock list => ! no => way\n* id = tag list\n"
    )
    found = scenario(text)
    names = {"one": "registry"}
    assert [one.words(names) for one in found] == [
        ["acr", "show", "--name", "registry"],
        ["lock", "list"],
        ["tag", "list"],
    ]
    assert [(one.expected, one.refused, one.name, one.main) for one in found] == [
        ("$one b", False, "", False),
        ("no => way", True, "", False),
        ("", False, "id", True),
    ]
    right = Answer(0, "x registry b", "")
    refused = Answer(1, "", "no => way")
    lacking = Answer(1, "", "(NotImplemented) The local cloud does not implement")
    assert outcome(found[0], right, names) == Outcome.WORKS
    assert outcome(found[0], right._replace(output="nothing"), names) == Outcome.WRONG
    assert outcome(found[0], right._replace(error="Traceback"), names) == Outcome.WRONG
    assert outcome(found[0], lacking, names) == Outcome.LACKING
    assert outcome(found[0], Answer(2, "", "unrecognized arguments"), names) == Outcome.UNTRIED
    assert outcome(found[1], refused, names) == Outcome.WORKS
    assert outcome(found[1], right, names) == Outcome.WRONG
    assert command_of(("acra",), ["acr"]) == ""
    [new, other] = scenario("acr new --name a\nlogin --identity")
    assert [is_of(new, ["acr new"]), is_of(new, ["acr old"]), is_of(other, [])] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(("place", "lock"), list(enumerate(PROGRAMS)))
def test_every_command_of_the_groups_has_an_outcome_and_what_is_wrong_tells_why(
    place: int, lock: str
) -> None:
    """Of each version of az that is installed for tests."""
    stored = json.loads(commands.RESULTS.read_text())[place]
    found = [Result.of(one) for one in stored["results"]]
    assert len(found) > 450
    assert {one.command.split()[0] for one in found} == set(commands.GROUPS)
    assert all(one.said for one in found if one.outcome == Outcome.WRONG)
    assert f"azure-cli=={stored['version']} " in (ROOT / f"requirements-{lock}.lock").read_text()
