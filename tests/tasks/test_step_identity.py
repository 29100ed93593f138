"""The managed identity inside a step: who gets which token where, and who gets none."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import jwt
import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.workload_identity import WorkloadIdentity
from helpers.localcloud.identities import Identities
from tests.conftest import LocalCloud, start
from tests.tasks.running import Ended, Registry
from tests.tasks.test_agents import agent_of

URL = "http://169.254.169.254/metadata/identity/oauth2/token"
VERSION = "api-version=2018-02-01"
VAULT = "resource=https://vault.azure.net"
ASK = f"curl -s -H Metadata:true '{URL}?{VERSION}&{VAULT}'"
APP_SERVICE = (
    'curl -s -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" '
    f'"$IDENTITY_ENDPOINT?api-version=2019-08-01&{VAULT}"'
)


def step(script: str, more: str = "") -> str:
    """A step that runs a script of bash in an image with curl."""
    command = f"mcr.microsoft.com/azure-cli bash -c {shlex.quote(script)}"
    return f"  - cmd: {json.dumps(command)}\n" + "".join(f"    {one}\n" for one in more.split("\n"))


def task(registry: Registry, name: str, *steps: str, version: str = "v1.0.0") -> dict[str, Any]:
    text = f"version: {version}\nsteps:\n" + "".join(steps)
    content = base64.b64encode(text.encode()).decode()
    return registry.task(name, {"type": "EncodedTask", "encodedTaskContent": content})


def ended(registry: Registry, name: str) -> Ended:
    run = registry.wait(registry.start_task(name))
    assert run.status == "Succeeded", run.log
    return run


def answers(run: Ended) -> list[dict[str, Any]]:
    """The lines of a run's log that are JSON objects."""
    return [json.loads(line) for line in run.lines if line.startswith("{")]


def who(answer: dict[str, Any]) -> tuple[str, str]:
    """Whom an answer's token is of, and what it is for."""
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return claims["oid"], claims["aud"]


def asked(cloud: LocalCloud, secret: str = "", path: str = "/msi/token") -> int:
    """The status of an answer at the proxy's own address, to whoever has a secret or none."""
    http = cloud.http()
    http.proxies = {}
    query = {"api-version": "2019-08-01", "resource": "https://vault.azure.net"}
    headers = {"X-IDENTITY-HEADER": secret} if secret else {}
    return http.get(f"{cloud.proxy_url}{path}", params=query, headers=headers).status_code


def test_every_container_of_a_step_has_the_identity_of_its_task(registry: Registry) -> None:
    nested = shlex.quote(f"{ASK}; echo")
    made = task(
        registry,
        "identity",
        step(f"{ASK}; echo; {APP_SERVICE}; echo"),
        step(f"HTTPS_PROXY= HTTP_PROXY=$HTTPS_PROXY {ASK}; echo"),
        step(f"http_proxy=$https_proxy {ASK}; echo"),
        step(
            f"curl -s -H Metadata:true '{URL}?{VERSION}&{VAULT}&client_id='$ID; echo", "env: [ID=x]"
        ),
        f"  - cmd: {json.dumps(f'docker run --rm mcr.microsoft.com/azure-cli bash -c {nested}')}\n",
    )
    found = answers(ended(registry, "identity"))
    own = (made["identity"]["principalId"], "https://vault.azure.net")
    refused = {"error": "invalid_request", "error_description": "Identity not found"}
    assert found.pop(4) == refused
    assert [who(one) for one in found] == [own] * 5
    assert {one["resource"] for one in found} == {"https://vault.azure.net"}
    assert all(3500 < int(one["expires_in"]) < 3600 for one in found)


