-- The ledger of grants, format 1. What was released is never edited, only followed by another file.

-- One row: where the feed was read up to. `version` grows with every write, so that no stale writer moves it back.
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_event_id TEXT,
    -- The event before it: a feed that knows the cursor gives the cursor's own event behind this one.
    event_id_before TEXT,
    version INTEGER NOT NULL,
    anchored INTEGER NOT NULL,
    -- Why everything has to be examined before events count, until that is done.
    reconcile TEXT,
    surveyed_by TEXT
) STRICT;
INSERT INTO cursor (id, version, anchored) VALUES (1, 0, 0);

-- What is known of an access apart from its grants. A reading has a ticket; what was done by a later ticket is never
-- undone by an earlier one.
CREATE TABLE access (
    id TEXT PRIMARY KEY,
    issued INTEGER NOT NULL DEFAULT 0,
    applied INTEGER NOT NULL DEFAULT 0,
    provider TEXT,
    consumer_product TEXT,
    consumer_team TEXT,
    event TEXT,
    kind TEXT,
    reported TEXT,
    -- The collection in which it was found last, or by whose name an event told of it.
    resource TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    counted_in TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX access_provider ON access (provider);
CREATE INDEX access_consumer_product ON access (consumer_product);
CREATE INDEX access_consumer_team ON access (consumer_team);

-- What was, or is about to be, granted: all that a revocation needs.
CREATE TABLE granted (
    access TEXT NOT NULL,
    account TEXT NOT NULL,
    role TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    policy TEXT NOT NULL,
    statements TEXT NOT NULL,
    arns TEXT NOT NULL,
    hash TEXT NOT NULL,
    state TEXT NOT NULL,
    note TEXT,
    event TEXT,
    kind TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (access, account, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX granted_role ON granted (account, role);

-- The documents that our policies should have; none for one that should be gone. `run` last wrote it.
CREATE TABLE policy (
    account TEXT NOT NULL,
    role TEXT NOT NULL,
    policy TEXT NOT NULL,
    document TEXT,
    run TEXT NOT NULL,
    PRIMARY KEY (account, role, policy)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_run ON policy (run);

-- Accesses that were taken on and are not settled, with the messages that asked for them.
CREATE TABLE batch (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;
CREATE TABLE work (
    batch TEXT NOT NULL,
    access TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (batch, access)
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
    batch TEXT NOT NULL,
    receipt TEXT NOT NULL,
    id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    body TEXT NOT NULL,
    receive_count INTEGER NOT NULL,
    sent_at TEXT NOT NULL,
    PRIMARY KEY (batch, receipt)
) STRICT, WITHOUT ROWID;

-- How the accesses of a run came through.
CREATE TABLE result (
    run TEXT NOT NULL,
    access TEXT NOT NULL,
    outcome TEXT,
    failure TEXT,
    PRIMARY KEY (run, access)
) STRICT, WITHOUT ROWID;
CREATE TABLE run (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;
