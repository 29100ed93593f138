"""The secrets of all vaults: versions, and the state between deleted and purged."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError
from ..store import Resource, Store, decoded, readable
from .backups import Backups
from .limits import check_described
from .pages import Page

_LIMIT = 25 * 1024  # bytes of a secret's value (Key Vault service limits)
# Of each version, what a backup keeps.
_KEPT = (
    *("version", "value", "content_type", "tags", "enabled", "not_before", "expires"),
    *("created", "updated"),
)
_Params = dict[str, str]
_Body = dict[str, Any]


def forget_vault(store: Store, name: str) -> None:
    """Drop everything of a purged vault."""
    for table in ("secrets", "deleted_secrets"):
        store.execute(f"DELETE FROM {table} WHERE vault=?", (name.lower(),))  # noqa: S608


def forget_due(store: Store) -> None:
    """Purge the deleted secrets whose time is over."""
    now = int(time.time())
    with store.transaction() as connection:
        connection.execute(
            "DELETE FROM secrets WHERE (vault, name) IN"
            " (SELECT vault, name FROM deleted_secrets WHERE purge<=?)",
            (now,),
        )
        connection.execute("DELETE FROM deleted_secrets WHERE purge<=?", (now,))


def _readable(rows: Iterable[sqlite3.Row]) -> list[sqlite3.Row]:
    """The rows whose tags can be read."""

    def check(row: sqlite3.Row) -> sqlite3.Row:
        decoded(row, "tags")
        return row

    return readable("secret", ("vault", "name", "version"), rows, check)


class Secrets:
    """Each operation takes the vault, the path's names and the body, and answers Key Vault's JSON."""

    def __init__(self, cloud: Cloud) -> None:
        self._store = cloud.store
        self._backups = Backups(cloud)

    def set(self, vault: Resource, params: _Params, body: _Body) -> _Body:
        """SetSecret: a new version."""
        name = params["name"]
        if not re.fullmatch(r"[0-9a-zA-Z-]{1,127}", name):
            raise CloudError(
                400,
                "BadParameter",
                f"The request URI contains an invalid name: {name}. A secret's name has 1-127 "
                "letters, digits and hyphens.",
            )
        value = body.get("value")
        if not isinstance(value, str) or len(value.encode()) > _LIMIT:
            raise CloudError(
                400, "BadParameter", f"The secret's value must be a string of up to {_LIMIT} bytes."
            )
        check_described(body)
        self._check_not_deleted(vault, name)
        attributes = body.get("attributes") or {}
        now = int(time.time())
        version = uuid.uuid4().hex
        self._store.execute(
            "INSERT INTO secrets (vault, name, version, value, content_type, tags, enabled,"
            " not_before, expires, created, updated) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                vault.name.lower(),
                name,
                version,
                value,
                body.get("contentType"),
                json.dumps(body.get("tags") or {}),
                attributes.get("enabled", True) is not False,
                attributes.get("nbf"),
                attributes.get("exp"),
                now,
                now,
            ),
        )
        return self._bundle(vault, self._row(vault, name, version), value=True)

    def get(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """GetSecret: the newest version, or the one asked for."""
        row = self._row(vault, params["name"], params["version"])
        if not row["enabled"]:
            raise CloudError(
                403,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
                headers={"innererror": "SecretDisabled"},
            )
        return self._bundle(vault, row, value=True)

    def newest(self, vault: Resource, name: str) -> _Body | None:
        """The newest version without its value, also where it is disabled; None for no secret."""
        row = self._find(vault, name)
        return self._bundle(vault, row, value=False) if row is not None else None

    def all(self, vault: Resource) -> Sequence[_Body]:
        """The secrets of a vault, without versions and values."""
        return self._items(vault, self._each(vault, "", -1))

    def update(self, vault: Resource, params: _Params, body: _Body) -> _Body:
        """UpdateSecret: attributes, content type and tags; never the value."""
        check_described(body)
        row = self._row(vault, params["name"], params["version"])
        given = (body.get("attributes") or {}).items()
        attributes = {name: value for name, value in given if value is not None}
        self._store.execute(
            "UPDATE secrets SET content_type=?, tags=?, enabled=?, not_before=?, expires=?,"
            " updated=? WHERE sequence=?",
            (
                body.get("contentType", row["content_type"]),
                json.dumps(body["tags"]) if body.get("tags") is not None else row["tags"],
                attributes.get("enabled", bool(row["enabled"])),
                attributes.get("nbf", row["not_before"]),
                attributes.get("exp", row["expires"]),
                int(time.time()),
                row["sequence"],
            ),
        )
        return self._bundle(vault, self._row(vault, params["name"], row["version"]), value=False)

    def list(self, vault: Resource, params: _Params, page: Page) -> _Body:  # noqa: ARG002
        """GetSecrets: without versions and without values."""
        rows = self._each(vault, page.after, page.size + 1)
        return page.answer(vault, rows, "name", lambda these: self._items(vault, these))

    def versions(self, vault: Resource, params: _Params, page: Page) -> _Body:
        """GetSecretVersions, in the order of their ids."""
        self._row(vault, params["name"], "")
        rows = self._store.query(
            "SELECT * FROM secrets WHERE vault=? AND name=? AND version>? ORDER BY version LIMIT ?",
            (vault.name.lower(), params["name"], page.after, page.size + 1),
        )
        return page.answer(
            vault,
            rows,
            "version",
            lambda these: self._items(vault, these, versioned=True),
        )

    def delete(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """DeleteSecret: recoverable until purged."""
        self._row(vault, params["name"], "")
        now = int(time.time())
        days = vault.properties["softDeleteRetentionInDays"]
        self._store.execute(
            "INSERT INTO deleted_secrets VALUES (?,?,?,?)",
            (vault.name.lower(), params["name"], now, now + days * 86400),
        )
        return self.get_deleted(vault, params, {})

    def get_deleted(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """GetDeletedSecret."""
        deleted = self._deleted(vault, params["name"])
        if deleted is None:
            raise self._not_found(params["name"])
        row = self._row(vault, params["name"], "", deleted=True)
        return {**self._bundle(vault, row, value=False), **self._fate(vault, deleted)}

    def list_deleted(self, vault: Resource, params: _Params, page: Page) -> _Body:  # noqa: ARG002
        """GetDeletedSecrets."""
        rows = self._store.query(
            "SELECT * FROM deleted_secrets WHERE vault=? AND name>? AND purge>? ORDER BY name"
            " LIMIT ?",
            (vault.name.lower(), page.after, time.time(), page.size + 1),
        )
        return page.answer(
            vault, rows, "name", lambda these: [self._deleted_item(vault, row) for row in these]
        )

    def recover(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """RecoverDeletedSecret."""
        self._forget_deletion(vault, params["name"])
        row = self._row(vault, params["name"], "")
        return self._bundle(vault, row, value=False)

    def purge(self, vault: Resource, params: _Params, body: _Body) -> None:  # noqa: ARG002
        """PurgeDeletedSecret: every version is gone for good, unless the vault is protected."""
        if vault.properties.get("enablePurgeProtection"):
            raise CloudError(
                403,
                "Forbidden",
                'Operation "purge" is not allowed because purge protection is enabled for this '
                "vault. Key Vault service will automatically purge it after the retention period "
                "has passed.",
            )
        with self._store.transaction():
            self._forget_deletion(vault, params["name"])
            self._store.execute(
                "DELETE FROM secrets WHERE vault=? AND name=?",
                (vault.name.lower(), params["name"]),
            )

    # -- backups -----------------------------------------------------------------------------

    def backup(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """BackupSecret: all versions, disabled ones as well, as a text that only Key Vault reads."""
        name = self._row(vault, params["name"], "")["name"]
        rows = self._store.query(
            "SELECT * FROM secrets WHERE vault=? AND name=? ORDER BY sequence",
            (vault.name.lower(), name),
        )
        versions = [{column: row[column] for column in _KEPT} for row in _readable(rows)]
        content = {"name": name, "versions": versions}
        return {"value": self._backups.seal(vault.body["location"], content)}

    def restore(self, vault: Resource, params: _Params, body: _Body) -> _Body:  # noqa: ARG002
        """RestoreSecret: all versions, with their ids. Its name must be free."""
        blob = body.get("value")
        if not isinstance(blob, str) or not blob:
            raise CloudError(400, "BadParameter", "The backup's 'value' is required.")
        content = self._backups.open(vault.body["location"], blob)
        name = content["name"]
        self._check_not_deleted(vault, name)
        if self._store.query(
            "SELECT 1 FROM secrets WHERE vault=? AND name=?", (vault.name.lower(), name)
        ):
            raise CloudError(
                409,
                "Conflict",
                f"There was a conflict restoring the secret '{name}': a secret of this name exists "
                "in the vault, and restoring one does not replace it.",
            )
        with self._store.transaction() as connection:
            for version in content["versions"]:
                connection.execute(
                    f"INSERT INTO secrets (vault, name, {', '.join(_KEPT)}) VALUES"  # noqa: S608
                    f" (?,?,{','.join('?' * len(_KEPT))})",
                    (vault.name.lower(), name, *(version[column] for column in _KEPT)),
                )
        return self._bundle(vault, self._row(vault, name, ""), value=False)

    # -- rows --------------------------------------------------------------------------------

    def _each(self, vault: Resource, after: str, most: int) -> Sequence[sqlite3.Row]:
        """The newest version of each secret that comes ``after`` a name; with -1 of all."""
        # The names of the page first, in the order of an index: it costs what the page has.
        return self._store.query(
            "SELECT newest.* FROM (SELECT DISTINCT name FROM secrets WHERE vault=? AND name>? AND"
            " NOT EXISTS (SELECT 1 FROM deleted_secrets AS gone WHERE gone.vault=secrets.vault AND"
            " gone.name=secrets.name) ORDER BY name LIMIT ?) AS page JOIN secrets AS newest ON"
            " newest.sequence=(SELECT max(sequence) FROM secrets WHERE vault=? AND name=page.name)"
            " ORDER BY newest.name",
            (vault.name.lower(), after, most, vault.name.lower()),
        )

    def _row(
        self, vault: Resource, name: str, version: str, *, deleted: bool = False
    ) -> sqlite3.Row:
        found = self._find(vault, name, version, deleted=deleted)
        if found is None:
            raise self._not_found(f"{name}/{version}" if version else name)
        return found

    def _find(
        self, vault: Resource, name: str, version: str = "", *, deleted: bool = False
    ) -> sqlite3.Row | None:
        rows = self._store.query(
            "SELECT * FROM secrets WHERE vault=? AND name=? AND (version=? OR ?='')"
            " ORDER BY sequence DESC LIMIT 1",
            (vault.name.lower(), name, version, version),
        )
        rows = _readable(rows)
        return rows[0] if rows and (deleted or not self._deletion(vault, name)) else None

    def _deletion(self, vault: Resource, name: str) -> sqlite3.Row | None:
        rows = self._store.query(
            "SELECT * FROM deleted_secrets WHERE vault=? AND name=?", (vault.name.lower(), name)
        )
        return rows[0] if rows else None

    def _deleted(self, vault: Resource, name: str) -> sqlite3.Row | None:
        """When a secret was deleted that can still be recovered; None for any other."""
        found = self._deletion(vault, name)
        return found if found is not None and found["purge"] > time.time() else None

    def _check_not_deleted(self, vault: Resource, name: str) -> None:
        """Raise 409 Conflict for the name of a deleted secret, unless its time is over."""
        forget_due(self._store)
        if self._deleted(vault, name):
            raise CloudError(
                409,
                "Conflict",
                f"Secret {name} is currently in a deleted but recoverable state, and its name "
                "cannot be reused; in this state, the secret can only be recovered or purged.",
                headers={"innererror": "ObjectIsDeletedButRecoverable"},
            )

    def _forget_deletion(self, vault: Resource, name: str) -> None:
        forget_due(self._store)
        gone = self._store.execute(
            "DELETE FROM deleted_secrets WHERE vault=? AND name=?", (vault.name.lower(), name)
        )
        if not gone:
            raise self._not_found(name)

    @staticmethod
    def _not_found(name: str) -> CloudError:
        return CloudError(
            404,
            "SecretNotFound",
            f"A secret with (name/id) {name} was not found in this key vault. If you recently "
            "deleted this secret you may be able to recover it using the correct recovery "
            "command. For help resolving this issue, please see "
            "https://go.microsoft.com/fwlink/?linkid=2125182",
        )

    # -- rendering ---------------------------------------------------------------------------

    def _items(
        self, vault: Resource, rows: Iterable[sqlite3.Row], *, versioned: bool = False
    ) -> Sequence[_Body]:
        return [self._item(vault, row, versioned=versioned) for row in _readable(rows)]

    def _deleted_item(self, vault: Resource, deleted: sqlite3.Row) -> _Body:
        row = self._row(vault, deleted["name"], "", deleted=True)
        return {**self._item(vault, row, versioned=False), **self._fate(vault, deleted)}

    def _item(self, vault: Resource, row: sqlite3.Row, *, versioned: bool) -> _Body:
        identifier = f"{vault.properties['vaultUri']}secrets/{row['name']}"
        attributes = {
            "enabled": bool(row["enabled"]),
            **({"nbf": row["not_before"]} if row["not_before"] else {}),
            **({"exp": row["expires"]} if row["expires"] else {}),
            "created": row["created"],
            "updated": row["updated"],
            "recoveryLevel": _recovery_level(vault),
            "recoverableDays": vault.properties["softDeleteRetentionInDays"],
        }
        return {
            "id": f"{identifier}/{row['version']}" if versioned else identifier,
            **({"contentType": row["content_type"]} if row["content_type"] else {}),
            "attributes": attributes,
            "tags": json.loads(row["tags"]),
        }

    def _bundle(self, vault: Resource, row: sqlite3.Row, *, value: bool) -> _Body:
        bundle = self._item(vault, row, versioned=True)
        return {"value": row["value"], **bundle} if value else bundle

    @staticmethod
    def _fate(vault: Resource, deleted: sqlite3.Row) -> _Body:
        return {
            "recoveryId": f"{vault.properties['vaultUri']}deletedsecrets/{deleted['name']}",
            "deletedDate": deleted["deleted"],
            "scheduledPurgeDate": deleted["purge"],
        }


def _recovery_level(vault: Resource) -> str:
    """Key Vault REST API, DeletionRecoveryLevel: what happens to a deleted secret."""
    custom = "Customized" if vault.properties["softDeleteRetentionInDays"] < 90 else ""
    purgeable = "" if vault.properties.get("enablePurgeProtection") else "+Purgeable"
    return f"{custom}Recoverable{purgeable}"
