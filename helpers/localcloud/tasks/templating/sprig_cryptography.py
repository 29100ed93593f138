"""Sprig's cryptographic functions (Sprig documentation, "Cryptographic and Security Functions").

The library is imported where it is needed: most templates do without.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import zlib
from typing import Any

from .base_encodings import decode64
from .go_types import FunctionError, to_bytes, to_text
from .signatures import table

_SEED = b"com.lyndir.masterpassword"
_CONSONANTS, _VOWELS = "bcdfghjklmnpqrstvwxyz", "aeiou"
_LETTERS = _VOWELS.upper() + _VOWELS + _CONSONANTS.upper() + _CONSONANTS
_CHARACTERS = {
    "V": _VOWELS.upper(),
    "C": _CONSONANTS.upper(),
    "v": _VOWELS,
    "c": _CONSONANTS,
    "A": _VOWELS.upper() + _CONSONANTS.upper(),
    "a": _LETTERS,
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": _LETTERS + "0123456789!@#$%^&*()",
}
# The shapes of passwords (Master Password algorithm, templates by class).
_SHAPES = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno "
        "CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno "
        "CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno "
        "CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno"
    ),
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}


def _password(counter: int, sort: str, password: str, user: str, site: str) -> str:
    if sort not in _SHAPES:
        return f"cannot find password template {sort}"
    name, place = to_bytes(user), to_bytes(site)
    salt = _SEED + len(name).to_bytes(4, "big") + name
    key = hashlib.scrypt(
        to_bytes(password), salt=salt, n=32768, r=8, p=2, dklen=64, maxmem=64 << 20
    )
    told = _SEED + len(place).to_bytes(4, "big") + place + counter.to_bytes(4, "big")
    seed = hmac.new(key, told, hashlib.sha256).digest()
    shapes = _SHAPES[sort].split()
    shape = shapes[seed[0] % len(shapes)]
    found = [_CHARACTERS[one] for one in shape]
    return "".join(one[byte % len(one)] for one, byte in zip(found, seed[1:], strict=False))


def _cipher(password: str, start: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = to_bytes(password)[:32].ljust(32, b"\0")
    return Cipher(algorithms.AES(key), modes.CBC(start))


def _encrypt(password: str, text: str) -> str:
    if not text:
        return ""
    data = to_bytes(text)
    count = 16 - len(data) % 16
    start = secrets.token_bytes(16)
    encryptor = _cipher(password, start).encryptor()
    hidden = encryptor.update(data + bytes([count]) * count) + encryptor.finalize()
    return base64.b64encode(start + hidden).decode()


def _decrypt(password: str, text: str) -> str:
    if not text:
        return ""
    data = decode64(to_bytes(text))
    if len(data) < 32 or len(data) % 16:
        raise FunctionError("crypto/cipher: input not full blocks")
    decryptor = _cipher(password, data[:16]).decryptor()
    plain = decryptor.update(data[16:]) + decryptor.finalize()
    if plain[-1] > len(plain):
        raise FunctionError("runtime error: slice bounds out of range")
    return to_text(plain[: len(plain) - plain[-1]])


def _unique_id() -> str:
    import uuid

    return str(uuid.uuid4())


CRYPTOGRAPHY = table(
    """
    string: sha1sum sha256sum adler32sum
    uint32 string string string string: derivePassword
    string string: encryptAES decryptAES
    : uuidv4
    """,
    {
        "sha1sum": lambda text: hashlib.sha1(to_bytes(text)).hexdigest(),  # noqa: S324
        "sha256sum": lambda text: hashlib.sha256(to_bytes(text)).hexdigest(),
        "adler32sum": lambda text: str(zlib.adler32(to_bytes(text))),
        "derivePassword": _password,
        "encryptAES": _encrypt,
        "decryptAES": _decrypt,
        "uuidv4": _unique_id,
    },
)
