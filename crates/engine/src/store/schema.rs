//! The tables, and how a store grows from one format to the next. `docs/internals/storage-format.md` tells
//! what each column means.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StoreError;

/// Marks the file as a store of stepwell (`PRAGMA application_id`): "SWL1".
const APPLICATION_ID: i64 = 0x5357_4c31;

/// Numbered migrations: the first makes format 1 out of an empty file, the next 2 out of 1. What was
/// released is never edited, only followed.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE state_machine (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        definition INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    );
    CREATE TABLE definition (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        text TEXT NOT NULL,
        role_arn TEXT NOT NULL,
        created_at INTEGER NOT NULL
    );
    CREATE TABLE execution (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        stopped_at INTEGER,
        next_wakeup INTEGER,
        open_tasks INTEGER NOT NULL,
        entries INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX execution_name ON execution (state_machine, name);
    CREATE INDEX execution_status ON execution (status, state_machine);
    CREATE TABLE execution_data (
        execution INTEGER PRIMARY KEY,
        input TEXT NOT NULL,
        output TEXT,
        error TEXT,
        cause TEXT
    );
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        format INTEGER NOT NULL,
        entries BLOB NOT NULL
    );
",
    "
    CREATE TABLE activity (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL
    );
    CREATE TABLE map_run (
        id INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        scheduled INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        state INTEGER NOT NULL,
        label TEXT NOT NULL,
        uuid TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        stopped_at INTEGER,
        items INTEGER,
        max_concurrency INTEGER NOT NULL,
        tolerated_count INTEGER NOT NULL,
        tolerated_percentage REAL NOT NULL
    );
    CREATE INDEX map_run_execution ON map_run (execution);
    CREATE INDEX map_run_running ON map_run (id) WHERE status = 'RUNNING';
    ALTER TABLE execution ADD COLUMN map_run INTEGER;
    ALTER TABLE execution ADD COLUMN map_index INTEGER;
    ALTER TABLE execution ADD COLUMN map_items INTEGER;
    CREATE INDEX execution_map_run ON execution (map_run, map_index) WHERE map_run IS NOT NULL;
    CREATE INDEX execution_running ON execution (id) WHERE status = 'RUNNING';
    DROP INDEX execution_status;
    CREATE INDEX execution_status ON execution (status, state_machine) WHERE map_run IS NULL;
    ALTER TABLE state_machine ADD COLUMN last_version INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE state_machine ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE definition ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE execution ADD COLUMN version INTEGER;
    ALTER TABLE execution ADD COLUMN alias TEXT;
    CREATE TABLE version (
        state_machine INTEGER NOT NULL,
        number INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        description TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (state_machine, number)
    ) WITHOUT ROWID;
    CREATE TABLE alias (
        state_machine INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        routes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (state_machine, name)
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE execution ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE execution ADD COLUMN redriven_at INTEGER;
    ALTER TABLE execution ADD COLUMN map_attempt INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE map_run ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE map_run ADD COLUMN redriven_at INTEGER;
    ALTER TABLE map_run ADD COLUMN error TEXT;
    ALTER TABLE map_run ADD COLUMN cause TEXT;
    ALTER TABLE activity ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE definition ADD COLUMN type TEXT NOT NULL DEFAULT 'STANDARD';
",
    "
    CREATE TABLE child_count (
        map_run INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        status TEXT NOT NULL,
        executions INTEGER NOT NULL,
        items INTEGER NOT NULL,
        PRIMARY KEY (map_run, attempt, status)
    ) WITHOUT ROWID;
    INSERT INTO child_count (map_run, attempt, status, executions, items)
        SELECT map_run, map_attempt, status, count(*), sum(map_items) FROM execution
        WHERE map_run IS NOT NULL GROUP BY map_run, map_attempt, status;
    CREATE INDEX execution_unsuccessful ON execution (map_run, map_index)
        WHERE map_run IS NOT NULL AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED');
",
];

/// The format of a store: the number of migrations behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaVersion(i64);

impl SchemaVersion {
    const NEWEST: Self = Self(MIGRATIONS.len() as i64);

    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map(Self)
    }

    /// Whether this program understands a store of this format.
    fn check_readable_by(self, newest: Self, path: &Path) -> Result<(), StoreError> {
        if self.0 <= newest.0 {
            return Ok(());
        }
        Err(StoreError::TooNew { path: path.into(), found: self.0, newest: newest.0 })
    }
}

/// Checks that an opened file is a store that this program reads. An empty file is one.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<SchemaVersion, StoreError> {
    let classify = |source| StoreError::from_sqlite(path, source);
    let version = SchemaVersion::of(connection).map_err(classify)?;
    let application: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(classify)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(classify)?;
    if application != APPLICATION_ID && (tables > 0 || version.0 > 0) {
        return Err(StoreError::Foreign { path: path.into() });
    }
    version.check_readable_by(SchemaVersion::NEWEST, path)?;
    Ok(version)
}

/// Brings an opened store to the newest format, in one transaction.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = check(connection, path)?;
    if found == SchemaVersion::NEWEST {
        return Ok(());
    }
    let run = |connection: &mut Connection| {
        let transaction = connection.transaction()?;
        for migration in &MIGRATIONS[found.0 as usize..] {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SchemaVersion::NEWEST.0)?;
        transaction.commit()
    };
    run(connection).map_err(|source| StoreError::from_sqlite(path, source))
}
