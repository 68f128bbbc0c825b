//! The inbox: changes that came and wait for the lake, and what must be known to take the next ones in.
//!
//! One SQLite file, versioned. A batch is taken in by one transaction: its changes, the newest state of their items and
//! the position in the shard are on disk together or not at all. So a batch that comes again after a crash does nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use stepwell_pipeline::HandlerError;

use super::change::{Change, Image, Stamp};
use super::resolve::Latest;

/// The format of the file (`PRAGMA user_version`).
const FORMAT: i64 = 1;
/// `LAKI`
const APPLICATION_ID: i64 = 0x4c41_4b49;
/// Longer than any change of another process takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// So many bytes are read at once: an item has up to 400 KB.
const READ_BYTES: usize = 16 << 20;

/// How long what was published stays, for windows that are read again.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A record, read as far as it can be.
#[derive(Debug, Clone)]
pub(super) enum Arrived {
    Change(Change),
    /// It goes to the quarantine of the datasets of these tables.
    Rejected {
        sources: Vec<String>,
        place: String,
        reason: String,
        record: String,
    },
}

/// How far a shard was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) stream: String,
    pub(super) shard: String,
    pub(super) sequence: String,
}

/// A shard as it is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) starts_at: Option<Timestamp>,
    pub(super) sequence: Option<String>,
    pub(super) is_closed: bool,
    pub(super) failed_sequence: Option<String>,
    pub(super) attempts: u32,
}

/// What waits for the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) arrival: i64,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    State { item: String, changed_at: i64, deleted: bool, expired: bool },
    Rejected { place: String, reason: String, record: String },
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Self::State { item, .. } => item.len(),
            Self::Rejected { record, .. } => record.len(),
        }
    }
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// New states of items.
    pub(super) told: u64,
    /// Repeats, older changes, and those that a newer one of the batch follows.
    pub(super) passed_over: u64,
    pub(super) rejected: u64,
}

/// Why the inbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Error {
    #[error(
        "`{0}` is no inbox of changes that this stepwell knows; move it away or use a newer stepwell"
    )]
    Format(String),
    #[error(
        "the inbox of changes cannot be used: {0}; check that the folder can be written and the disk is not full"
    )]
    Sqlite(#[from] rusqlite::Error),
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let passing = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::DiskFull];
        match error {
            Error::Format(_) => Self::Config(message),
            Error::Sqlite(error)
                if error.sqlite_error_code().is_some_and(|it| passing.contains(&it)) =>
            {
                Self::Retryable(message)
            }
            Error::Sqlite(_) => Self::Fatal(message),
        }
    }
}

/// The file, open. Cheap to clone.
#[derive(Debug, Clone)]
pub(in super::super) struct Inbox {
    connection: Arc<Mutex<Connection>>,
}

