"""Blobs over HTTP: upload in one or many requests, mount, download with ranges, delete.

Source: OCI distribution spec 1.1, "Pulling blobs", "Pushing blobs".
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from ..content import DigestMismatchError
from ..errors import CloudError
from ..request_values import is_current, no_such_range, parse_number, parse_range
from ..threads import Threads
from .authentication import authorize
from .exchange import Exchange, checked_digest
from .locks import Operation, check
from .uploads import Upload

_CHUNK = re.compile(r"(?:bytes )?([0-9]+)-([0-9]+)")  # Content-Range, OCI distribution spec
_BLOCK = 2 * 1024 * 1024  # bytes; fewer, bigger hops to the disk's thread
_READ = 256 * 1024  # bytes; encrypted while the processor's cache has them


async def start(exchange: Exchange, _: None) -> Response:
    """POST uploads/: mount from another repository, take a whole blob, or begin an upload."""
    query = exchange.request.query_params
    digest = checked_digest(query["mount"]) if "mount" in query else ""
    if digest and (source := query.get("from")):
        mounted = await exchange.threads.write(_mount, exchange, source, digest)
        if mounted:
            return _created(exchange, digest)
    whole = checked_digest(query["digest"]) if "digest" in query else ""
    upload = exchange.uploads.start(exchange.registry.incarnation, exchange.name)
    if whole:
        try:
            return await _complete(exchange, upload, whole)
        except ClientDisconnect:  # it was never told where the upload is
            exchange.uploads.end(upload)
            raise
    headers = {"Location": upload.location, "Docker-Upload-UUID": upload.id, "Range": "0-0"}
    return Response(status_code=202, headers=headers)


def may_push(exchange: Exchange) -> None:
    """Raise 401 or 405 unless the caller may add content to a repository that takes any."""
    exchange.authorize("push")
    check(Operation.PUSH, exchange.catalog.repository(exchange.server, exchange.name))


def may_upload(exchange: Exchange) -> None:
    """Raise 401 unless the caller may ask for an upload, or give it up."""
    exchange.authorize("push")


def _mount(exchange: Exchange, source: str, digest: str) -> bool:
    """Link a blob of another repository that the caller may pull from."""
    header = exchange.request.headers.get("authorization")
    try:
        authorize(exchange.cloud, exchange.registry, header, source, "pull")
        check(Operation.PULL, exchange.catalog.repository(exchange.server, source))
    except CloudError:
        return False
    if not exchange.catalog.has_blob(exchange.server, source, digest):
        return False
    exchange.catalog.link_blob(exchange.server, exchange.name, digest)
    return True


def _created(exchange: Exchange, digest: str) -> Response:
    headers = {
        "Location": f"/v2/{exchange.name}/blobs/{digest}",
        "Docker-Content-Digest": digest,
    }
    return Response(status_code=201, headers=headers)


def _upload(exchange: Exchange) -> Upload:
    registry = exchange.registry.incarnation
    return exchange.uploads.get(exchange.params["upload"], registry, exchange.name)


async def progress(exchange: Exchange, _: None) -> Response:
    """GET an upload: how far it is."""
    return _accepted(_upload(exchange), 204)


def _accepted(upload: Upload, status: int) -> Response:
    headers = {
        "Location": upload.location,
        "Range": upload.range,
        "Docker-Upload-UUID": upload.id,
    }
    return Response(status_code=status, headers=headers)


async def append(exchange: Exchange, _: None) -> Response:
    """PATCH an upload: the next chunk; one out of order, or of another size, is refused with 416."""
    upload = _upload(exchange)
    async with upload.lock:
        exchange.uploads.check(upload)
        try:
            rest = await _receive_chunk(exchange, upload)
            if rest:
                await exchange.threads.file(upload.writer.write, *rest)
        except OSError:  # of what was to be written, nobody knows how much was
            exchange.uploads.end(upload)
            raise
        finally:
            upload.writer.rest()
    return _accepted(upload, 416 if rest is None else 202)


async def _receive_chunk(exchange: Exchange, upload: Upload) -> list[bytes] | None:
    """Append the request's body; the end of it that has still to be written.

    None where its Content-Range is of other bytes: then nothing is appended.
    """
    stated = exchange.request.headers.get("content-range", "")
    before = upload.writer.size
    chunk = _CHUNK.fullmatch(stated)
    if stated and (chunk is None or parse_number(chunk[1]) != before):
        return None
    mark = upload.writer.mark()
    rest = await _receive(exchange, upload)
    size = upload.writer.size + sum(map(len, rest))
    if chunk is None or parse_number(chunk[2]) == size - 1:
        return rest
    await exchange.threads.file(upload.writer.rewind, mark)
    return None


async def finish(exchange: Exchange, _: None) -> Response:
    """PUT an upload: the rest, and the digest of the whole."""
    upload = _upload(exchange)
    wanted = exchange.request.query_params.get("digest", "")
    return await _complete(exchange, upload, checked_digest(wanted))


async def _complete(exchange: Exchange, upload: Upload, digest: str) -> Response:
    ended = True
    try:
        async with upload.lock:
            exchange.uploads.check(upload)
            rest = await _receive_chunk(exchange, upload)
            if rest is None:
                ended = False  # the client asks how far it is, and goes on from there
                upload.writer.rest()
                return _accepted(upload, 416)
            await exchange.threads.file(_store, exchange, upload, digest, rest)
    except ClientDisconnect:
        ended = False
        upload.writer.rest()
        raise
    except DigestMismatchError as error:
        raise CloudError(
            400, "DIGEST_INVALID", f"provided digest did not match uploaded content: {error}"
        ) from None
    finally:
        if ended:
            exchange.uploads.end(upload)
    return _created(exchange, digest)


def _store(exchange: Exchange, upload: Upload, digest: str, rest: list[bytes]) -> None:
    """Keep what was uploaded, with the rest of it, and let the repository give it out."""
    upload.writer.write(*rest)
    upload.writer.commit(digest)
    with exchange.cloud.store.transaction():
        exchange.catalog.link_blob(exchange.server, exchange.name, digest)


async def _receive(exchange: Exchange, upload: Upload) -> list[bytes]:
    """Write the request's body as it comes, hashing and writing off the event loop; the end of it.

    That is less than a block: who stores it may write it in the same thread. Of a body that breaks
    off, what has come is kept, since its client may go on after it.
    """
    waiting: list[bytes] = []
    size = 0
    writing: asyncio.Future[None] | None = None
    gone: ClientDisconnect | None = None
    try:
        async for chunk in exchange.request.stream():
            waiting.append(chunk)
            size += len(chunk)
            if size >= _BLOCK:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(
                    exchange.threads.file(upload.writer.write, *waiting)
                )
                waiting, size = [], 0
    except ClientDisconnect as error:
        gone = error
    finally:  # also when the client has gone: nobody closes the file while it is written
        if writing is not None:
            await writing
    if gone is not None:
        if waiting:
            await exchange.threads.file(upload.writer.write, *waiting)
        raise gone
    return waiting


async def cancel(exchange: Exchange, _: None) -> Response:
    """DELETE an upload."""
    upload = _upload(exchange)
    async with upload.lock:
        exchange.uploads.end(upload)
    return Response(status_code=204)


# -- downloads -----------------------------------------------------------------------------------


def find(exchange: Exchange) -> int:
    """Bytes of the blob, which the caller may pull. Raises 401, 404, 405."""
    digest = checked_digest(exchange.params["digest"])
    exchange.authorize_reading("pull")
    check(Operation.PULL, exchange.catalog.repository(exchange.server, exchange.name))
    if not exchange.catalog.has_blob(exchange.server, exchange.name, digest):
        raise CloudError(404, "BLOB_UNKNOWN", f"blob unknown to registry: {digest}")
    exchange.cloud.content.touch(digest)  # whoever pushes asks first, and then relies on it
    return exchange.cloud.content.check(digest)


async def get(exchange: Exchange, size: int) -> Response:
    """GET or HEAD a blob of that size, whole or one range of it."""
    digest = exchange.params["digest"]
    headers = {
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
    }
    if is_current(exchange.request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    first, last = 0, size - 1
    status = 200
    wanted = exchange.request.headers.get("range")
    # Of a unit that nobody knows, the whole is sent (RFC 9110, section 14.2); so it is where what the
    # client has a part of is something else (13.1.5).
    unit = (wanted or "").partition("=")[0].strip().lower()
    if wanted and unit == "bytes" and _has_that(exchange, headers["ETag"]):
        part = parse_range(wanted, size, "RANGE_INVALID")
        if part is None:
            raise no_such_range(wanted, size, "RANGE_INVALID")
        first, last = part
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    if exchange.request.method == "HEAD":
        return Response(None, status, headers, "application/octet-stream")
    content = _read(exchange.threads, exchange.cloud.content.path(digest), first, last - first + 1)
    return StreamingResponse(content, status, headers, "application/octet-stream")


def _has_that(exchange: Exchange, etag: str) -> bool:
    """Whether a range is wanted of what there is: ``If-Range`` names it, or is not there."""
    return exchange.request.headers.get("if-range", etag) == etag


async def _read(threads: Threads, path: Path, start: int, length: int) -> AsyncIterator[memoryview]:
    """Blocks of a file: those in the kernel's memory at once, others by a thread that may wait."""
    place, end = start, start + length
    with path.open("rb", buffering=0) as file:
        while place < end:
            size = min(_READ, end - place)
            block = _in_memory(file.fileno(), place, size)
            if not block:
                read = await threads.read(os.pread, file.fileno(), size, place)
                block = memoryview(read)
            if not block:
                return
            place += len(block)
            yield block


def _in_memory(file: int, place: int, size: int) -> memoryview:
    """What of a file's bytes the kernel has in its memory; nothing where it would have to wait.

    preadv2(2), RWF_NOWAIT; a file system may know no such thing.
    """
    block = bytearray(size)
    try:
        return memoryview(block)[: os.preadv(file, [block], place, os.RWF_NOWAIT)]
    except OSError:
        return memoryview(b"")


def delete(exchange: Exchange) -> Response:
    """DELETE a blob from its repository."""
    exchange.authorize("delete")
    digest = checked_digest(exchange.params["digest"])
    if not exchange.catalog.unlink_blob(exchange.server, exchange.name, digest):
        raise CloudError(404, "BLOB_UNKNOWN", f"blob unknown to registry: {digest}")
    return Response(status_code=202)
