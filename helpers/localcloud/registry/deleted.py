"""ACR's own API for what was soft-deleted, /acr/v1/_deleted: its lists, and to restore.

Nobody documents it: what az sends, and expects, is in azure-cli's acr/manifest.py and repository.py, and
in the answers that its own tests hold (test_acr_commands_mock.py).
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import JSONResponse, Response

from .. import timestamps
from ..errors import CloudError
from ..reference import valid_tag
from ..request_body import parse_json
from ..request_values import parse_number
from .access import DELETED_CATALOG
from .entries import Kind
from .exchange import Exchange, checked_digest
from .restoration import restore as restore_manifest
from .soft_delete import Deleted

_PAGE = 100  # where no number of results is asked for


class _Restoration(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to restore a manifest."""

    tag: str | None = None


def list_repositories(exchange: Exchange) -> Response:
    """Deleted repositories, those that were deleted last at the end; so are the other lists."""
    exchange.authorize_registry("*", DELETED_CATALOG)
    found, headers = _page(exchange, "repository")
    shown = [{**_times(one), "repository": one.name} for one in found]
    return JSONResponse({"repositories": shown}, headers=headers)


def list_manifests(exchange: Exchange) -> Response:
    """Deleted manifests of a repository, which may be deleted itself."""
    exchange.authorize("deleted_read")
    found, headers = _page(exchange, "manifest")
    shown = [{**_times(one), "digest": one.digest} for one in found]
    body = {"registry": exchange.server, "imageName": exchange.name, "manifests": shown}
    return JSONResponse(body, headers=headers)


def list_tags(exchange: Exchange) -> Response:
    """Deleted tags of a repository, which may be deleted itself."""
    exchange.authorize("deleted_read")
    found, headers = _page(exchange, "tag")
    shown = [{**_times(one), "digest": one.digest, "tag": one.name} for one in found]
    body = {"registry": exchange.server, "imageName": exchange.name, "tags": shown}
    return JSONResponse(body, headers=headers)


def restore(exchange: Exchange) -> Response:
    """Restore a manifest, with the tag of the body; ``force=true`` moves a tag that is there."""
    exchange.authorize("deleted_restore")
    digest = checked_digest(exchange.params["digest"])
    force = exchange.request.query_params.get("force", "false").lower()
    if force not in ("true", "false"):
        raise _unsupported(f"force must be true or false, not {force[:50]!r}")
    tag = _tag(exchange.body)
    restore_manifest(
        exchange.cloud,
        exchange.catalog,
        exchange.server,
        exchange.name,
        digest,
        tag,
        force=force == "true",
    )
    return JSONResponse({"digest": digest, "tag": tag or None})


def _tag(body: bytes) -> str:
    try:
        tag = msgspec.convert(parse_json(body or b"{}"), _Restoration).tag or ""
    except ValueError as error:  # of msgspec, too
        raise _unsupported(f'the body must be {{"tag": …}}: {error}') from None
    if tag and not valid_tag(tag):
        raise CloudError(400, "TAG_INVALID", f"invalid tag: {tag[:200]!r}")
    return tag


def _times(one: Deleted) -> dict[str, Any]:
    return {
        "createdAt": timestamps.ticks(one.created),
        "deletedAt": timestamps.ticks(one.deleted),
    }


def _page(exchange: Exchange, kind: Kind) -> tuple[list[Deleted], dict[str, str]]:
    """The deleted ones that a request asks for, and the header that leads to what follows."""
    window = exchange.window()
    after = parse_number(window.last) if window.last else None
    if window.last and after is None:
        raise _unsupported("last is not of a Link header of this listing")
    count = _PAGE if window.count is None else window.count
    found = exchange.catalog.soft_delete.listed(
        kind,
        exchange.server,
        None if kind == "repository" else exchange.name,
        after=after,
        count=min(count, 2**62) + 1,
        newest_first=window.order == "timedesc",
    )
    shown = found[:count]
    if len(found) == len(shown) or not shown:
        return shown, {}
    return shown, exchange.link_after({"last": str(shown[-1].sequence), "n": str(len(shown))})


def _unsupported(what: str) -> CloudError:
    return CloudError(400, "UNSUPPORTED", what)
