"""ACR's own API, /acr/v1: repositories, tags and manifests with their attributes.

Source: azure-rest-api-specs, Azure.ContainerRegistry data plane 2021-07-01.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from .. import timestamps
from . import attributes, quarantine
from .descriptions import Description
from .entries import Entry
from .exchange import Exchange, checked_digest
from .unknown import unknown_manifest, unknown_repository, unknown_tag


def _common(entry: Entry) -> dict[str, Any]:
    return {
        "createdTime": timestamps.ticks(entry.created),
        "lastUpdateTime": timestamps.ticks(entry.updated),
        "changeableAttributes": dict(sorted(entry.attributes.items())),
    }


def catalog(exchange: Exchange) -> Response:
    """Repository names."""
    exchange.authorize_registry("*")
    page = exchange.catalog.listings.repositories(exchange.server, exchange.window())
    names = [one.name for one in page.entries]
    return JSONResponse({"repositories": names or None}, headers=exchange.link(page))


def _repository(exchange: Exchange) -> Entry:
    found = exchange.catalog.repository(exchange.server, exchange.name)
    if found is None:
        raise unknown_repository(exchange.name)
    return found


def get_repository(exchange: Exchange) -> Response:
    """Attributes of a repository."""
    exchange.authorize("metadata_read")
    return _show_repository(exchange)


def _show_repository(exchange: Exchange) -> Response:
    entry = _repository(exchange)
    server, name = exchange.server, exchange.name
    manifests, tags = exchange.catalog.listings.counts(server, name)
    return JSONResponse(
        {
            "registry": server,
            "imageName": name,
            **_common(entry),
            "manifestCount": manifests,
            "tagCount": tags,
        }
    )


def update_repository(exchange: Exchange) -> Response:
    """Lock or unlock a repository."""
    exchange.authorize("metadata_write")
    exchange.catalog.lock(_repository(exchange), attributes.read(exchange.body))
    return _show_repository(exchange)


def delete_repository(exchange: Exchange) -> Response:
    """Delete a repository with everything in it."""
    exchange.authorize("delete")
    manifests, tags = exchange.catalog.delete_repository(exchange.server, exchange.name)
    return JSONResponse({"manifestsDeleted": manifests, "tagsDeleted": tags}, 202)


# -- tags ----------------------------------------------------------------------------------------


def _show_tag(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "digest": entry.digest, "signed": False, **_common(entry)}


def list_tags(exchange: Exchange) -> Response:
    """All tags, by name or, with ``orderby=timedesc`` / ``timeasc``, by time."""
    exchange.authorize("metadata_read")
    _repository(exchange)
    digest = exchange.request.query_params.get("digest")
    page = exchange.catalog.listings.tags(
        exchange.server,
        exchange.name,
        exchange.window(),
        digest=digest and checked_digest(digest),
        listed=True,
    )
    body = {
        "registry": exchange.server,
        "imageName": exchange.name,
        "tags": [_show_tag(one) for one in page.entries],
    }
    return JSONResponse(body, headers=exchange.link(page))


def _tag(exchange: Exchange) -> Entry:
    _repository(exchange)
    found = exchange.catalog.tag(exchange.server, exchange.name, exchange.params["tag"])
    if found is None:
        raise unknown_tag(exchange.name, exchange.params["tag"])
    return found


def get_tag(exchange: Exchange) -> Response:
    """Attributes of a tag."""
    exchange.authorize("metadata_read")
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "tag": _show_tag(_tag(exchange))})


def update_tag(exchange: Exchange) -> Response:
    """Lock or unlock a tag."""
    exchange.authorize("metadata_write")
    exchange.catalog.lock(_tag(exchange), attributes.read(exchange.body))
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "tag": _show_tag(_tag(exchange))})


def delete_tag(exchange: Exchange) -> Response:
    """Forget a tag; its manifest stays."""
    exchange.authorize("delete")
    _tag(exchange)
    exchange.catalog.delete_tag(exchange.server, exchange.name, exchange.params["tag"])
    return Response(status_code=202)


# -- manifests -----------------------------------------------------------------------------------


def _show_manifests(exchange: Exchange, entries: list[Entry]) -> list[dict[str, Any]]:
    digests = [one.digest for one in entries]
    described = exchange.catalog.descriptions.of(digests)
    where = (exchange.server, exchange.name)
    tags = exchange.catalog.listings.tags_of(*where, digests)
    shown = [_show_manifest(one, described.get(one.digest), tags[one.digest]) for one in entries]
    if exchange.registry.has_quarantine:
        waiting = exchange.catalog.quarantined_tags.of(*where, digests)
        newest = {one.digest: one.name for one in waiting}
        for one in shown:
            if one["digest"] in newest:
                one["quarantineTag"] = newest[one["digest"]]
    return shown


def _show_manifest(entry: Entry, said: Description | None, tags: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "digest": entry.digest,
        "imageSize": entry.size,
        **_common(entry),
        "mediaType": entry.media_type,
        "tags": tags,
    }
    if said is None:  # its content is missing or damaged: doctor and a pull say so
        return shown
    if said.children is not None:
        return {**shown, "references": said.children}
    shown["configMediaType"] = said.config_media_type
    if "image" in (said.config_media_type or ""):
        shown |= {"architecture": said.architecture, "os": said.os}
    return shown


def list_manifests(exchange: Exchange) -> Response:
    """All manifests, by digest or by time."""
    exchange.authorize_reading("metadata_read")
    _repository(exchange)
    page = exchange.catalog.listings.manifests(exchange.server, exchange.name, exchange.window())
    body = {
        "registry": exchange.server,
        "imageName": exchange.name,
        "manifests": _show_manifests(exchange, page.entries),
    }
    return JSONResponse(body, headers=exchange.link(page))


def _manifest(exchange: Exchange) -> Entry:
    _repository(exchange)
    digest = checked_digest(exchange.params["digest"])
    found = exchange.catalog.manifest(exchange.server, exchange.name, digest)
    if found is None:
        raise unknown_manifest(exchange.name, digest)
    return found


def get_manifest(exchange: Exchange) -> Response:
    """Attributes of a manifest."""
    exchange.authorize_reading("metadata_read")
    return get_manifest_body(exchange)


def update_manifest(exchange: Exchange) -> Response:
    """Lock or unlock a manifest, or mark it for a quarantine, which is another right."""
    may = exchange.authorize("metadata_write", quarantine.WRITE)
    entry, changes = _manifest(exchange), attributes.read_of_manifest(exchange.body)
    marks = {quarantine.STATE, quarantine.DETAILS} & set(changes)
    if marks and quarantine.WRITE not in may:
        exchange.authorize(quarantine.WRITE)
    if set(changes) - marks and "metadata_write" not in may:
        exchange.authorize("metadata_write")
    exchange.catalog.mark(entry, changes)
    return get_manifest_body(exchange)


def get_manifest_body(exchange: Exchange) -> Response:
    """The manifest after a change."""
    body = {"registry": exchange.server, "imageName": exchange.name}
    return JSONResponse({**body, "manifest": _show_manifests(exchange, [_manifest(exchange)])[0]})
