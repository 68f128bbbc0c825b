//! The SQLite files of the embedded services: opened durably, brought to the newest format, used off the runtime's threads.
//!
//! What is in a file belongs to the service; this knows only how files are opened and when a change is on disk: once
//! [`Database::change`] returns, the whole of it is (`synchronous=FULL`), and after a crash all of it is there or none.
//! Several processes may have a file open: a change waits for that of another.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// Longer than any change of another process takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a file of one service is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// In the words of an error: `a queue file`.
    pub(crate) name: &'static str,
    /// `PRAGMA application_id`, four letters.
    pub(crate) application_id: i32,
    /// The first makes format 1 (`PRAGMA user_version`) out of an empty file, the next 2 out of 1. What was released is never
    /// edited, only followed.
    pub(crate) migrations: &'static [&'static str],
}

/// The file of an embedded service cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It belongs to something else.
    #[error("`{}` is not {expected} of stepwell; name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// A newer stepwell wrote it.
    #[error("`{}` has format {found}, this stepwell knows up to {newest}; use a newer stepwell", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: usize,
        /// The newest that is known here.
        newest: usize,
    },
    /// SQLite cannot read or write it.
    #[error("failed to use `{}`: {source}; nothing has changed; check that the folder can be written and the disk is not full", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's own words.
        source: rusqlite::Error,
    },
    /// A file that is exported cannot be written.
    #[error("failed to write `{}`: {source}; check that the folder can be written", path.display())]
    Export {
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether the same may succeed a moment later: another process is writing, or the disk is full.
    pub fn is_retryable(&self) -> bool {
        let Self::Sqlite { source, .. } = self else { return false };
        let passing = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::DiskFull];
        source.sqlite_error_code().is_some_and(|code| passing.contains(&code))
    }
}

/// An open file. Cheap to clone; all clones share one connection for changes and one for what only reads.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
    /// Opened when something is read for the first time.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl Database {
    /// Opens or creates a file, for the owner's eyes only.
    pub(crate) fn open(path: &Path, format: Format) -> Result<Self, StoreError> {
        let classify = |source| StoreError::Sqlite { path: path.to_owned(), source };
        // Where this fails, SQLite fails as well and says why.
        let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let mut connection = connect(path).map_err(classify)?;
        migrate(&mut connection, path, format)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(classify)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(classify)?;
        let (connection, reader) = (Arc::new(Mutex::new(connection)), Arc::default());
        Ok(Self { path: Arc::new(path.to_owned()), connection, reader })
    }

    /// Runs `work` in one transaction. An error of its own (`Ok(Err(_))` of the inner result) leaves everything as it was.
    ///
    /// Not cancelled by dropping the future: the transaction then ends on its own thread.
    pub(crate) async fn change<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let this = self.clone();
        on_a_thread(move || this.change_here(work)).await
    }

    /// As [`Self::change`] for what only reads: it waits for nobody who writes, and nobody who writes for it. What was on disk when
    /// it began is what it sees.
    pub(crate) async fn read<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let this = self.clone();
        on_a_thread(move || this.read_here(work)).await
    }

    /// As [`Database::change`], on a thread that may block.
    pub(crate) fn change_here<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>>,
    ) -> Result<T, E> {
        // A panic while the connection was held left no transaction open: dropping one rolls it back.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken at once: a change that reads first must not find that another one came between.
        self.classified(in_transaction(&mut connection, TransactionBehavior::Immediate, work))
    }

    /// Runs statements that take something over from another file, which they call `other`, in one transaction.
    pub(crate) fn merge(&self, other: &Path, statements: &str) -> Result<(), StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let attached =
            connection.execute("ATTACH ?1 AS other", [other.to_string_lossy()]).and_then(|_| {
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {statements} COMMIT;"))
            });
        if !connection.is_autocommit() {
            // It failed on the way, which is what is told.
            let _ = connection.execute_batch("ROLLBACK");
        }
        let _ = connection.execute_batch("DETACH other");
        attached.map_err(|source| StoreError::Sqlite { path: self.path.to_path_buf(), source })
    }

    fn read_here<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>>,
    ) -> Result<T, E> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let connection = match reader.take() {
                Some(connection) => connection,
                None => connect(&self.path)?,
            };
            in_transaction(reader.insert(connection), TransactionBehavior::Deferred, work)
        };
        self.classified(run())
    }

    fn classified<T, E: From<StoreError>>(
        &self,
        outcome: rusqlite::Result<Result<T, E>>,
    ) -> Result<T, E> {
        outcome.unwrap_or_else(|source| {
            Err(StoreError::Sqlite { path: self.path.to_path_buf(), source }.into())
        })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => unreachable!("a blocking task that has begun is not cancelled"),
    })
}

