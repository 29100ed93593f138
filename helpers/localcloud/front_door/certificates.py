"""The private certificate authority of a local cloud, and the leaf for all hosts it answers for."""

from __future__ import annotations

import datetime
import logging
import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509

from .. import atomic
from .hosts import CERTIFICATE_NAMES

log = logging.getLogger(__name__)


def server_context(home: Path, ca_file: Path) -> ssl.SSLContext:
    """A TLS server context for every host of the cloud; makes the authority when there is none.

    Private keys never leave ``home`` and are readable by their owner only. The leaf is issued
    anew at every start, so its names follow the host table and it never expires in use.
    """
    authority = _authority(home / "ca-key.pem", ca_file)
    leaf = authority.issue_cert(*CERTIFICATE_NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _authority(key_file: Path, ca_file: Path) -> trustme.CA:
    if key_file.exists() and ca_file.exists():
        certificate = ca_file.read_bytes()
        tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        try:
            expires = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
            if expires > tomorrow:
                return trustme.CA.from_pem(certificate, key_file.read_bytes())
        except ValueError as error:
            log.error("the certificate authority is damaged and was made anew: %s", error)
    authority = trustme.CA(organization_name="Local cloud", organization_unit_name=str(os.getpid()))
    atomic.write(key_file, authority.private_key_pem.bytes(), durable=True)
    atomic.write(ca_file, authority.cert_pem.bytes(), mode=0o644, durable=True)
    return authority
