"""The versions of the state: every table of every service, and the way from each version to the next.

A state has a number (SQLite's ``PRAGMA user_version``). Opening it takes the steps that it lacks,
in order, each in one transaction. A step that was released is never changed: add another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .errors import CloudError

# What 0.1.0 wrote, without a number; it may have made some of it already, hence IF NOT EXISTS.
_TABLES = """
-- resources
CREATE TABLE IF NOT EXISTS resources (
    key TEXT PRIMARY KEY,            -- the ARM id in lower case: ids compare without case
    id TEXT NOT NULL,
    type TEXT NOT NULL,              -- Microsoft.ContainerRegistry/registries/tasks
    name TEXT NOT NULL,
    resource_group TEXT NOT NULL,    -- lower case; '' outside a group
    parent TEXT NOT NULL,            -- key of the parent resource, '' at top level
    body TEXT NOT NULL,              -- JSON, as a GET answers it
    private TEXT NOT NULL,           -- JSON that is never rendered: secret values, password hashes
    created REAL NOT NULL,
    updated REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS resources_type ON resources (type COLLATE NOCASE, name COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS resources_group ON resources (resource_group);
CREATE INDEX IF NOT EXISTS resources_parent ON resources (parent);

-- principals and their sessions
CREATE TABLE IF NOT EXISTS principals (
    object_id TEXT PRIMARY KEY, app_id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL,
    secret TEXT NOT NULL,           -- sha256 of the client secret; '' for managed identities
    resource_id TEXT NOT NULL       -- lower-case ARM id that a system-assigned identity belongs to
);
CREATE TABLE IF NOT EXISTS identity_sessions (
    secret TEXT PRIMARY KEY, object_id TEXT NOT NULL
);

-- what waits to be told
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, payload TEXT NOT NULL, created REAL NOT NULL
);

-- secrets of the vaults
CREATE TABLE IF NOT EXISTS secrets (
    vault TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, version TEXT NOT NULL,
    value TEXT NOT NULL, content_type TEXT, tags TEXT NOT NULL, enabled INTEGER NOT NULL,
    not_before INTEGER, expires INTEGER, created INTEGER NOT NULL, updated INTEGER NOT NULL,
    sequence INTEGER PRIMARY KEY AUTOINCREMENT
);
CREATE INDEX IF NOT EXISTS secrets_name ON secrets (vault, name);
CREATE TABLE IF NOT EXISTS deleted_secrets (
    vault TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, deleted INTEGER NOT NULL,
    purge INTEGER NOT NULL, PRIMARY KEY (vault, name)
);

-- contents of the registries
CREATE TABLE IF NOT EXISTS registry_repositories (
    registry TEXT NOT NULL, repository TEXT NOT NULL, created REAL NOT NULL,
    updated REAL NOT NULL, attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (registry, repository)
);
CREATE TABLE IF NOT EXISTS registry_manifests (
    registry TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, subject TEXT NOT NULL, created REAL NOT NULL,
    updated REAL NOT NULL, attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (registry, repository, digest)
);
CREATE TABLE IF NOT EXISTS registry_tags (
    registry TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (registry, repository, tag)
);
CREATE TABLE IF NOT EXISTS registry_blobs (
    registry TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (registry, repository, digest)
);

-- repositories of the git host
CREATE TABLE IF NOT EXISTS git_repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE,
    private INTEGER NOT NULL, description TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (owner, name)
);
CREATE TABLE IF NOT EXISTS git_heads (
    repository INTEGER NOT NULL, branch TEXT NOT NULL, commit_id TEXT NOT NULL,
    PRIMARY KEY (repository, branch)
);

-- runs of tasks
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,          -- registry's ARM id in lower case, /runs/, run id
    registry TEXT NOT NULL,        -- ARM id of the registry
    number INTEGER NOT NULL,       -- counts the runs of the registry, from 1
    run_id TEXT NOT NULL,
    status TEXT NOT NULL,
    task TEXT NOT NULL,            -- name of the task; '' for a quick run
    created REAL NOT NULL,
    properties TEXT NOT NULL,      -- JSON, as ARM shows it, without what has a column
    request TEXT NOT NULL          -- JSON, complete with secret values; never rendered
);
CREATE INDEX IF NOT EXISTS runs_registry ON runs (registry COLLATE NOCASE, number);
CREATE INDEX IF NOT EXISTS runs_status ON runs (status);
CREATE INDEX IF NOT EXISTS runs_task ON runs (registry COLLATE NOCASE, task COLLATE NOCASE, number);
CREATE TABLE IF NOT EXISTS run_numbers (
    registry TEXT PRIMARY KEY COLLATE NOCASE,  -- of a registry that was deleted
    last INTEGER NOT NULL                      -- number of its last run: one that may still go on
);

