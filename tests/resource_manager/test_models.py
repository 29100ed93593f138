"""What is read out of a request's body by the model of its operation, and what is said of the rest."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

import pytest

from helpers.localcloud.errors import CloudError
from helpers.localcloud.resource_manager.models import (
    Choice,
    Lacking,
    Model,
    ResourceModel,
    Unused,
    read,
    understood,
)
from helpers.localcloud.resource_manager.routing import Call, Reply, Router
from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import REGISTRIES, send
from tests.resource_manager.test_resource_manager import make_group, make_registry


class _Inner(Model):
    READ_ONLY: ClassVar[tuple[str, ...]] = ("madeBy",)
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
    by: dict[str, _Inner | None] | None = None


class _Thing(ResourceModel):
    location: str | None = None


class _Settings(Model):
    off: Annotated[str | None, Unused("Disabled", ("Enabled",))] = None
    no: Annotated[bool | None, Unused(False)] = None
    none: Annotated[list[str] | None, Unused([])] = None
    kind: Annotated[str | None, Choice("Red", "Blue")] = None
    kinds: list[Annotated[str, Choice("Red", "Blue")]] | None = None


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


def test_what_is_missing_or_null_is_none() -> None:
    nulls = dict.fromkeys(("properties", "tags", "names", "count", "weight", "mode", "nobody"))
    for body in ({}, nulls, {"nobody": {}, "later": [], "much_later": ""}):
        assert read(_Outer, body, "some/operation") == _Outer()
    assert read(_Inner, {"zones": None}, "some/operation") == _Inner()


def test_names_compare_without_case_and_what_nobody_sets_is_left_out() -> None:
    body = {
        "PROPERTIES": {"loginserver": "a", "provisioningState": "Succeeded", "madeBy": {"x": 1}},
        "Names": [{"LOGINSERVER": "b"}],
        "tags": {"Mine": "c"},
    }
    assert read(_Outer, body, "some/operation") == _Outer(
        properties=_Inner(login_server="a"), names=[_Inner(login_server="b")], tags={"Mine": "c"}
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"nobody": {"knows": [1]}}, "nobody"),
        ({"properties": {"loginServer": "a", "fromTheFuture": False}}, "properties.fromTheFuture"),
        ({"names": [{}, {"later": "x"}]}, "names[1].later"),
        ({"by": {"one": {"later": 0}}}, "by.one.later"),
    ],
)
def test_a_property_that_nobody_knows_is_named(body: dict[str, Any], path: str) -> None:
    with pytest.raises(CloudError) as caught:
        read(_Outer, body, "some/operation")
    assert caught.value.status == 501
    assert f"the property '{path}' of some/operation" in caught.value.message


def test_a_member_that_no_resource_has_is_refused_as_arm_does() -> None:
    assert read(_Thing, {"id": "/a", "name": "b", "type": "c", "systemData": {}}, "things")
    with pytest.raises(CloudError) as caught:
        read(_Thing, {"accountType": "x"}, "things")
    assert (caught.value.status, caught.value.code) == (400, "InvalidRequestContent")
    assert caught.value.message == (
        "The request content was invalid and could not be deserialized: 'Could not find member "
        "'accountType' on object of type 'ResourceDefinition'. Path 'accountType'.'."
    )
    with pytest.raises(CloudError) as caught:
        read(_Thing, {"plan": {"name": "x"}}, "things")
    assert (caught.value.status, "'plan' of things" in caught.value.message) == (501, True)


def test_a_setting_that_is_not_used_becomes_the_value_of_azure() -> None:
    given = {"off": "disabled", "no": False, "none": [], "kind": "RED", "kinds": ["blue"]}
    assert read(_Settings, given, "things") == _Settings(
        off="Disabled", no=False, none=[], kind="Red", kinds=["Blue"]
    )
    assert understood(read(_Settings, {"kind": "blue"}, "things")) == {"kind": "Blue"}


@pytest.mark.parametrize(
    ("given", "status", "told"),
    [
        ({"off": "Enabled"}, 501, "the property 'off=Enabled' of things: it can only be Disabled"),
        ({"off": "Often"}, 400, "'off' must be one of Disabled, Enabled."),
        ({"no": True}, 501, "the property 'no=true' of things: it can only be false"),
        ({"no": "true"}, 400, "'no' must be true or false."),
        ({"no": 0}, 400, "'no' must be true or false."),
        ({"none": ["a" * 90]}, 501, f"the property 'none=[\"{'a' * 58}…' of things"),
        ({"kind": "Green"}, 400, "'kind' must be one of Red, Blue."),
        ({"kinds": ["Red", "Green"]}, 400, "'kinds[1]' must be one of Red, Blue."),
    ],
)
def test_a_setting_that_is_used_is_named(given: dict[str, Any], status: int, told: str) -> None:
    with pytest.raises(CloudError) as caught:
        read(_Settings, given, "things")
    assert caught.value.status == status
    assert told in caught.value.message


def test_of_a_part_the_whole_path_is_told() -> None:
    for given, told in (
        ({"later": 1}, "'properties.step.later'"),
        ({"no": 1}, "'properties.step.no'"),
        ({"kinds": ["Green"]}, "'properties.step.kinds[0]'"),
    ):
        with pytest.raises(CloudError, match=re.escape(told)):
            read(_Settings, given, "things", at="properties.step")


def test_what_was_given_is_json_again() -> None:
    body = {"properties": {"loginServer": "a"}, "by": {"one": {"enabled": True}, "two": None}}
    given = {**body, "names": [{}], "count": None}
    assert understood(read(_Outer, given, "things")) == {**body, "names": [{}]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"properties": []}, "'properties' must be an object."),
        ({"properties": {"loginServer": 1}}, "'properties.loginServer' must be a string."),
        ({"properties": {"enabled": "true"}}, "'properties.enabled' must be true or false."),
        ({"names": {}}, "'names' must be a list."),
        ({"names": [{}, {"loginServer": []}]}, "'names[1].loginServer' must be a string."),
        ({"names": [None]}, "'names[0]' must be an object."),
        ({"tags": {"a": None}}, "'tags.a' must be a string."),
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
