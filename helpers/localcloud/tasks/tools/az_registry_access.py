"""How the az stand-in finds a registry, and asks it as the login of the run.

Source of texts and exit statuses: azure-cli 2.84, command_modules/acr (_docker_utils.py, _utils.py,
_validators.py), and what it prints against the same answers.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import requests

from ...media_types import MANIFEST_TYPES, OCI_ARTIFACT
from ...reference import AZURE, login_server
from ...resource_types import REGISTRY_TYPE
from .az_account import ARM, AzError, Session
from .pages import Query, pages

PAGE = 100  # items of a list that az asks for at once
_NAME = re.compile(r"[a-zA-Z0-9]{5,50}")
_MANIFESTS = ", ".join(
    (
        "*/*",
        OCI_ARTIFACT,
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
        *MANIFEST_TYPES,
    )
)
_NO_ADMIN = "Admin user is disabled."
_NOT_FOUND = 3  # exit status of a show command whose object is not there


def registry_name(az: Session, given: str) -> str:
    """A registry's name as the options give it, also with the suffix of its login server."""
    name, dot, rest = given.partition(".")
    if f"{dot}{rest}".lower() == AZURE:
        az.warn(
            f"Registry name is '{name}'. The following suffix '{AZURE}' is automatically omitted."
        )
    elif dot:
        raise AzError(
            "The login server suffix is not valid for the current cloud. Please try again using "
            f"'{AZURE}'."
        )
    if not _NAME.fullmatch(name):
        raise AzError(
            "Registry names may contain only alpha numeric characters and must be between 5 and 50 "
            "characters"
        )
    return name


class RegistryNotFoundError(AzError):
    """No registry of that name that the login may see."""


def find_registry(az: Session, given: str, group: str | None = None) -> dict[str, Any]:
    """The registry of that name in the subscription, found as azure-cli finds it."""
    name = registry_name(az, given)
    if group:
        path = f"/resourceGroups/{group}/providers/{REGISTRY_TYPE}/{name}"
        resource: dict[str, Any] = az.arm("GET", path)
        return resource
    wanted = {"$filter": f"resourceType eq '{REGISTRY_TYPE}'"}
    known = az.listed("/resources", query=wanted)
    match = next((one for one in known if one["name"].lower() == name.lower()), None)
    if match is None:
        raise RegistryNotFoundError(
            f"The resource with name '{name}' and type '{REGISTRY_TYPE}' could not be found in "
            f"subscription '{az.account['name']} ({az.subscription})'."
        )
    found: dict[str, Any] = az.request("GET", ARM + match["id"]).json()
    return found


def refresh_token(az: Session, server: str, no_admin: str = _NO_ADMIN) -> str:
    """A refresh token of a registry for the login. Raises :class:`AzError` where it is denied.

    ``no_admin`` is why az cannot come in as the registry's admin user instead.
    """
    form = {"grant_type": "access_token", "service": server, "access_token": az.token()}
    answer = az.bare("POST", f"https://{server}/oauth2/exchange", data=form)
    if answer.status_code != 200:
        raise _denied(az, server, "REFRESH", answer, no_admin)
    return str(answer.json()["refresh_token"])


