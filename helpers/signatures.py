"""Signatures of what a registry holds, as the Notary Project writes them, and their verification.

Source: Notary Project, signature-specification.md and signature-envelope-jws.md. Of the algorithms
there one is used, ES256; an expiry and other critical headers are refused and not overlooked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt import get_algorithm_by_name

from . import base64url
from .errors import HelpersError

ARTIFACT_TYPE = "application/vnd.cncf.notary.signature"
ENVELOPE_TYPE = "application/jose+json"
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
THUMBPRINTS = "io.cncf.notary.x509chain.thumbprint#S256"
_SCHEME = "io.cncf.notary.signingScheme"
_TIME = "io.cncf.notary.signingTime"
_AGENT = "io.cncf.notary.signingAgent"
_CRITICAL = [_SCHEME]
_ALGORITHM = "ES256"  # the one that the specification pairs with keys on P-256
_YEAR = timedelta(days=365)


class SignatureError(HelpersError):
    """A signature that must not be trusted; the message says why."""


@dataclass(frozen=True)
class Signer:
    """A private key, and the chain of certificates that tells whose it is, its own one first."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def root(self) -> x509.Certificate:
        """The certificate that others put into their trust store."""
        return self.chain[-1]

    def to_pem(self) -> str:
        """Key and chain in one text: a secret, to be kept in a vault."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return (key + b"".join(map(_pem, self.chain))).decode()

    @classmethod
    def from_pem(cls, text: str) -> Signer:
        """What :meth:`to_pem` made. Raises :class:`SignatureError` for anything else."""
        try:
            key = serialization.load_pem_private_key(text.encode(), None)
            chain = tuple(x509.load_pem_x509_certificates(text.encode()))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SignatureError("This is no private key with its certificates, in PEM.") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(
            key.curve, ec.SECP256R1
        ):
            raise SignatureError("The key is none on the curve P-256, which ES256 needs.")
        return cls(key, chain)


def new_signer(common_name: str, organization: str = "Acme Rockets") -> Signer:
    """A signer of its own authority: a root for ten years, below it a certificate for one.

    Its key usages are those that the specification asks for ("Certificate requirements"). A company
    has such certificates from its own authority.
    """
    now = datetime.now(timezone.utc) - timedelta(minutes=5)  # clocks differ
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _subject(f"{organization} root", organization)
    root = (
        _certificate(issuer, issuer, root_key.public_key(), now, 10 * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _certificate(_subject(common_name, organization), issuer, key.public_key(), now, _YEAR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )
    return Signer(key, (leaf, root))


def sign(target: dict[str, Any], signer: Signer) -> bytes:
    """The envelope that says: this signer stands for the manifest that ``target`` describes.

    ``target`` is a descriptor: media type, digest, size.
    """
    described = {key: target[key] for key in ("mediaType", "digest", "size")}
    protected = {
        "alg": _ALGORITHM,
        "crit": _CRITICAL,
        "cty": PAYLOAD_TYPE,
        _SCHEME: "notary.x509",
        _TIME: datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    payload = base64url.encode(json.dumps({"targetArtifact": described}).encode())
    header = base64url.encode(json.dumps(protected).encode())
    signature = get_algorithm_by_name(_ALGORITHM).sign(f"{header}.{payload}".encode(), signer.key)
    certificates = [one.public_bytes(serialization.Encoding.DER) for one in signer.chain]
    envelope = {
        "payload": payload,
        "protected": header,
        "header": {
            "x5c": [base64.b64encode(one).decode() for one in certificates],
            _AGENT: "consume-public-content",
        },
        "signature": base64url.encode(signature),
    }
    return json.dumps(envelope).encode()


def annotations_of(signer: Signer) -> dict[str, str]:
    """The annotation by which a verifier finds the signatures of certificates that it knows."""
    thumbprints = [fingerprint(one) for one in signer.chain]
    return {THUMBPRINTS: json.dumps(thumbprints)}


def verify(envelope: bytes, target: dict[str, Any], trusted: Sequence[x509.Certificate]) -> str:
    """Check that a signature is about ``target`` and comes from below one of ``trusted``.

    Returns the subject of the certificate that signed. Raises :class:`SignatureError`, with what
    is wrong: no envelope, a changed one, another digest, a certificate that nobody here trusts.
    """
    payload, protected, chain, signed, signature = _opened(envelope)
    subject = chain[0].subject.rfc4514_string()
    if protected.get("alg") != _ALGORITHM or protected.get("crit") != _CRITICAL:
        raise SignatureError(
            f"The signature of {subject} is of a kind that is not checked here: algorithm "
            f"{protected.get('alg')}, critical headers {protected.get('crit')}."
        )
    if protected.get("cty") != PAYLOAD_TYPE or protected.get(_SCHEME) != "notary.x509":
        raise SignatureError(f"The signature of {subject} is none of the Notary Project's.")
    key = chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not get_algorithm_by_name(
        _ALGORITHM
    ).verify(signed, key, signature):
        raise SignatureError(f"The signature of {subject} was changed, or made with another key.")
    _check_chain(chain, trusted)
    about = payload.get("targetArtifact") or {}
    if about.get("digest") != target["digest"]:
        raise SignatureError(
            f"The signature of {subject} is about another digest: {about.get('digest')}, "
            f"not {target['digest']}."
        )
    if (about.get("mediaType"), about.get("size")) != (target["mediaType"], target["size"]):
        raise SignatureError(f"The signature of {subject} describes the digest in another way.")
    return subject


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _opened(
    envelope: bytes,
) -> tuple[dict[str, Any], dict[str, Any], list[x509.Certificate], bytes, bytes]:
    try:
        content = json.loads(envelope)
        header, payload = str(content["protected"]), str(content["payload"])
        chain = [
            x509.load_der_x509_certificate(base64.b64decode(one, validate=True))
            for one in content["header"]["x5c"]
        ]
        opened = (json.loads(base64url.decode(payload)), json.loads(base64url.decode(header)))
        signature = base64url.decode(str(content["signature"]))
    except (ValueError, KeyError, TypeError):
        raise SignatureError(
            "This is no signature in a JWS envelope of the Notary Project."
        ) from None
    if not chain or not all(isinstance(one, dict) for one in opened):
        raise SignatureError("The envelope carries no certificate, or no object that it signs.")
    return (*opened, chain, f"{header}.{payload}".encode(), signature)


def _check_chain(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> None:
    subject = chain[0].subject.rfc4514_string()
    if not trusted:
        raise SignatureError(f"Nothing is trusted here, so {subject} is not either.")
    ours = (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, _signs_code)
        .require_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _makes_signatures)
    )
    checker = (
        verification.PolicyBuilder()
        .store(verification.Store(list(trusted)))
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=ours
        )
        .build_client_verifier()
    )
    try:
        checker.verify(chain[0], list(chain[1:]))
    except verification.VerificationError as error:
        raise SignatureError(
            f"{subject} is not trusted here: its certificate does not lead to one of the trust "
            f"store ({error})."
        ) from None


def _signs_code(_: Any, __: x509.Certificate, extension: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CODE_SIGNING not in extension:
        raise ValueError("the certificate is not for signing code")


def _makes_signatures(_: Any, __: x509.Certificate, extension: x509.KeyUsage) -> None:
    if not extension.digital_signature:
        raise ValueError("the certificate is not for signatures")


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: Any, start: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
    )


def _subject(common_name: str, organization: str) -> x509.Name:
    # Country, state and organization are those that a trust policy names ("trustedIdentities").
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "WA"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
