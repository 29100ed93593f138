"""Linked templates and parameters: files of the local cloud's git host, by the SDK and by az."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import SCHEMA, nested, registry, template
from tests.git_host.test_git_host import create, push_folder
from tests.resource_manager.deploying import DEPLOYMENTS, Target, target, unique

__all__ = ["target"]
LINKS = "Microsoft.Resources/deployments"


def linked(name: str, link: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A deployment within a template that links another one."""
    return {
        "type": LINKS,
        "apiVersion": "2022-09-01",
        "name": name,
        "properties": {"mode": "Incremental", "templateLink": link, **properties},
    }


NAMED = template(
    registry("[parameters('name')]"),
    parameters={"name": {"type": "string"}},
    outputs={
        "server": {
            "type": "string",
            "value": "[reference(resourceId('Microsoft.ContainerRegistry/registries', "
            "parameters('name')), '2023-07-01').loginServer]",
        },
        "link": {"type": "string", "value": "[deployment().properties.templateLink.uri]"},
    },
)
MAIN = template(
    linked(
        "inner",
        {"relativePath": "parts/named.json", "contentVersion": "1.0.0.0"},
        parameters={"name": {"value": "[parameters('name')]"}},
    ),
    parameters={"name": {"type": "string"}},
    outputs={"server": {"type": "string", "value": "[reference('inner').outputs.server.value]"}},
)
FILES: dict[str, Any] = {
    "main.json": MAIN,
    "parts/named.json": NAMED,
    "by-uri.json": template(
        linked(
            "inner",
            {"uri": "[uri(deployment().properties.templateLink.uri, 'parts/named.json')]"},
            parameters={"name": {"value": "[parameters('name')]"}},
        ),
        parameters={"name": {"type": "string"}},
    ),
    "itself.json": template(
        linked("again", {"relativePath": "itself.json"}),
        linked("and-again", {"relativePath": "itself.json"}),
    ),
    "wild.json": template(linked("wild", {"relativePath": "//["})),
    "parameters.json": {"$schema": SCHEMA, "contentVersion": "2.0.0.0", "parameters": {}},
}