class Repositories:
    """Requests to the data plane of one registry, with the rights that one command asks for."""

    def __init__(self, az: Session, options: Namespace, repository: str, permission: str) -> None:
        """``repository`` "" is the registry itself, whose ``permission`` is ``catalog``."""
        self._az = az
        name = registry_name(az, options.registry)
        self.server = login_server(name)
        scope = (
            f"repository:{repository}:{permission}" if repository else f"registry:{permission}:*"
        )
        if options.username or options.password:
            self._authorization = self._basic(options, scope)
        else:
            self._authorization = self._as_login(scope, self._look_for(name))

    def _look_for(self, name: str) -> str:
        """Why there is no admin user to come in as.

        Who may not read a registry at ARM may still ask the registry itself.
        """
        try:
            find_registry(self._az, name)
        except RegistryNotFoundError as missing:
            return str(missing)
        return _NO_ADMIN

    def _basic(self, options: Namespace, scope: str) -> str:
        if not options.username or not options.password:
            raise AzError("Please specify both username and password in non-interactive mode.")
        form = {
            **{"grant_type": "password", "service": self.server, "scope": scope},
            **{"username": options.username, "password": options.password},
        }
        answer = self._az.bare("POST", f"https://{self.server}/oauth2/token", data=form)
        if answer.status_code != 200:
            raise AzError(_moment() + _denial(self.server, "ACCESS", answer))
        return f"Bearer {answer.json()['access_token']}"

    def _as_login(self, scope: str, no_admin: str) -> str:
        form = {
            **{"grant_type": "refresh_token", "service": self.server, "scope": scope},
            "refresh_token": refresh_token(self._az, self.server, no_admin),
        }
        answer = self._az.bare("POST", f"https://{self.server}/oauth2/token", data=form)
        if answer.status_code != 200:
            raise _denied(self._az, self.server, "ACCESS", answer, no_admin)
        return f"Bearer {answer.json()['access_token']}"

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        showing: bool = False,
    ) -> requests.Response:
        """One request; ``showing`` is for a show command. Raises :class:`AzError` as az prints it."""
        headers = {"Authorization": self._authorization}
        if "/manifests/" in path:
            headers["Accept"] = _MANIFESTS
        url = f"https://{self.server}{path}"
        answer = self._az.bare(method, url, json=body, params=query, headers=headers)
        if answer.status_code >= 400:
            missing = showing and answer.status_code == 404
            raise AzError(_error(answer, method), _NOT_FOUND if missing else 1)
        return answer

    def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer's JSON; None when it has no body."""
        answer = self.request(method, path, body, **options)
        return answer.json() if answer.content else None

    def items(
        self, path: str, key: str, *, top: int | None = None, orderby: str | None = None
    ) -> list[Any]:
        """A list with all of its pages, ``top`` items at most."""
        order = {"time_asc": "timeasc", "time_desc": "timedesc"}.get(orderby or "")
        first = {"n": str(PAGE if top is None else min(top, PAGE))}
        if order:
            first["orderby"] = order
        found: list[Any] = []
        for answer in self._pages(path, first):
            found += answer.json()[key] or []
            if top is not None and len(found) >= top:
                return found[:top]
        return found

    def referrers(self, repository: str, digest: str, artifact_type: str | None) -> list[Any]:
        """The manifests that have ``digest`` as their subject."""
        query = {"artifactType": artifact_type} if artifact_type else {}
        found: list[Any] = []
        for answer in self._pages(f"/v2/{repository}/referrers/{digest}", query):
            found += answer.json()["manifests"] or []
        return found

    def _pages(self, path: str, query: Query) -> Iterator[requests.Response]:
        return pages(lambda query: self.request("GET", path, query=query), query)


def _error(answer: requests.Response, method: str) -> str:
    """A registry's error as azure-cli prints it: message, and the detail where it is a text."""
    known = {
        401: "Authentication required.",
        404: "The requested data does not exist.",
        405: "This operation is not supported.",
        409: "Failed to request data due to a conflict.",
    }
    text = known.get(answer.status_code, f"Could not {method.lower()} the requested data.")
    try:
        error = answer.json()["errors"][0]
        detail = error.get("detail")
        text = f"Error: {error['message']}"
        text += f" Detail: {detail}" if isinstance(detail, str) else ""
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        pass
    if not text.endswith("."):
        text += "."
    correlation = answer.headers.get("x-ms-correlation-request-id")
    return f"{_moment()}{text} Correlation ID: {correlation}." if correlation else text


def _denied(
    az: Session, server: str, kind: str, answer: requests.Response, no_admin: str
) -> AzError:
    """What azure-cli says when neither the login nor an admin user may come in."""
    az.warn(
        "Unable to get AAD authorization tokens with message: "
        f"{_moment()}{_denial(server, kind, answer)}"
    )
    az.warn(f"Unable to get admin user credentials with message: {no_admin}")
    return AzError(
        "Unable to authenticate using AAD or admin login credentials. Please specify both username "
        "and password in non-interactive mode."
    )


def _denial(server: str, kind: str, answer: requests.Response) -> str:
    return (
        f"An error occurred: CONNECTIVITY_{kind}_TOKEN_ERROR\nAccess to registry '{server}' was "
        f"denied. Response code: {answer.status_code}. Please try running 'az login' again to "
        "refresh permissions."
    )


def _moment() -> str:
    return f"{datetime.now(timezone.utc).replace(tzinfo=None)} "
