"""The registry as the acr stand-in asks it: as the login of the run, over HTTPS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests

from ...cloud import Cloud
from ...gateway import session as gateway_session
from ...media_types import MANIFEST_TYPES, OCI_ARTIFACT
from ...registry.credentials import Credential
from .pages import Query, pages

PAGE = 100  # items of a list that acr-cli asks for at once
NOT_FOUND = 404
SAFE = "/:@"  # of a path; what else a name may have ends no path: a?b is no tag a
_TYPES = ", ".join((*MANIFEST_TYPES, OCI_ARTIFACT))
Attributes = dict[str, Any]


class AcrError(Exception):
    """What acr ends with: a text for its user, and perhaps the status of the answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AcrRegistry:
    """Requests to one registry; any thread may make them."""

    def __init__(self, cloud: Cloud, server: str, credential: Credential) -> None:
        self.server = server
        self._cloud = cloud
        self._credential = credential
        self._own = threading.local()
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    # -- lists -----------------------------------------------------------------------------------

    def repositories(self, page: int = PAGE) -> list[str]:
        """The names of all repositories. Raises :class:`AcrError`."""
        answers = self._pages("", "/acr/v1/_catalog", {"n": str(page)})
        return [name for answer in answers for name in answer.get("repositories") or []]

    def tags(self, repository: str, *, newest_first: bool) -> Iterator[list[Attributes]]:
        """The tags of a repository, page by page. Raises :class:`AcrError`."""
        query = {"n": str(PAGE), **({"orderby": "timedesc"} if newest_first else {})}
        for answer in self._pages(repository, f"/acr/v1/{repository}/_tags", query):
            yield answer.get("tags") or []

    def manifests(self, repository: str) -> list[Attributes]:
        """All manifests of a repository. Raises :class:`AcrError`."""
        answers = self._pages(repository, f"/acr/v1/{repository}/_manifests", {"n": str(PAGE)})
        return [one for answer in answers for one in answer.get("manifests") or []]

    def manifest(self, repository: str, digest: str) -> dict[str, Any] | None:
        """A manifest itself; None when it is not there any more. Raises :class:`AcrError`."""
        headers = {"Accept": _TYPES}
        try:
            answer = self._request(
                "GET", repository, f"/v2/{repository}/manifests/{digest}", headers
            )
        except AcrError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        found: dict[str, Any] = answer.json()
        return found

    # -- changes ---------------------------------------------------------------------------------

    def delete_tag(self, repository: str, tag: str) -> None:
        """Untag. Raises :class:`AcrError`."""
        self._request("DELETE", repository, f"/acr/v1/{repository}/_tags/{tag}")

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest. Raises :class:`AcrError`."""
        self._request("DELETE", repository, f"/v2/{repository}/manifests/{digest}")

    def unlock(self, repository: str, place: str) -> None:
        """Let a tag (``_tags/…``) or manifest (``_manifests/…``) be changed and deleted."""
        body = {"deleteEnabled": True, "writeEnabled": True}
        self._request("PATCH", repository, f"/acr/v1/{repository}/{place}", body=body)

    # -- requests --------------------------------------------------------------------------------

    def _pages(self, repository: str, path: str, query: Query) -> Iterator[dict[str, Any]]:
        def ask(query: Query) -> requests.Response:
            return self._request("GET", repository, path, query=query)

        return (answer.json() for answer in pages(ask, query))

    def _request(
        self,
        method: str,
        repository: str,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
    ) -> requests.Response:
        given = {**(headers or {}), "Authorization": f"Bearer {self._token(repository)}"}
        answer = self._session().request(
            method,
            f"https://{self.server}{quote(path, safe=SAFE)}",
            params=query,
            json=body,
            headers=given,
            timeout=120,
        )
        if answer.status_code >= 400:
            raise AcrError(_reason(answer), answer.status_code)
        return answer

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._own, "session", None)
        if found is None:
            found = self._own.session = gateway_session(self._cloud)
        return found

    def _token(self, repository: str) -> str:
        """An access token for a repository, "" for the list of them. Raises :class:`AcrError`."""
        with self._lock:
            known = self._tokens.get(repository)
            if known is not None:
                return known
            scope = (
                f"repository:{repository}:pull,delete,metadata_read,metadata_write"
                if repository
                else "registry:catalog:*"
            )
            answer = self._session().get(
                f"https://{self.server}/oauth2/token",
                params={"service": self.server, "scope": scope},
                auth=(self._credential.username, self._credential.password),
                timeout=120,
            )
            if answer.status_code != 200:
                raise AcrError(
                    f"error resolving authentication: {_reason(answer)}", answer.status_code
                )
            token = self._tokens[repository] = str(answer.json()["access_token"])
            return token


def _reason(answer: requests.Response) -> str:
    try:
        error = answer.json()["errors"][0]
        detail = error.get("detail")
        told = f" ({detail})" if isinstance(detail, str) and detail else ""
        return f"{error['code']}: {error['message']}{told} (HTTP status {answer.status_code})"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return f"HTTP status {answer.status_code}"
