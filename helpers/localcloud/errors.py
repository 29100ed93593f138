"""The error that every service of the local cloud raises and renders in its own wire format."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any


class CloudError(Exception):
    """A request that the cloud refuses.

    ``status`` is the HTTP status, ``code`` the service's own error code (``ResourceNotFound``,
    ``Forbidden``, ``MANIFEST_UNKNOWN``, …), ``message`` what was wrong, where, and what to do;
    ``detail`` is what a registry says besides: a sentence, names, or what it lacks. ``target``,
    ``details`` and ``additional_info`` are what ARM says besides: the resource that it is about, the
    errors that led to it, and what a program can read of it.
    Each service turns it into its own body: ARM's ``{"error": {…}}``, OCI's ``{"errors": […]}``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        detail: str | Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
        target: str = "",
        details: Sequence[Mapping[str, Any]] = (),
        additional_info: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.detail = detail
        self.target = target
        self.details = [dict(one) for one in details]
        self.additional_info = [dict(one) for one in additional_info]

    def body(self) -> dict[str, Any]:
        """The error as ARM shows it: code and message, and what it says besides."""
        more = {
            "target": self.target,
            "details": self.details,
            "additionalInfo": self.additional_info,
        }
        given = {name: value for name, value in more.items() if value}
        return {"code": self.code, "message": self.message, **given}

    @classmethod
    def not_implemented(cls, operation: str) -> CloudError:
        """HTTP 501 that names the operation that the local cloud lacks."""
        return cls(
            501,
            "NotImplemented",
            f"The local cloud does not implement {operation}. Azure has it: what differs here, and "
            "the way out, is in README.md under 'How local differs'.",
        )


def status_name(status: int) -> str:
    """The name of an HTTP status as .NET writes it, and Azure's services with it: NotFound."""
    return HTTPStatus(status).phrase.replace(" ", "")


def shortened(text: str, most: int = 200) -> str:
    """What a refusal repeats of a client's text: ``most`` of its characters."""
    return text if len(text) <= most else f"{text[:most]}…"


class DaemonError(Exception):
    """The daemon could not be started or stopped; the message says why and what to do."""


def no_space(error: BaseException) -> CloudError | None:
    """HTTP 507 when ``error`` says that the disk is full, else None."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if not full and not (isinstance(error, sqlite3.OperationalError) and "full" in str(error)):
        return None
    return CloudError(
        507,
        "InsufficientStorage",
        "The disk that holds the state of the local cloud is full, and nothing of this request was "
        "kept. Free some space, then send it again.",
    )


def words_of(error: Exception) -> str:
    """What went wrong, for a log or an event: no number of the system, no path of the state."""
    if isinstance(error, CloudError):
        return error.message
    if no_space(error) is not None:
        return (
            "the disk that holds the state of the local cloud is full. Free some space, then try "
            "it again"
        )
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def failure_of(method: str, path: str, error: BaseException) -> CloudError:
    """What the client of a request is told whose handling has raised ``error``."""
    if isinstance(error, CloudError):
        return error
    status = getattr(error, "status_code", None)  # as a router says it
    if status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_FOUND):
        return CloudError(
            int(HTTPStatus.METHOD_NOT_ALLOWED),
            "MethodNotAllowed",
            f"The requested resource does not support http method '{method}'.",
            headers=getattr(error, "headers", None),
        )
    return no_space(error) or CloudError(
        500,
        "InternalServerError",
        f"The local cloud failed at {method} {path}. That is a defect of the local cloud; its log "
        "has the details: daemon.log in its state folder.",
    )
