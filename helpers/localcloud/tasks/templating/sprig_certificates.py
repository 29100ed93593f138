"""Sprig's functions of keys and certificates.

The library is imported where it is needed: most templates do without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

from .base_encodings import decode64
from .go_format import show
from .go_types import FunctionError, Object, to_bytes, to_text
from .signatures import table

_PEM = re.compile(r"-----BEGIN ([^-\n]+)-----\n.+?-----END \1-----", re.DOTALL)


class Certificate(Object):
    """A certificate and its key, in PEM."""

    go_type = "sprig.certificate"

    def __init__(self, cert: str, key: str) -> None:
        self._fields = {"Cert": cert, "Key": key}

    def fields(self) -> Mapping[str, Any]:
        """Cert and Key."""
        return self._fields


def _key_text(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    shown: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return shown.decode()


def _rsa(bits: int) -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, bits)


def _private_key(sort: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec

    if sort in ("", "rsa"):
        return _key_text(_rsa(4096))
    if sort == "dsa":
        return _key_text(dsa.generate_private_key(2048))
    if sort == "ecdsa":
        return _key_text(ec.generate_private_key(ec.SECP256R1()))
    return f"Unknown type {sort}"


def _subject(name: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _builder(name: str, addresses: list[Any], names: list[Any], days: int) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    for one in addresses:
        if not isinstance(one, str):
            raise FunctionError(f"error parsing ip: {show(one)} is not a string")
    for one in names:
        if not isinstance(one, str):
            raise FunctionError(f"error processing alternate dns name: {show(one)} is not a string")
    try:
        found: list[Any] = [x509.DNSName(one) for one in names]
        found += [x509.IPAddress(ip_address(one)) for one in addresses]
        start = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(name))
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
        )
    except (ValueError, OverflowError) as error:
        raise FunctionError(f"error creating certificate: {error}") from None
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        critical=False,
    )
    if found:
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=not name)
    return builder


def _signed(builder: Any, issuer: Any, signer: Any, key: Any, authority: bool) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    builder = builder.issuer_name(issuer).public_key(key.public_key())
    made = builder.sign(signer, hashes.SHA256())
    return Certificate(made.public_bytes(Encoding.PEM).decode(), _key_text(key))


def _self_signed(
    name: str, addresses: list[Any], names: list[Any], days: int, authority: bool = False
) -> Certificate:
    builder = _builder(name, addresses, names, days)
    key = _rsa(2048)
    return _signed(builder, _subject(name), key, key, authority)


def _signed_by(
    name: str, addresses: list[Any], names: list[Any], days: int, authority: Certificate
) -> Certificate:
    fields = authority.fields()
    cert, key = _read(fields["Cert"].encode(), fields["Key"].encode())
    return _signed(_builder(name, addresses, names, days), cert.subject, key, _rsa(2048), False)


def _read(cert: bytes, key: bytes) -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for data, what in ((cert, "certificate"), (key, "key")):
        if not _PEM.search(to_text(data)):
            raise FunctionError(f"unable to decode {what}")
    try:
        found = x509.load_pem_x509_certificate(cert)
    except ValueError as error:
        raise FunctionError(f"error parsing certificate: decodedCert.Bytes: {error}") from None
    try:
        return found, load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise FunctionError(f"error parsing prive key: decodedKey.Bytes: {error}") from None


def _custom(cert: str, key: str) -> Certificate:
    decoded = []
    for text, what in ((cert, "certificate"), (key, "private key")):
        try:
            decoded.append(decode64(to_bytes(text)))
        except ValueError:
            raise FunctionError(f"unable to decode base64 {what}") from None
    _read(decoded[0], decoded[1])
    return Certificate(to_text(decoded[0]), to_text(decoded[1]))


CERTIFICATES = table(
    """
    string: genPrivateKey
    string int: genCA
    string list list int: genSelfSignedCert
    string list list int certificate: genSignedCert
    string string: buildCustomCert
    """,
    {
        "genPrivateKey": _private_key,
        "genCA": lambda name, days: _self_signed(name, [], [], days, authority=True),
        "genSelfSignedCert": _self_signed,
        "genSignedCert": _signed_by,
        "buildCustomCert": _custom,
    },
)
