"""The directory of one tenant: applications, their service principals, and client secrets.

Source: Microsoft Graph REST reference, "application", "servicePrincipal", "passwordCredential". A
client secret is shown once, when it is made; what is kept of it is its hash.
"""

from __future__ import annotations

import hmac
import json
import math
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .passwords import hashed, new_password
from .principals import Principal, Principals
from .store import Store, decoded, readable

_LENGTH, _OTHERS = 40, "~._-"  # characters of a client secret, as Entra ID makes them
_DAY = 86400.0
_DEFAULT_LIFE = 730 * _DAY  # seconds: two years, where no end is asked for


class ClientSecretError(Exception):
    """A client secret that is none of the application's; ``expired``: that was one of its."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("expired" if expired else "wrong")
        self.expired = expired


@dataclass(frozen=True)
class Application:
    """What registers itself in the tenant; ``properties`` are what Graph shows of it beside."""

    object_id: str
    app_id: str
    display_name: str
    properties: dict[str, Any]
    created: float


@dataclass(frozen=True)
class ClientSecret:
    """A secret of an application or a service principal, without what it is; seconds since 1970."""

    key_id: str
    display_name: str | None
    hint: str
    starts: float
    ends: float


class Directory:
    """Applications, and the service principals that they have in the tenant. Thread-safe."""

    def __init__(self, store: Store, principals: Principals) -> None:
        self._store = store
        self._principals = principals

    # -- applications ------------------------------------------------------------------------

    def register(self, display_name: str, properties: dict[str, Any]) -> Application:
        """Create an application; it has no service principal yet."""
        made = Application(
            str(uuid.uuid4()), str(uuid.uuid4()), display_name, properties, time.time()
        )
        self._store.execute(
            "INSERT INTO applications VALUES (?,?,?,?,?)",
            (made.object_id, made.app_id, display_name, json.dumps(properties), made.created),
        )
        return made

    def application(self, *, object_id: str = "", app_id: str = "") -> Application | None:
        """The application of an object id, or of an application id."""
        column, value = ("object_id", object_id) if object_id else ("app_id", app_id)
        rows = self._store.query(
            f"SELECT * FROM applications WHERE {column}=?",  # noqa: S608
            (value.lower(),),
        )
        return next(iter(_applications(rows)), None)

    def applications(self, after: Application | None = None) -> Iterator[Application]:
        """All of them, or those ``after`` one, in the order of their creation."""
        columns = ("created", "object_id")
        sql = (
            "SELECT * FROM applications WHERE (created, object_id)>(?,?)"
            " ORDER BY created, object_id LIMIT ?"
        )
        place = (after.created, after.object_id) if after is not None else (-math.inf, "")
        for rows in self._store.batches(sql, place, columns):
            yield from _applications(rows)

    def change(self, made: Application, display_name: str, properties: dict[str, Any]) -> None:
        """Give an application another name and other properties."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE applications SET display_name=?, properties=? WHERE object_id=?",
                (display_name, json.dumps(properties), made.object_id),
            )
            connection.execute(
                "UPDATE principals SET display_name=? WHERE app_id=?", (display_name, made.app_id)
            )

    def unregister(self, made: Application) -> None:
        """Delete an application, with its secrets and its service principal."""
        with self._store.transaction() as connection:
            principal = self._principals.find(app_id=made.app_id)
            if principal is not None:
                self.remove_service_principal(principal)
            connection.execute("DELETE FROM client_secrets WHERE holder=?", (made.object_id,))
            connection.execute("DELETE FROM applications WHERE object_id=?", (made.object_id,))

    # -- service principals ------------------------------------------------------------------

    def add_service_principal(self, made: Application) -> Principal:
        """What an application is in this tenant: who gets tokens, and roles."""
        return self._principals.add(made.display_name, app_id=made.app_id)

    def remove_service_principal(self, principal: Principal) -> None:
        """Delete a service principal, with its secrets; the application stays."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM client_secrets WHERE holder=?", (principal.object_id,))
            connection.execute("DELETE FROM principals WHERE object_id=?", (principal.object_id,))

    # -- client secrets ----------------------------------------------------------------------

    def add_secret(
        self, holder: str, display_name: str | None, starts: float | None, ends: float | None
    ) -> tuple[ClientSecret, str]:
        """A new secret of an application or service principal, and its text: only here."""
        begins = time.time() if starts is None else starts
        text = new_password(_LENGTH, _OTHERS)
        made = ClientSecret(
            str(uuid.uuid4()),
            display_name,
            text[:3],
            begins,
            begins + _DEFAULT_LIFE if ends is None else ends,
        )
        self._store.execute(
            "INSERT INTO client_secrets VALUES (?,?,?,?,?,?,?)",
            (made.key_id, holder, display_name, made.hint, hashed(text), made.starts, made.ends),
        )
        return made, text

    def remove_secret(self, holder: str, key_id: str) -> bool:
        """Make a secret worthless; False when there is none of that id."""
        return bool(
            self._store.execute(
                "DELETE FROM client_secrets WHERE holder=? AND key_id=? COLLATE NOCASE",
                (holder, key_id),
            )
        )

    def secrets_of(self, holder: str) -> list[ClientSecret]:
        """The secrets of an application or service principal, expired ones as well."""
        rows = self._store.query(
            "SELECT * FROM client_secrets WHERE holder=? ORDER BY rowid", (holder,)
        )
        return [
            ClientSecret(
                row["key_id"], row["display_name"], row["hint"], row["starts"], row["ends"]
            )
            for row in rows
        ]

    def check_secret(self, principal: Principal, text: str) -> None:
        """Raise :class:`ClientSecretError` unless ``text`` is a secret of the principal, and valid."""
        if self._principals.check_secret(principal.app_id, text):
            return
        made = self.application(app_id=principal.app_id)
        holders = (principal.object_id, made.object_id if made is not None else "")
        rows = self._store.query("SELECT * FROM client_secrets WHERE holder IN (?,?)", holders)
        kept, now = hashed(text), time.time()
        matching = [row for row in rows if hmac.compare_digest(row["secret"], kept)]
        if not any(row["starts"] <= now < row["ends"] for row in matching):
            raise ClientSecretError(expired=any(row["ends"] <= now for row in matching))


def _applications(rows: Iterable[sqlite3.Row]) -> list[Application]:
    return readable("application", ("object_id",), rows, _application)


def _application(row: sqlite3.Row) -> Application:
    return Application(
        row["object_id"],
        row["app_id"],
        row["display_name"],
        decoded(row, "properties"),
        row["created"],
    )