impl Inbox {
    /// Opens or creates the file.
    pub(in super::super) fn open(path: &Path) -> Result<Self, Error> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection, path)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Takes a batch in; once this returns, it is on disk.
    pub(super) async fn take(
        &self,
        batch: Vec<Arrived>,
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<Taken, HandlerError> {
        self.change(move |transaction| {
            let taken = take(transaction, batch, now)?;
            if let Some(position) = position {
                advance(transaction, &position)?;
            }
            Ok(taken)
        })
        .await
    }

    /// Every arrival from now on is behind `until`.
    pub(super) async fn close_window(&self, until: Timestamp) -> Result<(), HandlerError> {
        self.change(move |it| {
            it.execute("UPDATE read_until SET micros = max(micros, ?1)", [until.as_microsecond()])
                .map(drop)
        })
        .await
    }

    /// What came for a table behind `after` and before `before`, the oldest first: so many, or so many bytes.
    pub(super) async fn read(
        &self,
        source: &str,
        after: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Arrival>, HandlerError> {
        let source = source.to_owned();
        let sql = "SELECT arrival, item, changed_at, is_deleted, is_expired, place, reason, record FROM arrivals
            WHERE source = ?1 AND arrival > ?2 AND arrival < ?3 ORDER BY arrival LIMIT ?4";
        self.change(move |it| {
            let mut statement = it.prepare_cached(sql)?;
            let (mut arrivals, mut bytes) = (Vec::new(), 0);
            let mut rows = statement.query(params![source, after, before, limit])?;
            while bytes < READ_BYTES
                && let Some(row) = rows.next()?
            {
                let arrival = read_arrival(row)?;
                bytes += arrival.content.bytes();
                arrivals.push(arrival);
            }
            Ok(arrivals)
        })
        .await
    }

    /// A dataset begins to read a table's changes: none that it has not published is forgotten.
    pub(super) async fn begin(&self, source: &str, dataset: &str) -> Result<(), HandlerError> {
        let (source, dataset) = (source.to_owned(), dataset.to_owned());
        let sql = "INSERT OR IGNORE INTO readers VALUES (?1, ?2, 0)";
        self.change(move |it| it.execute(sql, [source, dataset]).map(drop)).await
    }

    /// A dataset has published what came before `until`. What all datasets of the table have published is kept for a
    /// while, then forgotten.
    pub(super) async fn published(
        &self,
        source: &str,
        dataset: &str,
        until: Timestamp,
    ) -> Result<(), HandlerError> {
        let (source, dataset, until) =
            (source.to_owned(), dataset.to_owned(), until.as_microsecond());
        self.change(move |it| {
            let sql = "INSERT OR REPLACE INTO readers VALUES (?1, ?2, ?3)";
            it.execute(sql, params![source, dataset, until])?;
            let sql = "DELETE FROM arrivals WHERE source = ?1
                AND arrival < (SELECT min(until) FROM readers WHERE source = ?1) - ?2";
            it.execute(sql, params![source, KEPT.as_micros() as i64]).map(drop)
        })
        .await
    }

    /// Keys of doubtful items of a table, with the time that was told of them last.
    pub(super) async fn doubtful(
        &self,
        source: &str,
        limit: usize,
    ) -> Result<Vec<(String, i64)>, HandlerError> {
        let source = source.to_owned();
        let sql = "SELECT key, told_at FROM latest WHERE source = ?1 AND is_doubtful = 1 ORDER BY key LIMIT ?2";
        self.change(move |it| {
            let mut statement = it.prepare_cached(sql)?;
            statement
                .query_map(params![source, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }

    /// The state of a doubtful item, read from its table after `told_at` was told.
    pub(super) async fn settle(
        &self,
        source: &str,
        key: &str,
        told_at: i64,
        state: Image,
        now: Timestamp,
    ) -> Result<(), HandlerError> {
        let (source, key) = (source.to_owned(), key.to_owned());
        self.change(move |transaction| {
            let Some(mut latest) = find(transaction, &source, &key)? else { return Ok(()) };
            // A change that came while the table was read knows better.
            if latest.told_at != told_at || !latest.doubtful {
                return Ok(());
            }
            if latest.settle(&state) {
                let told = Told { state, key: key.clone(), at: latest.told_at, expired: false };
                let arrival = next_arrival(transaction, now)?;
                tell(transaction, &source, arrival, told)?;
            }
            store(transaction, &source, &key, &latest)
        })
        .await
    }

    /// The shards of a stream that are remembered.
    pub(super) async fn shards(
        &self,
        stream: &str,
    ) -> Result<BTreeMap<String, Shard>, HandlerError> {
        let stream = stream.to_owned();
        let sql = "SELECT shard, starts_at, sequence, is_closed, failed_sequence, attempts FROM shards WHERE stream = ?1";
        self.change(move |it| {
            let mut statement = it.prepare_cached(sql)?;
            statement.query_map([stream], read_shard)?.collect()
        })
        .await
    }

    /// Remembers a shard as it is given.
    pub(super) async fn remember(
        &self,
        stream: &str,
        name: &str,
        shard: Shard,
    ) -> Result<(), HandlerError> {
        let (stream, name) = (stream.to_owned(), name.to_owned());
        let sql = "INSERT OR REPLACE INTO shards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.change(move |it| {
            let starts_at = shard.starts_at.map(Timestamp::as_microsecond);
            let Shard { sequence, is_closed, failed_sequence, attempts, .. } = shard;
            it.execute(
                sql,
                params![stream, name, starts_at, sequence, is_closed, failed_sequence, attempts],
            )
            .map(drop)
        })
        .await
    }

    /// One transaction on a thread that may wait. It ends on its own when the future is dropped.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HandlerError> {
        let connection = Arc::clone(&self.connection);
        let task = tokio::task::spawn_blocking(move || {
            // A panic while the connection was held left no transaction open: dropping one rolls it back.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = work(&transaction)?;
            transaction.commit()?;
            Ok::<_, Error>(outcome)
        });
        match task.await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => Err(HandlerError::Fatal(format!("the inbox of changes: {error}"))),
        }
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let id: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (id, format, tables) {
        (0, 0, 0) => {
            transaction.execute_batch(include_str!("inbox.sql"))?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        (APPLICATION_ID, FORMAT, _) => {}
        _ => return Err(Error::Format(path.display().to_string())),
    }
    transaction.commit()?;
    Ok(())
}

/// A state that the lake is told.
struct Told {
    state: Image,
    key: String,
    at: i64,
    expired: bool,
}

fn take(
    transaction: &Transaction<'_>,
    batch: Vec<Arrived>,
    now: Timestamp,
) -> rusqlite::Result<Taken> {
    let mut taken = Taken::default();
    let mut known: BTreeMap<(String, String), (Latest, Option<Told>)> = BTreeMap::new();
    let mut rejected = Vec::new();
    for arrived in batch {
        match arrived {
            Arrived::Rejected { sources, place, reason, record } => {
                rejected.push((sources, place, reason, record));
            }
            Arrived::Change(change) => {
                let of_item = (change.table.clone(), change.key.clone());
                let (latest, before) = match known.remove(&of_item) {
                    Some((latest, told)) => (Some(latest), told),
                    None => (find(transaction, &of_item.0, &of_item.1)?, None),
                };
                let (latest, is_told) = Latest::take(latest, &change);
                taken.passed_over += u64::from(!is_told || before.is_some());
                let at = latest.told_at;
                let told =
                    || Told { state: change.after, key: change.key, at, expired: change.expired };
                known.insert(of_item, (latest, if is_told { Some(told()) } else { before }));
            }
        }
    }
    let mut arrival = next_arrival(transaction, now)?;
    for ((source, key), (latest, told)) in known {
        store(transaction, &source, &key, &latest)?;
        if let Some(told) = told {
            tell(transaction, &source, arrival, told)?;
            (arrival, taken.told) = (arrival + 1, taken.told + 1);
        }
    }
    let sql = "INSERT OR IGNORE INTO arrivals (arrival, source, place, reason, record) VALUES (?1, ?2, ?3, ?4, ?5)";
    for (sources, place, reason, record) in rejected {
        taken.rejected += 1;
        for source in sources {
            transaction
                .prepare_cached(sql)?
                .execute(params![arrival, source, place, reason, record])?;
            arrival += 1;
        }
    }
    Ok(taken)
}

/// Later than every arrival before, and than every window that was read.
fn next_arrival(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<i64> {
    let sql = "SELECT max(coalesce((SELECT max(arrival) FROM arrivals), 0), (SELECT micros FROM read_until)) + 1";
    let next: i64 = transaction.query_row(sql, [], |row| row.get(0))?;
    Ok(next.max(now.as_microsecond()))
}

fn tell(
    transaction: &Transaction<'_>,
    source: &str,
    arrival: i64,
    told: Told,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO arrivals (arrival, source, item, changed_at, is_deleted, is_expired) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (item, deleted) = match told.state {
        Image::Present(json) => (json, false),
        Image::Absent | Image::NotTold => (told.key, true),
    };
    let row = params![arrival, source, item, told.at, deleted, told.expired];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}

fn find(
    transaction: &Transaction<'_>,
    source: &str,
    key: &str,
) -> rusqlite::Result<Option<Latest>> {
    let sql = "SELECT micros, tick, told_at, told, links, is_doubtful FROM latest WHERE source = ?1 AND key = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let links: String = row.get(4)?;
        Ok(Latest {
            stamp: Stamp { micros: row.get(0)?, tick: row.get(1)? },
            told_at: row.get(2)?,
            told: row.get(3)?,
            links: serde_json::from_str(&links).expect("the file has what this wrote"),
            doubtful: row.get(5)?,
        })
    };
    transaction.prepare_cached(sql)?.query_row([source, key], read).optional()
}

fn store(
    transaction: &Transaction<'_>,
    source: &str,
    key: &str,
    latest: &Latest,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO latest VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let links = serde_json::to_string(&latest.links).expect("links are JSON");
    let Latest { stamp, told_at, told, doubtful, .. } = latest;
    let row = params![source, key, stamp.micros, stamp.tick, told_at, told, links, doubtful];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}

/// The position moves on, never back, and what failed there no longer matters. Sequence numbers are long integers.
fn advance(transaction: &Transaction<'_>, position: &Position) -> rusqlite::Result<()> {
    let sql = "INSERT INTO shards (stream, shard, sequence) VALUES (?1, ?2, ?3) ON CONFLICT DO
        UPDATE SET sequence = excluded.sequence, failed_sequence = NULL, attempts = 0
        WHERE sequence IS NULL OR (length(sequence), sequence) < (length(excluded.sequence), excluded.sequence)";
    transaction.execute(sql, params![position.stream, position.shard, position.sequence]).map(drop)
}

fn read_arrival(row: &rusqlite::Row<'_>) -> rusqlite::Result<Arrival> {
    let place: Option<String> = row.get(5)?;
    let content = match place {
        Some(place) => Content::Rejected { place, reason: row.get(6)?, record: row.get(7)? },
        None => Content::State {
            item: row.get(1)?,
            changed_at: row.get(2)?,
            deleted: row.get(3)?,
            expired: row.get(4)?,
        },
    };
    Ok(Arrival { arrival: row.get(0)?, content })
}

fn read_shard(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, Shard)> {
    let starts_at: Option<i64> = row.get(1)?;
    let shard = Shard {
        starts_at: starts_at.and_then(|it| Timestamp::from_microsecond(it).ok()),
        sequence: row.get(2)?,
        is_closed: row.get(3)?,
        failed_sequence: row.get(4)?,
        attempts: row.get(5)?,
    };
    Ok((row.get(0)?, shard))
}
