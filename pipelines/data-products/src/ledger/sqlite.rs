//! The ledger in one SQLite file beside the project's other state.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use stepwell_pipeline::HandlerError;

use super::{Ledger, Row, Rows};

/// The version of the format, in `user_version`.
const VERSION: i64 = 1;

/// How long another process may hold the file before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const FORMAT: &str = "
    CREATE TABLE products (
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        row TEXT NOT NULL, -- JSON
        PRIMARY KEY (source, id)
    ) STRICT;
";

/// One file, opened with the first use and created with the first write.
pub(crate) struct SqliteLedger {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl SqliteLedger {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), connection: Arc::default() }
    }

    /// Runs `work` on the connection, on a blocking thread, alone.
    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HandlerError> {
        let (path, shared) = (Arc::clone(&self.path), Arc::clone(&self.connection));
        let task = tokio::task::spawn_blocking(move || {
            // A panic while the connection was held left no transaction open: dropping one rolls it back.
            let mut connection = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if connection.is_none() {
                *connection = Some(open(&path)?);
            }
            let connection = connection.as_mut().expect("opened above");
            work(connection).map_err(|error| explain(&path, doing, &error))
        });
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(HandlerError::retryable(cancelled.to_string())),
        })
    }

    /// Reading creates nothing: a plan leaves no trace.
    async fn is_there(&self) -> Result<bool, HandlerError> {
        let there = tokio::fs::try_exists(&*self.path).await;
        there.map_err(|error| {
            HandlerError::Config(format!("{} cannot be looked at: {error}", self.path.display()))
        })
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn rows(&self, source: &str) -> Result<Rows, HandlerError> {
        if !self.is_there().await? {
            return Ok(Rows::new());
        }
        let source = source.to_owned();
        let texts = self.run("reading", move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, row FROM products WHERE source = ?1")?;
            let rows = statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
        });
        let read = |(id, text): (String, String)| {
            let row: Row =
                serde_json::from_str(&text).map_err(|error| self.damaged(&id, &error))?;
            Ok((id, row))
        };
        texts.await?.into_iter().map(read).collect()
    }

    async fn save(
        &self,
        source: &str,
        rows: &[Row],
        instead_of: Option<&str>,
    ) -> Result<(), HandlerError> {
        let text = |row: &Row| serde_json::to_string(row).expect("a row has text keys only");
        let texts: Vec<_> = rows.iter().map(|row| (row.id.clone(), text(row))).collect();
        let (source, instead_of) = (source.to_owned(), instead_of.map(str::to_owned));
        let work = move |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            if let Some(other) = instead_of {
                transaction.execute(
                    "DELETE FROM products WHERE source = ?1 AND id = ?2",
                    params![source, other],
                )?;
            }
            let sql = "INSERT INTO products (source, id, row) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET row = ?3";
            for (id, text) in texts {
                transaction.execute(sql, params![source, id, text])?;
            }
            transaction.commit()
        };
        self.run("writing", work).await
    }

    async fn remove(&self, source: &str, id: &str) -> Result<(), HandlerError> {
        let (source, id) = (source.to_owned(), id.to_owned());
        let work = move |connection: &mut Connection| {
            connection
                .execute("DELETE FROM products WHERE source = ?1 AND id = ?2", params![source, id])
        };
        self.run("writing", work).await.map(drop)
    }
}

impl SqliteLedger {
    fn damaged(&self, id: &str, error: &serde_json::Error) -> HandlerError {
        HandlerError::Config(format!(
            "the row of product {id} in the ledger {} cannot be read: {error}; move the file away and it is made anew \
             from the tags and links in Galaxy",
            self.path.display()
        ))
    }
}

fn open(path: &Path) -> Result<Connection, HandlerError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            HandlerError::Config(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
    }
    let prepared = || {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version = prepare(&mut connection)?;
        Ok((connection, version))
    };
    let (connection, version) = prepared().map_err(|error| explain(path, "opening", &error))?;
    if version == VERSION {
        return Ok(connection);
    }
    Err(HandlerError::Config(format!(
        "the ledger {} has version {version}, and this stepwell knows version {VERSION}: use a newer stepwell",
        path.display()
    )))
}

/// Gives the version that the file has now.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != 0 {
        return Ok(version);
    }
    transaction.execute_batch(FORMAT)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(VERSION)
}

/// An unreadable ledger is not an absent one: going on without it would make everything new.
fn explain(path: &Path, doing: &str, error: &rusqlite::Error) -> HandlerError {
    let message = format!("{doing} the ledger {} failed: {error}", path.display());
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            HandlerError::Retryable(message)
        }
        _ => HandlerError::Config(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str) -> Row {
        Row { id: id.to_owned(), name: "orders".to_owned(), ..Row::default() }
    }

    #[tokio::test]
    async fn rows_are_kept_by_source_and_id() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/data-products.db");
        let ledger = SqliteLedger::new(path.clone());
        assert_eq!(ledger.rows("one").await.unwrap(), Rows::new());
        assert!(!path.exists(), "reading leaves no trace");
        ledger.save("one", &[row("a")], None).await.unwrap();
        ledger.save("two", &[row("a")], None).await.unwrap();
        ledger.save("one", &[row("b")], Some("a")).await.unwrap();
        ledger.remove("two", "a").await.unwrap();
        let again = SqliteLedger::new(path);
        assert_eq!(again.rows("one").await.unwrap(), [("b".to_owned(), row("b"))].into());
        assert_eq!(again.rows("two").await.unwrap(), Rows::new());
    }

    #[tokio::test]
    async fn a_ledger_that_cannot_be_read_is_told_and_not_taken_for_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data-products.db");
        std::fs::write(&path, "no database at all, but long enough to look like a header of one........................").unwrap();
        let error = SqliteLedger::new(path.clone()).rows("one").await.unwrap_err();
        assert!(
            matches!(&error, HandlerError::Config(text) if text.contains("data-products.db")),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 7).unwrap();
        let error = SqliteLedger::new(path).rows("one").await.unwrap_err();
        assert!(error.to_string().contains("version 7"), "{error}");
    }
}
