"""The az stand-in's login, and its requests to Azure under that login."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import requests

from ...api_versions import newest
from ...gateway import session as gateway_session
from . import ToolContext

ARM = "https://management.azure.com"
_LONGEST = 600.0  # seconds that an operation may take
# What az keeps of whom it has logged in as, and what that is for the metadata service.
PARAMETERS = {"MSIClient": "client_id", "MSIObject": "object_id", "MSIResource": "msi_res_id"}
_METADATA = "http://169.254.169.254/metadata/identity/oauth2/token"


class AzError(Exception):
    """A command that failed; the text is what az prints after ``ERROR:``."""

    def __init__(self, message: str, exit_status: int = 1) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Session:
    """What the login of this run allows: tokens, and requests to the resource manager."""

    def __init__(self, context: ToolContext, *, warnings: bool = True) -> None:
        self.context = context
        self._warnings = warnings
        self._http = gateway_session(context.cloud)
        self._tokens: dict[str, str] = {}  # of this command, by what they are for
        self._file = context.state / "az-login.json"

    # -- login -------------------------------------------------------------------------------

    def log_in_with_identity(self, kind: str, value: str) -> list[dict[str, Any]]:
        """``az login --identity``: proves the identity once, and keeps who it is.

        ``kind`` is a key of :data:`PARAMETERS`, "MSI" for the default identity.
        """
        token = self._identity_token(f"{ARM}/", kind, value)
        answer = self._http.get(
            f"{ARM}/subscriptions",
            params={"api-version": "2022-12-01"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        found = answer.json().get("value", [])
        if not found:
            raise AzError(
                "No access was configured for the managed identity, hence no subscriptions were "
                "found. If this is expected, use '--allow-no-subscriptions' to have tenant level "
                "access."
            )
        accounts = [
            {
                "environmentName": "AzureCloud",
                "homeTenantId": one["tenantId"],
                "id": one["subscriptionId"],
                "isDefault": one is found[0],
                "name": one["displayName"],
                "state": one["state"],
                "tenantId": one["tenantId"],
                "user": {
                    "assignedIdentityInfo": f"{kind}-{value}" if value else kind,
                    "name": f"{'user' if value else 'system'}AssignedIdentity",
                    "type": "servicePrincipal",
                },
            }
            for one in found
        ]
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.write_text(json.dumps(accounts[0]))
        self._file.chmod(0o600)
        return accounts

    def log_out(self) -> None:
        """``az logout``."""
        self._file.unlink(missing_ok=True)

    @property
    def account(self) -> dict[str, Any]:
        """The account of the login, as az keeps it. Raises :class:`AzError` without one."""
        try:
            kept: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            raise AzError("Please run 'az login' to setup account.") from None
        return kept

    @property
    def subscription(self) -> str:
        """The id of the subscription of the login. Raises :class:`AzError` without one."""
        return str(self.account["id"])

    def _identity_token(self, resource: str, kind: str, value: str) -> str:
        identities = self.context.identities
        if not identities:
            raise AzError(
                "Failed to connect to MSI. Please make sure MSI is configured correctly: this task "
                "has no managed identity. Create it with --assign-identity."
            )
        asked = {PARAMETERS[kind]: value} if value else {}
        principals = self.context.cloud.principals
        secret = principals.open_session(*identities.object_ids)
        try:
            basic = base64.b64encode(f"identity:{secret}".encode()).decode()
            answer = self._http.get(
                _METADATA,
                params={"api-version": "2018-02-01", "resource": resource, **asked},
                headers={"Metadata": "true", "Proxy-Authorization": f"Basic {basic}"},
                timeout=30,
            )
        finally:
            principals.close_session(secret)
        body = answer.json()
        if answer.status_code != 200:
            raise AzError(f"Failed to get a token: {body.get('error_description', body)}")
        return str(body["access_token"])

    def token(self, resource: str = f"{ARM}/") -> str:
        """An access token of the login for a resource."""
        kind, _, value = self.account["user"]["assignedIdentityInfo"].partition("-")
        if resource not in self._tokens:
            self._tokens[resource] = self._identity_token(resource, kind, value)
        return self._tokens[resource]

    def warn(self, text: str) -> None:
        """Print a warning, unless the command line asks for errors alone."""
        if self._warnings:
            self.context.tell(f"WARNING: {text}")

    # -- requests ----------------------------------------------------------------------------

    def arm(
        self, method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None
    ) -> Any:
        """A request to the resource manager, its long-running operation awaited.

        ``path`` begins after ``/subscriptions/{id}``. Raises :class:`AzError` with ARM's error.
        """
        url = f"{ARM}/subscriptions/{self.subscription}{path}"
        answer = self.awaited(self.request(method, url, body, query=query))
        result = answer.json() if answer.content else None
        if method == "PUT":
            result = self._settled(url, result)
        return result

    def listed(self, path: str, *, query: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """The resources of a listing, page after page. ``path`` is as for :meth:`arm`.

        Source: Azure Resource Manager's guidelines, "Pagination": a page names the next one in
        ``nextLink``. Raises :class:`AzError` with ARM's error.
        """
        page = self.arm("GET", path, query=query)
        while True:
            yield from page["value"]
            following = page.get("nextLink")
            if not following:
                return
            page = self.request("GET", following).json()

    def awaited(self, answer: requests.Response) -> requests.Response:
        """The outcome of the long-running operation that ``answer`` tells of, if it does."""
        begun = time.monotonic()
        while answer.status_code == 202 and "Location" in answer.headers:
            taken = time.monotonic() - begun
            if taken > _LONGEST:
                raise AzError("The operation has not ended within ten minutes.")
            self._pause(answer, taken)
            answer = self.request("GET", answer.headers["Location"])
        return answer

    def _settled(self, url: str, result: Any) -> Any:
        """Wait until a created resource has reached the end of its provisioning."""
        for _ in range(2400):
            state = ((result or {}).get("properties") or {}).get("provisioningState", "Succeeded")
            if state == "Succeeded":
                return result
            if state in ("Failed", "Canceled"):
                raise AzError(_reason(result))
            time.sleep(0.05)
            if self.context.cancelled():
                raise AzError("canceled")
            result = self.request("GET", url).json()
        raise AzError("The resource was not provisioned within two minutes.")

    def request(
        self, method: str, url: str, body: Any = None, *, query: dict[str, str] | None = None
    ) -> requests.Response:
        """One request with the login's token. Raises :class:`AzError` for an error answer."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        parameters = {} if "api-version=" in url else {"api-version": newest(url)}
        parameters |= query or {}
        answer = self._http.request(
            method, url, json=body, params=parameters, headers=headers, timeout=120
        )
        if answer.status_code >= 400:
            raise AzError(_error(answer), 3 if answer.status_code == 404 else 1)
        return answer

    def bare(self, method: str, url: str, **options: Any) -> requests.Response:
        """A request with its own authentication, whatever the answer."""
        return self._http.request(method, url, timeout=120, **options)

    def plain(self, method: str, url: str, **options: Any) -> requests.Response:
        """A request with its own authentication. Raises :class:`AzError` for an error answer."""
        answer = self.bare(method, url, **options)
        if answer.status_code >= 400:
            raise AzError(_error(answer))
        return answer

    def _pause(self, answer: requests.Response, taken: float) -> None:
        """Wait until it is worth to ask again: a quick operation is not waited for as a long one."""
        asked = int(answer.headers.get("retry-after-ms", "100")) / 1000
        time.sleep(min(asked, max(taken, 0.01)))
        if self.context.cancelled():
            raise AzError("canceled")


def _error(answer: requests.Response) -> str:
    """An error answer as az prints it."""
    try:
        body = answer.json()
        found = body["error"] if "error" in body else body["errors"][0]
        code, message = found["code"], found["message"]
    except (ValueError, KeyError, TypeError, IndexError):
        return f"Operation returned an invalid status '{answer.status_code}'"
    return f"({code}) {message}\nCode: {code}\nMessage: {message}"


def _reason(resource: dict[str, Any]) -> str:
    """Why a resource has failed, from the events of its instance view."""
    view = (resource.get("properties") or {}).get("instanceView") or {}
    containers = (resource.get("properties") or {}).get("containers") or []
    views = [view, *((c.get("properties") or {}).get("instanceView") or {} for c in containers)]
    events = [event for one in views for event in one.get("events") or []]
    bad = [event for event in events if event.get("type") == "Warning"]
    told = [f"{event.get('name')}: {event.get('message')}" for event in bad or events[-1:]]
    return f"The resource '{resource.get('name')}' failed to be provisioned. " + " ".join(told)
