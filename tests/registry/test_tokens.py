"""The tokens of a registry that no client has asked for: those of the agents of tasks."""

from __future__ import annotations

import time

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry import tokens
from helpers.localcloud.registry.access import AGENT, Caller
from helpers.localcloud.registry.credentials import ProvenCredential
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource


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