@pytest.fixture(scope="module")
def folder(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the files in a public repository."""
    name = create(local_cloud)
    work = tmp_path_factory.mktemp("templates")
    (work / "parts").mkdir()
    for path, document in FILES.items():
        (work / path).write_text(json.dumps(document, indent=2))
    (work / "commented.json").write_text("// what it is\n" + json.dumps(MAIN, indent=2))
    (work / "wrong.json").write_text(
        f'{{\n  "$schema": "{SCHEMA}",\n  "contentVersion": "1.0.0.0",\n  "resources": [\n'
        '    {"type": "a/b", "apiVersion": "1", "name": "[nothing()]"}\n  ]\n}'
    )
    (work / "no.json").write_text("{")
    (work / "binary.json").write_bytes(b"\xff\xfe")
    (work / "large.json").write_text(" " * (4 * 1024 * 1024 + 1))
    push_folder(local_cloud, work, name)
    return f"https://raw.githubusercontent.com/{name}/main"


def link_of(folder: str, path: str, **more: str) -> dict[str, Any]:
    return {"templateLink": {"uri": f"{folder}/{path}", **more}}


@pytest.mark.parametrize("file", ["main.json", "by-uri.json", "commented.json"])
def test_a_link_and_what_it_links(target: Target, folder: str, file: str) -> None:
    name = unique()
    given: Any = {"parameters": {"name": {"value": name}}, **link_of(folder, file)}
    done = target.deploy(None, **given)
    assert done["provisioningState"] == "Succeeded", done
    assert done["templateLink"] == {"uri": f"{folder}/{file}", "contentVersion": "1.0.0.0"}
    inner = target.send("GET", f"{DEPLOYMENTS}/inner").json()["properties"]
    assert inner["templateLink"]["uri"] == f"{folder}/parts/named.json"
    assert inner["outputs"]["link"]["value"] == f"{folder}/parts/named.json"
    assert inner["outputs"]["server"]["value"] == f"{name}.azurecr.io"
    assert name in target.names()


def test_az_deploys_an_address_with_parameters_of_another(
    target: Target, az: Az, folder: str
) -> None:
    name = unique()
    words = ("deployment", "group", "create", "-g", target.group, "-n", "by-az")
    made = az.json(*words, "--template-uri", f"{folder}/main.json", "-p", f"name={name}")
    assert made["properties"]["templateLink"]["uri"] == f"{folder}/main.json"
    assert made["properties"]["outputs"]["server"]["value"] == f"{name}.azurecr.io"
    told = az.refused(*words, "--template-uri", f"{folder}/wrong.json")
    assert "at line '5' and column '5' is not valid" in told
    assert '"path": "resources[0]"' in told


def test_parameters_of_a_link(target: Target, folder: str) -> None:
    link = {"uri": f"{folder}/parameters.json", "contentVersion": "2.0.0.0"}
    done = target.deploy(template(), parametersLink=link)
    assert done["provisioningState"] == "Succeeded", done
    assert done["parametersLink"] == {"uri": f"{folder}/parameters.json"}
    given = {"parametersLink": {"uri": f"{folder}/parameters.json"}}
    refused = target.ask("validate", None, **link_of(folder, "main.json"), **given)
    assert "The value for the template parameter 'name'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("never.json", "It must be a file of a public repository of the local cloud"),
        ("parts", "It must be a file of a public repository of the local cloud"),
        ("binary.json", "in UTF-8"),
        ("large.json", "of at most 4194304 bytes"),
        ("https://example.com/a.json", "Nothing leaves this machine: push the file"),
        ("https://x.blob.core.windows.net/a/b.json?sig=secret", "Nothing leaves this machine"),
        ("file:///etc/passwd", "Nothing leaves this machine"),
        ("https://[::1", "Nothing leaves this machine"),
    ],
)
def test_what_cannot_be_downloaded(target: Target, folder: str, path: str, told: str) -> None:
    uri = path if ":" in path else f"{folder}/{path}"
    answer = target.begin(None, templateLink={"uri": uri})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidContentLink")
    shown = uri.partition("?")[0]
    assert (
        f"Unable to download deployment content from '{shown}'. The tracking Id" in error["message"]
    )
    assert told in error["message"]
    assert "secret" not in error["message"]


@pytest.mark.parametrize(
    ("properties", "status", "told"),
    [
        ({"templateLink": {}}, 400, "needs one of 'uri' and 'relativePath'"),
        ({"templateLink": "a"}, 400, "The 'templateLink' of a deployment must be an object"),
        ({"templateLink": {"uri": 5}}, 400, "'properties.templateLink.uri' must be a string"),
        ({"templateLink": {"uri": "a", "relativePath": "b"}}, 400, "needs one of"),
        ({"templateLink": {"relativePath": "b"}}, 400, "has nothing that it is relative to"),
        ({"templateLink": {"uri": "FOLDER/wild.json"}}, 400, "Unable to download deployment"),
        ({"templateLink": {"id": "/subscriptions/a"}}, 501, "template specs"),
        ({"template": template(), "templateLink": {"uri": "a"}}, 400, "has both 'template' and"),
        ({"template": template(), "parametersLink": {}}, 400, "needs a 'uri'"),
        ({"template": template(), "parametersLink": None, "templateLink": None}, 200, ""),
        ({"template": template(), "parametersLink": {"contentVersion": "1"}}, 400, "needs a 'uri'"),
        (
            {
                "template": template(),
                "parameters": {"a": {"value": 1}},
                "parametersLink": {"uri": "a"},
            },
            400,
            "has both 'parameters' and 'parametersLink'",
        ),
        ({"templateLink": {"uri": "FOLDER/no.json"}}, 400, "Deployment template parse failed"),
        (
            {"templateLink": {"uri": "FOLDER/main.json", "contentVersion": "9.0.0.0"}},
            400,
            "The content version '1.0.0.0' of",
        ),
        (
            {"template": template(), "parametersLink": {"uri": "FOLDER/main.json"}},
            400,
            "The template parameters 'name' in the parameters file are not valid",
        ),
        (
            {"template": template(), "parametersLink": {"uri": "FOLDER/wrong.json"}},
            400,
            "has no 'parameters'",
        ),
    ],
)
def test_links_that_cannot_be(
    target: Target, folder: str, properties: dict[str, Any], status: int, told: str
) -> None:
    text = json.dumps({"properties": {"mode": "Incremental", **properties}})
    body = json.loads(text.replace("FOLDER", folder))
    answer = target.send("POST", f"{DEPLOYMENTS}/first/validate", body)
    assert answer.status_code == status, answer.text
    assert told in answer.text


def test_a_template_that_links_itself_comes_to_an_end(target: Target, folder: str) -> None:
    done = target.deploy(None, **link_of(folder, "itself.json"))
    assert done["provisioningState"] == "Failed"
    told = json.dumps(done["error"])
    assert "nested more than 20 levels deep" in told or "takes more than 1000000 steps" in told


def test_of_the_template_within_a_template(target: Target, folder: str) -> None:
    inner = template(linked("third", {"relativePath": "parts/named.json"}))
    refused = target.begin(template(nested("second", inner)))
    assert refused.status_code == 400
    assert "has nothing that it is relative to" in refused.json()["error"]["message"]
    wrong = target.ask("validate", template(linked("third", {"uri": f"{folder}/wrong.json"})))
    error = wrong.json()["error"]
    assert "at line '5' and column '5'" in error["message"]
    assert error["additionalInfo"][0]["info"]["path"] == "resources[0]"
