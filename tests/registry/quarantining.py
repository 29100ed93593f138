"""A registry whose images wait in quarantine, and those who push, scan and pull there."""

from __future__ import annotations

from typing import Any

import requests
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.conftest import LocalCloud
from tests.registry import caching
from tests.registry.places import INDEX, MANIFEST, Place
from tests.rights.people import People

ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}"}
PASSED: dict[str, Any] = {"quarantineState": "Passed"}
UNKNOWN = (404, "MANIFEST_UNKNOWN")  # what a pull by tag is told, and below by digest
QUARANTINED = (403, "IMAGE_QUARANTINED")
FAILED: dict[str, Any] = {"quarantineState": "Failed"}


class World(People):
    """A registry with the policy, and users of it by their roles."""

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(cloud)
        self.place = self.registry()

    def registry(self, status: str = "enabled") -> Place:
        """Another registry with the policy as it is to be, by the SDK."""
        place = Place(self.cloud)
        self.switch(place, status)
        return place

    def switch(self, place: Place, status: str) -> None:
        client = self.cloud.client(ContainerRegistryManagementClient)
        policies = {"quarantinePolicy": {"status": status}}
        body = {"properties": {"policies": policies}}
        client.registries.begin_update(place.group, place.name, body).result()

    def user(self, role: str) -> tuple[str, str]:
        person = self.person(role)
        return person.app_id, person.secret

    def pull(
        self, repository: str, reference: str, role: str = "AcrPull", place: Place | None = None
    ) -> tuple[int, str]:
        """The status of a pull, and the digest or the error's code."""
        url = (place or self.place).url(f"{repository}/manifests/{reference}")
        answer = self.ask("GET", url, auth=self.user(role), headers=ACCEPT)
        if answer.status_code == 200:
            return 200, str(answer.headers["Docker-Content-Digest"])
        return answer.status_code, str(answer.json()["errors"][0]["code"])

    def mark(
        self,
        repository: str,
        digest: str,
        marks: dict[str, Any],
        role: str = "AcrQuarantineWriter",
        place: Place | None = None,
    ) -> requests.Response:
        server = (place or self.place).server
        url = f"https://{server}/acr/v1/{repository}/_manifests/{digest}"
        return self.ask("PATCH", url, json=marks, auth=self.user(role))

    def passes(self, repository: str, digest: str, place: Place | None = None) -> dict[str, Any]:
        """Mark an image as passed; what is shown of it then."""
        answer = self.mark(repository, digest, PASSED, place=place)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["manifest"]
        return found

    def mark_at(self, server: str, repository: str, digest: str) -> None:
        """Mark an image of any registry as passed."""
        url = f"https://{server}/acr/v1/{repository}/_manifests/{digest}"
        answer = self.ask("PATCH", url, json=PASSED, auth=self.user("AcrQuarantineWriter"))
        assert answer.status_code == 200, answer.text

    def tags(self, repository: str, place: Place | None = None) -> dict[str, str]:
        """The tags that are there, with what they name."""
        sdk = (place or self.place).sdk()
        return {one.name: one.digest for one in sdk.list_tag_properties(repository)}

    def cached(self, name: str, repository: str) -> tuple[Place, str]:
        """Another registry with the policy, and a repository that caches an image; its digest."""
        made = caching.World(self.cloud)
        self.switch(made.place, "enabled")
        digest = made.upstream.push(name, "v1")
        source = f"{made.upstream.server}/{name}"
        made.rule(source, repository, made.healthy_set("upstream"))
        return made.place, digest
