"""Wildcards of scope maps, by the examples of the documentation: what each rule adds, what is none.

Source: learn.microsoft.com, "Token-based repository permissions in Azure Container Registry".
"""

from __future__ import annotations

import base64
import json

import pytest
import requests

from tests.registry.places import Place


def put(place: Place, name: str, actions: list[str]) -> requests.Response:
    return place.cloud.http().put(
        f"https://management.azure.com{place.id}/scopeMaps/{name}",
        params={"api-version": "2025-11-01"},
        json={"properties": {"actions": actions}},
        headers={"Authorization": f"Bearer {place.cloud.token()}"},
        timeout=30,
    )


def granted(place: Place, user: tuple[str, str], *repositories: str) -> list[set[str]]:
    """The actions in an access token for everything in these repositories."""
    query = [("service", place.server)]
    query += [("scope", f"repository:{name}:*") for name in repositories]
    url = f"https://{place.server}/oauth2/token"
    answer = place.as_user(user).get(url, params=query, timeout=30)
    claims = answer.json()["access_token"].split(".")[1]
    access = json.loads(base64.urlsafe_b64decode(claims + "=="))["access"]
    return [set(one["actions"]) for one in access]


def test_rules_with_wildcards_add_up(place: Place) -> None:
    user = place.token(
        "adding",
        "repositories/sample/*/content/read",
        "repositories/sample/teama/*/content/write",
        "repositories/sample/teama/projectb/content/delete",
    )
    names = (
        "sample/teama/projectb",
        "sample/teama/projectc",
        "sample/teamb",
        "sample",
        "samples/a",
    )
    assert granted(place, user, *names) == [
        {"pull", "push", "delete"},
        {"pull", "push"},
        {"pull"},
        set(),
        set(),
    ]
    everywhere = place.token(
        "everywhere", "repositories/*/content/write", "repositories/*/content/read"
    )
    assert granted(place, everywhere, *names) == [{"pull", "push"}] * 5
    http = place.as_user(everywhere)
    assert http.post(place.url("sample/new/image/blobs/uploads/")).status_code == 202
    assert http.get(place.url("_catalog")).status_code == 401


@pytest.mark.parametrize(
    "action",
    [
        "repositories/sample/*/teama/content/read",
        "repositories/sample/teama*/content/read",
        "repositories/sample/teama/*/projectb/*/content/read",
        "repositories/**/content/read",
        "repositories//content/read",
        "repositories/sample/content/execute",
        "repositories/sample/metadata/delete",
        "sample/content/read",
        "repositories/sample/content/read ",
        f"repositories/{'a-' * 5000}/content/read",
    ],
)
def test_what_is_no_rule_is_refused_with_the_form_that_it_has(place: Place, action: str) -> None:
    refused = put(place, "refused", [action])
    assert refused.status_code == 400
    told = refused.json()["error"]["message"]
    assert action in told
    assert "a path that ends with /*" in told


def test_the_number_of_rules_is_limited_and_connected_registries_are_named(place: Place) -> None:
    rules = [f"repositories/r{number}/content/read" for number in range(501)]
    assert "501 actions: it may have 500" in put(place, "many-rules", rules).text
    assert put(place, "many-rules", rules[:500]).status_code == 201
    refused = put(place, "gateway", ["gateway/edge/config/read"])
    assert refused.status_code == 501
    assert "gateway/edge/config/read" in refused.text
