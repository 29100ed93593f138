"""Who calls: service principals and managed identities, and the tokens that prove it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import atomic
from .passwords import hashed
from .resource_types import USER_ASSIGNED_IDENTITY_TYPE
from .set_aside import SetAside
from .store import Store

log = logging.getLogger(__name__)

MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
VAULT = ("https://vault.azure.net",)
REGISTRY = ("https://containerregistry.azure.net",)
GRAPH = ("https://graph.microsoft.com",)
AUDIENCES = (*MANAGEMENT, *VAULT, *REGISTRY, *GRAPH)

_DECODED = 1024  # tokens that are known to be good
LIFETIME = 3599  # seconds; what Entra ID gives an app-only token by default, less one


@dataclass(frozen=True)
class Principal:
    """A service principal, or a managed identity: then ``resource_id`` is set.

    It is that of the resource whose own the identity is, or of the user-assigned identity.
    """

    object_id: str
    app_id: str
    display_name: str
    resource_id: str = ""

    @property
    def user_assigned(self) -> bool:
        """Whether this is a user-assigned identity, a resource of its own."""
        return f"/providers/{USER_ASSIGNED_IDENTITY_TYPE.lower()}/" in self.resource_id


class TokenError(Exception):
    """A bearer token that is not accepted; ``code`` is ARM's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Principals:
    """The directory of one tenant; thread-safe."""

    def __init__(self, store: Store, tenant_id: str, key_file: Path) -> None:
        self._store = store
        self.tenant_id = tenant_id
        self._key_file = key_file
        self._decoded: dict[bytes, dict[str, Any]] = {}  # the claims of good tokens
        self.issuer = f"https://sts.windows.net/{tenant_id}/"
        # Told of a session before there is one; :meth:`end_session` takes what it is told.
        self.opened: Callable[[str], None] = lambda key: None  # noqa: ARG005

    # -- principals --------------------------------------------------------------------------

    def add(
        self,
        display_name: str,
        *,
        secret: str = "",
        resource_id: str = "",
        app_id: str | None = None,
        object_id: str | None = None,
    ) -> Principal:
        """Create a principal, or renew the one of the same ``app_id``."""
        principal = Principal(
            (object_id or str(uuid.uuid4())).lower(),
            (app_id or str(uuid.uuid4())).lower(),
            display_name,
            resource_id.lower(),
        )
        self._store.execute(
            "INSERT INTO principals (object_id, app_id, display_name, secret, resource_id)"
            " VALUES (?,?,?,?,?) ON CONFLICT (app_id) DO UPDATE SET"
            " display_name=excluded.display_name, secret=excluded.secret",
            (
                principal.object_id,
                principal.app_id,
                display_name,
                hashed(secret) if secret else "",
                principal.resource_id,
            ),
        )
        return principal

    def find(
        self,
        *,
        object_id: str | None = None,
        app_id: str | None = None,
        resource_id: str | None = None,
    ) -> Principal | None:
        """The first principal that matches every given field, or None; nobody has an empty one."""
        fields = {"object_id": object_id, "app_id": app_id, "resource_id": resource_id}
        given = {column: value for column, value in fields.items() if value is not None}
        if not given or not all(given.values()):
            return None
        # Ids are kept in lower case: an index finds them.
        where = " AND ".join(f"{column}=?" for column in given)
        rows = self._store.query(
            f"SELECT * FROM principals WHERE {where}",  # noqa: S608
            tuple(value.lower() for value in given.values()),
        )
        return _principal(rows[0]) if rows else None

    def all(self, after: Principal | None = None) -> Iterator[Principal]:
        """Every principal, or those ``after`` one, in the order of their creation.

        Managed identities as well.
        """
        begins = 0
        if after is not None:
            sql = "SELECT rowid FROM principals WHERE object_id=?"
            rows = self._store.query(sql, (after.object_id,))
            begins = rows[0]["rowid"] if rows else sys.maxsize  # it was deleted meanwhile
        sql = "SELECT rowid, * FROM principals WHERE rowid>? ORDER BY rowid LIMIT ?"
        for rows in self._store.batches(sql, (begins,), ("rowid",)):
            yield from map(_principal, rows)

    def check_secret(self, app_id: str, secret: str) -> bool:
        """Whether ``secret`` is the client secret of ``app_id``."""
        rows = self._store.query("SELECT secret FROM principals WHERE app_id=?", (app_id.lower(),))
        return bool(
            rows and rows[0]["secret"] and hmac.compare_digest(rows[0]["secret"], hashed(secret))
        )

    def remove_identity_of(self, resource_id: str) -> None:
        """Delete the identity that is a resource, or that is its own, and those of all below it."""
        key = resource_id.lower()
        self._store.execute(
            "DELETE FROM principals WHERE resource_id=? OR (resource_id>=? AND resource_id<?)",
            (key, key + "/", key + "0"),
        )

    # -- managed identity --------------------------------------------------------------------

    def open_session(self, *object_ids: str) -> str:
        """A secret that proves at the metadata address that a workload has these identities."""
        secret = secrets.token_urlsafe(32)
        key = hashed(secret)
        self.opened(key)
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT INTO identity_sessions VALUES (?,?)", [(key, one) for one in object_ids]
            )
        return secret

    def session(self, secret: str) -> tuple[Principal, ...]:
        """The identities that ``secret`` stands for and that are still there; () for any other."""
        rows = self._store.query(
            "SELECT object_id FROM identity_sessions WHERE secret=?", (hashed(secret),)
        )
        found = (self.find(object_id=row["object_id"]) for row in rows)
        return tuple(one for one in found if one is not None)

    def close_session(self, secret: str) -> None:
        """Make ``secret`` worthless."""
        self.end_session(hashed(secret))

    def end_session(self, key: str) -> None:
        """As :meth:`close_session`, for whoever knows the session and not its secret."""
        self._store.execute("DELETE FROM identity_sessions WHERE secret=?", (key,))

    def close_sessions(self) -> None:
        """Make every such secret worthless: when a daemon begins, all workloads are over."""
        self._store.execute("DELETE FROM identity_sessions", ())

    # -- tokens ------------------------------------------------------------------------------

    def issue(self, principal: Principal, audience: str, lifetime: int = LIFETIME) -> str:
        """A signed access token (JWT, RS256) for ``audience``, valid ``lifetime`` seconds.

        Claims: learn.microsoft.com, "Access token claims reference" (v1.0, app-only).
        """
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": principal.app_id,
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": self.tenant_id,
            "ver": "1.0",
        }
        if principal.resource_id:
            claims["xms_mirid"] = principal.resource_id
        return self.sign(claims)

    def make_key(self) -> None:
        """Make the key that tokens are signed with; a damaged one is set aside and made anew."""
        problem = self.key_problem()
        if problem:
            kept = SetAside(self._key_file.parent).move(self._key_file, self._key_file.name)
            log.error("%s. It was made anew, and is in %s", problem, kept)
        if not self._key_file.exists():
            _make_key(self._key_file)
            for known in ("_key", "key_id"):
                self.__dict__.pop(known, None)
            self._decoded.clear()

    def key_problem(self) -> str:
        """What is wrong with the file of the key, in words; "" when it is whole, or not there yet."""
        try:
            _load_key(self._key_file, checked=True)
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return (
                f"{self._key_file.name}, the key that access tokens are signed with, is damaged: "
                "tokens that were given out end with it, and clients ask for new ones"
            )
        return ""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return _load_key(self._key_file, checked=False)

    def sign(self, claims: dict[str, object]) -> str:
        """Sign any claims with the cloud's key (registries sign their own tokens with it too)."""
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id})

    @cached_property
    def key_id(self) -> str:
        """A stable name for the signing key."""
        return hashlib.sha256(_public_pem(self._key)).hexdigest()[:16]

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """The key that verifies what :meth:`sign` signed."""
        return self._key.public_key()

    def decode(self, token: str, **rules: Any) -> dict[str, Any]:
        """The claims of a token that :meth:`sign` signed. Raises :class:`jwt.PyJWTError`.

        ``rules`` are those of :func:`jwt.decode`: issuer, audience, options. A client sends its token
        again and again: one that was good by them is good until it expires.
        """
        key = hashlib.sha256(f"{rules} {token}".encode(errors="replace")).digest()
        known = self._decoded.get(key)
        if known is not None and known.get("exp", 0) > time.time():
            return dict(known)
        try:
            claims = jwt.decode(token, self.public_key, algorithms=["RS256"], **rules)
        except (RecursionError, ValueError) as error:  # in a header that nobody has signed
            raise jwt.DecodeError(str(error)) from None
        if len(self._decoded) >= _DECODED:
            self._decoded.clear()
        self._decoded[key] = claims
        return dict(claims)

    def verify(self, token: str, audiences: Collection[str]) -> Principal:
        """The principal that a bearer ``token`` proves. Raises :class:`TokenError`."""
        try:
            claims = self.decode(
                token,
                issuer=self.issuer,
                options={"verify_aud": False, "require": ["exp", "aud", "oid"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenError(
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is in the past. Get a new token and try again.",
            ) from None
        except jwt.PyJWTError:
            raise TokenError(
                "InvalidAuthenticationToken",
                "The access token is invalid: its signature or issuer does not match the tenant "
                f"'{self.tenant_id}'.",
            ) from None
        if str(claims["aud"]).rstrip("/") not in {a.rstrip("/") for a in audiences}:
            raise TokenError(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'. It should exactly match with one of the allowed audiences "
                + ", ".join(f"'{a}/'" for a in audiences)
                + ".",
            )
        principal = self.find(object_id=claims["oid"])
        if principal is None:
            raise TokenError(
                "InvalidAuthenticationToken",
                f"The principal '{claims['oid']}' of the access token no longer exists.",
            )
        return principal


def _principal(row: sqlite3.Row) -> Principal:
    return Principal(row["object_id"], row["app_id"], row["display_name"], row["resource_id"])


def _public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _make_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    atomic.write(path, pem, durable=True)  # a half-written key would lock the cloud out


def _load_key(path: Path, *, checked: bool) -> rsa.RSAPrivateKey:
    """The key; whether its numbers are those of a key takes long to check, and is once enough."""
    loaded = serialization.load_pem_private_key(
        path.read_bytes(), None, unsafe_skip_rsa_key_validation=not checked
    )
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError(f"{path.name} does not hold an RSA key")
    return loaded
