"""git's smart HTTP protocol for github.com: clone and fetch, and push with a token.

Source: git documentation, "http-protocol". The pack protocol itself is dulwich's.
"""

from __future__ import annotations

import gzip
import io
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from html import escape
from typing import cast

from dulwich.errors import (
    ChecksumMismatch,
    FileFormatException,
    GitProtocolError,
    HangupException,
    NotGitRepository,
)
from dulwich.objects import Commit, ObjectID
from dulwich.protocol import ReceivableProtocol
from dulwich.refs import Ref
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend, ReceivePackHandler, UploadPackHandler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of, no_space
from ..request_body import read_body
from ..threads import Threads
from .authentication import BadCredentialsError, authenticate
from .fsck import FsckError, check_pack
from .repositories import Repositories, Repository, branches, damaged, mend

log = logging.getLogger(__name__)


class _UploadPack(UploadPackHandler):
    """Like GitHub's, it also gives a commit that no branch points to any more.

    Filters are not offered: then git says so, and clones everything. dulwich (1.2) leaves objects
    out, but does not give them later, when a partial clone asks for them by their names.
    """

    def capabilities(self) -> list[bytes]:
        """What is advertised to clients."""
        more = (b"allow-tip-sha1-in-want", b"allow-reachable-sha1-in-want")
        return [*_without_filter(super().capabilities()), *more]

    def set_client_capabilities(self, caps: Iterable[bytes]) -> None:
        """What the client asks for; git (2.39) asks for filters although there are none."""
        super().set_client_capabilities(_without_filter(caps))


def _without_filter(capabilities: Iterable[bytes]) -> list[bytes]:
    return [one for one in capabilities if one != b"filter"]


class _AnyCommit(Repo):
    """A repository in which what a client names by its id counts as a reference.

    Between the two requests of a fetch, a push may move the branch that the first one has shown.
    """

    wanted: tuple[bytes, ...] = ()

    def get_refs(self) -> dict[Ref, ObjectID]:
        """The references, and what is wanted and is there."""
        refs = super().get_refs()
        for name in map(ObjectID, self.wanted):
            if name in self.object_store and isinstance(self.object_store[name], Commit):
                refs[Ref(b"refs/wanted/" + name)] = name
        return refs


class _Protocol(ReceivableProtocol):
    """dulwich's, but for what takes time that grows with the square of a file's size."""

    source = io.BytesIO()  # of what is read

    def rest(self) -> memoryview:
        """All that was not read yet, which stays to be read."""
        rest = b"".join(iter(lambda: self.recv(_SIDEBAND), b""))
        self.source.seek(-len(rest), io.SEEK_END)
        return memoryview(rest)

    def write_sideband(self, channel: int, blob: bytes) -> None:
        """Send ``blob`` in packets; dulwich (1.2) copies all the rest of it for each of them."""
        view = memoryview(blob)
        for start in range(0, len(view), _SIDEBAND):
            self.write_pkt_line(bytes([channel]) + view[start : start + _SIDEBAND])


class _ReceivePack(ReceivePackHandler):
    """Like GitHub's, it checks every object of a push before it stores any (fsck)."""

    def _apply_pack(
        self, refs: list[tuple[ObjectID, ObjectID, Ref]]
    ) -> Iterator[tuple[bytes, bytes]]:
        protocol = cast(_Protocol, self.proto)
        store = self.repo.object_store
        if any(new.strip(b"0") for _, new, _ in refs):
            try:
                check_pack(protocol.rest(), store.__contains__, store.get_raw)
            except FsckError as error:
                if self.has_capability(b"side-band-64k"):
                    text = f"error: {error}\nfatal: fsck error in packed object\n"
                    protocol.write_sideband(2, text.encode(errors="replace"))
                yield b"unpack", b"index-pack abnormal exit"
                for _, _, ref in refs:
                    yield ref, b"unpacker error"
                return
        yield from super()._apply_pack(refs)

    def _on_update(self, ref_name: Ref, old_sha: ObjectID, new_sha: ObjectID) -> bytes | None:  # noqa: ARG002
        """Why a reference cannot be moved, or None."""
        try:
            name = ref_name.decode()
        except UnicodeDecodeError:
            return b"funny refname"
        if len(ref_name) > _LONGEST_REF or not name.isprintable():
            return b"funny refname"
        if not new_sha.strip(b"0"):
            return None
        try:
            found = self.repo.object_store[new_sha]
        except (KeyError, ValueError):
            return b"missing necessary objects"
        if name.startswith("refs/heads/") and not isinstance(found, Commit):
            return b"cannot update a branch to something that is no commit"
        return None


_HANDLERS = {"git-upload-pack": _UploadPack, "git-receive-pack": _ReceivePack}
_WANT = re.compile(rb"^[0-9a-f]{4}want ([0-9a-f]{40})", re.MULTILINE)
_NO_CACHE = {
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
}
_UNREADABLE = (  # what dulwich raises when a client's lines are none of git's protocol
    *(GitProtocolError, HangupException, FileFormatException, ChecksumMismatch),
    *(AssertionError, LookupError, ValueError, OSError, EOFError, zlib.error),
)
_SIDEBAND = 65515  # bytes of a packet of side-band-64k, less length and channel
_LONGEST_REF = 250  # bytes; with .lock behind it, a file name has 255
_LIMIT = 256 * 1024 * 1024  # bytes of one push