def test_a_server_of_the_run_listens_on_the_port_of_the_metadata_service(
    registry: Registry,
) -> None:
    """In each network of a run."""
    server = "require('http').createServer((q, r) => r.end('{\"own\": true}')).listen(80)"
    names = {"web": "front", "apart": "side"}
    made = task(
        registry,
        "port80",
        *(
            f"  - id: {name}\n"
            f"    cmd: {json.dumps(f'docker.io/library/node:15-alpine node -e {shlex.quote(server)}')}\n"
            f"    detach: true\n    network: {network}\n"
            for name, network in names.items()
        ),
        *(
            step(
                f"curl -s --retry 20 --retry-delay 1 --retry-connrefused http://{name}/; echo; "
                f"{ASK}; echo; {APP_SERVICE}; echo; "
                "curl -s http://169.254.169.254:81/; echo other=$?",
                f"network: {network}",
            )
            for name, network in names.items()
        ),
        version="v1.1.0\nnetworks: [{name: front}, {name: side}]",
    )
    run = ended(registry, "port80")
    found = answers(run)
    own = (made["identity"]["principalId"], "https://vault.azure.net")
    assert [one for one in found if "own" in one] == [{"own": True}] * 2, run.log
    assert [who(one) for one in found if "own" not in one] == [own] * 4
    assert run.lines.count("other=7") == 2


def test_what_is_wrong_with_a_request_is_told_as_azure_does(registry: Registry) -> None:
    asks = [
        f"curl -s '{URL}?{VERSION}&{VAULT}'",
        f"curl -s -H Metadata:true -H X-Forwarded-For:127.0.0.1 '{URL}?{VERSION}&{VAULT}'",
        f"curl -s -H Metadata:true '{URL}?{VERSION}'",
        f"curl -s -H Metadata:true '{URL}?{VERSION}&resource=https://example.org'",
        f"curl -s -H Metadata:true '{URL}?{VAULT}'",
        f"curl -s -H Metadata:true '{URL}?{VERSION}&{VAULT}&msi_res_id=/subscriptions/x'",
        'curl -s -H X-IDENTITY-HEADER:wrong "$IDENTITY_ENDPOINT?api-version=2019-08-01"',
        "curl -s -H Metadata:true http://169.254.169.254/metadata/instance",
    ]
    task(registry, "wrong", *(step(f"{ask} -w '\\n%{{http_code}}\\n'") for ask in asks))
    run = ended(registry, "wrong")
    found = [
        (one["error"], one.get("error_description", "").partition(":")[0]) for one in answers(run)
    ]
    version = (
        "Bad request. api-version was not specified in the request. For more information refer to "
        "aka.ms/azureimds"
    )
    assert found == [
        ("invalid_request", "Required metadata header not specified"),
        ("invalid_request", "X-Forwarded-For is not allowed"),
        ("invalid_request", "Required audience parameter not specified"),
        ("invalid_resource", "AADSTS500011"),
        (version, ""),
        ("invalid_request", "Identity not found"),
        ("unauthorized", "The X-IDENTITY-HEADER is missing or wrong."),
        (version, ""),
    ]
    codes = [line for line in run.lines if re.fullmatch(r"[0-9]{3}", line)]
    assert codes == ["400"] * 6 + ["401", "400"]


def test_a_step_asks_where_it_runs(registry: Registry) -> None:
    where = "http://169.254.169.254/metadata/instance?api-version=2021-02-01"
    task(registry, "where", step(f"curl -s -H Metadata:true '{where}'; echo"))
    [found] = answers(ended(registry, "where"))
    subscription = registry.cloud.account.subscription_id
    assert found["compute"]["subscriptionId"] == subscription
    assert (found["compute"]["azEnvironment"], found["compute"]["location"]) == (
        *("AzurePublicCloud", "eastus"),
    )


def test_a_run_without_an_identity_reaches_nobody(registry: Registry) -> None:
    """As is whoever asks the proxy itself, inside of a container with an identity, too."""
    direct = ASK.replace("curl", "curl -x http://127.0.0.1:47128 --noproxy ''")
    tunnel = ASK.replace("curl", "curl -p -x http://127.0.0.1:47128 --noproxy ''")
    script = f"{ASK}; echo asked=$?; env | grep IDENTITY_; echo none=$?"
    text = "version: v1.0.0\nsteps:\n" + step(script)
    run = registry.wait(registry.text(text, platform={"os": "Linux"}))
    task(registry, "proxied", step(f"{direct}; echo; {tunnel}; echo"))
    assert run.status == "Succeeded", run.log
    assert {"none=1", "asked=7"} <= set(run.lines)
    found = answers(ended(registry, "proxied"))
    assert [one["error_description"].partition(":")[0] for one in found] == [
        "Identity not found"
    ] * 2


