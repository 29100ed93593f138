"""Signatures: what verifies, and every way in which one must not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from helpers import signatures
from helpers.signatures import SignatureError

TARGET = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:" + "1" * 64,
    "size": 482,
}
OTHER = {**TARGET, "digest": "sha256:" + "2" * 64}


@pytest.fixture(scope="module")
def signer() -> signatures.Signer:
    return signatures.new_signer("gate")


def changed(envelope: bytes, part: str, change: Any) -> bytes:
    """The envelope with another ``payload`` or ``protected``."""
    content = json.loads(envelope)
    inner = json.loads(base64.urlsafe_b64decode(content[part] + "=="))
    change(inner)
    content[part] = base64.urlsafe_b64encode(json.dumps(inner).encode()).rstrip(b"=").decode()
    return json.dumps(content).encode()


def test_a_signature_tells_who_stands_for_a_digest(signer: signatures.Signer) -> None:
    envelope = signatures.sign(TARGET, signer)
    assert signatures.verify(envelope, TARGET, [signer.root]) == (
        "CN=gate,O=Acme Rockets,ST=WA,C=US"
    )


def test_the_envelope_is_that_of_the_specification(signer: signatures.Signer) -> None:
    content = json.loads(signatures.sign(TARGET, signer))
    assert set(content) == {"payload", "protected", "header", "signature"}
    assert len(content["header"]["x5c"]) == 2
    protected = json.loads(base64.urlsafe_b64decode(content["protected"] + "=="))
    assert protected["alg"] == "ES256"
    assert protected["cty"] == "application/vnd.cncf.notary.payload.v1+json"
    assert protected["io.cncf.notary.signingScheme"] == "notary.x509"
    assert protected["crit"] == ["io.cncf.notary.signingScheme"]
    payload = json.loads(base64.urlsafe_b64decode(content["payload"] + "=="))
    assert payload == {"targetArtifact": TARGET}
    [annotation] = signatures.annotations_of(signer).items()
    assert annotation[0] == "io.cncf.notary.x509chain.thumbprint#S256"
    assert json.loads(annotation[1]) == [signatures.fingerprint(one) for one in signer.chain]


def test_a_signature_over_another_digest_is_refused(signer: signatures.Signer) -> None:
    with pytest.raises(SignatureError, match=f"another digest: {TARGET['digest']}"):
        signatures.verify(signatures.sign(TARGET, signer), OTHER, [signer.root])


def test_a_digest_of_another_size_is_refused(signer: signatures.Signer) -> None:
    with pytest.raises(SignatureError, match="in another way"):
        signatures.verify(signatures.sign({**TARGET, "size": 1}, signer), TARGET, [signer.root])


def test_a_certificate_that_nobody_trusts_is_refused(signer: signatures.Signer) -> None:
    stranger = signatures.new_signer("gate")
    envelope = signatures.sign(TARGET, stranger)
    with pytest.raises(SignatureError, match="is not trusted here"):
        signatures.verify(envelope, TARGET, [signer.root])
    with pytest.raises(SignatureError, match="Nothing is trusted here"):
        signatures.verify(envelope, TARGET, [])


def test_a_strangers_chain_with_our_root_at_its_end_is_refused(signer: signatures.Signer) -> None:
    stranger = signatures.new_signer("gate")
    envelope = signatures.sign(
        TARGET, signatures.Signer(stranger.key, (stranger.chain[0], signer.root))
    )
    with pytest.raises(SignatureError, match="is not trusted here"):
        signatures.verify(envelope, TARGET, [signer.root])


def test_a_root_is_no_signer(signer: signatures.Signer) -> None:
    """A certificate that is not for signing code does not sign any, whoever issued it."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    envelope = signatures.sign(TARGET, signatures.Signer(key, (signer.root,)))
    with pytest.raises(SignatureError, match="changed, or made with another key"):
        signatures.verify(envelope, TARGET, [signer.root])


@pytest.mark.parametrize("part", ["payload", "protected"])
def test_a_changed_envelope_is_refused(signer: signatures.Signer, part: str) -> None:
    envelope = changed(signatures.sign(TARGET, signer), part, lambda inner: inner.update(more=1))
    with pytest.raises(SignatureError, match="was changed"):
        signatures.verify(envelope, TARGET, [signer.root])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alg", "none"),
        ("alg", "HS256"),
        ("crit", []),
        ("crit", ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]),
        ("cty", "text/plain"),
        ("io.cncf.notary.signingScheme", "notary.x509.signingAuthority"),
    ],
)
def test_another_kind_of_signature_is_refused(
    signer: signatures.Signer, name: str, value: Any
) -> None:
    envelope = changed(
        signatures.sign(TARGET, signer), "protected", lambda inner: inner.update({name: value})
    )
    with pytest.raises(SignatureError, match="not checked here|none of the Notary"):
        signatures.verify(envelope, TARGET, [signer.root])


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"payload": "e30", "protected": "e30", "signature": "", "header": {"x5c": []}}',
        b'{"payload": "W10", "protected": "e30", "signature": "", "header": {"x5c": ["AAAA"]}}',
        b'{"payload": "!", "protected": "e30", "signature": "", "header": {"x5c": []}}',
    ],
)
def test_what_is_no_envelope_is_refused(signer: signatures.Signer, envelope: bytes) -> None:
    with pytest.raises(SignatureError, match="no signature in a JWS envelope|no certificate"):
        signatures.verify(envelope, TARGET, [signer.root])


def test_a_signer_survives_in_a_vault(signer: signatures.Signer) -> None:
    kept = signatures.Signer.from_pem(signer.to_pem())
    assert kept.chain == signer.chain
    signatures.verify(signatures.sign(TARGET, kept), TARGET, [signer.root])
    for text in ("", "no PEM", signer.to_pem()[200:]):
        with pytest.raises(SignatureError, match="no private key"):
            signatures.Signer.from_pem(text)
