"""How long the tokens of a registry are good, and those that no client asks for: of tasks' agents."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry import tokens
from helpers.localcloud.registry.access import AGENT, Caller
from helpers.localcloud.registry.credentials import ProvenCredential
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from tests.registry.places import Place


def registry(cloud: Cloud, name: str) -> Resource:
    made = Resource(
        id=f"{cloud.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/{name}",
        type=REGISTRY_TYPE,
        name=name,
        resource_group="g",
        body={"properties": {"loginServer": f"{name}.azurecr.io"}},
    )
    cloud.store.put(made)
    return made


def test_runs_of_a_registry_share_a_token_for_a_while(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = registry(cloud, "onetoken"), registry(cloud, "othertoken")
    made = tokens.AgentTokens(cloud)
    first = made.of(one.id)
    assert made.of(one.id.upper()) == first
    assert made.of(other.id) != first
    assert made.of(f"{one.id}gone") == ""
    for server, caller in (("onetoken", Caller(AGENT, "onetoken")), ("othertoken", None)):
        assert tokens.caller_of_refresh_token(cloud, f"{server}.azurecr.io", first) == caller
    later = time.monotonic() + tokens.REFRESH_LIFETIME / 4
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert made.of(one.id) != first


def test_a_token_of_an_agent_is_sent_for_an_agent_alone(cloud: Cloud) -> None:
    one = registry(cloud, "sentalone")
    credential = tokens.task_credential(one)
    assert tokens.sendable(cloud, credential, "its token").password == "its token"
    principal = ProvenCredential("user", "", credential.server, "principal", "somebody")
    sent = tokens.sendable(cloud, principal, "its token")
    assert sent.password not in ("", "its token")
    assert tokens.sendable(cloud, sent, "its token") is sent


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_no_token_outlives_the_password_that_it_was_given_for(place: Place) -> None:
    """Neither that of a scope, nor the one that gets others of them."""
    client = place.cloud.client(ContainerRegistryManagementClient)
    scope_map = f"{place.id}/scopeMaps/_repositories_pull"
    made = client.tokens.begin_create(
        place.group, place.name, "shortlived", {"properties": {"scopeMapId": scope_map}}
    ).result()
    expiry = datetime.now(timezone.utc) + timedelta(hours=1)
    given = {"tokenId": made.id, "name": "password1", "expiry": expiry.isoformat()}
    password = client.registries.begin_generate_credentials(place.group, place.name, given)
    http = place.cloud.http()
    http.auth = ("shortlived", password.result().passwords[0].value)
    url = f"https://{place.server}/oauth2/token"
    query = {"service": place.server, "scope": "repository:a:pull", "offline_token": "true"}
    first = http.get(url, params=query).json()
    form = {"grant_type": "refresh_token", "service": place.server, "scope": query["scope"]}
    refreshed = place.cloud.http().post(
        url, data={**form, "refresh_token": first["refresh_token"], "access_type": "offline"}
    )
    for told in (first, refreshed.json()):
        assert 0 < told["expires_in"] <= 3600
        for name in ("access_token", "refresh_token"):
            assert _claims(told[name])["exp"] <= expiry.timestamp()
    own = place.http.get(url, params=query).json()
    assert own["expires_in"] == tokens.ACCESS_LIFETIME
    assert _claims(own["refresh_token"])["exp"] > expiry.timestamp()
