"""Every built-in role at every operation of Azure Resource Manager, against the documentation.

The operations are those that the service has: tests/project/test_rights.py is red for one without a row.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from helpers.localcloud.api_versions import type_of, versions_of
from tests.conftest import LocalCloud
from tests.proofs.operations import MANAGER, operations

from .documented import ACTIONS, ANYBODY, OPERATIONS, SOMEBODY
from .people import ARM, NOBODY, People
from .roles import ROLES

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_RESOURCE = f"{_GROUP}/providers/{{provider}}/{{type}}/{{resource}}"
_ANYWHERE = (f"{_RESOURCE}/{{childType}}/{{child}}", _RESOURCE)
_GUID = str(uuid.UUID(int=1))


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[People]:
    with closing(People(local_cloud)) as made:
        yield made


def key(method: str, template: str) -> str:
    """An operation as documented.py has it."""
    for scope in _ANYWHERE:
        if template.startswith(f"{scope}/providers/"):
            template = "@" + template.removeprefix(scope)
    template = template.replace(_GROUP, "G").replace(_SUBSCRIPTION, "S")
    short = re.sub(r"\{\w+\}", "*", template.replace("/providers/Microsoft.", "/"))
    short = re.sub(r"^[SG](?=/(?:Authorization|Resources)/)", "@", short)
    return f"{method} {short}"


def path(world: People, template: str) -> str:
    """An address that the template matches, of nothing that is there but the group."""
    names = {
        "subscription": world.cloud.account.subscription_id,
        "group": f"none-{world.place.group}" if template == _GROUP else world.place.group,
        "provider": "Microsoft.ContainerRegistry",
        "type": "registries",
        "resource": world.place.name,
        "childType": "tasks",
        "namespace": "Microsoft.ContainerRegistry",
        "location": "eastus",
    }
    name = _GUID if "Authorization" in template else "none00"
    return re.sub(r"\{(\w+)\}", lambda part: names.get(part[1], name), template)


def is_of_no_version(answer: requests.Response) -> bool:
    """Whether a request was refused for its api-version: then it says nothing of rights."""
    return answer.status_code == 400 and "api-version" in answer.text


ROUTES = sorted(
    ((one.method, one.path) for one in operations(MANAGER)), key=lambda route: (route[1], route[0])
)


@pytest.mark.parametrize("role", [*ROLES, NOBODY])
def test_a_role_allows_what_is_documented_and_nothing_else(world: People, role: str) -> None:
    person = world.person(ROLES.get(role, NOBODY))
    header = world.bearer(person)
    wrong = []
    for method, template in ROUTES:
        operation = key(method, template)
        if operation not in OPERATIONS:
            continue  # tests/project/test_rights.py tells of it
        needed = OPERATIONS[operation]
        allowed = role in ACTIONS[needed].roles or needed == ANYBODY
        allowed = allowed or (needed == SOMEBODY and role != NOBODY)
        where = path(world, template)
        answer = world.ask(
            method,
            ARM + where,
            params={"api-version": versions_of(type_of(where))[-1]},
            json={} if method in ("PUT", "PATCH", "POST") else None,
            headers=header,
        )
        refused = answer.status_code == 403
        if refused is allowed or answer.status_code in (401, 500) or is_of_no_version(answer):
            told = f"{answer.status_code} {answer.text}"
            wrong.append(f"{operation}, {ACTIONS[needed].page}: {told}")
        elif refused and method != "HEAD":
            error = answer.json()["error"]
            told = f"to perform action '{needed}' over scope" if needed != SOMEBODY else ""
            if error["code"] != "AuthorizationFailed" or told not in error["message"]:
                wrong.append(f"{operation}: {error}")
    assert wrong == []
