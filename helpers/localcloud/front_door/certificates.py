"""The private certificate authority of a local cloud, and the leaf for all hosts it answers for."""

from __future__ import annotations

import datetime
import functools
import logging
import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .. import atomic
from .hosts import CERTIFICATE_NAMES, is_bridge

log = logging.getLogger(__name__)
_MOST = 64  # hosts with a leaf of their own; more than there are regions


class Certificates:
    """TLS for every host of the cloud; makes the authority when there is none.

    Private keys never leave ``home`` and are readable by their owner only. The leaf is issued
    anew at every start, so its names follow the host table and it never expires in use.
    """

    def __init__(self, home: Path, ca_file: Path) -> None:
        self._authority = _authority(home / "ca-key.pem", ca_file)
        self._usual = self._context(*CERTIFICATE_NAMES)
        self._of_its_own = functools.lru_cache(_MOST)(self._context)

    def context(self, host: str) -> ssl.SSLContext:
        """The server context for a host; one that the leaf does not name gets a leaf of its own."""
        return self._of_its_own(host) if is_bridge(host) else self._usual

    def _context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


def problem(key_file: Path, ca_file: Path) -> str:
    """What is wrong with the authority's two files, in words; "" when it can be used tomorrow."""
    about = f"{ca_file.name} and {key_file.name}, the certificate authority of the local cloud"
    try:
        certificate = x509.load_pem_x509_certificate(ca_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return f"{about}, are damaged"
    if certificate.public_key() != key.public_key():
        return f"{about}, do not belong together"
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    return "" if certificate.not_valid_after_utc > tomorrow else f"{about}, have expired"


def _authority(key_file: Path, ca_file: Path) -> trustme.CA:
    if key_file.exists() and ca_file.exists():
        reason = problem(key_file, ca_file)
        if not reason:
            return trustme.CA.from_pem(ca_file.read_bytes(), key_file.read_bytes())
        log.error("%s: it was made anew", reason)
    authority = trustme.CA(organization_name="Local cloud", organization_unit_name=str(os.getpid()))
    atomic.write(key_file, authority.private_key_pem.bytes(), durable=True)
    atomic.write(ca_file, authority.cert_pem.bytes(), mode=0o644, durable=True)
    return authority
