"""Resources by their ids alone, and their tags: the SDK's generic client."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES
from tests.resource_manager.deploying import Target, target, unique

__all__ = ["target"]
VERSION = "2023-07-01"


def test_a_resource_by_its_id(target: Target, local_cloud: LocalCloud) -> None:
    """Made, read, changed, listed, tagged and deleted, whatever its type is."""
    client = local_cloud.client(ResourceManagementClient)
    resource = f"{target.id}/providers/{REGISTRIES}/{unique()}"
    team = unique()  # the names of all tags of the subscription are listed below
    given = {"location": "eastus", "sku": {"name": "Basic"}, "properties": {}}
    made = client.resources.begin_create_or_update_by_id(
        resource, given, api_version=VERSION
    ).result()
    assert made.id == resource
    changed = {"properties": {"adminUserEnabled": True}}
    found = client.resources.begin_update_by_id(resource, changed, api_version=VERSION).result()
    assert found.properties["adminUserEnabled"] is True
    patch = {"operation": "Merge", "properties": {"tags": {team: "one"}}}
    tags = client.tags.begin_update_at_scope(resource, patch).result()
    assert tags.properties.tags == {team: "one"}
    assert client.tags.get_at_scope(resource).properties.tags == {team: "one"}
    listed = client.resources.list_by_resource_group(target.group, filter=f"tagName eq '{team}'")
    assert [one.id for one in listed] == [resource]
    client.tags.begin_delete_at_scope(resource).result()
    assert not client.resources.get_by_id(resource, api_version=VERSION).tags
    assert team not in {one.tag_name for one in client.tags.list()}
    client.resources.begin_delete_by_id(resource, api_version=VERSION).result()
    with pytest.raises(ResourceNotFoundError):
        client.resources.get_by_id(resource, api_version=VERSION)


def test_what_cannot_be_done_to_any_resource(target: Target, local_cloud: LocalCloud) -> None:
    """Moving and exporting say what is missing."""
    client = local_cloud.client(ResourceManagementClient)
    resource = f"{target.id}/providers/{REGISTRIES}/{unique()}"
    move = {"resources": [resource], "target_resource_group": target.id}
    with pytest.raises(HttpResponseError, match="moveResources"):
        client.resources.begin_move_resources(target.group, move).result()
    with pytest.raises(HttpResponseError, match="exportTemplate"):
        client.resource_groups.begin_export_template(target.group, {"resources": ["*"]}).result()
