"""Manifests, tags and the catalog over HTTP (OCI distribution spec 1.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from starlette.responses import JSONResponse, Response

from ..errors import CloudError
from ..media_types import DOCKER_LIST, INDEXES, OCI_INDEX, OCI_MANIFEST
from ..reference import valid_digest, valid_tag
from ..request_values import is_current, parse_float
from . import artifact_cache, quarantine, supply
from .catalog import Catalog
from .client import RegistryClient
from .descriptions import Description
from .entries import Entry
from .exchange import Exchange, checked_digest
from .manifest_format import parse_manifest, references
from .unknown import unknown_manifest, unknown_repository

_REFERRERS = 1000  # of a page, where none are asked for
_INDEX = 4_000_000  # bytes of a page: clients take manifests of 4 MiB
_DEFAULT_PLATFORM = ("linux", "amd64")
_NEGOTIATED = {OCI_MANIFEST: ("manifest", "manifests"), OCI_INDEX: ("index", "indexes")}


def version(exchange: Exchange) -> Response:
    """GET /v2/: whether the caller is known."""
    exchange.authorize_registry()
    return JSONResponse({})


def catalog(exchange: Exchange) -> Response:
    """GET /v2/_catalog: names of the repositories."""
    exchange.authorize_registry("*")
    page = exchange.catalog.listings.repositories(exchange.server, exchange.window())
    names = [one.name for one in page.entries]
    return JSONResponse({"repositories": names}, headers=exchange.link(page))


def tags(exchange: Exchange) -> Response:
    """GET tags/list."""
    exchange.authorize("pull")
    if exchange.catalog.repository(exchange.server, exchange.name) is None:
        raise unknown_repository(exchange.name)
    page = exchange.catalog.listings.tags(
        exchange.server, exchange.name, exchange.window(), listed=True
    )
    names = [one.name for one in page.entries]
    return JSONResponse({"name": exchange.name, "tags": names}, headers=exchange.link(page))


async def get(exchange: Exchange, found: Response | Future[str]) -> Response:
    """GET or HEAD a manifest by tag or digest, with what :func:`find` has found.

    What stands in for a public image may have to be assembled first, what a cache rule is for comes
    from its upstream: nobody holds a thread then.
    """
    if isinstance(found, Future):
        coming = asyncio.wrap_future(found)
        await asyncio.wait({coming}, timeout=supply.PATIENCE)
        if not coming.done():
            raise supply.late()
        coming.result()
        found = await exchange.threads.read(find, exchange)
    if isinstance(found, Future):  # it was deleted at once
        raise unknown_manifest(exchange.name, exchange.params["reference"])
    return found


def find(exchange: Exchange) -> Response | Future[str]:
    """The manifest as it is answered, or what will bring it."""
    may = exchange.authorize_reading("pull")
    server, name, reference = exchange.server, exchange.name, _reference(exchange)
    digest = exchange.catalog.resolve(server, name, reference)
    may_come = exchange.catalog.quarantined_tags.may_come
    if (
        digest is None
        and valid_tag(reference)
        and may_come(exchange.registry, may, name, reference)
    ):
        coming = _coming(exchange, reference)
        if coming is not None:
            return coming
    if digest is None:
        raise unknown_manifest(name, reference)
    entry = exchange.catalog.manifest(server, name, digest)
    assert entry is not None
    _check_quarantine(exchange, may, entry, reference)
    accepted = _accepted(exchange)
    if entry.media_type == DOCKER_LIST and DOCKER_LIST not in accepted and reference != digest:
        exchange.catalog.check_pull(entry, reference)
        entry = _default_platform(exchange, digest)
        reference = digest = entry.digest
        _check_quarantine(exchange, may, entry, reference)
    _negotiate(entry.media_type, accepted)
    exchange.catalog.check_pull(entry, reference)
    content = exchange.cloud.content.read(digest)
    headers = {
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Content-Length": str(len(content)),
    }
    if is_current(exchange.request.headers.get("if-none-match"), headers["ETag"]):
        del headers["Content-Length"]
        return Response(None, 304, headers)
    body = None if exchange.request.method == "HEAD" else content
    return Response(body, 200, headers, entry.media_type)


def _reference(exchange: Exchange) -> str:
    """The tag or digest of the path. Raises 400 for what has a colon, as a digest, and is none."""
    reference = exchange.params["reference"]
    return checked_digest(reference) if ":" in reference else reference


def _check_quarantine(exchange: Exchange, may: set[str], entry: Entry, reference: str) -> None:
    """Raise what a pull is told that may not read the manifest: it is in quarantine, or is not."""
    action = quarantine.needed(exchange.registry, entry)
    if action in may:
        return
    if action == quarantine.READ:
        raise quarantine.refused(entry, reference)
    exchange.authorize(action)


def _coming(exchange: Exchange, tag: str) -> Future[str] | None:
    cloud, registry = exchange.cloud, exchange.registry
    if registry.is_hub:
        return supply.begin(cloud, registry.server, exchange.name, tag)
    return artifact_cache.begin(cloud, registry, exchange.name, tag, RegistryClient(cloud))


def _accepted(exchange: Exchange) -> set[str]:
    """The media types that the request's Accept headers name."""
    accepted = ",".join(exchange.request.headers.getlist("accept")).lower().split(",")
    return {one.partition(";")[0].strip() for one in accepted}