fn in_transaction<T, E>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, E>>,
) -> rusqlite::Result<Result<T, E>> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let outcome = work(&transaction)?;
    if outcome.is_ok() {
        transaction.commit()?;
    }
    Ok(outcome)
}

fn migrate(connection: &mut Connection, path: &Path, format: Format) -> Result<(), StoreError> {
    let classify = |source| StoreError::Sqlite { path: path.to_owned(), source };
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(classify)?;
    let found = check(&transaction, path, format)?;
    let bring_up = || {
        for migration in &format.migrations[found..] {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", format.application_id)?;
        transaction.pragma_update(None, "user_version", format.migrations.len())
    };
    bring_up().map_err(classify)?;
    transaction.commit().map_err(classify)
}

/// The format of a file that is ours, 0 if it is empty.
fn check(connection: &Connection, path: &Path, format: Format) -> Result<usize, StoreError> {
    let read = || {
        let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: usize =
            connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: u64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((id, version, tables))
    };
    let (id, found, tables) =
        read().map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })?;
    let is_new = id == 0 && found == 0 && tables == 0;
    if id != format.application_id && !is_new {
        return Err(StoreError::Foreign { path: path.to_owned(), expected: format.name });
    }
    let newest = format.migrations.len();
    if found > newest {
        return Err(StoreError::Newer { path: path.to_owned(), found, newest });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format {
        name: "a test file",
        application_id: 0x5357_5431,
        migrations: &["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"],
    };

    #[test]
    fn a_file_grows_from_any_format_to_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.db");
        Database::open(&path, Format { migrations: &FORMAT.migrations[..1], ..FORMAT }).unwrap();
        Database::open(&path, FORMAT).unwrap();
        let sql = "SELECT count(*) FROM pragma_table_info('a')";
        let columns: u64 =
            Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(columns, 2);
    }

    #[test]
    fn a_file_of_the_future_or_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.db");
        Database::open(&path, FORMAT).unwrap();
        let older = Format { migrations: &FORMAT.migrations[..1], ..FORMAT };
        let error = Database::open(&path, older).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, newest: 1, .. }), "{error}");
        let other = Format { application_id: 0x5357_5432, ..FORMAT };
        let error = Database::open(&path, other).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }

    #[tokio::test]
    async fn who_reads_long_holds_up_nobody_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("file.db"), FORMAT).unwrap();
        let count = |it: &Transaction<'_>| {
            it.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, u64>(0))
        };
        let (reads, begun) = std::sync::mpsc::channel();
        let (written, is_written) = std::sync::mpsc::channel();
        let reader = database.clone();
        let reading = tokio::spawn(async move {
            let look = move |transaction: &Transaction<'_>| {
                let before = count(transaction)?;
                reads.send(()).unwrap();
                is_written.recv_timeout(Duration::from_mins(1)).expect("it was not held up");
                Ok(Ok::<_, StoreError>((before, count(transaction)?)))
            };
            reader.read(look).await
        });
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        let sql = "INSERT INTO a VALUES (1, 2)";
        let changed: Result<_, StoreError> =
            database.change(|transaction| transaction.execute(sql, []).map(Ok)).await;
        assert_eq!(changed.unwrap(), 1);
        written.send(()).unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), (0, 0), "it sees what was there at its start");
        assert_eq!(database.read(move |it| Ok(Ok::<_, StoreError>(count(it)?))).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_change_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("file.db"), FORMAT).unwrap();
        let refused: Result<(), StoreError> = database
            .change(|transaction| {
                transaction.execute("INSERT INTO a VALUES (1, 2)", [])?;
                Ok(Err(StoreError::Foreign { path: PathBuf::new(), expected: "nothing" }))
            })
            .await;
        assert!(refused.is_err());
        let count: Result<u64, StoreError> = database
            .change(|it| it.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).map(Ok))
            .await;
        assert_eq!(count.unwrap(), 0);
    }
}
