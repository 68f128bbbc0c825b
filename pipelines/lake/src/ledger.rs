//! The ledger: how far each run is, which parts are durable, up to when the lake has what its sources have.
//!
//! Responsible for: one SQLite file, versioned, with every change on disk before its caller goes on. A part is recorded
//! together with the checkpoint behind it, and only after its files are durable.
//!
//! Its functions fail by class: [`HandlerError::Retryable`] while the file is busy or the disk full, otherwise as SQLite
//! says.

#![expect(clippy::missing_errors_doc, reason = "all functions fail as the module says")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use serde_json::Value;
use stepwell_pipeline::HandlerError;

use crate::source::{Split, Window};

/// The format of the file (`PRAGMA user_version`).
const FORMAT: i64 = 1;

/// Longer than any change of another process takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
CREATE TABLE runs (dataset TEXT, run TEXT, execution TEXT, spec TEXT, window_from INTEGER, window_to INTEGER, state TEXT,
    rows INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (dataset, run)) STRICT;
CREATE TABLE splits (dataset TEXT, run TEXT, split TEXT, version TEXT, ordinal INTEGER, checkpoint TEXT, spooled TEXT,
    done INTEGER, rows INTEGER, rejected INTEGER, PRIMARY KEY (dataset, run, split)) STRICT;
CREATE TABLE taken (dataset TEXT, split TEXT, version TEXT, PRIMARY KEY (dataset, split, version)) STRICT;
CREATE TABLE leases (dataset TEXT PRIMARY KEY, execution TEXT, until INTEGER) STRICT;
CREATE TABLE parts (dataset TEXT, run TEXT, split TEXT, ordinal INTEGER, lake_table TEXT, partition TEXT, name TEXT,
    rows INTEGER, bytes INTEGER, PRIMARY KEY (dataset, run, lake_table, partition, name)) STRICT;
CREATE TABLE fields (dataset TEXT, field TEXT, run TEXT, PRIMARY KEY (dataset, field)) STRICT;
CREATE TABLE cursors (dataset TEXT PRIMARY KEY, upto INTEGER) STRICT;
CREATE TABLE replaced (lake_table TEXT, file TEXT, due INTEGER, PRIMARY KEY (lake_table, file)) STRICT;
";

/// The ledger.
#[derive(Clone)]
pub struct Ledger {
    connection: Arc<Mutex<Connection>>,
}

/// A run of a dataset over a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The dataset.
    pub dataset: String,
    /// Its name, which stands in the names of files.
    pub run: String,
    /// The execution that began it.
    pub execution: String,
    /// The digest of the settings that it began with.
    pub spec: String,
    /// What it reads.
    pub window: Window,
    /// How it stands.
    pub state: State,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is worked on, or was interrupted.
    Open,
    /// It failed for a reason that lies in its data: going on with it would fail again.
    Failed,
    /// Its rows are published.
    Published,
    /// It was given up.
    Abandoned,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Published => "published",
            Self::Abandoned => "abandoned",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Failed, Self::Published, Self::Abandoned];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// How far a split is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The split.
    pub split: Split,
    /// The number of the next part.
    pub ordinal: u32,
    /// Behind the last chunk that is durable.
    pub checkpoint: Option<Value>,
    /// The file with chunks that are durable and in no part yet.
    pub spooled: Option<String>,
    /// Whether all of it is read.
    pub is_done: bool,
    /// Rows that are durable.
    pub rows: u64,
    /// Records that fit no row.
    pub rejected: u64,
}

/// A file of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The table that it belongs to: the dataset's, or a child's.
    pub table: String,
    /// `dt=2026-03-01`; empty without partitions.
    pub partition: String,
    /// The name in the folder of its run.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// What an execution did for a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Windows that were published.
    pub windows: u64,
    /// Rows.
    pub rows: u64,
    /// Records that fit no row.
    pub rejected: u64,
    /// Bytes of files.
    pub bytes: u64,
}