-- timers that have fired
CREATE TABLE IF NOT EXISTS timer_occurrences (
    task TEXT NOT NULL, name TEXT NOT NULL, occurrence TEXT NOT NULL,
    PRIMARY KEY (task, name, occurrence)
);
"""

_SUBSCRIBERS = """
CREATE TABLE outbox_positions (
    subscriber TEXT NOT NULL, kind TEXT NOT NULL,
    position INTEGER NOT NULL,       -- sequence of the last entry of that kind that it has handled
    PRIMARY KEY (subscriber, kind)
);
CREATE TABLE outbox_set_aside (
    sequence INTEGER NOT NULL, subscriber TEXT NOT NULL,  -- '' for an entry that nobody can read
    kind TEXT NOT NULL, payload TEXT NOT NULL, created REAL NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (sequence, subscriber)
);
-- when a tag was moved is part of the event
UPDATE outbox SET payload=json_set(payload, '$.pushed', created)
    WHERE kind='ManifestPushed' AND json_valid(payload);
"""

_LINKS = """
-- since when a repository gives out a blob: one that no manifest of it names is let go later
ALTER TABLE registry_blobs ADD COLUMN linked REAL NOT NULL DEFAULT 0;
UPDATE registry_blobs SET linked=strftime('%s', 'now');
"""

_OPERATIONS = """
-- long-running operations
CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL, resource_id TEXT NOT NULL,
    request TEXT NOT NULL,           -- JSON: what carrying it out needs; {} once it has ended
    status TEXT NOT NULL,            -- InProgress | Succeeded | Failed
    error TEXT,                      -- JSON: HTTP status, code and message
    started REAL NOT NULL, ended REAL
);
"""

_DESCRIPTIONS = """
-- what a manifest and its configuration say, so that listings read no content
CREATE TABLE registry_descriptions (
    digest TEXT PRIMARY KEY, config_media_type TEXT, architecture TEXT, os TEXT,
    children TEXT,                   -- JSON: digest and platform of each manifest of an index
    artifact_type TEXT NOT NULL, annotations TEXT NOT NULL, length INTEGER NOT NULL
);
CREATE INDEX registry_manifests_time ON registry_manifests (registry, repository, updated, digest);
CREATE INDEX registry_manifests_subject ON registry_manifests (registry, repository, subject);
CREATE INDEX registry_manifests_digest ON registry_manifests (digest);
CREATE INDEX registry_tags_time ON registry_tags (registry, repository, updated, tag);
CREATE INDEX registry_tags_digest ON registry_tags (registry, repository, digest);
"""

_CHANGES = """
-- the newest changes, for who watches: what kind of thing has changed where, and its name
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,              -- registry | task | run | tag | container group | branch
    place TEXT NOT NULL,             -- ARM id, of a task and a run the registry's; of a tag the
    name TEXT NOT NULL               -- login server, of a branch the address of its repository
);
CREATE TRIGGER changes_kept AFTER INSERT ON changes BEGIN
    DELETE FROM changes WHERE sequence<=NEW.sequence-1000;
END;
CREATE TRIGGER runs_made AFTER INSERT ON runs BEGIN
    INSERT INTO changes (kind, place, name) VALUES ('run', NEW.registry, NEW.run_id);
END;
CREATE TRIGGER runs_changed AFTER UPDATE OF status, properties ON runs BEGIN
    INSERT INTO changes (kind, place, name) VALUES ('run', NEW.registry, NEW.run_id);
END;
CREATE TRIGGER tags_made AFTER INSERT ON registry_tags BEGIN
    INSERT INTO changes (kind, place, name)
        VALUES ('tag', NEW.registry, NEW.repository || ':' || NEW.tag);
