"""What az says of commands that ask a registry for what the local cloud does not have."""

from __future__ import annotations

import pytest

from tests.az import Az
from tests.conftest import LocalCloud
from tests.registry.places import Place


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    made = Place(local_cloud)
    made.push("app", "1")
    return made


@pytest.mark.parametrize(
    ("command", "request_"),
    [
        ("artifact-streaming create --image app:1", "GET /acr/v1/app/_streaming/sha256:"),
        ("artifact-streaming show --repository app", "GET /acr/v1/app/_streaming"),
        (
            "artifact-streaming update --repository app --enable-streaming true",
            "POST /acr/v1/app/_streaming",
        ),
        (
            "artifact-streaming operation show --image app:1",
            "GET /acr/v1/app/_streaming/sha256:",
        ),
        (
            "artifact-streaming operation cancel --repository app --id one",
            "POST /acr/v1/app/_operations/one:cancel",
        ),
        ("helm list", "GET /helm/v1/repo/_charts"),
        ("helm delete chart --yes", "DELETE /helm/v1/repo/_charts/chart"),
    ],
)
def test_az_reads_the_name_of_what_is_not_there(
    place: Place, az: Az, command: str, request_: str
) -> None:
    """The first of them comes with an access token as a password, where no other command does."""
    said = az.refused("acr", *command.split(), "--name", place.name)
    assert f"The local cloud does not implement {request_}" in said
