//! The ledger: what was granted, what the feed was read up to, what is taken on and not settled.
//!
//! ```text
//! cursor   where the feed was read up to            work     accesses that are taken on, and their messages
//! grants   access -> account, role, policy, hash    results  how the accesses of a run came through
//! ```
//!
//! Responsible for: one SQLite file, versioned, with every change on disk before its caller goes on. Left to others:
//! what the contents mean. Revoking needs nothing but this: neither the catalogue nor the role's present name.
//!
//! One thread writes. Changes that arrive together share one transaction and one fsync; each is a savepoint of its
//! own, so that one that fails undoes no other.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode};
use stepwell_pipeline::HandlerError;
use tokio::sync::oneshot;

mod cursor;
mod grants;
mod results;
mod work;

pub use cursor::Cursor;
pub use grants::{Examination, Grant, Policy, State};
pub use results::{Failure, ItemResult, Outcome, Told};
pub use work::{Batch, Item, Source};

/// The format of the file (`PRAGMA user_version`).
const FORMAT: i64 = 1;

/// `DMLG`
const APPLICATION_ID: i64 = 0x444d_4c47;

/// So many changes share a commit.
const TOGETHER_MAX: usize = 512;

/// Longer than any change of another process takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the ledger cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file is not ours, or newer.
    #[error("`{}` is no ledger that this stepwell knows (format {found}); move it away or use a newer stepwell", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// SQLite cannot read or write it.
    #[error(
        "the ledger of grants cannot be used: {message}; check that the folder can be written and the disk is not full"
    )]
    Sqlite {
        /// SQLite's own words.
        message: String,
        /// Another process writes, or the disk is full: it may pass.
        is_passing: bool,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let passing = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::DiskFull];
        let is_passing = error.sqlite_error_code().is_some_and(|code| passing.contains(&code));
        Self::Sqlite { message: error.to_string(), is_passing }
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Sqlite { is_passing: true, .. } => Self::Retryable(message),
            Error::Format { .. } => Self::Config(message),
            Error::Sqlite { .. } => Self::Fatal(message),
        }
    }
}

/// Told once the transaction is committed, or not.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What the thread is asked for.
enum Job {
    /// Inside a transaction that it shares with others.
    Change(Box<dyn FnOnce(&Connection) -> Answer + Send>),
    /// A copy in memory, which SQLite makes outside of transactions only.
    Copy(oneshot::Sender<Result<Connection, Error>>),
}

/// The ledger. The file is closed when this is dropped.
#[derive(Debug)]
pub struct Ledger {
    jobs: mpsc::Sender<Job>,
}

impl Ledger {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::Sqlite`]
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&connection, path)?;
        Ok(Self::on(connection))
    }

    /// A copy in memory, for a run that must change nothing.
    ///
    /// # Errors
    /// [`Error::Sqlite`]
    pub async fn copy(&self) -> Result<Self, Error> {
        let (tell, told) = oneshot::channel();
        self.jobs.send(Job::Copy(tell)).map_err(|_| stopped())?;
        Ok(Self::on(told.await.map_err(|_| stopped())??))
    }

    fn on(connection: Connection) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let work = move || write(&connection, &waiting);
        thread::Builder::new()
            .name("data-mesh-ledger".into())
            .spawn(work)
            .expect("a thread starts");
        Self { jobs }
    }

    /// Does `work`; once this returns, it is on disk.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = oneshot::channel();
        let job = Job::Change(Box::new(move |connection| {
            let outcome = in_savepoint(connection, work);
            Box::new(move |committed| {
                // Whoever waited may be gone; the change stands all the same.
                let _ = tell.send(committed.and_then(|()| outcome.map_err(Error::from)));
            })
        }));
        self.jobs.send(job).map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }

    /// Reads, in turn with the changes.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.change(work).await
    }
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (format, application) = (pragma("user_version")?, pragma("application_id")?);
    match (format, application) {
        (FORMAT, APPLICATION_ID) => Ok(()),
        (0, 0) => Ok(connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {} PRAGMA user_version = {FORMAT}; PRAGMA application_id = {APPLICATION_ID}; COMMIT;",
            include_str!("schema.sql")
        ))?),
        (found, _) => Err(Error::Format { path: path.to_owned(), found }),
    }
}

fn stopped() -> Error {
    Error::Sqlite { message: "its thread ended".to_owned(), is_passing: false }
}

/// The thread that writes.
fn write(connection: &Connection, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let (mut changes, mut copies) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(waiting.try_iter()).take(TOGETHER_MAX) {
            match job {
                Job::Change(change) => changes.push(change),
                Job::Copy(tell) => copies.push(tell),
            }
        }
        commit(connection, changes);
        for tell in copies {
            // Whoever waited may be gone.
            let _ = tell.send(copy(connection).map_err(Error::from));
        }
    }
}

/// Makes all changes in one transaction, and tells whether it stands.
fn commit(connection: &Connection, changes: Vec<impl FnOnce(&Connection) -> Answer>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(Error::from);
    let answers: Vec<_> = changes.into_iter().map(|change| change(connection)).collect();
    let committed = begun.and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if committed.is_err() {
        // What is open goes; where nothing is, this says so and changes nothing.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for answer in answers {
        answer(committed.clone());
    }
}

fn copy(connection: &Connection) -> rusqlite::Result<Connection> {
    let mut copy = Connection::open_in_memory()?;
    Backup::new(connection, &mut copy)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
    Ok(copy)
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    let outcome = work(connection);
    let undo = if outcome.is_ok() { "" } else { "ROLLBACK TO job; " };
    connection.execute_batch(&format!("{undo}RELEASE job"))?;
    outcome
}

/// JSON in a column.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types become JSON")
}