def _default_platform(exchange: Exchange, manifest_list: str) -> Entry:
    """The manifest of a Docker list that who does not know lists gets instead, by a tag alone.

    Of a digest nobody gets other content than it names. Source: distribution, "Image Manifest
    Version 2, Schema 2", backward compatibility; its registry, from which ACR's comes.
    """
    said = exchange.catalog.descriptions.of([manifest_list]).get(manifest_list)
    for child in (said.children if said is not None else None) or []:
        if (child.get("os"), child.get("architecture")) == _DEFAULT_PLATFORM:
            found = exchange.catalog.manifest(exchange.server, exchange.name, child["digest"])
            if found is not None:
                return found
    raise unknown_manifest(exchange.name, exchange.params["reference"])


def _negotiate(media_type: str, accepted: set[str]) -> None:
    """Raise 404 unless the client names an OCI type that it would be sent; others are for everybody.

    ``*/*`` is no name, so that plain curl is refused as well (Azure/acr pull request 764).
    """
    what = _NEGOTIATED.get(media_type)
    if what and media_type not in accepted:
        kind, kinds = what
        raise CloudError(
            404,
            "MANIFEST_UNKNOWN",
            f"OCI {kind} found, but accept header does not support OCI {kinds}",
        )


def put(exchange: Exchange) -> Response:
    """PUT a manifest: everything that it refers to must be in the repository."""
    exchange.authorize("push")
    name, reference = exchange.name, _reference(exchange)
    if not valid_digest(reference) and not valid_tag(reference):
        raise CloudError(400, "TAG_INVALID", f"invalid tag or digest: {reference!r}")
    media_type = exchange.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    manifest = parse_manifest(exchange.body, media_type)
    _check_present(exchange.catalog, exchange.server, name, manifest, media_type)
    digest = exchange.catalog.put(exchange.server, name, reference, exchange.body, media_type)
    headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
    subject = (manifest.get("subject") or {}).get("digest")
    if subject:
        headers["OCI-Subject"] = str(subject)
    return Response(status_code=201, headers=headers)


def _check_present(
    catalog: Catalog, server: str, name: str, manifest: dict[str, Any], media_type: str
) -> None:
    for child in references(manifest):
        if media_type in INDEXES:
            present = catalog.manifest(server, name, child) is not None
        else:
            present = catalog.has_blob(server, name, child)
        if not present:
            raise CloudError(404, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {child}")


def delete(exchange: Exchange) -> Response:
    """DELETE a manifest by digest, or a tag."""
    exchange.authorize("delete")
    reference = _reference(exchange)
    server, name = exchange.server, exchange.name
    if valid_digest(reference):
        done = exchange.catalog.delete_manifest(server, name, reference)
    else:
        done = exchange.catalog.delete_tag(server, name, reference)
    if not done:
        raise unknown_manifest(name, reference)
    return Response(status_code=202)


def referrers(exchange: Exchange) -> Response:
    """GET referrers/DIGEST: manifests whose subject it is, optionally of one artifact type."""
    exchange.authorize("pull")
    wanted = exchange.request.query_params.get("artifactType", "")
    subject = checked_digest(exchange.params["digest"])
    shown: list[dict[str, Any]] = []
    headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    count, size, last = exchange.window().count, 0, ""
    for entry, said in _referrers(exchange, subject, wanted):
        descriptor = _descriptor(entry, said)
        size += len(json.dumps(descriptor))
        if len(shown) == (_REFERRERS if count is None else count) or (shown and size > _INDEX):
            place = {"last": last, "n": str(len(shown))}
            headers |= exchange.link_after(place) if shown else {}
            break
        shown.append(descriptor)
        last = f"{entry.created!r},{entry.digest}"
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
    return JSONResponse(body, headers=headers, media_type=OCI_INDEX)


def _referrers(
    exchange: Exchange, subject: str, wanted: str
) -> Iterator[tuple[Entry, Description]]:
    """What refers to a manifest, oldest first, after where the request goes on; see above."""
    time, _, digest = exchange.window().last.partition(",")
    created = parse_float(time) if time else 0.0
    if created is None or (time and not valid_digest(digest)):
        raise CloudError(400, "UNSUPPORTED", "last is not of a Link header of this listing")
    after = created, digest
    while entries := exchange.catalog.listings.referrers(
        exchange.server, exchange.name, subject, after, _REFERRERS
    ):
        described = exchange.catalog.descriptions.of([one.digest for one in entries])
        for entry in entries:
            said = described.get(entry.digest)
            if said is not None and wanted in ("", said.artifact_type):
                yield entry, said
        after = entries[-1].created, entries[-1].digest


def _descriptor(entry: Entry, said: Description) -> dict[str, Any]:
    """As the specification has it: an index without a type of artifact has none here, too."""
    return {
        "mediaType": entry.media_type,
        "digest": entry.digest,
        "size": said.length,
        **({"artifactType": said.artifact_type} if said.artifact_type else {}),
        "annotations": said.annotations,
    }
