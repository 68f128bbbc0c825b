//! Replicas in one SQLite file: the embedded default, nothing to install.
//!
//! All namespaces share the file. A table is named `namespace__table`, for instance `canvas__users`, which
//! needs no quoting and is what the official client does where a database has no schemas. stepwell's own
//! tables begin with `stepwell_`.
//!
//! There is one connection to a file in the whole process, and everything goes through it in turn: several
//! tables load at once without ever meeting a busy database. Work happens on blocking threads.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::{LoadRequest, OpenedLoad, Proving, Slice, TableName, TableState, Target, TargetError};
use error::explain;

mod error;
mod format;
mod layout;
mod load;
mod merge;
mod prove;
mod read_back;
mod shape;
mod values;

/// How long another process may hold the file before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A SQLite file that holds replicas.
pub struct SqliteTarget {
    database: Database,
}

impl SqliteTarget {
    /// The file is opened, and created where it is missing, with the first use.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { database: Database::shared(path.into()) }
    }
}

#[async_trait]
impl Target for SqliteTarget {
    async fn check(&self) -> Result<(), TargetError> {
        self.database
            .run("a write", |connection| connection.execute_batch("BEGIN IMMEDIATE; COMMIT"))
            .await
    }

    async fn state(&self, table: &TableName) -> Result<Option<TableState>, TargetError> {
        let table = table.clone();
        let row = self
            .database
            .run("reading the state", move |it| layout::read_state(it, &table))
            .await?;
        row.map(|row| row.state()).transpose()
    }

    async fn open_load(&self, request: LoadRequest) -> Result<OpenedLoad, TargetError> {
        load::open(&self.database, request).await
    }

    async fn prove_within(
        &self,
        slice: &Slice,
        table: &TableName,
        job: Option<&str>,
    ) -> Result<Proving, TargetError> {
        prove::prove(&self.database, table.clone(), slice.clone(), job).await
    }
}

/// Opened with the first use.
type LazyConnection = Mutex<Option<Connection>>;

/// The connections of the process, as long as somebody uses them.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<LazyConnection>>>> =
    LazyLock::new(Mutex::default);

/// The one connection.
#[derive(Clone)]
pub(super) struct Database {
    path: Arc<PathBuf>,
    connection: Arc<LazyConnection>,
}

impl Database {
    fn shared(path: PathBuf) -> Self {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, connection| connection.strong_count() > 0);
        let key = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let connection = open.get(&key).and_then(Weak::upgrade).unwrap_or_default();
        open.insert(key, Arc::downgrade(&connection));
        Self { path: Arc::new(path), connection }
    }

    /// Runs `work` on the connection, on a blocking thread, alone.
    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, TargetError> {
        let path = Arc::clone(&self.path);
        let explained =
            move |it: &mut Connection| work(it).map_err(|error| explain(&path, doing, &error));
        self.run_checked(explained).await
    }

    /// Like [`run`](Self::run), for work that fails in its own words.
    async fn run_checked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, TargetError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let this = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            // A panic while the connection was held left no transaction open: dropping one rolls it back.
            let mut connection = this.connection.lock().unwrap_or_else(PoisonError::into_inner);
            if connection.is_none() {
                *connection = Some(this.open()?);
            }
            work(connection.as_mut().expect("opened above"))
        });
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(TargetError::Transient(cancelled.to_string())),
        })
    }

    fn explain(&self, doing: &str, error: &rusqlite::Error) -> TargetError {
        explain(&self.path, doing, error)
    }

    fn open(&self) -> Result<Connection, TargetError> {
        let open = || {
            // Rows are for the owner's eyes. Where this fails, SQLite fails as well and says why.
            let mut private = OpenOptions::new();
            private.append(true).create(true).mode(0o600);
            let _ = private.open(&*self.path);
            let mut connection = Connection::open(&*self.path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // Renaming a staging table must not touch the views of the user.
            connection.pragma_update(None, "legacy_alter_table", "ON")?;
            let prepared = format::prepare(&mut connection)?;
            Ok(prepared.map(|()| connection))
        };
        match open() {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(later)) => Err(later.refuse(&self.path.display().to_string())),
            Err(error) => Err(self.explain("opening", &error)),
        }
    }
}

fn table_exists(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1";
    Ok(connection.query_row(sql, [name], |_| Ok(())).optional()?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::tsv::Delivery;
    use crate::rows::{Batch, TsvDecoder, testing};
    use crate::target::{Load, LoadKind};

    fn request() -> LoadRequest {
        let schema = testing::schema(&[("id", "int64"), ("name", "text")]);
        let kind = LoadKind::Snapshot { at: "2026-11-01T00:00:00Z".parse().unwrap() };
        LoadRequest { schema, job_id: "job".into(), kind }
    }

    /// A hundred rows of some 1,000 bytes each.
    fn rows(request: &LoadRequest, first: u32) -> Batch {
        let rows = (first..first + 100).map(|id| format!("{id}\t{}\n", "x".repeat(1_000)));
        let text = format!("key.id\tvalue.name\n{}", rows.collect::<String>());
        let mut decoder = TsvDecoder::new(&request.schema, Delivery::Snapshot);
        assert!(decoder.push(text.as_bytes()).unwrap().is_none());
        decoder.finish().unwrap().unwrap()
    }

    async fn open(target: &SqliteTarget, request: &LoadRequest) -> Box<dyn Load> {
        match target.open_load(request.clone()).await.unwrap() {
            OpenedLoad::Staging(load) => load,
            OpenedLoad::Published(_) => panic!("nothing was published yet"),
        }
    }

    /// Lets the file grow by so many pages of 4 KiB.
    async fn leave_room(target: &SqliteTarget, pages: i64) {
        let limit = move |connection: &mut Connection| {
            let used: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let sql = format!("PRAGMA max_page_count = {}", used + pages);
            connection.query_row(&sql, [], |_| Ok(()))
        };
        target.database.run("limiting the file", limit).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_the_load_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let target = SqliteTarget::new(folder.path().join("canvas.db"));
        let request = request();
        let mut load = open(&target, &request).await;
        load.stage("part", rows(&request, 0)).await.unwrap();
        leave_room(&target, 5).await;
        let error = load.stage("part", rows(&request, 100)).await.unwrap_err();
        assert!(matches!(error, TargetError::Full(_)), "{error:?}");
        assert!(error.to_string().contains("canvas.db"), "{error}");
        drop(load);
        leave_room(&target, 1_000).await;
        let mut load = open(&target, &request).await;
        assert_eq!(load.progress("part").rows, 100);
        load.stage("part", rows(&request, 100)).await.unwrap();
        load.finish_part("part");
        assert_eq!(load.publish().await.unwrap().rows, 200);
        let table = TableName::of(&request.schema);
        assert!(target.prove(&table).await.unwrap().holds());
    }
}
