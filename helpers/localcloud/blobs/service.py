"""The blob endpoint: HEAD and GET with ranges, Put Blob, Put Block, Put Block List."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of, no_space
from ..request_values import host_of, parse_range
from ..threads import Threads
from .account import HOST, Blob, BlobAccount
from .signature import VERSION

_CHUNK = 1 << 20
_LARGEST_BLOCK = 4000 * 1024 * 1024  # bytes; learn.microsoft.com, "Put Block"
_LARGEST_LIST = 50_000 * 200  # bytes of XML; at most 50,000 blocks ("Put Block List")


class BlobService:
    """Answers for one storage account; bodies go to disk and come from disk in chunks."""

    def __init__(self, cloud: Cloud) -> None:
        self._account = BlobAccount(cloud)
        self._threads = Threads(cloud.store)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        return Starlette(
            routes=[Route("/{path:path}", self._endpoint, methods=methods)],
            exception_handlers={HTTPException: _fail, Exception: _fail},
        )

    async def _endpoint(self, request: Request) -> Response:
        try:
            blob = self._find(request)
            if request.method in ("GET", "HEAD"):
                return await self._threads.read(self._read, request, blob)
            if request.method == "PUT":
                return await self._write(request, blob)
            raise CloudError.not_implemented(f"{request.method} of a blob")
        except ClientDisconnect:
            return Response(status_code=400)
        except CloudError as error:
            return _failure(request, error)
        except OSError as error:
            full = no_space(error)
            if full is None:
                raise
            return _failure(request, full)

    def _find(self, request: Request) -> Blob:
        host = host_of(request.headers)
        if host != HOST:
            raise CloudError(
                404,
                "ResourceNotFound",
                f"There is no storage account {host}: this cloud has {HOST}.",
            )
        container, _, name = request.path_params["path"].partition("/")
        try:
            return self._account.blob(container, name)
        except ValueError as error:
            raise CloudError(400, "InvalidUri", str(error)) from None

    # -- reading ---------------------------------------------------------------------------------

    def _read(self, request: Request, blob: Blob) -> Response:
        if request.query_params.get("comp"):
            raise CloudError.not_implemented(
                f"{request.method} ?comp={request.query_params['comp']} of a blob"
            )
        self._account.access.check(blob.container, blob.name, request.query_params, "r")
        # Metadata first, then the size: who sees "Complete" also sees every byte.
        try:
            properties = blob.properties()
            status = blob.path.stat()
        except FileNotFoundError:
            raise CloudError(404, "BlobNotFound", "The specified blob does not exist.") from None
        headers = {
            **_common(request),
            "Accept-Ranges": "bytes",
            "ETag": _etag(blob),
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "x-ms-blob-type": properties["type"],
            "x-ms-lease-status": "unlocked",
            "x-ms-lease-state": "available",
            "x-ms-server-encrypted": "true",
            **{f"x-ms-meta-{name}": value for name, value in properties["metadata"].items()},
        }
        wanted = request.headers.get("if-match", "*")
        if wanted not in ("*", headers["ETag"]):
            raise CloudError(
                412,
                "ConditionNotMet",
                "The condition specified using HTTP conditional header(s) is not met: the blob "
                "has changed since.",
            )
        kind = properties["contentType"]
        if request.method == "HEAD":
            headers["Content-Length"] = str(status.st_size)
            return Response(headers=headers, media_type=kind)
        given = request.headers.get("x-ms-range") or request.headers.get("range")
        if given and given.strip().startswith("bytes=-"):
            given = (
                None  # of the last bytes Blob Storage knows nothing ("Specifying the range header")
            )
        part = parse_range(given, status.st_size, "InvalidRange") if given else None
        first, last = part or (0, status.st_size - 1)
        if part:
            headers["Content-Range"] = f"bytes {first}-{last}/{status.st_size}"
        headers["Content-Length"] = str(last - first + 1)
        content = _chunks(blob.path, first, last - first + 1)
        return StreamingResponse(self._threads.each(content), 206 if part else 200, headers, kind)

    # -- writing ---------------------------------------------------------------------------------

    async def _write(self, request: Request, blob: Blob) -> Response:
        component = request.query_params.get("comp", "")
        self._account.access.check(blob.container, blob.name, request.query_params, "cw")
        if component not in WRITES:
            raise CloudError.not_implemented(f"PUT ?comp={component} of a blob")
        return await WRITES[component](self, request, blob)

    async def _put_blob(self, request: Request, blob: Blob) -> Response:
        kind = request.headers.get("x-ms-blob-type", "")
        if kind != "BlockBlob":
            raise CloudError(
                400,
                "InvalidHeaderValue",
                f"The header x-ms-blob-type is '{kind}'; a source is uploaded as BlockBlob.",
            )
        folder = self._account.staging(blob)
        temporary = folder / f".{secrets.token_hex(16)}"
        try:
            md5 = await _receive(self._threads, request, temporary)
            blob.commit(temporary, _content_type(request))
        finally:
            temporary.unlink(missing_ok=True)
        return _created(request, blob, md5)

    async def _put_block(self, request: Request, blob: Blob) -> Response:
        path = self._account.staging(blob) / _block_name(request.query_params.get("blockid", ""))
        temporary = path.with_name(f".{secrets.token_hex(16)}")
        try:
            md5 = await _receive(self._threads, request, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return Response(status_code=201, headers={**_common(request), "Content-MD5": md5})

    async def _put_block_list(self, request: Request, blob: Blob) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_LIST:
                raise CloudError(413, "RequestBodyTooLarge", "The block list is too long.")
        ids, kind = _block_ids(body), _content_type(request)
        await self._threads.outside("a file is written", self._assemble, blob, ids, kind)
        return _created(request, blob, "")

    def _assemble(self, blob: Blob, ids: list[str], content_type: str) -> None:
        folder = self._account.staging(blob)
        parts = [folder / _block_name(one) for one in ids]
        if not all(part.is_file() for part in parts):
            raise CloudError(
                400, "InvalidBlockList", "The specified block list is invalid: a block is missing."
            )
        temporary = folder / f".{secrets.token_hex(16)}"
        with temporary.open("xb") as target:
            os.chmod(temporary, 0o600)  # noqa: PTH101
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target, _CHUNK)
        blob.commit(temporary, content_type)
        shutil.rmtree(folder, ignore_errors=True)


# The operations of PUT, by ``comp``.
WRITES: dict[str, Callable[[BlobService, Request, Blob], Awaitable[Response]]] = {
    "": BlobService._put_blob,
    "block": BlobService._put_block,
    "blocklist": BlobService._put_block_list,
}


async def _receive(threads: Threads, request: Request, path: Path) -> str:
    """Stream the body to a new file; returns its MD5 in base64. Raises 400 where it was cut."""
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        async for chunk in _limited(request):
            md5.update(chunk)
            size += len(chunk)
            if len(chunk) > _CHUNK // 4:
                await threads.outside("a file is written", file.write, chunk)
            else:
                file.write(chunk)
    wanted = request.headers.get("content-length")
    if wanted is not None and int(wanted) != size:
        raise CloudError(400, "InvalidInput", f"{wanted} bytes were announced, {size} came.")
    digest = base64.b64encode(md5.digest()).decode()
    given = request.headers.get("content-md5", digest)
    if given != digest:
        raise CloudError(400, "Md5Mismatch", "The MD5 value specified does not match the content.")
    return digest


async def _limited(request: Request) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LARGEST_BLOCK:
            raise CloudError(413, "RequestBodyTooLarge", "The body is larger than 4000 MiB.")
        yield chunk


def _block_name(block_id: str) -> str:
    try:
        decoded = base64.b64decode(block_id, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not 0 < len(decoded) <= 64:
        raise CloudError(
            400,
            "InvalidQueryParameterValue",
            "Value for the query parameter blockid is invalid: base64 of 1 to 64 bytes.",
        )
    return hashlib.sha256(decoded).hexdigest()


def _block_ids(body: bytes) -> list[str]:
    # A DTD could expand without bounds; the format has none.
    if b"<!" in body:
        raise CloudError(400, "InvalidXmlDocument", "The block list has a document type.")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - no DTD, see above
    except ElementTree.ParseError as error:
        raise CloudError(400, "InvalidXmlDocument", f"The block list is not XML: {error}") from None
    return [(element.text or "").strip() for element in root]


def _chunks(path: Path, first: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while length > 0:
            chunk = file.read(min(_CHUNK, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


def _etag(blob: Blob) -> str:
    content, properties = blob.path.stat(), blob.properties_path.stat()
    return f'"0x{content.st_mtime_ns ^ (properties.st_mtime_ns << 1) ^ content.st_size:X}"'


def _content_type(request: Request) -> str:
    kind = request.headers.get("x-ms-blob-content-type") or request.headers.get("content-type")
    return kind or "application/octet-stream"


def _common(request: Request) -> dict[str, str]:
    return {
        "x-ms-version": request.headers.get("x-ms-version", VERSION),
        "x-ms-request-id": str(uuid.uuid4()),
    }


def _created(request: Request, blob: Blob, md5: str) -> Response:
    headers = {
        **_common(request),
        "ETag": _etag(blob),
        "Last-Modified": formatdate(blob.path.stat().st_mtime, usegmt=True),
        "x-ms-request-server-encrypted": "true",
        **({"Content-MD5": md5} if md5 else {}),
    }
    return Response(status_code=201, headers=headers)


def _fail(request: Request, error: Exception) -> Response:
    failure = failure_of(request.method, request.url.path, error)
    if failure.status == 405:
        failure.code = "UnsupportedHttpVerb"
    return _failure(request, failure)


def _failure(request: Request, error: CloudError) -> Response:
    """An error as Blob Storage words it: an XML body, the code also in a header."""
    headers = {**_common(request), "x-ms-error-code": error.code, **error.headers}
    if request.method == "HEAD":
        return Response(status_code=error.status, headers=headers)
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    )
    return Response(body.encode(), error.status, headers, "application/xml")
