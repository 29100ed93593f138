"""Accounts, groups, container instances and vaults in the az stand-in: arguments and requests."""

from __future__ import annotations

import shlex
from argparse import Namespace
from typing import Any

from ...resource_types import CONTAINER_GROUP_TYPE
from ..errors import UsageError
from .az_account import AzError, Session
from .az_registration import FLAG, MANY, YES, command, confirm, flat

_ACI = f"/providers/{CONTAINER_GROUP_TYPE}"


# -- account and groups --------------------------------------------------------------------------


@command(
    "login",
    *(("--client-id",), ("--object-id",), ("--resource-id",), ("--username", "-u")),
    identity=FLAG,
    allow_no_subscriptions=FLAG,
)
def _login(az: Session, options: Namespace) -> Any:
    if not options.identity:
        raise UsageError("in a task, log in with --identity: a run has no browser and no secret")
    given = {
        "MSIClient": options.client_id,
        "MSIObject": options.object_id,
        "MSIResource": options.resource_id,
    }
    if options.username:
        az.warn(
            "Passing the managed identity ID with --username is deprecated and will be removed in a "
            "future release. Please use --client-id, --object-id or --resource-id instead."
        )
        given |= _of_username(az, options.username)
    asked = [(kind, value) for kind, value in given.items() if value]
    if len(asked) > 1:
        raise AzError("Usage error: Provide only one of --client-id, --object-id, --resource-id.")
    return az.log_in_with_identity(*(asked[0] if asked else ("MSI", "")))


def _of_username(az: Session, name: str) -> dict[str, str]:
    """What a user name of ``az login --identity`` is: versions before 2.73 find that out."""
    if name.startswith("/"):
        return {"MSIResource": name}
    of_object = any(one.object_id == name.lower() for one in az.context.identities.principals)
    return {"MSIObject" if of_object else "MSIClient": name}


@command("logout")
def _logout(az: Session, options: Namespace) -> Any:  # noqa: ARG001
    az.log_out()


@command("account show")
def _account(az: Session, options: Namespace) -> Any:  # noqa: ARG001
    return az.account  # what the login has kept: no right to read the subscription is needed


@command("group show", ("--name", "-n", "--resource-group", "-g", "!"))
def _group(az: Session, options: Namespace) -> Any:
    return az.arm("GET", f"/resourceGroups/{options.name}")


# -- container instances -------------------------------------------------------------------------

_NAME = (("--resource-group", "-g", "!"), ("--name", "-n", "!"))


def _instance(options: Namespace) -> str:
    return f"/resourceGroups/{options.resource_group}{_ACI}/{options.name}"


def _pairs(words: list[str] | None, *, secure: bool) -> list[dict[str, str]]:
    found = []
    for word in words or []:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"environment variables have the form NAME=value, not {word!r}")
        found.append({"name": name, ("secureValue" if secure else "value"): value})
    return found


def _resources(options: Namespace) -> dict[str, float]:
    requests: dict[str, float] = {}
    given = (("cpu", "cpu", options.cpu), ("memory", "memoryInGB", options.memory))
    for option, name, value in given:
        if value is not None:
            try:
                requests[name] = float(value)
            except ValueError:
                raise UsageError(f"argument --{option}: invalid float value: '{value}'") from None
    return requests


@command(
    "container create",
    *_NAME,
    ("--image", "!"),
    ("--location", "-l"),
    ("--os-type",),
    ("--cpu",),
    ("--memory",),
    ("--ip-address",),
    ("--protocol",),
    ("--restart-policy",),
    ("--registry-login-server",),
    ("--registry-username",),
    ("--registry-password",),
    ("--command-line",),
    ("--dns-name-label",),
    ports=MANY,
    environment_variables=MANY,
    secure_environment_variables=MANY,
    no_wait=FLAG,
)
def _create(az: Session, options: Namespace) -> Any:
    """The request that azure-cli sends (container/custom.py); what is not given is not sent."""
    location = options.location
    if not location:
        location = az.arm("GET", f"/resourceGroups/{options.resource_group}")["location"]
    requests = _resources(options)
    try:
        numbers = [int(port) for port in options.ports or ["80"]]
        command = shlex.split(options.command_line or "")
    except ValueError as error:
        raise UsageError(f"argument --ports or --command-line: {error}") from None
    ports = [{"protocol": options.protocol or "TCP", "port": number} for number in numbers]
    variables = _pairs(options.environment_variables, secure=False)
    variables += _pairs(options.secure_environment_variables, secure=True)
    container: dict[str, Any] = {"image": options.image, "ports": ports}
    if requests:
        container["resources"] = {"requests": requests}
    if variables:
        container["environmentVariables"] = variables
    if command:
        container["command"] = command
    properties: dict[str, Any] = {
        "containers": [{"name": options.name, "properties": container}],
        "restartPolicy": options.restart_policy or "Always",
    }
    if options.os_type:
        properties["osType"] = options.os_type
    if options.registry_password or options.registry_username:
        server = options.registry_login_server or options.image.split("/")[0]
        properties["imageRegistryCredentials"] = [
            {
                "server": server,
                "username": options.registry_username or "",
                "password": options.registry_password or "",
            }
        ]
    if options.ip_address or options.dns_name_label:
        properties["ipAddress"] = {"ports": ports, "type": options.ip_address or "Public"}
        if options.dns_name_label:
            properties["ipAddress"]["dnsNameLabel"] = options.dns_name_label
    body = {"location": location, "properties": properties}
    return flat(az.arm("PUT", _instance(options), body))


@command("container show", *_NAME)
def _show(az: Session, options: Namespace) -> Any:
    return flat(az.arm("GET", _instance(options)))


@command("container list", ("--resource-group", "-g"))
def _list(az: Session, options: Namespace) -> Any:
    group = f"/resourceGroups/{options.resource_group}" if options.resource_group else ""
    return flat(list(az.listed(f"{group}{_ACI}")))


@command("container delete", *_NAME, yes=YES)
def _delete(az: Session, options: Namespace) -> Any:
    confirm(options)
    return az.arm("DELETE", _instance(options))


@command("container logs", *_NAME, ("--container-name",))
def _logs(az: Session, options: Namespace) -> Any:
    name = options.container_name or options.name
    found = az.arm("GET", f"{_instance(options)}/containers/{name}/logs")
    for line in (found["content"] or "").splitlines():
        az.context.log(line)


def _action(name: str) -> None:
    @command(f"container {name}", *_NAME)
    def execute(az: Session, options: Namespace) -> Any:
        return az.arm("POST", f"{_instance(options)}/{name}")


for _verb in ("start", "stop", "restart"):
    _action(_verb)


# -- key vault -----------------------------------------------------------------------------------

_SECRET = (("--vault-name", "!"), ("--name", "-n", "!"))


def _vault(az: Session, method: str, options: Namespace, body: Any = None) -> Any:
    token = az.token("https://vault.azure.net")
    answer = az.plain(
        method,
        f"https://{options.vault_name}.vault.azure.net/secrets/{options.name}",
        params={"api-version": "7.4"},
        headers={"Authorization": f"Bearer {token}"},
        json=body,
    )
    return answer.json()


@command("keyvault secret show", *_SECRET)
def _secret_show(az: Session, options: Namespace) -> Any:
    return _vault(az, "GET", options)


@command("keyvault secret set", *_SECRET, ("--value", "!"))
def _secret_set(az: Session, options: Namespace) -> Any:
    return _vault(az, "PUT", options, {"value": options.value})
