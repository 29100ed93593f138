"""The parameters of a template: what is given, what is missing, what definitions allow."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from helpers.localcloud.deployments.errors import TemplateError
from helpers.localcloud.deployments.plan import plan
from helpers.localcloud.errors import CloudError
from tests.deployments.planning import PLACE, planned, template

PARAMETERS = {
    "name": {
        "type": "string",
        "minLength": 3,
        "maxLength": 5,
        "defaultValue": "[take(uniqueString('a'), 4)]",
    },
    "count": {"type": "int", "minValue": 1, "maxValue": 3, "defaultValue": 2},
    "sku": {"type": "string", "allowedValues": ["Basic", "Premium"], "defaultValue": "Basic"},
    "secret": {"type": "secureString", "defaultValue": "hidden", "minLength": 3},
    "tags": {"type": "object", "defaultValue": {"n": "[parameters('name')]"}},
    "zones": {"type": "array", "allowedValues": ["1", "2"], "defaultValue": ["1"]},
    "when": {"type": "string", "defaultValue": "[utcNow('yyyy')]"},
    "id": {"type": "string", "defaultValue": "[newGuid()]"},
    "on": {"type": "bool", "defaultValue": False},
}


def test_parameters() -> None:
    """Values are given, or made of defaults; a secure one is not shown."""
    found = planned(
        parameters=PARAMETERS, given={"Name": {"value": "abc"}, "sku": {"value": "premium"}}
    )
    assert found.scope.parameter("TAGS") == {"n": "abc"}
    assert re.fullmatch(r"\d{4}", found.scope.parameter("when"))
    shown = found.parameters
    assert shown["name"] == {"type": "String", "value": "abc"}
    assert shown["secret"] == {"type": "SecureString"}
    assert shown["count"] == {"type": "Int", "value": 2}
    assert found.scope.parameter("secret") == "hidden"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": {"value": "ab"}}, "Length of the value should be greater than or equal to '3'"),
        ({"name": {"value": "abcdef"}}, "Length of the value should be less than or equal to '5'"),
        ({"count": {"value": 0}}, "The value should be greater than or equal to '1'"),
        ({"count": {"value": 4}}, "The value should be less than or equal to '3'"),
        ({"count": {"value": "1"}}, "Expected 'Integer'. Actual 'String'"),
        ({"on": {"value": 1}}, "Expected 'Boolean'. Actual 'Integer'"),
        ({"name": {"value": None}}, "Expected 'String'. Actual 'Null'"),
        (
            {"sku": {"value": "Gold"}},
            "The provided value 'Gold' for the template parameter 'sku' is not valid. The parameter "
            "value is not part of the allowed value(s): 'Basic,Premium'",
        ),
        ({"zones": {"value": ["3"]}}, "not part of the allowed value(s): '1,2'"),
        (
            {"secret": {"value": "pw"}},
            "The provided value for the template parameter 'secret' is not",
        ),
        (
            {"other": {"value": 1}, "more": {"value": 2}},
            "The template parameters 'other, more' in the parameters file are not valid; they are not "
            "present in the original template",
        ),
        ({"name": "abc"}, "must be an object with a 'value'"),
        ([], "must be an object"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(given: Any, expected: str) -> None:
    """What a definition does not allow is refused in Azure's words, secrets unnamed."""
    with pytest.raises(TemplateError, match=re.escape(expected)):
        planned(parameters=PARAMETERS, given=given)


def test_parameters_that_are_missing() -> None:
    """One without a default must be given; one may be null where its definition says so."""
    with pytest.raises(
        TemplateError, match="The value for the template parameter 'a' is not provided"
    ):
        planned(parameters={"a": {"type": "string"}})
    assert (
        planned(parameters={"a": {"type": "string", "nullable": True}}).scope.parameter("a") is None
    )


def test_a_parameter_that_is_a_reference_is_asked_for_and_shown_as_one() -> None:
    reference = {"keyVault": {"id": "/x"}, "secretName": "word"}
    asked: list[tuple[str, Any]] = []

    def secret(name: str, wanted: Any) -> str:
        asked.append((name, wanted))
        return "shibboleth"

    declared = template(parameters={"First": {"type": "string"}, "b": {"type": "int"}})
    given = {"first": {"reference": reference}, "b": {"value": 1}}
    found = plan(declared, given, replace(PLACE, secret=secret))
    assert found.scope.parameter("FIRST") == "shibboleth"
    assert asked == [("First", reference)]
    assert found.parameters == {
        "First": {"type": "String", "reference": reference},
        "b": {"type": "Int", "value": 1},
    }


TYPES = {
    "definitions": {
        "place": {
            "type": "object",
            "properties": {
                "city": {"$ref": "#/definitions/city"},
                "zip": {"type": "int", "nullable": True},
            },
            "additionalProperties": False,
        },
        "city": {"type": "string", "minLength": 2},
        "circle": {"$ref": "#/definitions/circle"},
        "union": {"type": "object", "discriminator": {}},
    },
    "parameters": {"places": {"type": "array", "items": {"$ref": "#/definitions/place"}}},
}


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([{"city": "Oslo"}, {"city": "Rome", "zip": 1}], ""),
        ([{"city": "O"}], "'places[0].city' is not valid. Length"),
        ([{}], "The value for the template parameter 'places[0].city' is not provided"),
        ([{"city": "Oslo", "x": 1}], "The property 'places[0].x' is not permitted"),
        ([None], "Expected 'Object'. Actual 'Null'"),
    ],
    ids=str,
)
def test_types_that_a_template_defines(places: Any, expected: str) -> None:
    """Properties and items are checked as their definitions say."""
    if not expected:
        planned(**TYPES, given={"places": {"value": places}})
        return
    with pytest.raises(TemplateError, match=re.escape(expected)):
        planned(**TYPES, given={"places": {"value": places}})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("circle", "in a circle"),
        ("nothing", "is not found"),
        ("union", "The discriminator of the template parameter 'a' needs a propertyName"),
    ],
)
def test_types_that_cannot_be(name: str, expected: str) -> None:
    """A definition that names itself, or nothing, or is incomplete."""
    parameter = {"a": {"$ref": f"#/definitions/{name}", "defaultValue": {}}}
    with pytest.raises((TemplateError, CloudError), match=re.escape(expected)):
        planned(**{**TYPES, "parameters": parameter})