impl Ledger {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if it is not ours or newer; by class if SQLite fails.
    pub fn open(path: &Path) -> Result<Self, HandlerError> {
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let format: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        match format {
            FORMAT => {}
            0 => connection
                .execute_batch(&format!(
                    "BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={FORMAT};COMMIT;"
                ))
                .map_err(failed)?,
            _ => {
                return Err(HandlerError::Config(format!(
                    "{} has format {format}, which this stepwell does not know; use a newer one",
                    path.display()
                )));
            }
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs `work` in a transaction, away from the threads that wait for the network.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HandlerError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().expect("no holder of this lock panics");
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = work(&transaction)?;
            transaction.commit()?;
            Ok(outcome)
        });
        done.await.expect("a change does not panic").map_err(failed)
    }

    /// The run of a dataset that is not published yet.
    pub async fn open_run(&self, dataset: &str) -> Result<Option<Run>, HandlerError> {
        let dataset = dataset.to_owned();
        self.change(move |tx| {
            let found = tx.query_row(
                "SELECT dataset, run, execution, spec, window_from, window_to, state FROM runs
                 WHERE dataset = ? AND state IN ('open', 'failed')",
                [dataset],
                run_of,
            );
            found.optional()
        })
        .await
    }

    /// A run by name.
    pub async fn run(&self, dataset: &str, run: &str) -> Result<Run, HandlerError> {
        let (dataset, run) = (dataset.to_owned(), run.to_owned());
        let name = format!("{dataset} {run}");
        let found = self.change(move |tx| {
            let found = tx.query_row(
                "SELECT dataset, run, execution, spec, window_from, window_to, state FROM runs WHERE dataset = ? AND run = ?",
                [dataset, run],
                run_of,
            );
            found.optional()
        });
        found.await?.ok_or_else(|| HandlerError::Config(format!("the ledger knows no run {name}")))
    }

    /// Records a run before its first row is read. One that is there already stays as it is.
    pub async fn begin(&self, run: Run) -> Result<(), HandlerError> {
        self.change(move |tx| {
            tx.execute(
                "INSERT OR IGNORE INTO runs (dataset, run, execution, spec, window_from, window_to, state)
                 VALUES (?, ?, ?, ?, ?, ?, 'open')",
                params![
                    run.dataset,
                    run.run,
                    run.execution,
                    run.spec,
                    run.window.from.map(Timestamp::as_microsecond),
                    run.window.to.as_microsecond()
                ],
            )
            .map(|_| ())
        })
        .await
    }

    /// Takes a dataset for an execution until then, or longer if it has it already; gives the one that has it, if that is
    /// another one.
    pub async fn lease(
        &self,
        dataset: &str,
        execution: &str,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Option<String>, HandlerError> {
        let (dataset, execution) = (dataset.to_owned(), execution.to_owned());
        self.change(move |tx| {
            let other: Option<String> = tx
                .query_row(
                    "SELECT execution FROM leases WHERE dataset = ? AND execution <> ? AND until > ?",
                    params![dataset, execution, now.as_microsecond()],
                    |row| row.get(0),
                )
                .optional()?;
            if other.is_none() {
                tx.execute(
                    "INSERT OR REPLACE INTO leases VALUES (?, ?, ?)",
                    params![dataset, execution, until.as_microsecond()],
                )?;
            }
            Ok(other)
        })
        .await
    }

    /// Lets go of a dataset that an execution has.
    pub async fn release(&self, dataset: &str, execution: &str) -> Result<(), HandlerError> {
        let (dataset, execution) = (dataset.to_owned(), execution.to_owned());
        self.change(move |tx| {
            let statement = "DELETE FROM leases WHERE dataset = ? AND execution = ?";
            tx.execute(statement, [dataset, execution]).map(|_| ())
        })
        .await
    }

    /// Records that going on with a run would fail again.
    pub async fn fail(&self, dataset: &str, run: &str) -> Result<(), HandlerError> {
        let (dataset, run) = (dataset.to_owned(), run.to_owned());
        self.change(move |tx| {
            tx.execute(
                "UPDATE runs SET state = 'failed' WHERE dataset = ? AND run = ? AND state = 'open'",
                [dataset, run],
            )
            .map(|_| ())
        })
        .await
    }

    /// Forgets up to when the lake has what the source has, and what it took of it: everything is read anew.
    pub async fn forget(&self, dataset: &str) -> Result<(), HandlerError> {
        let dataset = dataset.to_owned();
        self.change(move |tx| {
            tx.execute("DELETE FROM cursors WHERE dataset = ?", [&dataset])?;
            tx.execute("DELETE FROM taken WHERE dataset = ?", [&dataset]).map(|_| ())
        })
        .await
    }

    /// Gives up a run: its files are to be removed.
    pub async fn abandon(&self, run: Run, due: Timestamp) -> Result<(), HandlerError> {
        self.change(move |tx| {
            tx.execute(
                "INSERT OR REPLACE INTO replaced SELECT lake_table, iif(partition = '', '', partition || '/') || 'run=' || run || '/' || name, ?
                 FROM parts WHERE dataset = ? AND run = ?",
                params![due.as_microsecond(), run.dataset, run.run],
            )?;
            tx.execute("UPDATE runs SET state = 'abandoned' WHERE dataset = ? AND run = ?", [&run.dataset, &run.run])?;
            forget_parts(tx, &run)
        })
        .await
    }

    /// The splits of a run, in their order; none before they are known.
    pub async fn splits(&self, run: &Run) -> Result<Vec<Progress>, HandlerError> {
        let run = run.clone();
        self.change(move |tx| {
            let mut statement = tx.prepare(
                "SELECT split, version, ordinal, checkpoint, spooled, done, rows, rejected FROM splits
                 WHERE dataset = ? AND run = ? ORDER BY split",
            )?;
            let found = statement.query_map([run.dataset, run.run], |row| {
                let checkpoint: Option<String> = row.get(3)?;
                Ok(Progress {
                    split: Split { name: row.get(0)?, version: row.get(1)? },
                    ordinal: row.get(2)?,
                    checkpoint: checkpoint.and_then(|text| serde_json::from_str(&text).ok()),
                    spooled: row.get(4)?,
                    is_done: row.get(5)?,
                    rows: row.get(6)?,
                    rejected: row.get(7)?,
                })
            })?;
            found.collect()
        })
        .await
    }

    /// Records which splits a run has, once for all: in a log without those that it took before.
    pub async fn set_splits(
        &self,
        run: &Run,
        splits: Vec<Split>,
        is_log: bool,
    ) -> Result<(), HandlerError> {
        let run = run.clone();
        self.change(move |tx| {
            for split in splits {
                tx.execute(
                    "INSERT OR IGNORE INTO splits SELECT ?1, ?2, ?3, ?4, 0, NULL, NULL, 0, 0, 0 WHERE NOT (?5 AND EXISTS
                     (SELECT 1 FROM taken WHERE dataset = ?1 AND split = ?3 AND version = ?4))",
                    params![run.dataset, run.run, split.name, split.version, is_log],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Records where a split is, together with the files of a part that are durable now, as long as the execution has the
    /// dataset.
    pub async fn advance(
        &self,
        run: &Run,
        execution: &str,
        progress: &Progress,
        parts: Vec<Part>,
        fields: BTreeSet<String>,
    ) -> Result<(), HandlerError> {
        let (run, progress) = (run.clone(), progress.clone());
        let execution = execution.to_owned();
        let holder = execution.clone();
        let advanced = self.change(move |tx| {
            if !is_held(tx, &run.dataset, &holder)? {
                return Ok(false);
            }
            for part in parts {
                tx.execute(
                    "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    params![
                        run.dataset, run.run, progress.split.name, progress.ordinal, part.table, part.partition,
                        part.name, part.rows, part.bytes
                    ],
                )?;
            }
            for field in fields {
                tx.execute("INSERT OR IGNORE INTO fields VALUES (?, ?, ?)", params![run.dataset, field, run.run])?;
            }
            tx.execute(
                "UPDATE splits SET ordinal = ?, checkpoint = ?, spooled = ?, done = ?, rows = ?, rejected = ?
                 WHERE dataset = ? AND run = ? AND split = ?",
                params![
                    progress.ordinal,
                    progress.checkpoint.as_ref().map(Value::to_string),
                    progress.spooled,
                    progress.is_done,
                    progress.rows,
                    progress.rejected,
                    run.dataset,
                    run.run,
                    progress.split.name
                ],
            )
            .map(|_| true)
        });
        if advanced.await? { Ok(()) } else { Err(taken_over(&execution)) }
    }

    /// The files of a run, in the order of table, partition and name.
    pub async fn parts(&self, run: &Run) -> Result<Vec<Part>, HandlerError> {
        let run = run.clone();
        self.change(move |tx| {
            let mut statement = tx.prepare(
                "SELECT lake_table, partition, name, rows, bytes FROM parts WHERE dataset = ? AND run = ?
                 ORDER BY lake_table, partition, name",
            )?;
            let found = statement.query_map([run.dataset, run.run], |row| {
                Ok(Part {
                    table: row.get(0)?,
                    partition: row.get(1)?,
                    name: row.get(2)?,
                    rows: row.get(3)?,
                    bytes: row.get(4)?,
                })
            })?;
            found.collect()
        })
        .await
    }

    /// The run is published, the cursor moves, and what came as a whole is taken.
    pub async fn publish(&self, run: &Run, totals: Totals) -> Result<(), HandlerError> {
        let run = run.clone();
        self.change(move |tx| {
            tx.execute(
                "UPDATE runs SET state = 'published', rows = ?, rejected = ?, bytes = ? WHERE dataset = ? AND run = ?",
                params![totals.rows, totals.rejected, totals.bytes, run.dataset, run.run],
            )?;
            tx.execute(
                "INSERT INTO cursors VALUES (?, ?) ON CONFLICT DO UPDATE SET upto = max(upto, excluded.upto)",
                params![run.dataset, run.window.to.as_microsecond()],
            )?;
            tx.execute(
                "INSERT OR IGNORE INTO taken SELECT dataset, split, version FROM splits
                 WHERE dataset = ? AND run = ? AND version IS NOT NULL",
                [&run.dataset, &run.run],
            )?;
            forget_parts(tx, &run)
        })
        .await
    }

    /// What an execution published for a dataset.
    pub async fn totals(&self, dataset: &str, execution: &str) -> Result<Totals, HandlerError> {
        let (dataset, execution) = (dataset.to_owned(), execution.to_owned());
        self.change(move |tx| {
            tx.query_row(
                "SELECT count(*), coalesce(sum(rows), 0), coalesce(sum(rejected), 0), coalesce(sum(bytes), 0) FROM runs
                 WHERE dataset = ? AND execution = ? AND state = 'published'",
                [dataset, execution],
                |row| {
                    Ok(Totals {
                        windows: row.get(0)?,
                        rows: row.get(1)?,
                        rejected: row.get(2)?,
                        bytes: row.get(3)?,
                    })
                },
            )
        })
        .await
    }

    /// The fields that were first seen by a run and that the dataset does not declare.
    pub async fn new_fields(&self, run: &Run) -> Result<Vec<String>, HandlerError> {
        let run = run.clone();
        self.change(move |tx| {
            let mut statement = tx
                .prepare("SELECT field FROM fields WHERE dataset = ? AND run = ? ORDER BY field")?;
            let found = statement.query_map([run.dataset, run.run], |row| row.get(0))?;
            found.collect()
        })
        .await
    }

    /// Up to when the lake has what the source has.
    pub async fn cursor(&self, dataset: &str) -> Result<Option<Timestamp>, HandlerError> {
        let dataset = dataset.to_owned();
        let micros: Option<i64> = self
            .change(move |tx| {
                tx.query_row("SELECT upto FROM cursors WHERE dataset = ?", [dataset], |row| {
                    row.get(0)
                })
                .optional()
            })
            .await?;
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Records files that are replaced, or about to be.
    pub async fn replace(
        &self,
        table: &str,
        files: Vec<String>,
        due: Timestamp,
    ) -> Result<(), HandlerError> {
        let table = table.to_owned();
        self.change(move |tx| {
            for file in files {
                tx.execute(
                    "INSERT OR REPLACE INTO replaced VALUES (?, ?, ?)",
                    params![table, file, due.as_microsecond()],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// The files of a table that were replaced long enough ago.
    pub async fn due(&self, table: &str, now: Timestamp) -> Result<Vec<String>, HandlerError> {
        let table = table.to_owned();
        self.change(move |tx| {
            let mut statement = tx.prepare(
                "SELECT file FROM replaced WHERE lake_table = ? AND due <= ? ORDER BY file",
            )?;
            let found =
                statement.query_map(params![table, now.as_microsecond()], |row| row.get(0))?;
            found.collect()
        })
        .await
    }

    /// Forgets a replaced file.
    pub async fn removed(&self, table: &str, file: String) -> Result<(), HandlerError> {
        let table = table.to_owned();
        self.change(move |tx| {
            tx.execute("DELETE FROM replaced WHERE lake_table = ? AND file = ?", [table, file])
                .map(|_| ())
        })
        .await
    }
}

fn is_held(tx: &Transaction<'_>, dataset: &str, execution: &str) -> rusqlite::Result<bool> {
    let statement = "SELECT count(*) FROM leases WHERE dataset = ? AND execution = ?";
    tx.query_row(statement, [dataset, execution], |row| row.get::<_, i64>(0)).map(|rows| rows > 0)
}

/// What an execution is told that was away for too long.
fn taken_over(execution: &str) -> HandlerError {
    HandlerError::Retryable(format!(
        "{execution} does not have the dataset any more: another execution went on with it"
    ))
}

fn forget_parts(tx: &Transaction<'_>, run: &Run) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM parts WHERE dataset = ? AND run = ?", [&run.dataset, &run.run])?;
    tx.execute("DELETE FROM splits WHERE dataset = ? AND run = ?", [&run.dataset, &run.run])?;
    Ok(())
}

fn run_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    let time = |index: usize, micros: i64| {
        Timestamp::from_microsecond(micros)
            .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, micros))
    };
    let from: Option<i64> = row.get(4)?;
    let state: String = row.get(6)?;
    let unknown =
        || rusqlite::Error::InvalidColumnType(6, state.clone(), rusqlite::types::Type::Text);
    Ok(Run {
        dataset: row.get(0)?,
        run: row.get(1)?,
        execution: row.get(2)?,
        spec: row.get(3)?,
        window: Window {
            from: from.map(|micros| time(4, micros)).transpose()?,
            to: time(5, row.get(5)?)?,
        },
        state: State::of(&state).ok_or_else(unknown)?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: rusqlite::Error) -> HandlerError {
    let passing = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::DiskFull];
    let message = format!(
        "the lake's ledger cannot be used: {error}; check that the folder can be written and the disk is not full"
    );
    if error.sqlite_error_code().is_some_and(|code| passing.contains(&code)) {
        HandlerError::Retryable(message)
    } else {
        HandlerError::Fatal(message)
    }
}
