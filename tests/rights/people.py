"""Real principals of a running local cloud, each with one role of the subscription, and their tokens."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from helpers.localcloud.built_in_roles import ROLES as BUILT_IN
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.registry.places import Place

ARM = "https://management.azure.com"
NOBODY = "nobody"


@dataclass
class Person:
    """A principal, and what it signs in with."""

    object_id: str
    app_id: str
    secret: str
    tokens: dict[str, str] = field(default_factory=dict)


class People:
    """A cloud with a registry, and a principal for each role that is asked for."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.place = Place(cloud)
        self.group = f"{cloud.subscription}/resourceGroups/{self.place.group}"
        self.store = Store(cloud.home / "state.db")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )
        self.http = cloud.http()
        self._people: dict[str, Person] = {}
        self._guids = {role.name: role.guid for role in BUILT_IN}

    def person(self, role: str) -> Person:
        """Somebody with the role of that name at the subscription; NOBODY has none."""
        if role not in self._people:
            secret = uuid.uuid4().hex
            made = self.principals.add(f"person-{secret[:8]}", secret=secret)
            self._people[role] = Person(made.object_id, made.app_id, secret)
            if role != NOBODY:
                guid = self._guids[role]
                definition = f"/providers/Microsoft.Authorization/roleDefinitions/{guid}"
                properties = {"roleDefinitionId": definition, "principalId": made.object_id}
                path = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
                answer = self.manage(
                    "PUT", f"{self.cloud.subscription}{path}", {"properties": properties}
                )
                assert answer.status_code == 201, answer.text
        return self._people[role]

    def bearer(self, person: Person, audience: str = ARM) -> dict[str, str]:
        """The header that proves a person to a service."""
        if audience not in person.tokens:
            token = self.cloud.token_of(person.app_id, person.secret, audience)
            person.tokens[audience] = token
        return {"Authorization": f"Bearer {person.tokens[audience]}"}

    def ask(self, method: str, url: str, **more: Any) -> requests.Response:
        """One request over the connection that all use."""
        return self.http.request(method, url, timeout=30, **more)

    def manage(self, method: str, path: str, body: Any = None) -> requests.Response:
        """One request to Azure Resource Manager by the tutorial's principal, which may do everything."""
        header = {"Authorization": f"Bearer {self.cloud.token()}"}
        return self.ask(method, f"{ARM}{path}", json=body, headers=header)

    def close(self) -> None:
        """Nobody is asked for any more."""
        self.store.close()
