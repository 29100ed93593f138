"""Templates and parameters that a deployment links: files of this cloud's git host, and nothing else.

Source: Azure documentation, "Using linked and nested templates when deploying Azure resources".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..cloud import Cloud
from ..deployments.errors import TemplateError
from ..deployments.limits import Budget
from ..errors import CloudError
from ..git_host.files import RAW_HOST, FileMissingError, fetch
from ..request_body import LARGEST
from . import request_content
from .models import M, Model, read
from .routing import invalid

_STEPS = 10_000  # of the budget of a deployment: a file that links itself comes to an end
_OURS = f"https://{RAW_HOST}/OWNER/NAME/BRANCH/PATH"


class TemplateLink(Model):
    """Where a template is."""

    uri: str | None = None
    id: str | None = None
    relative_path: str | None = None
    content_version: str | None = None
    query_string: str | None = None


class ParametersLink(Model):
    """Where a file of parameters is."""

    uri: str | None = None
    content_version: str | None = None


@dataclass(frozen=True)
class Linked:
    """A template that was linked: as it is shown, what it says, and its text."""

    shown: dict[str, Any]
    document: dict[str, Any]
    text: str


def template_of(cloud: Cloud, given: Any, base: str, budget: Budget) -> Linked:
    """The template that ``templateLink`` leads to; ``base`` is the URI of the one that links it.

    Raises 400 InvalidContentLink in Azure's words, :class:`TemplateError` for what is no JSON, 501 for
    template specs.
    """
    link = _read(TemplateLink, given, "templateLink")
    if link.id:
        raise CloudError.not_implemented("template specs ('templateLink.id' of deployments)")
    if (link.uri is None) == (link.relative_path is None):
        raise invalid("The 'templateLink' of a deployment needs one of 'uri' and 'relativePath'.")
    if link.relative_path is not None and not base:
        raise invalid(
            f"The 'relativePath' '{link.relative_path[:200]}' of a 'templateLink' has nothing that it "
            "is relative to: the template that links it must be linked itself, by its 'uri'."
        )
    uri = link.uri if link.uri is not None else _joined(base, str(link.relative_path))
    shown = {"uri": _told(uri)}
    if link.relative_path is not None:
        shown["relativePath"] = link.relative_path
    document, text = _downloaded(cloud, uri, link.content_version, budget)
    if isinstance(document.get("contentVersion"), str):
        shown["contentVersion"] = document["contentVersion"]
    return Linked(shown, document, text)


def parameters_of(cloud: Cloud, given: Any, budget: Budget) -> tuple[dict[str, Any], Any]:
    """The link as it is shown, and the parameters that ``parametersLink`` leads to."""
    link = _read(ParametersLink, given, "parametersLink")
    if not link.uri:
        raise invalid("The 'parametersLink' of a deployment needs a 'uri'.")
    document, _ = _downloaded(cloud, link.uri, link.content_version, budget)
    found = document.get("parameters")
    if not isinstance(found, dict):
        raise invalid(f"The file of parameters '{_told(link.uri)}' has no 'parameters'.")
    return {"uri": _told(link.uri)}, found


def _read(model: type[M], given: Any, name: str) -> M:
    if not isinstance(given, dict):
        raise invalid(f"The '{name}' of a deployment must be an object.")
    return read(model, given, "deployments", at=f"properties.{name}")


def _joined(base: str, relative: str) -> str:
    try:
        return urljoin(base, relative)
    except ValueError:
        raise _unreachable(relative) from None


def _downloaded(
    cloud: Cloud, uri: str, version: str | None, budget: Budget
) -> tuple[dict[str, Any], str]:
    """The JSON at a URI, of that contentVersion where one is wanted, and its text."""
    budget.take(_STEPS)
    try:
        content = fetch(cloud, uri)
        text = content.decode("utf-8-sig")
    except (FileMissingError, UnicodeDecodeError):
        raise _unreachable(uri) from None
    if len(content) > LARGEST:
        raise _unreachable(uri)
    try:
        document = request_content.parse(content)
    except CloudError as error:
        raise TemplateError(
            f"Deployment template parse failed: '{_told(uri)}: {error.message}'."
        ) from None
    found = document.get("contentVersion")
    if version is not None and found != version:
        raise TemplateError(
            f"Deployment template validation failed: 'The content version '{found}' of "
            f"'{_told(uri)}' is not '{version}', which its link wants.'."
        )
    return document, text


def _told(uri: str) -> str:
    """A URI as it is told: its query may be a secret."""
    return uri.partition("?")[0]


def _unreachable(uri: str) -> CloudError:
    """400 InvalidContentLink; what the local cloud can reach is told besides."""
    try:
        host = (urlsplit(uri).hostname or "").lower()
    except ValueError:
        host = ""
    here = (
        "It must be a file of a public repository of the local cloud, in UTF-8, of at most "
        f"{LARGEST} bytes."
        if host == RAW_HOST
        else "Nothing leaves this machine: push the file to a public repository of the local cloud "
        f"(https://github.com/OWNER/NAME) and link {_OURS}."
    )
    return CloudError(
        400,
        "InvalidContentLink",
        f"Unable to download deployment content from '{_told(uri)[:500]}'. The tracking Id is "
        f"'{uuid.uuid4()}'. Please see https://aka.ms/arm-deploy for usage details. {here}",
    )
