"""Errors of templates name the line and the column, as they are in what was sent, and the way there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.az import Az
from tests.deployments.planning import REGISTRIES, SCHEMA, nested, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, body_of, target, unique

__all__ = ["target"]
ARM = "https://management.azure.com"
# What each is about, the lines of the template (after those of its head), the message and the way.
HEAD = f"""{{
  "$schema": "{SCHEMA}",
  "contentVersion": "1.0.0.0","""
REGISTRY = f'"type": "{REGISTRIES}", "apiVersion": "2023-07-01"'
KINDS = {
    "resource": (
        """
  "resources": [
    // a comment
    {REGISTRY, "name": "[nothing('a')]"}
  ]""",
        "The template resource '[nothing('a')]' at line '6' and column '5' is not valid: The template "
        "function 'nothing' is not valid. Please see https://aka.ms/arm-functions for usage details",
        "properties.template.resources[0]",
    ),
    "evaluated": (
        """
  "resources": [
    {REGISTRY, "name": "first"},
    {REGISTRY, "name": "[substring('abc', 2, 5)]"}
  ]""",
        "The template resource '[substring('abc', 2, 5)]' at line '6' and column '5' is not valid: "
        "Unable to evaluate template language function 'substring'",
        "properties.template.resources[1]",
    ),
    "unreadable": (
        """
  "resources": [
    {REGISTRY,
     "name": "first",
     "tags": {"a": ["b", "[concat('a']"]}}
  ]""",
        "Deployment template language expression evaluation failed: 'Unable to parse language "
        "expression 'concat('a'",
        "properties.template.resources[0].tags.a[1]",
    ),
    "unreadable name": (
        """
  "resources": [
    {REGISTRY, "name": "first",
     "tags": {"[concat('a']" : "b"}}
  ]""",
        "Deployment template language expression evaluation failed: 'Unable to parse language "
        "expression 'concat('a'",
        "properties.template.resources[0].tags['[concat('a']']",
    ),
    "unreadable default": (
        """
  "parameters": {
    "name": { "type": "string",
      "defaultValue": "[concat('a']" }
  },
  "resources": []""",
        "Deployment template language expression evaluation failed: 'Unable to parse language "
        "expression 'concat('a'",
        "properties.template.parameters.name.defaultValue",
    ),
    "segments": (
        """
  "resources": [
    {
      "type": "TASKS",
      "apiVersion": "2019-04-01",
      "name": "build"
    }
  ]""",
        "The template resource 'build' for type 'TASKS' at line '6' and column 'COLUMN' has incorrect "
        "segment lengths.",
        "properties.template.resources[0].type",
    ),
    "parameter": (
        """
  "parameters": {
    "name": { "type": "string" }
  },
  "resources": []""",
        "The value for the template parameter 'name' at line '5' and column '13' is not provided.",
        "properties.template.parameters.name",
    ),
    "allowed": (
        """
  "parameters": {
    "sku":
      { "type": "string", "allowedValues": ["Basic"], "defaultValue": "Gold" }
  },
  "resources": []""",
        "The provided value 'Gold' for the template parameter 'sku' at line '6' and column '7' is not "
        "valid. The parameter value is not part of the allowed value(s): 'Basic'",
        "properties.template.parameters.sku",
    ),
    "default": (
        """
  "parameters": { "name": { "type": "string", "defaultValue": "[substring('a', 2)]" } },
  "resources": []""",
        "The template resource 'name' at line '4' and column '27' is not valid: Unable to evaluate "
        "template language function 'substring'",
        "properties.template.parameters.name",
    ),
    "type": (
        """
  "parameters": {
    "name": { "type": "object", "defaultValue": "a" } },
  "resources": []""",
        "Template parameter JToken type is not valid. Expected 'Object'. Actual 'String'.",
        "properties.template.parameters.name",
    ),
    "variable": (
        """
  "variables": {
    "a": "b",
    "c": "[div(1, 0)]" },
  "resources": []""",
        "The template variable 'c' is not valid: Unable to evaluate template language function 'div'",
        "properties.template.variables.c",
    ),
    "output": (
        """
  "resources": [],
  "outputs": {
    "x.y": { "type": "string", "value": "[variables('z')]" } }""",
        "The template output 'x.y' at line '6' and column '12' is not valid: The template variable 'z' "
        "is not found",
        "properties.template.outputs['x.y']",
    ),
    "twice": (
        """
  "resources": [
    {REGISTRY, "name": "first"},
      {REGISTRY, "name": "first"}
  ]""",
        "The resource 'Microsoft.ContainerRegistry/registries/first' at line '6' and column '7' is "
        "defined multiple times in a template.",
        "properties.template.resources[1]",
    ),
    "member": (
        """
  "resources": [
    {REGISTRY, "name": "first",
      "nonsense" : 1 }
  ]""",
        "Deployment template parse failed: 'Could not find member 'nonsense' on object of type "
        "'TemplateResource'. Path 'properties.template.resources[0].nonsense', line 6, position 18.'.",
        "properties.template.resources[0].nonsense",
    ),
    "required": (
        """
  "resources": [
    {REGISTRY
    }
  ]""",
        "Deployment template parse failed: 'Required property 'name' not found in JSON. Path "
        "'properties.template.resources[0]', line 6, position 5.'.",
        "properties.template.resources[0]",
    ),
    "condition": (
        """
  "resources": [
    {REGISTRY, "name": "first", "condition": "[string(1)]"}
  ]""",
        "at line '5' and column '5' is not valid: Evaluation result of language expression "
        "'[string(1)]' is type 'String', expected type is 'Boolean'.",
        "properties.template.resources[0]",
    ),
    "dependency": (
        """
  "resources": [
    {REGISTRY, "name": "first",
      "dependsOn": ["second"]}
  ]""",
        "The resource 'second' is not defined in the template.",
        "properties.template.resources[0].dependsOn",
    ),
    "below": (
        """
  "resources": [
    {REGISTRY, "name": "first", "resources": [
      {"type": "scopeMaps", "apiVersion": "2023-07-01", "name": "[split('a', 1)]"}
    ]}
  ]""",
        "The template resource '[split('a', 1)]' at line '6' and column '7' is not valid",
        "properties.template.resources[0].resources[0]",
    ),
    "symbolic": (
        """
  "languageVersion": "2.0",
  "resources": {
    "one": {REGISTRY, "name": "first" },
    "two": {REGISTRY, "name": "[div(1, 0)]" }
  }""",
        "The template resource '[div(1, 0)]' at line '7' and column '12' is not valid",
        "properties.template.resources.two",
    ),
}
LINES = {
    **{"unreadable name": (6, 34), "unreadable default": (6, 36)},
    **{"unreadable": (7, 39), "type": (5, 13), "variable": (6, 22), "dependency": (6, 20)},
}


def lines_of(kind: str) -> str:
    body = KINDS[kind][0].replace("REGISTRY", REGISTRY).replace("TASKS", f"{REGISTRIES}/tasks")
    return f"{HEAD}{body}\n}}"


def told_of(kind: str) -> str:
    told = KINDS[kind][1].replace("TASKS", f"{REGISTRIES}/tasks")
    return told.replace("COLUMN", str(16 + len(f"{REGISTRIES}/tasks")))


def sent(target: Target, text: str, action: str = "/validate") -> requests.Response:
    """Ask for a deployment as az does: the template as it is written, below a name without quotes."""
    content = '{"properties": {"mode": "Incremental", template:' + text + "}}"
    return asked(target, content, action)


def asked(target: Target, content: str, action: str = "") -> requests.Response:
    """Ask for a deployment with that body."""
    return target.cloud.http().request(
        "POST" if action else "PUT",
        f"{ARM}{target.id}/{DEPLOYMENTS}/first{action}",
        params={"api-version": "2024-11-01"},
        data=content.encode(),
        headers={
            "Authorization": f"Bearer {target.cloud.token()}",
            "Content-Type": "application/json",
        },
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_has_its_place(target: Target, kind: str) -> None:
    answer = sent(target, lines_of(kind))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidTemplate")
    assert told_of(kind) in error["message"]
    [violation] = error["additionalInfo"]
    assert violation["type"] == "TemplateViolation"
    info = violation["info"]
    assert info["path"] == KINDS[kind][2]
    if kind in LINES:
        assert (info["lineNumber"], info["linePosition"]) == LINES[kind]
        assert "at line" not in error["message"]
    else:
        words = error["message"].replace("line ", "line '").replace("''", "'")
        assert f"line '{info['lineNumber']}" in words
        assert str(info["linePosition"]) in error["message"]
    begun = sent(target, lines_of(kind), "")
    assert begun.json()["error"]["additionalInfo"] == error["additionalInfo"]


def test_a_circle_has_no_place(target: Target) -> None:
    def waiting(name: str, other: str) -> dict[str, Any]:
        made = {"type": REGISTRIES, "apiVersion": "2023-07-01", "name": name}
        return {**made, "location": "eastus", "sku": {"name": "Basic"}, "dependsOn": [other]}

    error = target.ask("validate", template(waiting("one", "two"), waiting("two", "one")))
    assert "Circular dependency detected" in error.json()["error"]["message"]
    assert "additionalInfo" not in error.json()["error"]


def test_az_tells_the_line_of_the_file(target: Target, az: Az, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(lines_of("resource"))
    words = ("deployment", "group", "validate", "-g", target.group, "--template-file", str(file))
    told = az.refused(*words)
    assert "at line '6' and column '5' is not valid" in told
    assert '"lineNumber": 6' in told
    file.write_bytes(lines_of("segments").replace("\n", "\r\n").encode())
    assert f"at line '6' and column '{16 + len(REGISTRIES) + 6}'" in az.refused(*words)


def test_on_one_line_the_column_counts(target: Target) -> None:
    """As SDKs send it: the whole body is one line, and the column is that of the body."""
    body = json.dumps(body_of(template(parameters={"name": {"type": "string"}})))
    column = body.index('{"type": "string"}') + 1
    error = asked(target, body).json()["error"]
    assert f"at line '1' and column '{column}' is not provided" in error["message"]
    path = "properties.template.parameters.name"
    info = {"lineNumber": 1, "linePosition": column, "path": path}
    assert error["additionalInfo"] == [{"type": "TemplateViolation", "info": info}]


NESTED = """
  "resources": [
    {
      "type": "Microsoft.Resources/deployments",
      "apiVersion": "2022-09-01",
      "name": "inner",
      "properties": {
        "mode": "Incremental",
        "expressionEvaluationOptions": { "scope": "SCOPE" },
        "template": {
          "$schema": "SCHEMA",
          "contentVersion": "1.0.0.0",
          "parameters": {
            "here":
              { "type": "string" }
          },
          "resources": [
            {REGISTRY, "name": "[div(1, 0)]"}
          ]
        }
      }
    }
  ]"""


@pytest.mark.parametrize("scope", ["inner", "outer"])
def test_in_a_nested_template(target: Target, scope: str) -> None:
    text = NESTED.replace("REGISTRY", REGISTRY).replace("SCHEMA", SCHEMA).replace("SCOPE", scope)
    if scope == "inner":
        text = text.replace('{ "type": "string" }', '{ "type": "string", "defaultValue": "" }')
    error = sent(target, f"{HEAD}{text}\n}}").json()["error"]
    told = "The template resource '[div(1, 0)]' at line '20' and column '13' is not valid"
    assert told in error["message"]
    path = "properties.template.resources[0].properties.template.resources[0]"
    assert error["additionalInfo"][0]["info"]["path"] == path


def test_an_unreadable_expression_in_a_nested_template(target: Target) -> None:
    resource = {"type": REGISTRIES, "apiVersion": "2023-07-01", "name": "[concat('a']"}
    error = target.ask("validate", template(nested("in", template(resource), "outer"))).json()
    message = error["error"]["message"]
    assert message.startswith("Deployment template language expression evaluation failed: 'Unable")
    path = "properties.template.resources[0].properties.template.resources[0]"
    assert error["error"]["additionalInfo"][0]["info"]["path"] == path


def test_what_fails_while_it_goes_on_has_its_place(target: Target) -> None:
    name = unique()
    text = f"""{HEAD}
  "resources": [
    {{{REGISTRY}, "name": "{name}", "location": "eastus", "sku": {{"name": "Basic"}}}},
    {{{REGISTRY}, "name": "{name}2", "location": "eastus", "sku": {{"name": "Basic"}},
     "tags": {{"a": "[reference('{name}').nothing]"}}}}
  ],
  "outputs": {{"x": {{"type": "string", "value": "[reference('{name}').nothing]"}}}}
}}"""
    assert sent(target, text, "").status_code == 201
    [detail] = target.ended()["error"]["details"]
    assert detail["code"] == "InvalidTemplate"
    start = "Unable to process template language expressions for resource "
    assert detail["message"].startswith(f"{start}'{target.id}/providers/{REGISTRIES}/{name}2'")
    assert "' at line '6' and column '5'. 'The language expression property" in detail["message"]
    info = {"lineNumber": 6, "linePosition": 5, "path": ""}
    assert detail["additionalInfo"] == [{"type": "TemplateViolation", "info": info}]
    operations = target.send("GET", f"{DEPLOYMENTS}/first/operations").json()["value"]
    failed = [
        one["properties"]["statusMessage"]["error"]
        for one in operations
        if "statusMessage" in one["properties"]
    ]
    assert failed[0]["additionalInfo"] == detail["additionalInfo"]
