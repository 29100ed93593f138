"""The commands of the az stand-in: their arguments, and the requests that they make."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ...registry.credentials import Credential
from ...resource_types import CONTAINER_GROUP_TYPE, REGISTRY_TYPE
from .arguments import Parser, UsageError
from .az_account import ARM, AzError, Session

Define = Callable[[Parser], None]
Execute = Callable[[Session, Namespace], Any]
COMMANDS: dict[str, tuple[Define, Execute]] = {}
_ACI = f"/providers/{CONTAINER_GROUP_TYPE}"


def _command(name: str, *options: tuple[str, ...], **flags: Any) -> Callable[[Execute], Execute]:
    """Register a command; each option is its names, "!" at the end makes it required."""

    def define(parser: Parser) -> None:
        for names in options:
            required = names[-1] == "!"
            spelled = [one for one in names if one != "!"]
            parser.add_argument(*spelled, required=required)
        for flag, settings in flags.items():
            short = ["-y"] if settings is _YES else []
            parser.add_argument(f"--{flag.replace('_', '-')}", *short, **settings)

    def register(execute: Execute) -> Execute:
        COMMANDS[name] = (define, execute)
        return execute

    return register


_FLAG = {"action": "store_true"}
_MANY = {"nargs": "+"}
_YES = {"action": "store_true", "default": False}


def _confirm(options: Namespace) -> None:
    """Where az asks first, it fails in a step: there is nobody to answer."""
    if not options.yes:
        raise AzError("Unable to prompt for confirmation as no tty available. Use --yes.")


# -- account and groups --------------------------------------------------------------------------


@_command("login", identity=_FLAG, allow_no_subscriptions=_FLAG)
def _login(az: Session, options: Namespace) -> Any:
    if not options.identity:
        raise UsageError("in a task, log in with --identity: a run has no browser and no secret")
    return az.log_in_with_identity()


@_command("logout")
def _logout(az: Session, options: Namespace) -> Any:  # noqa: ARG001
    az.log_out()


@_command("account show")
def _account(az: Session, options: Namespace) -> Any:  # noqa: ARG001
    found = az.request("GET", f"{ARM}/subscriptions/{az.subscription}").json()
    return {
        "id": found["subscriptionId"],
        "name": found["displayName"],
        "state": found["state"],
        "tenantId": found["tenantId"],
        "isDefault": True,
    }


@_command("group show", ("--name", "-n", "--resource-group", "-g", "!"))
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


@_command(
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
    ports=_MANY,
    environment_variables=_MANY,
    secure_environment_variables=_MANY,
    no_wait=_FLAG,
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
    return az.arm("PUT", _instance(options), body)


@_command("container show", *_NAME)
def _show(az: Session, options: Namespace) -> Any:
    return az.arm("GET", _instance(options))


@_command("container list", ("--resource-group", "-g"))
def _list(az: Session, options: Namespace) -> Any:
    group = f"/resourceGroups/{options.resource_group}" if options.resource_group else ""
    return az.arm("GET", f"{group}{_ACI}")["value"]


@_command("container delete", *_NAME, yes=_YES)
def _delete(az: Session, options: Namespace) -> Any:
    _confirm(options)
    return az.arm("DELETE", _instance(options))


@_command("container logs", *_NAME, ("--container-name",))
def _logs(az: Session, options: Namespace) -> Any:
    name = options.container_name or options.name
    found = az.arm("GET", f"{_instance(options)}/containers/{name}/logs")
    for line in (found["content"] or "").splitlines():
        az.context.log(line)


def _action(name: str) -> None:
    @_command(f"container {name}", *_NAME)
    def execute(az: Session, options: Namespace) -> Any:
        return az.arm("POST", f"{_instance(options)}/{name}")


for _verb in ("start", "stop", "restart"):
    _action(_verb)


# -- registries ----------------------------------------------------------------------------------

_REGISTRY = ("--name", "-n", "--registry", "-r", "!")


def _registry(az: Session, name: str) -> dict[str, Any]:
    """The registry of that name, found as the CLI finds it."""
    found = az.arm("GET", "/resources", query={"$filter": f"resourceType eq '{REGISTRY_TYPE}'"})[
        "value"
    ]
    match = [one for one in found if one["name"].lower() == name.split(".", maxsplit=1)[0].lower()]
    if not match:
        raise AzError(
            f"The resource with name '{name}' and type '{REGISTRY_TYPE}' could not be found in subscription "
            f"'{az.subscription}'."
        )
    resource: dict[str, Any] = az.request("GET", ARM + match[0]["id"]).json()
    return resource


def _refresh_token(az: Session, server: str) -> str:
    form = {"grant_type": "access_token", "service": server, "access_token": az.token()}
    answer = az.plain("POST", f"https://{server}/oauth2/exchange", data=form)
    return str(answer.json()["refresh_token"])


def _acr(az: Session, options: Namespace, scope: str, method: str, path: str) -> Any:
    server = _registry(az, options.name)["properties"]["loginServer"]
    form = {
        "grant_type": "refresh_token",
        "service": server,
        "scope": scope,
        "refresh_token": _refresh_token(az, server),
    }
    token = az.plain("POST", f"https://{server}/oauth2/token", data=form).json()["access_token"]
    answer = az.plain(
        method, f"https://{server}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    return answer.json() if answer.content else None


@_command("acr show", _REGISTRY)
def _acr_show(az: Session, options: Namespace) -> Any:
    return _registry(az, options.name)


@_command("acr login", _REGISTRY, expose_token=_FLAG)
def _acr_login(az: Session, options: Namespace) -> Any:
    server = _registry(az, options.name)["properties"]["loginServer"]
    token = _refresh_token(az, server)
    if options.expose_token:
        return {"accessToken": token, "loginServer": server}
    user = "00000000-0000-0000-0000-000000000000"
    az.context.session.login(server, Credential(user, token))
    az.context.log("Login Succeeded")
    return None


@_command(
    "acr import",
    _REGISTRY,
    ("--source", "!"),
    ("--username", "-u"),
    ("--password", "-p"),
    image={"action": "append", "default": []},
    force=_FLAG,
    no_wait=_FLAG,
)
def _acr_import(az: Session, options: Namespace) -> Any:
    registry = _registry(az, options.name)
    server, slash, image = options.source.partition("/")
    if not slash or not image:
        raise UsageError("--source must be like registry.azurecr.io/repository:tag")
    source: dict[str, Any] = {"registryUri": server, "sourceImage": image}
    if options.password:
        source["credentials"] = {"username": options.username, "password": options.password}
    elif server.endswith(".azurecr.io"):
        known = az.arm(
            "GET", "/resources", query={"$filter": f"resourceType eq '{REGISTRY_TYPE}'"}
        )["value"]
        for one in known:
            if f"{one['name'].lower()}.azurecr.io" == server.lower():
                source = {"resourceId": one["id"], "sourceImage": image}
    body = {
        "source": source,
        "targetTags": options.image or [image],
        "mode": "Force" if options.force else "NoForce",
    }
    answer = az.request("POST", f"{ARM}{registry['id']}/importImage", body)
    if not options.no_wait:
        az.awaited(answer)


@_command("acr repository list", _REGISTRY)
def _repositories(az: Session, options: Namespace) -> Any:
    found = _acr(az, options, "registry:catalog:*", "GET", "/acr/v1/_catalog")
    return found["repositories"] or []


@_command(
    "acr repository show-tags", _REGISTRY, ("--repository", "!"), ("--orderby",), detail=_FLAG
)
def _tags(az: Session, options: Namespace) -> Any:
    order = {"time_desc": "?orderby=timedesc", "time_asc": "?orderby=timeasc"}.get(
        options.orderby or "", ""
    )
    path = f"/acr/v1/{options.repository}/_tags{order}"
    scope = f"repository:{options.repository}:metadata_read"
    found = _acr(az, options, scope, "GET", path)["tags"]
    return found if options.detail else [one["name"] for one in found]


@_command("acr repository show", _REGISTRY, ("--repository",), ("--image", "-t"))
def _repository(az: Session, options: Namespace) -> Any:
    name, _, tag = (options.image or options.repository or "").partition(":")
    if not name:
        raise UsageError("one of --repository and --image is required")
    path = f"/acr/v1/{name}" + (f"/_tags/{tag or 'latest'}" if options.image else "")
    found = _acr(az, options, f"repository:{name}:metadata_read", "GET", path)
    return found["tag"] if options.image else found


@_command("acr repository delete", _REGISTRY, ("--repository",), ("--image", "-t"), yes=_YES)
def _repository_delete(az: Session, options: Namespace) -> Any:
    _confirm(options)
    name, _, tag = (options.image or options.repository or "").partition(":")
    if not name:
        raise UsageError("one of --repository and --image is required")
    scope = f"repository:{name}:metadata_read,delete"
    if not options.image:
        return _acr(az, options, scope, "DELETE", f"/acr/v1/{name}")
    shown = _acr(az, options, scope, "GET", f"/acr/v1/{name}/_tags/{tag or 'latest'}")
    return _acr(az, options, scope, "DELETE", f"/v2/{name}/manifests/{shown['tag']['digest']}")


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


@_command("keyvault secret show", *_SECRET)
def _secret_show(az: Session, options: Namespace) -> Any:
    return _vault(az, "GET", options)


@_command("keyvault secret set", *_SECRET, ("--value", "!"))
def _secret_set(az: Session, options: Namespace) -> Any:
    return _vault(az, "PUT", options, {"value": options.value})