def smart_http(cloud: Cloud, repositories: Repositories, threads: Threads) -> ASGIApp:  # noqa: C901 (all its routes count)
    """The application of github.com."""
    packs = Threads(cloud.store)  # a large one takes seconds: everything else is answered meanwhile

    def find(request: Request, service: str) -> Repository | Response:
        """The repository of the request, or the answer that GitHub would give instead."""
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
        try:
            caller = authenticate(cloud, request.headers.get("authorization"))
        except BadCredentialsError:
            message = "Invalid username or token. Password authentication is not supported.\n"
            return PlainTextResponse(message, 401, challenge)
        name = request.path_params["name"].removesuffix(".git")
        found = repositories.find(request.path_params["owner"], name)
        if caller is None and (found is None or found.private or service == "git-receive-pack"):
            return PlainTextResponse("No anonymous write access.\n", 401, challenge)
        if found is None:
            return PlainTextResponse("Repository not found.\n", 404)
        return found

    def advertise(request: Request) -> Response:
        service = request.query_params.get("service", "")
        if service not in _HANDLERS:
            return PlainTextResponse(
                "Please upgrade your git client.\nGitHub.com no longer supports git over dumb-http",
                403,
            )
        repository = find(request, service)
        if isinstance(repository, Response):
            return repository
        answer = _run(repository, service, b"", advertise=True)
        return Response(answer, 200, _NO_CACHE, f"application/x-{service}-advertisement")

    def serve(request: Request, service: str, body: bytes) -> Response:
        repository = find(request, service)
        if isinstance(repository, Response):
            return repository
        try:
            content = _plain(body, request.headers.get("content-encoding", ""))
            if service == "git-receive-pack":
                answer = _receive(repositories, repository, content)
            else:
                answer = _run(repository, service, content)
        except _UNREADABLE as error:
            full = no_space(error)
            if full is not None:
                return PlainTextResponse(f"{full.message}\n", full.status)
            log.info("%s of %s refused: %s", service, repository.url, error)
            return PlainTextResponse(
                f"The request is not valid git protocol: {_words(error)}\n", 400
            )
        return Response(answer, 200, _NO_CACHE, f"application/x-{service}-result")

    async def rpc(request: Request) -> Response:
        service = request.path_params["service"]
        if service not in _HANDLERS:
            return PlainTextResponse("Not Found\n", 404)
        known = await threads.read(find, request, service)
        if isinstance(known, Response):  # of whom nobody knows who it is, nothing is read
            return known
        if service == "git-upload-pack":  # anybody may ask, and not with much
            return await packs.read(serve, request, service, await read_body(request))
        chunks = bytearray()
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > _LIMIT:
                return PlainTextResponse(f"A push may have up to {_LIMIT} bytes.\n", 413)
        why = "references move on disk; what has moved is then recorded in a transaction"
        return await packs.outside(why, serve, request, service, bytes(chunks))

    def refuse(request: Request, error: Exception) -> Response:
        failure = failure_of(request.method, request.url.path, error)
        return PlainTextResponse(f"{failure.message}\n", failure.status, failure.headers)

    def page(request: Request) -> Response:
        found = find(request, "git-upload-pack")
        if isinstance(found, Response):
            return PlainTextResponse("Not Found\n", 404)
        rows = "".join(
            f"<li>{escape(name)}: <code>{commit}</code>" for name, commit in branches(found).items()
        )
        return HTMLResponse(
            f"<!DOCTYPE html><title>{found.owner}/{found.name}</title>"
            f"<h1>{found.owner}/{found.name}</h1><p>git clone {found.url}.git<ul>{rows}</ul>"
        )

    return Starlette(
        routes=[
            threads.route("/{owner}/{name}/info/refs", advertise),
            Route("/{owner}/{name}/{service}", rpc, methods=["POST"]),
            threads.route("/{owner}/{name}", page),
        ],
        exception_handlers={CloudError: refuse, Exception: refuse},
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding not in ("gzip", "x-gzip"):
        return body
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
        content = packed.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise ValueError("the unpacked request is too large")
    return content


def _run(repository: Repository, service: str, body: bytes, *, advertise: bool = False) -> bytes:
    output = io.BytesIO()
    source = io.BytesIO(body)
    try:
        opened = _AnyCommit(str(repository.path))
    except NotGitRepository:
        raise damaged(repository, "missing") from None
    except ValueError as error:
        raise damaged(repository, f"damaged ({error})") from None
    with opened as repo:
        if service == "git-upload-pack":
            repo.wanted = tuple(_WANT.findall(body))
        protocol = _Protocol(source.read, output.write)
        protocol.source = source
        if advertise:
            protocol.write_pkt_line(f"# service={service}\n".encode())
            protocol.write_pkt_line(None)
        handler = _HANDLERS[service](
            DictBackend({"/": cast(BackendRepo, repo)}),
            ["/"],
            protocol,
            stateless_rpc=True,
            advertise_refs=advertise,
        )
        handler.handle()
    return output.getvalue()


def _receive(repositories: Repositories, repository: Repository, body: bytes) -> bytes:
    """Take a push, then tell about every branch that it moved."""
    with repositories.lock(repository):
        if repositories.find(repository.owner, repository.name) != repository:
            raise CloudError(404, "NotFound", "Repository not found.")  # deleted meanwhile
        mend(repository)
        answer = _run(repository, "git-receive-pack", body)
        repositories.record_heads(repository)
    return answer