def test_tasks_side_by_side_have_their_own_and_a_build_none(registry: Registry) -> None:
    names = ("first", "other")
    made = {
        name: task(registry, name, step(f"{ASK}; echo; sleep 1; {ASK}; echo")) for name in names
    }
    runs = {name: registry.start_task(name) for name in names}
    for name, run in runs.items():
        found = answers(registry.wait(run))
        assert {who(one)[0] for one in found} == {made[name]["identity"]["principalId"]}
        assert len(found) == 2


def test_the_secret_is_in_no_log_and_ends_with_the_run(registry: Registry) -> None:
    script = 'echo "secret=$IDENTITY_HEADER"; echo $IDENTITY_HEADER | base64 -w0; echo'
    task(registry, "secret", step(script), step(f"{APP_SERVICE} -o /dev/null", "network: none"))
    run = registry.wait(registry.start_task("secret"))
    assert run.status == "Failed"  # a container without a network reaches nobody
    assert "secret=***" in run.log
    assert "IDENTITY_HEADER" not in run.log


def test_what_proves_an_identity_is_worthless_when_it_is_closed(
    cloud: Cloud, local_cloud: LocalCloud
) -> None:
    principal = cloud.principals.add("closing", resource_id="/subscriptions/x/tasks/closing")
    hidden: list[str] = []
    proof = WorkloadIdentity(cloud, Identities((principal,)), hidden.append)
    secret = proof.secret()
    assert hidden == [secret]
    assert asked(local_cloud, secret) == 200
    assert asked(local_cloud) == asked(local_cloud, "x") == 401
    # At the proxy's own address, a stranger of this machine finds no other way to ask.
    assert asked(local_cloud, path="/metadata/identity/oauth2/token") == 403
    proof.close()
    assert proof.secret() == ""
    assert asked(local_cloud, secret) == 401


def test_what_a_killed_run_has_left_is_worthless_to_the_next_daemon(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        running = start(home)
        cloud = Cloud(home)
        principal = cloud.principals.add("killed", resource_id="/subscriptions/x/tasks/killed")
        secret = cloud.principals.open_session(principal.object_id)
        assert cloud.principals.session(secret) == (principal,)
        os.kill(running.pid, signal.SIGKILL)
        os.waitpid(running.pid, 0)
        start(home)
        assert cloud.principals.session(secret) == ()
        cloud.close()
    finally:
        daemon.down(home)


def test_an_agent_that_was_killed_leaves_nothing_that_proves_its_identity(
    registry: Registry, local_cloud: LocalCloud
) -> None:
    parts = 'echo "READY ${IDENTITY_HEADER:0:9} ${IDENTITY_HEADER:9}"; sleep 60'  # not masked
    task(registry, "ended", step(parts))
    run = registry.start_task("ended")
    registry.wait_for(run, "READY ")
    [line] = [one for one in registry.log(run)[0].splitlines() if "READY " in one]
    secret = "".join(line.partition("READY ")[2].split())
    assert asked(local_cloud, secret) == 200
    os.kill(agent_of(local_cloud, run), signal.SIGKILL)
    assert registry.wait(run).status == "Failed"
    assert asked(local_cloud, secret) == 401


def test_in_a_chroot_only_the_variables_lead_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("a chroot needs root")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    home = tmp_path / "home"
    try:
        registry = Registry(start(home))
        made = task(
            registry,
            "chroot",
            step(f"{APP_SERVICE}; echo; curl -s -m 5 -H Metadata:true {URL}; echo status=$?"),
        )
        run = ended(registry, "chroot")
        [answer] = answers(run)
        assert who(answer)[0] == made["identity"]["principalId"]
        assert "status=0" not in run.lines
    finally:
        daemon.down(home)
