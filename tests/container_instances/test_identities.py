"""Managed identities of container groups, as the resource manager records them."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.errors import CloudError

from .groups import Azure, body


def test_an_identity_stays_over_updates_and_goes_with_its_group(azure: Azure) -> None:
    sent = {**body(), "identity": {"type": "SystemAssigned"}}
    first = azure.call("PUT", "web", sent).body["identity"]
    assert first["type"] == "SystemAssigned"
    assert first["tenantId"] == azure.cloud.account.tenant_id
    assert azure.call("PUT", "web", sent).body["identity"] == first
    find = azure.cloud.principals.find
    assert find(object_id=first["principalId"]) is not None
    # Without it in a request, the group has none any more.
    assert "identity" not in azure.call("PUT", "web", body()).body
    assert find(object_id=first["principalId"]) is None
    second = azure.call("PUT", "web", sent).body["identity"]
    assert second["principalId"] != first["principalId"]
    azure.call("DELETE", "web")
    assert find(object_id=second["principalId"]) is None


@pytest.mark.parametrize(
    ("type", "ids", "code"),
    [
        ("Somebody", None, "IdentityTypeNotSupported"),
        ("UserAssigned", None, "MissingIdentityIds"),
        ("SystemAssigned", ["none"], "FailedIdentityOperation"),
        ("UserAssigned", ["none"], "FailedIdentityOperation"),
    ],
)
def test_an_identity_that_cannot_be(
    azure: Azure, type: str, ids: list[str] | None, code: str
) -> None:
    place = f"{azure.cloud.subscription}/resourceGroups/rg/providers/Microsoft.ManagedIdentity"
    assigned: dict[str, Any] = {f"{place}/userAssignedIdentities/{one}": {} for one in ids or []}
    identity = {"type": type, "userAssignedIdentities": assigned or None}
    with pytest.raises(CloudError) as refused:
        azure.call("PUT", "web", {**body(), "identity": identity})
    assert (refused.value.status, refused.value.code) == (400, code)
    assert azure.call("GET").body["value"] == []


def test_a_container_without_an_identity_has_no_way_to_ask(azure: Azure) -> None:
    azure.put(
        image="app.azurecr.io/ok:1",
        container={"command": ["sh", "-c", "echo ${IDENTITY_ENDPOINT:-none}"]},
    )
    azure.state("Succeeded")
    assert azure.call("GET", "web/containers/main/logs").body["content"] == "none\n"