END;
CREATE TRIGGER tags_moved AFTER UPDATE OF digest, updated ON registry_tags BEGIN
    INSERT INTO changes (kind, place, name)
        VALUES ('tag', NEW.registry, NEW.repository || ':' || NEW.tag);
END;
CREATE TRIGGER tags_deleted AFTER DELETE ON registry_tags BEGIN
    INSERT INTO changes (kind, place, name)
        VALUES ('tag', OLD.registry, OLD.repository || ':' || OLD.tag);
END;
CREATE TRIGGER branches_pushed AFTER INSERT ON git_heads BEGIN
    INSERT INTO changes (kind, place, name)
        SELECT 'branch', 'https://github.com/' || owner || '/' || name, NEW.branch
        FROM git_repositories WHERE id=NEW.repository;
END;
CREATE VIEW watched_types (type, kind, parented) AS VALUES
    ('Microsoft.ContainerRegistry/registries', 'registry', 0),
    ('Microsoft.ContainerRegistry/registries/tasks', 'task', 1),
    ('Microsoft.ContainerInstance/containerGroups', 'container group', 0);
CREATE TRIGGER resources_made AFTER INSERT ON resources BEGIN
    INSERT INTO changes (kind, place, name)
        SELECT kind, CASE WHEN parented THEN NEW.parent ELSE NEW.key END, NEW.name
        FROM watched_types AS one WHERE one.type=NEW.type COLLATE NOCASE;
END;
CREATE TRIGGER resources_changed AFTER UPDATE OF body ON resources WHEN OLD.body<>NEW.body BEGIN
    INSERT INTO changes (kind, place, name)
        SELECT kind, CASE WHEN parented THEN NEW.parent ELSE NEW.key END, NEW.name
        FROM watched_types AS one WHERE one.type=NEW.type COLLATE NOCASE;
END;
CREATE TRIGGER resources_deleted AFTER DELETE ON resources BEGIN
    INSERT INTO changes (kind, place, name)
        SELECT kind, CASE WHEN parented THEN OLD.parent ELSE OLD.key END, OLD.name
        FROM watched_types AS one WHERE one.type=OLD.type COLLATE NOCASE;
END;
"""

_DIRECTORY = """
-- what registers itself in the directory, and the secrets that it, or its service principal, has
CREATE TABLE applications (
    object_id TEXT PRIMARY KEY, app_id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL,
    properties TEXT NOT NULL,        -- JSON: what Graph shows of it beside
    created REAL NOT NULL
);
CREATE TABLE client_secrets (
    key_id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,            -- object id of an application or a service principal
    display_name TEXT, hint TEXT NOT NULL,
    secret TEXT NOT NULL,            -- sha256
    starts REAL NOT NULL, ends REAL NOT NULL
);
CREATE INDEX client_secrets_holder ON client_secrets (holder);
-- a workload may have several identities; none outlives the daemon that has begun it
DROP TABLE identity_sessions;
CREATE TABLE identity_sessions (
    secret TEXT NOT NULL, object_id TEXT NOT NULL, PRIMARY KEY (secret, object_id)
);
"""

_ASSIGNMENTS = """
-- whom a role is assigned to, and where: asked at every request (Permissions)
CREATE INDEX role_assignments ON resources (
    CASE WHEN json_valid(body) THEN lower(json_extract(body, '$.properties.principalId')) END,
    CASE WHEN json_valid(body) THEN lower(json_extract(body, '$.properties.scope')) END
) WHERE type='Microsoft.Authorization/roleAssignments';
"""

_WEBHOOK_EVENTS = """
-- what webhooks have told, or have still to tell, their receivers
CREATE TABLE webhook_events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    webhook TEXT NOT NULL,           -- ARM id in lower case
    content TEXT NOT NULL,           -- JSON: the body of the request
    request TEXT, response TEXT,     -- JSON: the last attempt, as listEvents shows it
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL                         -- when the next attempt is, seconds since 1970; NULL: none is
);
CREATE INDEX webhook_events_webhook ON webhook_events (webhook, sequence);
CREATE INDEX webhook_events_due ON webhook_events (due) WHERE due IS NOT NULL;
"""

_PRINCIPALS = """
-- whose own an identity is: asked whenever a resource is deleted
CREATE INDEX principals_resource ON principals (resource_id);
"""

_QUARANTINED_TAGS = """
-- tags by which images were put that are in quarantine: they are set when their image has passed
CREATE TABLE registry_quarantined_tags (
    registry TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    put REAL NOT NULL,               -- when, seconds since 1970
    PRIMARY KEY (registry, repository, tag)
);
CREATE INDEX registry_quarantined_tags_digest
    ON registry_quarantined_tags (registry, repository, digest);
