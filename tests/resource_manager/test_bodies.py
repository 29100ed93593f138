"""The body of every operation: another type, a property that nobody knows, a member that no resource has.

The operations are the router's, and the places of a body are those of its model: a new one is asked
by itself.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import requests

from helpers.localcloud.api_versions import newest
from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.resource_manager.models import Lacking, Model, ResourceModel, Unused
from tests.conftest import LocalCloud

from .refusing import Place

UNKNOWN = "fromAVersionToCome"
SUBSCRIPTION = "/subscriptions/{subscription}"
ROUTES = [one for one in all_operations().routes if one.method in ("PUT", "PATCH", "POST")]
TYPED = [one for one in ROUTES if one.model is not None]
# Actions that say everything by their path, and what reads a document of its own.
BARE = {
    *("attach", "cancel", "exportTemplate", "getCallbackConfig", "listAssociatedResources"),
    *("listBuildSourceUploadUrl", "listCredentials", "listDetails", "listEvents"),
    *("listLogSasUrl", "ping", "purge", "register", "restart", "start", "stop"),
    *("scheduleRun", "validate", "whatIf"),
}


def _models(hint: Any) -> Iterator[tuple[str, type[Model]]]:
    """The models in a type: ``""`` for itself, ``[]`` for the items of a list, ``{}`` of an object."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for one in arguments:
            yield from _models(one)
    elif origin is Annotated:
        yield from _models(arguments[0])
    elif origin is list:
        yield from (("[]", model) for _, model in _models(arguments[0]))
    elif origin is dict:
        yield from (("{}", model) for _, model in _models(arguments[1]))
    elif isinstance(hint, type) and issubclass(hint, Model):
        yield "", hint


def _places(model: type[Model]) -> Iterator[tuple[tuple[str, ...], type[Model]]]:
    """Where there are objects in the body of a model, and what is there."""
    yield (), model
    hints = typing.get_type_hints(model, include_extras=True)
    for attribute, name in zip(
        model.__struct_fields__, model.__struct_encode_fields__, strict=True
    ):
        for kind, inner in _models(hints[attribute]):
            for path, found in _places(inner):
                yield (name, *([kind] if kind else []), *path), found


def _body(path: tuple[str, ...], value: Any) -> Any:
    """The body that has ``value`` at a place, and nothing else."""
    for word in reversed(path):
        value = [value] if word == "[]" else {"some": value} if word == "{}" else {word: value}
    return value


def _told(path: tuple[str, ...]) -> str:
    """A place as a refusal names it."""
    text = ""
    for word in path:
        text += "[0]" if word == "[]" else ".some" if word == "{}" else f".{word}"
    return text.removeprefix(".")


