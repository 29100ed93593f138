"""Templates that the SDK deploys, in both of its forms: previewed, checked, made, told of, forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.deployments.planning import REGISTRIES, group, nested, registry, template
from tests.resource_manager.deploying import Target, target, unique
from tests.resource_manager.test_deployments_going_on import going, slow
from tests.sdk import Sdk, error_of

__all__ = ["target"]


def given(document: Any, location: str = "", **properties: Any) -> dict[str, Any]:
    """A deployment as the SDK takes it."""
    body = {"properties": {"mode": "Incremental", "template": document, **properties}}
    return {**body, "location": location} if location else body


def named(name: str) -> dict[str, Any]:
    """A template of a registry with a parameter and an output."""
    return template(
        registry("[parameters('name')]"),
        parameters={"name": {"type": "string", "defaultValue": name}},
        outputs={
            "server": {"type": "string", "value": "[reference(parameters('name')).loginServer]"}
        },
    )


def test_a_group_is_previewed_checked_and_made(sdk: Sdk, target: Target) -> None:
    client = sdk.manager(DeploymentsMgmtClient)
    deployments, where, name = client.deployments, (target.group, "first"), unique()
    wanted = given(named(name))
    told = deployments.begin_what_if(*where, wanted).result()
    assert told.status == "Succeeded"
    [change] = told.properties.changes
    assert (change.change_type, change.before) == ("Create", None)
    assert change.resource_id == f"{target.id}/providers/{REGISTRIES}/{name}"
    checked = deployments.begin_validate(*where, wanted).result()
    assert checked.properties.provisioning_state == "Succeeded"
    assert [one.id for one in checked.properties.validated_resources] == [change.resource_id]
    assert not deployments.check_existence(*where)
    made = deployments.begin_create_or_update(*where, wanted).result()
    properties = made.properties
    assert (made.name, made.type) == ("first", "Microsoft.Resources/deployments")
    assert (properties.provisioning_state, properties.mode) == ("Succeeded", "Incremental")
    assert properties.outputs == {"server": {"type": "String", "value": f"{name}.azurecr.io"}}
    assert properties.parameters == {"name": {"type": "String", "value": name}}
    assert [one.id for one in properties.output_resources] == [change.resource_id]
    [provider] = properties.providers
    [kind] = provider.resource_types
    assert (provider.namespace, kind.resource_type) == ("Microsoft.ContainerRegistry", "registries")
    assert kind.locations == ["eastus"]
    assert isinstance(properties.timestamp, datetime)
    assert deployments.check_existence(*where)
    assert deployments.get(*where).as_dict() == made.as_dict()
    assert deployments.get_at_scope(target.id, "first").as_dict() == made.as_dict()
    assert deployments.export_template(*where).template == wanted["properties"]["template"]
    nothing = deployments.begin_what_if(*where, wanted).result()
    assert [one.change_type for one in nothing.properties.changes] == ["NoChange"]


def test_what_was_done_for_each_resource(sdk: Sdk, target: Target) -> None:
    """As the operations of a deployment tell of it: all of them, or one."""
    client, names = sdk.manager(DeploymentsMgmtClient), [unique(), unique()]
    document = template(
        registry(names[0]), registry(names[1], sku={"name": "Premium"}, dependsOn=[names[0]])
    )
    client.deployments.begin_create_or_update(target.group, "two", given(document)).result()
    asked = client.deployment_operations
    found = list(asked.list(target.group, "two"))
    made = [one.properties.target_resource.resource_name for one in found]
    assert made == names
    assert {one.properties.provisioning_operation for one in found} == {"Create"}
    assert {one.properties.provisioning_state for one in found} == {"Succeeded"}
    pages = [list(page) for page in asked.list(target.group, "two", top=1).by_page()]
    assert [len(page) for page in pages] == [1, 1]
    assert [one.as_dict() for one in asked.list_at_scope(target.id, "two")] == [
        one.as_dict() for one in found
    ]
    first = found[0].operation_id
    for one in (
        asked.get(target.group, "two", first),
        asked.get_at_scope(target.id, "two", first),
    ):
        assert one.as_dict() == found[0].as_dict()
    with pytest.raises(ResourceNotFoundError, match="Deployment operation 'none'"):
        asked.get(target.group, "two", "none")


def test_a_template_that_cannot_be_raises_what_is_wrong_with_each_resource(
    sdk: Sdk, target: Target
) -> None:
    deployments = sdk.manager(DeploymentsMgmtClient).deployments
    wrong = registry(unique(), sku={"name": "Gold"})
    document = given(template(registry(unique()), wrong))
    for begin in (deployments.begin_create_or_update, deployments.begin_validate):
        with pytest.raises(HttpResponseError) as refused:
            begin(target.group, "bad", document)
        assert error_of(refused).code == "InvalidTemplateDeployment"
        [detail] = error_of(refused).details
        assert (detail.code, detail.target) == ("InvalidSku", wrong["name"])
        assert "SKU name 'Gold'" in detail.message
    assert not deployments.check_existence(target.group, "bad")


def test_a_deployment_that_fails_raises_what_failed(sdk: Sdk, target: Target) -> None:
    deployments = sdk.manager(DeploymentsMgmtClient).deployments
    away = f"[reference(resourceId('{REGISTRIES}', 'nowhere'), '2023-07-01').loginServer]"
    document = given(template(registry(unique(), tags={"x": away})))
    going_on = deployments.begin_create_or_update(target.group, "failing", document)
    with pytest.raises(HttpResponseError) as failed:
        going_on.result()
    assert error_of(failed).code == "DeploymentFailed"
    assert [one.code for one in error_of(failed).details] == ["ResourceNotFound"]
    shown = deployments.get(target.group, "failing").properties
    assert (shown.provisioning_state, shown.error.code) == ("Failed", "DeploymentFailed")
    assert shown.error.details[0].code == "ResourceNotFound"
    failed_ones = deployments.list_by_resource_group(
        target.group, filter="provisioningState eq 'Failed'"
    )
    assert [one.name for one in failed_ones] == ["failing"]


def test_where_the_types_of_a_template_go(sdk: Sdk, target: Target) -> None:
    """To the regions that are named; to none where only what is made will tell."""
    deployments, first = sdk.manager(DeploymentsMgmtClient).deployments, unique()
    later = f"[reference(resourceId('{REGISTRIES}', '{first}'), '2023-07-01', 'Full').location]"
    document = template(
        registry(first, location="West US"),
        registry(unique(), location="[resourceGroup().location]"),
        registry(unique(), location=later, dependsOn=[first]),
    )
    made = deployments.begin_create_or_update(target.group, "places", given(document)).result()
    [kind] = made.properties.providers[0].resource_types
    assert kind.locations == [None, "eastus", "westus"]
    found = sdk.manager(ResourceManagementClient).resources.list_by_resource_group(target.group)
    assert sorted(one.location for one in found) == ["eastus", "westus", "westus"]


def test_a_history_is_listed_page_by_page_and_forgotten(sdk: Sdk, target: Target) -> None:
    deployments = sdk.manager(DeploymentsMgmtClient).deployments
    names = [f"number{number}" for number in range(5)]
    for name in names:
        deployments.begin_create_or_update(target.group, name, given(template())).result()
    pages = [
        [one.name for one in page]
        for page in deployments.list_by_resource_group(target.group, top=2).by_page()
    ]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == names[::-1]
    assert [one.name for one in deployments.list_at_scope(target.id)] == names[::-1]
    deployments.begin_delete(target.group, names[0]).result()
    assert not deployments.check_existence(target.group, names[0])
    assert [one.name for one in deployments.list_by_resource_group(target.group)] == names[:0:-1]
    with pytest.raises(ResourceNotFoundError, match="DeploymentNotFound"):
        deployments.get(target.group, names[0])


def test_a_subscription_is_previewed_checked_and_made(sdk: Sdk, target: Target) -> None:
    """A group and what is in it; the history of the subscription is its own."""
    client, place, name = sdk.manager(DeploymentsMgmtClient), unique("g"), unique("d")
    deployments = client.deployments
    inside = nested("inside", template(registry(unique())), resourceGroup=place, dependsOn=[place])
    document = template(group(place, "westus"), inside)
    wanted = given(document, "eastus")
    with pytest.raises(HttpResponseError, match="LocationRequired"):
        deployments.begin_create_or_update_at_subscription_scope(name, given(document))
    told = deployments.begin_what_if_at_subscription_scope(name, wanted).result()
    assert {one.change_type for one in told.properties.changes} == {"Create"}
    checked = deployments.begin_validate_at_subscription_scope(name, wanted).result()
    assert checked.properties.provisioning_state == "Succeeded"
    assert not deployments.check_existence_at_subscription_scope(name)
    made = deployments.begin_create_or_update_at_subscription_scope(name, wanted).result()
    try:
        assert (made.location, made.properties.provisioning_state) == ("eastus", "Succeeded")
        groups = sdk.manager(ResourceManagementClient).resource_groups
        assert groups.get(place).location == "westus"
        assert deployments.check_existence_at_subscription_scope(name)
        assert deployments.get_at_subscription_scope(name).as_dict() == made.as_dict()
        assert deployments.export_template_at_subscription_scope(name).template == document
        assert name in {one.name for one in deployments.list_at_subscription_scope()}
        asked = client.deployment_operations
        found = list(asked.list_at_subscription_scope(name))
        assert [one.properties.target_resource.resource_type for one in found] == [
            "Microsoft.Resources/resourceGroups",
            "Microsoft.Resources/deployments",
        ]
        one = asked.get_at_subscription_scope(name, found[0].operation_id)
        assert one.as_dict() == found[0].as_dict()
        within = [one.name for one in deployments.list_by_resource_group(place)]
        assert within == ["inside"]
    finally:
        deployments.begin_delete_at_subscription_scope(name).result()
        groups.begin_delete(place).result()
    with pytest.raises(ResourceNotFoundError, match="DeploymentNotFound"):
        deployments.get_at_subscription_scope(name)


def test_what_goes_on_is_canceled(sdk: Sdk, target: Target) -> None:
    """In a group and in a subscription; what waits for it is told, and so is who comes too late."""
    deployments = sdk.manager(DeploymentsMgmtClient).deployments
    document, names = slow(12)
    going_on = deployments.begin_create_or_update(target.group, "slow", given(document))
    going(target)
    with pytest.raises(ResourceExistsError, match="DeploymentActive"):
        deployments.begin_create_or_update(target.group, "slow", given(document))
    deployments.cancel(target.group, "slow")
    with pytest.raises(HttpResponseError, match="was canceled"):
        going_on.result()
    shown = deployments.get(target.group, "slow")
    assert shown.properties.provisioning_state == "Canceled"
    with pytest.raises(HttpResponseError, match="cannot be cancelled"):
        deployments.cancel(target.group, "slow")
    assert names[-1] not in target.names()
    before, name = len(target.names()), unique("d")
    document, rest = slow(12)
    around = given(template(nested("within", document, resourceGroup=target.group)), "eastus")
    going_on = deployments.begin_create_or_update_at_subscription_scope(name, around)
    going(target, before)
    deployments.cancel_at_subscription_scope(name)
    with pytest.raises(HttpResponseError, match="was canceled"):
        going_on.result()
    assert target.ended("within")["provisioningState"] == "Canceled"
    assert rest[-1] not in target.names()
    deployments.begin_delete_at_subscription_scope(name).result()