"""

_DELETED = """
-- what policies of registries keep, or let go, by time
CREATE TABLE registry_deleted (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which it was deleted
    registry TEXT NOT NULL, repository TEXT NOT NULL,
    kind TEXT NOT NULL,              -- repository | manifest | tag
    name TEXT NOT NULL,              -- of a manifest its digest
    digest TEXT NOT NULL,            -- of a tag that of its manifest; '' of a repository
    record TEXT NOT NULL,            -- JSON: its row as it was
    deleted REAL NOT NULL,
    UNIQUE (registry, repository, kind, name, digest)
);
CREATE INDEX registry_deleted_order ON registry_deleted (registry, kind, repository, sequence);
CREATE INDEX registry_deleted_manifests ON registry_deleted (digest) WHERE kind='manifest';
CREATE TABLE registry_untagged (
    registry TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    due REAL NOT NULL,               -- when it goes, unless it has a tag by then
    PRIMARY KEY (registry, repository, digest)
);
CREATE INDEX registry_untagged_due ON registry_untagged (due);
"""

_REFERENCES = """
-- what each manifest refers to: asked whenever a blob is deleted
CREATE TABLE registry_references (
    child TEXT NOT NULL,             -- digest; '' for what an older version has stored: read it first
    digest TEXT NOT NULL,            -- of the manifest
    PRIMARY KEY (child, digest)
) WITHOUT ROWID;
INSERT INTO registry_references SELECT DISTINCT '', digest FROM registry_manifests;
"""

_APPLICATIONS = """
-- applications in the order of their creation, from any one of them on
CREATE INDEX applications_created ON applications (created, object_id);
"""

_DELETED_ORDERS = """
-- what is over, and a page of deleted repositories, without what else is kept
CREATE INDEX registry_deleted_time ON registry_deleted (registry, deleted);
CREATE INDEX registry_deleted_repositories ON registry_deleted (registry, sequence)
    WHERE kind='repository';
"""

STEPS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    _TABLES,
    _SUBSCRIBERS,
    _LINKS,
    _OPERATIONS,
    _DESCRIPTIONS,
    _CHANGES,
    _DIRECTORY,
    _ASSIGNMENTS,
    _WEBHOOK_EVENTS,
    _PRINCIPALS,
    _QUARANTINED_TAGS,
    _DELETED,
    _REFERENCES,
    _APPLICATIONS,
    _DELETED_ORDERS,
)
VERSION = len(STEPS)


def check(path: Path) -> None:
    """Raise :class:`CloudError` for a state that a newer version has written; touches nothing."""
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(64)  # SQLite's file format: the user version is at byte 60
    if not header.startswith(b"SQLite format 3\0"):
        return  # no database: who opens it says so
    found = int.from_bytes(header[60:64], "big")
    if found <= VERSION and path.with_name(path.name + "-wal").exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            found = version(reader)
    if found > VERSION:
        raise CloudError(
            500,
            "NewerState",
            f"The state in {path.parent} has version {found}, which a newer version of the local "
            f"cloud has written: this one reads up to version {VERSION}. Nothing was changed. Use "
            "the newer one, or another folder: LOCALCLOUD_HOME=<folder>.",
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a state to :data:`VERSION`, one step after the other, each whole or not at all."""
    while version(connection) < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = version(connection)  # another process may have been quicker
            if found < VERSION:
                _take(connection, STEPS[found])
                connection.execute(f"PRAGMA user_version={found + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _take(connection: sqlite3.Connection, step: str | Callable[[sqlite3.Connection], None]) -> None:
    if callable(step):
        step(connection)
        return
    statement = ""
    for line in step.splitlines(keepends=True):  # executescript would commit
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def version(connection: sqlite3.Connection) -> int:
    """The version of a state; 0 for what 0.1.0 has written, and for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
