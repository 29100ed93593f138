"""To lock something in a registry, and how ACR refuses what is locked."""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.registry.places import Place
from tests.registry.test_acr import acr

# https://github.com/sathpal/regulated-k8s-reference, lab 04: a live ACR, October 2026
MESSAGE = (
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
    "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-"
)


def lock(place: Place, path: str, **attributes: bool) -> Any:
    answer = acr(place, "PATCH", path, json=attributes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: requests.Response, *said: str) -> str:
    """The detail of a 405 in ACR's words."""
    assert answer.status_code == 405, answer.text
    [error] = answer.json()["errors"]
    assert (error["code"], error["message"]) == ("REGISTRY_DISALLOWED_OPERATION", MESSAGE)
    detail = str(error["detail"])
    assert all(part in detail for part in said), detail
    return detail


def pull(place: Place, repository: str, reference: str) -> requests.Response:
    return place.http.get(place.url(f"{repository}/manifests/{reference}"))


def begin(place: Place, repository: str) -> requests.Response:
    return place.http.post(place.url(f"{repository}/blobs/uploads/"))


def with_subject(place: Place, repository: str, subject: str, text: bytes = b"signature") -> bytes:
    """A manifest that refers to another one, as a signature does."""
    made = json.loads(place.manifest(repository, text))
    made |= {
        "artifactType": "application/example",
        "subject": {**made["config"], "digest": subject},
    }
    return json.dumps(made).encode()
