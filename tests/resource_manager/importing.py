"""Two registries and principals without roles: what the tests of importImage begin with."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import requests
from azure.mgmt.authorization import AuthorizationManagementClient

from helpers.localcloud.content import ContentStore
from helpers.localcloud.principals import Principal, Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.registry.places import INDEX, MANIFEST, Place, digest

TYPE = "Microsoft.ContainerRegistry/registries"
PULL, PUSH, READER, OWNER = (
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "8311e382-0749-4cb8-b61a-304f252e45ec",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
)


@dataclass
class Somebody:
    """A principal without a role, and its password."""

    principal: Principal
    secret: str


class World:
    """Two registries: ``source`` has an image, ``target`` is imported into."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.source, self.target = Place(cloud), Place(cloud)
        self.store = Store(cloud.home / "state.db")
        self.content = ContentStore(cloud.home / "content")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )

    def id_of(self, place: Place) -> str:
        return (
            f"{self.cloud.subscription}/resourceGroups/{place.group}/providers/{TYPE}/{place.name}"
        )

    def image(self, name: str) -> str:
        """An image of the source registry, of that repository; its digest."""
        return self.source.push(name, "1", uuid.uuid4().bytes)

    def body(self, image: str, *tags: str, **more: Any) -> dict[str, Any]:
        source = {"resourceId": self.id_of(self.source), "sourceImage": image}
        return {"source": source, "targetTags": list(tags), **more}

    def post(self, body: Any, token: str = "", place: Place | None = None) -> requests.Response:
        return self.cloud.http().post(
            f"https://management.azure.com{self.id_of(place or self.target)}/importImage",
            params={"api-version": "2025-11-01"},
            json=body,
            headers={"Authorization": f"Bearer {token or self.cloud.token()}"},
        )

    def outcome(self, accepted: requests.Response, token: str = "") -> requests.Response:
        """What the address of ``Location`` says in the end."""
        assert accepted.status_code == 202, accepted.text
        while True:
            answer = self.cloud.http().get(
                accepted.headers["Location"],
                headers={"Authorization": f"Bearer {token or self.cloud.token()}"},
            )
            if answer.status_code != 202:
                return answer
            assert answer.content == b""
            assert answer.headers["Location"].partition("?")[0] in accepted.headers["Location"]

    def imported(self, body: Any, token: str = "", place: Place | None = None) -> None:
        answer = self.outcome(self.post(body, token, place), token)
        assert (answer.status_code, answer.content) == (200, b""), answer.text

    def failure(
        self, body: Any, token: str = "", place: Place | None = None
    ) -> tuple[int, str, str]:
        """Status, code and message of an import that fails, without the prefix that all have."""
        accepted = self.post(body, token, place)
        answer = self.outcome(accepted, token)
        assert 400 <= answer.status_code < 500, answer.text
        told = answer.json()["error"]
        name = accepted.headers["Location"].rpartition("/")[2].partition("?")[0]
        prefix = f"Operation {name} failed. Resource {self.id_of(place or self.target)} "
        assert told["message"].startswith(prefix)
        return answer.status_code, told["code"], told["message"].removeprefix(prefix)

    def digest(self, name: str, reference: str, place: Place | None = None) -> str | None:
        place = place or self.target
        answer = place.http.head(
            place.url(f"{name}/manifests/{reference}"), headers={"Accept": f"{MANIFEST}, {INDEX}"}
        )
        return answer.headers.get("Docker-Content-Digest")

    def tags(self, name: str) -> list[str]:
        answer = self.target.http.get(self.target.url(f"{name}/tags/list"))
        return list(answer.json().get("tags", [])) if answer.status_code == 200 else []

    def somebody(self, **roles: str) -> Somebody:
        """A principal with roles: ``source`` and ``target`` name the registry that each is for."""
        secret = uuid.uuid4().hex
        made = self.principals.add(f"somebody-{secret[:8]}", secret=secret)
        for where, role in roles.items():
            self.grant(made, role, self.source if where == "source" else self.target)
        return Somebody(made, secret)

    def grant(self, who: Principal, role: str, place: Place) -> None:
        assignments = self.cloud.client(AuthorizationManagementClient).role_assignments
        definition = (
            f"{self.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        )
        body = {"roleDefinitionId": definition, "principalId": who.object_id}
        assignments.create(self.id_of(place), str(uuid.uuid4()), {"properties": body})

    def token(self, who: Somebody, audience: str = "https://management.azure.com") -> str:
        return self.cloud.token_of(who.principal.app_id, who.secret, audience)


def name() -> str:
    return f"team/{uuid.uuid4().hex[:8]}"


def push_index(world: World, repository: str, children: int) -> tuple[str, list[str]]:
    """An image of so many platforms under the tag ``all``; its digest, those of its manifests."""
    manifests = []
    config = world.source.push_blob(repository, b"{}")
    for number in range(children):
        data = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [],
                "annotations": {"number": str(number)},
            }
        ).encode()
        assert world.source.put(repository, digest(data), data).status_code == 201
        platform = {"os": "linux", "architecture": "amd64", "variant": str(number)}
        manifests.append(
            {
                "mediaType": MANIFEST,
                "digest": digest(data),
                "size": len(data),
                "platform": platform,
            }
        )
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    assert world.source.put(repository, "all", data, INDEX).status_code == 201
    return digest(data), [str(one["digest"]) for one in manifests]
