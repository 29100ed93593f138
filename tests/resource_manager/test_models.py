"""What is read out of a request's body by the model of its operation, and what is said of the rest."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from helpers.localcloud.errors import CloudError
from helpers.localcloud.resource_manager.models import Lacking, Model, read
from helpers.localcloud.resource_manager.routing import Call, Reply, Router
from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import REGISTRIES, send
from tests.resource_manager.test_resource_manager import make_group, make_registry


class _Inner(Model):
    login_server: str | None = None
    enabled: bool | None = None
    zones: Lacking | None = None


class _Outer(Model):
    properties: _Inner | None = None
    tags: dict[str, str] | None = None
    names: list[_Inner] | None = None
    count: int | None = None
    weight: float | None = None
    mode: Literal["Force", "NoForce"] | None = None


def test_a_body_is_read_by_the_names_of_azure() -> None:
    body = {
        "properties": {"loginServer": "docker.io", "enabled": False},
        "tags": {"a": "b"},
        "names": [{"loginServer": "a"}],
        "count": 2,
        "weight": 1,
        "mode": "Force",
    }
    found = read(_Outer, body, "some/operation")
    inner = _Inner(login_server="docker.io", enabled=False)
    assert found == _Outer(
        properties=inner,
        tags={"a": "b"},
        names=[_Inner(login_server="a")],
        count=2,
        weight=1.0,
        mode="Force",
    )


def test_what_is_missing_or_null_is_none_and_what_nobody_knows_is_ignored() -> None:
    nulls = dict.fromkeys(("properties", "tags", "names", "count", "weight", "mode"))
    for body in ({}, nulls, {"Properties": 1, "nobody": {"knows": [1]}}):
        assert read(_Outer, body, "some/operation") == _Outer()
    assert read(_Inner, {"zones": None}, "some/operation") == _Inner()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"properties": []}, "'properties' must be an object."),
        ({"properties": {"loginServer": 1}}, "'properties.loginServer' must be a string."),
        ({"properties": {"enabled": "true"}}, "'properties.enabled' must be true or false."),
        ({"names": {}}, "'names' must be a list."),
        ({"names": [{}, {"loginServer": []}]}, "'names[1].loginServer' must be a string."),
        ({"names": [None]}, "'names[0]' must be an object."),
        ({"tags": {"a": None}}, "'tags[...]' must be a string."),
        ({"count": True}, "'count' must be an integer."),
        ({"count": 1.5}, "'count' must be an integer."),
        ({"weight": "1"}, "'weight' must be a number."),
        ({"mode": "Maybe"}, "'mode' is invalid: Invalid enum value 'Maybe'."),
    ],
)
def test_a_value_of_another_type_is_named(body: dict[str, Any], told: str) -> None:
    with pytest.raises(CloudError) as caught:
        read(_Outer, body, "some/operation")
    assert (caught.value.status, caught.value.code) == (400, "InvalidRequestContent")
    assert caught.value.message == (
        f"The request content was invalid and could not be deserialized: {told}"
    )


@pytest.mark.parametrize("value", ["1", ["1"], {}, False, 0])
def test_a_property_that_azure_has_and_we_lack_is_named(value: object) -> None:
    for body, path in (
        ({"properties": {"zones": value}}, "properties.zones"),
        ({"names": [{"zones": value}]}, "names[0].zones"),
    ):
        with pytest.raises(CloudError) as caught:
            read(_Outer, body, "registries/somethings")
        assert caught.value.status == 501
        assert f"the property '{path}' of registries/somethings" in caught.value.message


def test_the_operation_of_a_model_gets_it_beside_the_call() -> None:
    router = Router()

    @router.operation("PUT", "/a/{a}", "", _Outer)
    def typed(call: Call, body: _Outer) -> Reply:
        raise NotImplementedError

    @router.operation("GET", "/a/{a}", "", {"tags": {str: str}})
    def untyped(call: Call) -> Reply:
        raise NotImplementedError

    assert [route.body for route in router.routes] == [None, {"tags": {str: str}}]


@pytest.mark.parametrize(
    ("body", "path", "kind"),
    [
        ({"source": "docker.io/library/node:15-alpine"}, "source", "an object"),
        ({"source": {"sourceImage": ["node"]}}, "source.sourceImage", "a string"),
        ({"source": {"credentials": {"password": 1}}}, "source.credentials.password", "a string"),
        ({"targetTags": "node:1"}, "targetTags", "a list"),
        ({"targetTags": ["node:1", None]}, "targetTags[1]", "a string"),
        ({"untaggedTargetRepositories": [1]}, "untaggedTargetRepositories[0]", "a string"),
    ],
)
def test_over_the_wire(local_cloud: LocalCloud, body: dict[str, Any], path: str, kind: str) -> None:
    group = make_group(local_cloud)
    registry = make_registry(local_cloud, group)
    place = f"resourceGroups/{group}/{REGISTRIES}/{registry}"
    answer = send(local_cloud, "POST", f"{place}/importImage", body)
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "code": "InvalidRequestContent",
        "message": "The request content was invalid and could not be deserialized: "
        f"'{path}' must be {kind}.",
    }