class Asker:
    """Sends to operations at names that are there, where they are of the place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.http = place.cloud.http()
        self.http.headers["Authorization"] = f"Bearer {place.cloud.token()}"
        names = {"group": place.group, "registry": place.registry, "vault": place.vault}
        account = place.cloud.account.subscription_id
        self.names = {"subscription": account, "resource": place.registry, **names}
        # The name of a token is that of everything else, too.
        self.names |= {"provider": "Microsoft.ContainerRegistry", "type": "registries"}

    def send(self, method: str, template: str, body: Any) -> requests.Response:
        path = re.sub(r"\{(\w+)\}", lambda match: self.names.get(match[1], "known"), template)
        url = f"https://management.azure.com{path}"
        return self.http.request(method, url, params={"api-version": newest(path)}, json=body)


@pytest.fixture(scope="module")
def asker(place: Place) -> Asker:
    return Asker(place)


def _name(route: Any) -> str:
    return f"{route.method} {route.template.rpartition('/providers/')[2]}"


def test_every_operation_with_a_body_has_a_model() -> None:
    without = {one.template for one in ROUTES if one.model is None and one.method != "POST"}
    # A template is read by its own rules; a name of tags and a value of one are said by their paths.
    assert {
        one.rpartition("/providers/")[2].removeprefix(f"{SUBSCRIPTION}/") for one in without
    } <= {
        *("Microsoft.Resources/deployments/{name}", "tagNames/{tag}"),
        "tagNames/{tag}/tagValues/{value}",
    }
    actions = [one for one in ROUTES if one.model is None and one.method == "POST"]
    assert {one.template.rpartition("/")[2] for one in actions} <= BARE


@pytest.mark.parametrize("route", TYPED, ids=_name)
def test_a_property_that_nobody_knows_is_refused_at_every_place(asker: Asker, route: Any) -> None:
    places = list(_places(route.model))
    assert places
    for path, model in places:
        answer = asker.send(route.method, route.template, _body(path, {UNKNOWN: {"a": 1}}))
        error = answer.json()["error"]
        if issubclass(model, ResourceModel):
            assert (answer.status_code, error["code"]) == (400, "InvalidRequestContent")
            assert f"Could not find member '{UNKNOWN}' on object of type" in error["message"]
        else:
            assert (answer.status_code, error["code"]) == (501, "NotImplemented"), path
            assert f"'{_told((*path, UNKNOWN))}' of " in error["message"]


@pytest.mark.parametrize("route", TYPED, ids=_name)
def test_a_property_of_another_type_is_refused_at_every_place(asker: Asker, route: Any) -> None:
    assert asker.send(route.method, route.template, ["a"]).status_code == 400
    for path, model in _places(route.model):
        hints = typing.get_type_hints(model, include_extras=True)
        for attribute, name in zip(
            model.__struct_fields__, model.__struct_encode_fields__, strict=True
        ):
            parts = typing.get_args(hints[attribute]) or (hints[attribute],)
            wrong: Any = 5 if any(part in (str, bool) for part in parts) else "x"
            where = _told((*path, name))
            answer = asker.send(route.method, route.template, _body((*path, name), wrong))
            error = answer.json()["error"]
            if Lacking in parts:
                assert (answer.status_code, error["code"]) == (501, "NotImplemented"), where
            elif Any not in parts:
                found = (answer.status_code, error["code"])
                assert found == (400, "InvalidRequestContent"), (where, error)
            assert f"'{where}" in error["message"]


@pytest.mark.parametrize("route", TYPED, ids=_name)
def test_a_setting_that_is_not_there_is_refused_by_its_value(asker: Asker, route: Any) -> None:
    for path, model in _places(route.model):
        for attribute, name in zip(
            model.__struct_fields__, model.__struct_encode_fields__, strict=True
        ):
            hint = typing.get_type_hints(model, include_extras=True)[attribute]
            rules = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Unused)]
            for rule in rules:
                for value in _others(rule):
                    given = _body((*path, name), value)
                    answer = asker.send(route.method, route.template, given)
                    error = answer.json()["error"]
                    assert (answer.status_code, error["code"]) == (501, "NotImplemented"), name
                    assert f"'{_told((*path, name))}=" in error["message"]


def _others(rule: Unused) -> tuple[Any, ...]:
    """Values that a setting of Azure's could have, and does not have here."""
    if rule.others:
        return rule.others
    if isinstance(rule.value, list):
        return ([{}],)
    return (not rule.value,) if isinstance(rule.value, bool) else (rule.value + 1,)


def test_what_was_refused_has_changed_nothing(asker: Asker, local_cloud: LocalCloud) -> None:
    """Asked last: the resources of the place are as they were made."""
    place = asker.place
    token = place.send("GET", "{r}/tokens/known").json()["properties"]
    assert token["scopeMapId"] == place.id("{r}/scopeMaps/known")
    for kind in ("tasks", "webhooks", "taskRuns", "cacheRules", "credentialSets"):
        assert place.send("GET", f"{{r}}/{kind}/known").status_code == 404
    assert place.send("GET", "{r}").json()["tags"] == {}
    assert not place.send("GET", "{g}").json().get("tags")
