"""ACR's own API, /acr/v1: repositories, tags and manifests with their attributes.

Source: azure-rest-api-specs, Azure.ContainerRegistry data plane 2021-07-01.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from starlette.responses import JSONResponse, Response

from ..errors import CloudError
from ..request_body import parse_json
from .catalog import Entry
from .exchange import Exchange
from .manifest_format import INDEXES
from .manifests import unknown


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def _common(entry: Entry) -> dict[str, Any]:
    return {
        "createdTime": _time(entry.created),
        "lastUpdateTime": _time(entry.updated),
        "changeableAttributes": entry.attributes,
    }


def catalog(exchange: Exchange) -> Response:
    """Repository names."""
    exchange.authorize_registry("*")
    names, headers = exchange.page(exchange.catalog.repositories(exchange.server))
    return JSONResponse({"repositories": names or None}, headers=headers)


def _repository(exchange: Exchange) -> Entry:
    found = exchange.catalog.repository(exchange.server, exchange.name)
    if found is None:
        raise CloudError(404, "NAME_UNKNOWN", f'repository "{exchange.name}" is not found')
    return found


def get_repository(exchange: Exchange) -> Response:
    """Attributes of a repository."""
    exchange.authorize("metadata_read")
    return _show_repository(exchange)


def _show_repository(exchange: Exchange) -> Response:
    entry = _repository(exchange)
    server, name = exchange.server, exchange.name
    return JSONResponse(
        {
            "registry": server,
            "imageName": name,
            **_common(entry),
            "manifestCount": len(exchange.catalog.manifests(server, name)),
            "tagCount": len(exchange.catalog.tags(server, name)),
        }
    )


def update_repository(exchange: Exchange) -> Response:
    """Lock or unlock a repository."""
    exchange.authorize("metadata_write")
    _repository(exchange)
    exchange.catalog.lock(exchange.server, exchange.name, None, _changes(exchange))
    return _show_repository(exchange)


def delete_repository(exchange: Exchange) -> Response:
    """Delete a repository with everything in it."""
    exchange.authorize("delete")
    manifests, tags = exchange.catalog.delete_repository(exchange.server, exchange.name)
    return JSONResponse({"manifestsDeleted": manifests, "tagsDeleted": tags}, 202)


def _changes(exchange: Exchange) -> dict[str, Any]:
    try:
        changes = parse_json(exchange.body or b"{}")
    except ValueError:
        changes = None
    if not isinstance(changes, dict):
        raise CloudError(400, "UNSUPPORTED", "the body must be a JSON object of attributes")
    return {key: value for key, value in changes.items() if value is not None}


# -- tags ----------------------------------------------------------------------------------------


def _show_tag(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "digest": entry.digest, "signed": False, **_common(entry)}


def list_tags(exchange: Exchange) -> Response:
    """All tags, by name or, with ``orderby=timedesc`` / ``timeasc``, by time."""
    exchange.authorize("metadata_read")
    _repository(exchange)
    wanted = exchange.request.query_params.get("digest")
    entries = [
        one
        for one in exchange.catalog.tags(exchange.server, exchange.name)
        if wanted in (None, one.digest) and one.attributes["listEnabled"]
    ]
    shown, headers = _ordered(exchange, entries)
    body = {
        "registry": exchange.server,
        "imageName": exchange.name,
        "tags": [_show_tag(one) for one in shown],
    }
    return JSONResponse(body, headers=headers)


def _ordered(exchange: Exchange, entries: list[Entry]) -> tuple[list[Entry], dict[str, str]]:
    order = exchange.request.query_params.get("orderby", "").lower()
    by_name = {one.name: one for one in entries}
    if order in ("timedesc", "timeasc"):
        found = sorted(entries, key=lambda one: one.updated, reverse=order == "timedesc")
        names, headers = exchange.page([one.name for one in found], ordered=False)
    else:
        names, headers = exchange.page(sorted(by_name))
    return [by_name[name] for name in names], headers


def _tag(exchange: Exchange) -> Entry:
    found = exchange.catalog.tag(exchange.server, exchange.name, exchange.params["tag"])
    if found is None:
        raise CloudError(
            404, "TAG_UNKNOWN", f"the specified tag {exchange.params['tag']} does not exist"
        )
    return found


def get_tag(exchange: Exchange) -> Response:
    """Attributes of a tag."""
    exchange.authorize("metadata_read")
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "tag": _show_tag(_tag(exchange))})


def update_tag(exchange: Exchange) -> Response:
    """Lock or unlock a tag."""
    exchange.authorize("metadata_write")
    tag = _tag(exchange)
    exchange.catalog.lock(exchange.server, exchange.name, tag.name, _changes(exchange))
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "tag": _show_tag(_tag(exchange))})


def delete_tag(exchange: Exchange) -> Response:
    """Forget a tag; its manifest stays."""
    exchange.authorize("delete")
    _tag(exchange)
    exchange.catalog.delete_tag(exchange.server, exchange.name, exchange.params["tag"])
    return Response(status_code=202)


# -- manifests -----------------------------------------------------------------------------------


def _show_manifest(exchange: Exchange, entry: Entry) -> dict[str, Any]:
    manifest = json.loads(exchange.cloud.content.read(entry.digest))
    shown: dict[str, Any] = {
        "digest": entry.digest,
        "imageSize": entry.size,
        **_common(entry),
        "mediaType": entry.media_type,
        "tags": [
            tag.name
            for tag in exchange.catalog.tags(exchange.server, exchange.name)
            if tag.digest == entry.digest
        ],
    }
    if entry.media_type in INDEXES:
        shown["references"] = [
            {"digest": one["digest"], **(one.get("platform") or {})}
            for one in manifest["manifests"]
        ]
        return shown
    config = manifest["config"]
    shown["configMediaType"] = config.get("mediaType")
    if config.get("size", 0) < 1024 * 1024 and "image" in str(config.get("mediaType")):
        content = json.loads(exchange.cloud.content.read(config["digest"]))
        shown |= {"architecture": content.get("architecture"), "os": content.get("os")}
    return shown


def list_manifests(exchange: Exchange) -> Response:
    """All manifests, by digest or by time."""
    exchange.authorize("metadata_read")
    _repository(exchange)
    entries = [
        one
        for one in exchange.catalog.manifests(exchange.server, exchange.name)
        if one.attributes["listEnabled"]
    ]
    shown, headers = _ordered(exchange, entries)
    body = {
        "registry": exchange.server,
        "imageName": exchange.name,
        "manifests": [_show_manifest(exchange, one) for one in shown],
    }
    return JSONResponse(body, headers=headers)


def _manifest(exchange: Exchange) -> Entry:
    found = exchange.catalog.manifest(exchange.server, exchange.name, exchange.params["digest"])
    if found is None:
        raise unknown(exchange.params["digest"])
    return found


def get_manifest(exchange: Exchange) -> Response:
    """Attributes of a manifest."""
    exchange.authorize("metadata_read")
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "manifest": _show_manifest(exchange, _manifest(exchange))})


def update_manifest(exchange: Exchange) -> Response:
    """Lock or unlock a manifest."""
    exchange.authorize("metadata_write")
    entry = _manifest(exchange)
    exchange.catalog.lock(exchange.server, exchange.name, entry.digest, _changes(exchange))
    return get_manifest_body(exchange)


def get_manifest_body(exchange: Exchange) -> Response:
    """The manifest after a change."""
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "manifest": _show_manifest(exchange, _manifest(exchange))})
