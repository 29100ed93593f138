"""The logins of a run in its home volume: read by steps as by docker, shown nowhere."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.conftest import LocalCloud
from tests.tasks.running import Ended, Registry

# What a client of registries does with the file: the login of a server, and an access token for it.
READ = """
const file = process.env.HOME + '/.docker/config.json';
const config = JSON.parse(require('fs').readFileSync(file));
const mode = (require('fs').statSync(file).mode & 0o777).toString(8);
console.log('mode', mode, Object.keys(config.auths).sort().join(' '));
console.log('client', config.HttpHeaders['X-Meta-Source-Client']);
for (const [server, entry] of Object.entries(config.auths)) {
  const login = Buffer.from(entry.auth, 'base64').toString();
  console.log('user of', server, login.split(':')[0], login.split(':')[1].length > 5);
  console.log('shown', login, entry.auth);
}
"""


@pytest.fixture(scope="module")
def other(local_cloud: LocalCloud, registry: Registry) -> tuple[str, str, str]:
    """Another registry, with its admin user and password."""
    made = Registry(local_cloud)
    registries = local_cloud.client(ContainerRegistryManagementClient).registries
    registries.begin_update(
        made.group, made.name, {"properties": {"adminUserEnabled": True}}
    ).result()
    found = registries.list_credentials(made.group, made.name)
    return made.server, str(found.username), str(found.passwords[0].value)


def ran(registry: Registry, task: str, files: dict[str, str], **more: Any) -> Ended:
    """A run of a task file that is uploaded with ``files``."""
    files = {"task.yaml": f"version: v1.1.0\nsteps:\n{task}", **files}
    return registry.wait(registry.files(files, **more))


def test_steps_find_the_logins_of_the_run(registry: Registry, other: tuple[str, str, str]) -> None:
    server, user, password = other
    node = "docker.io/library/node:15-alpine"
    credentials = {
        "customRegistries": {
            server: {
                "userName": {"type": "Opaque", "value": user},
                "password": {"type": "Opaque", "value": password},
            }
        }
    }
    run = ran(
        registry,
        f"  - cmd: {node} node read.js\n"
        f"  - cmd: docker logout {server}\n"
        f"  - cmd: {node} node read.js\n"
        f"  - cmd: docker login -u {user} -p {password} {server}\n"
        f"  - cmd: bash -c 'tr -d \" \\n\\t\" < $HOME/.docker/config.json | base64 | wc -l'\n",
        {"read.js": READ},
        credentials=credentials,
    )
    assert run.status == "Succeeded", run.log
    both = " ".join(sorted((registry.server, server)))
    assert [line for line in run.lines if line.startswith("mode ")] == [
        f"mode 600 {both}",
        f"mode 600 {registry.server}",
    ]
    assert "client azure/acr/tasks" in run.lines
    assert f"user of {server} {user} true" in run.lines
    zeros = "00000000-0000-0000-0000-000000000000"
    assert f"user of {registry.server} {zeros} true" in run.lines
    assert {line for line in run.lines if line.startswith("shown ")} == {"shown *** ***"}
    for secret in (password, base64.b64encode(f"{user}:{password}".encode()).decode()):
        assert secret not in run.log
    assert not re.search(r"eyJ[\w-]{20}", run.log)


def test_the_runs_own_login_pulls_what_a_step_asks_for(registry: Registry) -> None:
    """What is in the file is good at the registry: a token that can be exchanged, for the run."""
    ask = """
const config = JSON.parse(require('fs').readFileSync(process.env.HOME + '/.docker/config.json'));
const [server, entry] = Object.entries(config.auths)[0];
const scope = 'repository:made-here:pull,push';
const out = require('child_process').execFileSync('curl', ['-sS', '-H',
  'Authorization: Basic ' + entry.auth,
  `https://${server}/oauth2/token?service=${server}&scope=${scope}`]).toString();
const claims = JSON.parse(Buffer.from(JSON.parse(out).access_token.split('.')[1], 'base64url'));
console.log('may', claims.access[0].actions.join('+'));
"""
    dockerfile = (
        "FROM mcr.microsoft.com/acr/curl:1 AS curl\nFROM docker.io/library/node:15-alpine\n"
    )
    run = ran(
        registry,
        "  - build: -t local/with-curl .\n  - cmd: local/with-curl node ask.js\n",
        {
            "ask.js": ask,
            "Dockerfile": dockerfile + "COPY --from=curl / /\nENTRYPOINT []\n",
        },
    )
    assert run.status == "Succeeded", run.log
    assert "may pull+push" in run.lines


def test_what_a_step_has_put_there_stays_or_gives_way(
    registry: Registry, other: tuple[str, str, str]
) -> None:
    server, user, password = other
    login = f"  - cmd: docker login -u {user} -p {password} {server}\n"
    show = "  - cmd: bash -c 'echo kept=$(grep -c mine.example $HOME/.docker/config.json)'\n"
    add = (
        '  - cmd: bash -c \'echo "{\\"auths\\":{\\"mine.example\\":{}}}" '
        "> $HOME/.docker/config.json'\n"
    )
    damage = "  - cmd: bash -c 'rm -r $HOME/.docker; ln -s /etc $HOME/.docker'\n"
    swap = "  - cmd: bash -c 'rm $HOME/.docker; echo > $HOME/.docker'\n"
    listed = "  - cmd: bash -c 'echo listed=$(grep -c azurecr.io $HOME/.docker/config.json)'\n"
    run = ran(registry, add + login + show + damage + login + swap + login + listed, {})
    assert run.status == "Succeeded", run.log
    assert "kept=1" in run.lines
    assert "listed=1" in run.lines
