"""Parameters of templates that are secrets of a vault, and secrets that templates write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import nested, template
from tests.key_vault.test_key_vault import GROUP, create_vault, policy, secrets
from tests.key_vault.test_vaults import patch
from tests.resource_manager.callers import caller_with
from tests.resource_manager.deploying import DEPLOYMENTS, Target, body_of, target, unique

__all__ = ["target"]


@pytest.fixture(scope="module")
def vault(local_cloud: LocalCloud) -> str:
    """A vault that templates may read, with a secret."""
    name = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    patch(local_cloud, name, enabledForTemplateDeployment=True)
    secrets(local_cloud, name).set_secret("word", "shibboleth")
    return name


def copying(vault: str, secret: str, kind: str = "securestring") -> dict[str, Any]:
    """A template that writes its parameter to a secret."""
    written = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2023-07-01",
        "name": f"{vault}/{secret}",
        "properties": {"value": "[parameters('word')]"},
    }
    inner = template(written, parameters={"word": {"type": kind}})
    given = {"parameters": {"word": {"value": "[parameters('word')]"}}}
    elsewhere = nested(unique("inner"), inner, resourceGroup=GROUP, properties=given)
    return template(elsewhere, parameters={"word": {"type": kind}})


def reference(cloud: LocalCloud, vault: str, **more: Any) -> dict[str, Any]:
    path = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}"
    held = {"keyVault": {"id": f"{cloud.subscription}/{path}"}, "secretName": "word", **more}
    return {"word": {"reference": held}}


@pytest.mark.parametrize("kind", ["securestring", "string"])
def test_a_secret_is_a_parameter_and_is_not_shown(
    target: Target, local_cloud: LocalCloud, vault: str, kind: str
) -> None:
    copy = unique("copy")
    given = reference(local_cloud, vault)
    ended = target.deploy(copying(vault, copy, kind), parameters=given)
    assert ended["provisioningState"] == "Succeeded", ended
    assert secrets(local_cloud, vault).get_secret(copy).value == "shibboleth"
    shown = target.send("GET", f"{DEPLOYMENTS}/first").json()
    assert shown["properties"]["parameters"]["word"]["reference"] == given["word"]["reference"]
    assert "shibboleth" not in json.dumps(shown)
    operations = target.send("GET", f"{DEPLOYMENTS}/first/operations").text
    assert "shibboleth" not in operations


def test_az_deploys_with_a_secret_of_a_version(
    az: Az, target: Target, local_cloud: LocalCloud, vault: str, tmp_path: Path
) -> None:
    client = secrets(local_cloud, vault)
    old = client.get_secret("word").properties.version
    client.set_secret("word", "sibboleth")
    copy = unique("copy")
    document, parameters = tmp_path / "template.json", tmp_path / "parameters.json"
    document.write_text(json.dumps(copying(vault, copy)))
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
    given = reference(local_cloud, vault, secretVersion=old)
    parameters.write_text(
        json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "parameters": given})
    )
    az.json(
        *("deployment", "group", "create", "-g", target.group, "-n", "first"),
        *("--template-file", str(document), "--parameters", f"@{parameters}"),
    )
    assert client.get_secret(copy).value == "shibboleth"
    client.set_secret("word", "shibboleth")


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"secretName": "never"}, "SecretRetrieveFailed", "status code: 'NotFound'"),
        ({"secretVersion": "0" * 32}, "SecretRetrieveFailed", "status code: 'NotFound'"),
        ({"keyVault": {"id": "/subscriptions/x"}}, "NotFound", "'/subscriptions/x'"),
        ({"keyVault": {}}, "InvalidRequestContent", "needs 'keyVault.id'"),
        ({"secretName": None}, "InvalidRequestContent", "'secretName'"),
        ({"secretName": 5}, "InvalidRequestContent", "'secretName' must be a string"),
        ({"keyVault": "x"}, "InvalidRequestContent", "'keyVault' must be an object"),
    ],
)
def test_a_reference_that_leads_nowhere(
    target: Target,
    local_cloud: LocalCloud,
    vault: str,
    change: dict[str, Any],
    code: str,
    told: str,
) -> None:
    given = reference(local_cloud, vault, **change)
    for answer in (
        target.begin(copying(vault, "never"), parameters=given),
        target.ask("validate", copying(vault, "never"), parameters=given),
    ):
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"].endswith(code), error
        assert told in error["message"]


def test_a_reference_of_another_type(target: Target, vault: str) -> None:
    answer = target.begin(copying(vault, "never"), parameters={"word": {"reference": "x"}})
    assert answer.status_code == 400
    assert (
        "reference of the parameter 'word' must be an object" in answer.json()["error"]["message"]
    )


def test_a_vault_says_whether_templates_may_read(
    target: Target, local_cloud: LocalCloud, vault: str
) -> None:
    def ask() -> tuple[int, str]:
        body = {"parameters": reference(local_cloud, vault)}
        answer = target.ask("validate", copying(vault, "never"), **body)
        return answer.status_code, answer.json().get("error", {}).get("message", "")

    try:
        patch(local_cloud, vault, enabledForTemplateDeployment=False)
        status, message = ask()
        assert (status, "Access denied to first party service" in message) == (400, True)
        assert "Http status code: 'Forbidden'" in message
        rules = {"defaultAction": "Deny", "bypass": "AzureServices"}
        patch(local_cloud, vault, enabledForTemplateDeployment=True, networkAcls=rules)
        assert ask()[0] == 200
        patch(local_cloud, vault, networkAcls={**rules, "bypass": "None"})
        status, message = ask()
        assert (status, "Client address is not authorized" in message) == (400, True)
    finally:
        patch(local_cloud, vault, networkAcls={"defaultAction": "Allow"})


def test_who_deploys_needs_the_right_to_deploy_with_the_vault(
    target: Target, local_cloud: LocalCloud, vault: str
) -> None:
    ask = caller_with(local_cloud, target.id, ["Microsoft.Resources/deployments/*"])
    body = body_of(copying(vault, "never"), parameters=reference(local_cloud, vault))
    url = f"https://management.azure.com{target.id}/{DEPLOYMENTS}/first"
    answer = ask("PUT", url, body)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "KeyVaultParameterReferenceAuthorizationFailed"
    assert "'Microsoft.KeyVault/vaults/deploy/action'" in error["message"]
