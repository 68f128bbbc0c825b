//! One job's result on its way into a SQLite table: each batch is one transaction, progress included.
//!
//! Of several loads of one table the one that was opened last goes on; the others fail with their next step.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
    params_from_iter,
};

use super::layout::{
    StateRow, create_staging, create_table, read_state, staging_name, table_name, write_state,
};
use super::values::{Parameter, Sqlite};
use super::{Database, merge, prove, read_back, shape, table_exists};
use crate::rows::TextSum;
use crate::rows::batch::{Action, Batch, Row};
use crate::rows::temporal;
use crate::rows::value::Value;
use crate::target::intake::{Intake, key_count};
use crate::target::quote::quote;
use crate::target::staged::{Alteration, Changes, Receipt, Staged};
use crate::target::{
    Load, LoadRequest, Mark, OpenedLoad, PartProgress, Published, TableName, TableState,
    TargetError, check_fits, damaged_part, keys_may_repeat,
};

/// A load; dropping it leaves what was staged.
pub(super) struct SqliteLoad {
    database: Database,
    job: Arc<Job>,
    /// Gone while a batch is being written, and for good if that fails.
    staged: Option<Staged>,
}

/// What stays the same during a load.
pub(super) struct Job {
    pub(super) request: LoadRequest,
    pub(super) table: TableName,
    pub(super) staging: String,
    /// There is no table yet: the staging table becomes it.
    pub(super) first: bool,
    /// Drawn when the load is opened: whoever opens a load of the table later draws another.
    token: String,
}

impl Job {
    /// The rows become all of the table.
    pub(super) fn is_whole(&self) -> bool {
        self.request.replaces(self.first)
    }
}

pub(super) async fn open(
    database: &Database,
    request: LoadRequest,
) -> Result<OpenedLoad, TargetError> {
    let this = database.clone();
    database.run_checked(move |connection| open_blocking(this, connection, request)).await
}

fn open_blocking(
    database: Database,
    connection: &mut Connection,
    request: LoadRequest,
) -> Result<OpenedLoad, TargetError> {
    let table = TableName::of(&request.schema);
    let refused = |error| database.explain("opening a load", &error);
    let state = read_state(connection, &table).map_err(refused)?;
    if let Some(state) = &state {
        let receipt = state.receipt()?;
        if receipt.job_id == request.job_id {
            return Ok(OpenedLoad::Published(receipt.published));
        }
    }
    check_fits(&request, &table, state.as_ref().map(StateRow::state).transpose()?)?;
    let first = state.is_none();
    if first && table_exists(connection, &table_name(&table)).map_err(refused)? {
        return Err(occupied(table));
    }
    let token = draw_token(connection).map_err(refused)?;
    let job = Job { staging: staging_name(&table), request, table, first, token };
    let staged = resume_or_begin(connection, &job).map_err(refused)?;
    Ok(OpenedLoad::Staging(Box::new(SqliteLoad {
        database,
        job: Arc::new(job),
        staged: Some(staged),
    })))
}

fn occupied(table: TableName) -> TargetError {
    TargetError::Occupied {
        found: format!("`{}` was not made by stepwell", table_name(&table)),
        next_step: "rename or drop it, or choose another file".to_owned(),
        table,
    }
}

fn draw_token(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT hex(randomblob(16))", [], |row| row.get(0))
}

fn resume_or_begin(connection: &mut Connection, job: &Job) -> rusqlite::Result<Staged> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let direct = job.first && !keys_may_repeat(&job.request.schema);
    let text = read_staged(&transaction, &job.table)?;
    let resumed = text.and_then(|it| Staged::resume(&it, &job.request, direct));
    let staged = match resumed {
        Some(staged) if table_exists(&transaction, &job.staging)? => staged,
        _ => begin(&transaction, job, direct)?,
    };
    write_staged(&transaction, job, &staged)?;
    transaction.commit()?;
    Ok(staged)
}

/// Whether no other load of the table was opened, or published, since this one was opened.
fn is_latest(connection: &Connection, job: &Job) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM stepwell_loads WHERE namespace = ?1 AND name = ?2 AND token = ?3)";
    connection
        .query_row(sql, params![job.table.namespace, job.table.table, job.token], |row| row.get(0))
}

/// What a load has staged, as it is persisted.
pub(super) fn read_staged(
    connection: &Connection,
    table: &TableName,
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT staged FROM stepwell_loads WHERE namespace = ?1 AND name = ?2";
    let name = params![table.namespace, table.table];
    connection.query_row(sql, name, |row| row.get(0)).optional()
}

fn begin(connection: &Connection, job: &Job, direct: bool) -> rusqlite::Result<Staged> {
    let schema = &job.request.schema;
    let create = if direct { create_table } else { create_staging };
    let staged = Staged::new(&job.request, direct);
    connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", quote(&job.staging)))?;
    connection.execute_batch(&create(&job.staging, schema))?;
    discard_unpublished_alterations(connection, job)?;
    Ok(staged)
}

/// Alterations of published rows carry no job: it is taken away when they are published.
fn discard_unpublished_alterations(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
    let schema = &job.request.schema;
    connection.execute(
        "DELETE FROM stepwell_altered_values WHERE namespace = ?1 AND name = ?2 AND job_id <> ''",
        params![schema.namespace, schema.table],
    )?;
    Ok(())
}

fn write_staged(connection: &Connection, job: &Job, staged: &Staged) -> rusqlite::Result<()> {
    let schema = &job.request.schema;
    connection.execute(
        "INSERT OR REPLACE INTO stepwell_loads VALUES (?1, ?2, ?3, ?4)",
        params![schema.namespace, schema.table, staged.to_json(), job.token],
    )?;
    Ok(())
}

#[async_trait]
impl Load for SqliteLoad {
    fn progress(&self, part: &str) -> PartProgress {
        self.staged.as_ref().map(|it| it.progress(part)).unwrap_or_default()
    }

    async fn stage(&mut self, part: &str, batch: Batch) -> Result<(), TargetError> {
        let part = part.to_owned();
        let mut staged = self.take_staged()?;
        let work = move |transaction: &Transaction<'_>, job: &Job| {
            staged.part_mut(&part).rows += batch.len() as u64;
            stage_batch(transaction, job, &mut staged, &batch)?;
            Ok(staged)
        };
        self.staged = Some(self.alone("staging rows", work).await?);
        Ok(())
    }

    fn mark(&mut self, part: &str, mark: Option<Mark>, unverified: TextSum) {
        if let Some(staged) = &mut self.staged {
            staged.mark(part, mark, unverified);
        }
    }

    async fn discard_part(&mut self, part: &str) -> Result<(), TargetError> {
        let staged = self.take_staged()?;
        let alone = staged.is_alone(part);
        let work = move |transaction: &Transaction<'_>, job: &Job| {
            let fresh = begin(transaction, job, staged.direct)?;
            write_staged(transaction, job, &fresh)?;
            Ok(fresh)
        };
        self.staged = Some(self.alone("discarding a damaged part", work).await?);
        if alone { Ok(()) } else { Err(damaged_part(part)) }
    }

    fn finish_part(&mut self, part: &str) {
        if let Some(staged) = &mut self.staged {
            staged.finish_part(part);
        }
    }

    async fn checkpoint(&mut self) -> Result<(), TargetError> {
        let staged = self.take_staged()?;
        let work = move |transaction: &Transaction<'_>, job: &Job| {
            write_staged(transaction, job, &staged)?;
            Ok(staged)
        };
        self.staged = Some(self.alone("a checkpoint", work).await?);
        Ok(())
    }

    async fn publish(mut self: Box<Self>) -> Result<Published, TargetError> {
        let staged = self.take_staged()?;
        let work =
            move |transaction: &Transaction<'_>, job: &Job| publish(transaction, job, staged);
        self.alone("publishing", work).await
    }
}

impl SqliteLoad {
    fn take_staged(&mut self) -> Result<Staged, TargetError> {
        self.staged.take().ok_or_else(|| {
            TargetError::Transient(
                "an earlier step of this load failed; it must be opened again".into(),
            )
        })
    }

    /// Does `work` in one transaction, unless another load of the table has been opened since.
    async fn alone<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>, &Job) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, TargetError> {
        let (job, database) = (Arc::clone(&self.job), self.database.clone());
        let checked = move |connection: &mut Connection| {
            let attempt = || {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if !is_latest(&transaction, &job)? {
                    return Ok(None);
                }
                let done = work(&transaction, &job)?;
                transaction.commit()?;
                Ok(Some(done))
            };
            let done = attempt().map_err(|error| database.explain(doing, &error))?;
            done.ok_or_else(|| TargetError::Locked(job.table.clone()))
        };
        self.database.run_checked(checked).await
    }
}

fn stage_batch(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &mut Staged,
    batch: &Batch,
) -> rusqlite::Result<()> {
    let mut altered = Vec::new();
    let mut intake = Intake::new(&job.request.schema);
    let mut values = Vec::new();
    for row in batch.rows() {
        values.clear();
        if !staged.direct {
            values.extend(staging_values(row));
        }
        if intake.read(row, &Sqlite, staged, &mut altered, |it| values.push(Parameter(it.value))) {
            insert(transaction, job, staged, &values)?;
        }
    }
    keep_alterations(transaction, job, staged, &altered)?;
    write_staged(transaction, job, staged)
}

/// The columns of a staging table before those of the schema.
fn staging_values<'a>(row: Row<'_>) -> [Parameter<'a>; 3] {
    let ts = row.ts().and_then(|ts| temporal::read_timestamp(std::str::from_utf8(ts).ok()?));
    let ts = ts.map_or(Value::Null, |ts| Value::Integer(ts.value));
    let delete = Value::Integer(i64::from(row.action() == Action::Delete));
    [Parameter(Value::Null), Parameter(ts), Parameter(delete)]
}

fn insert(
    connection: &Connection,
    job: &Job,
    staged: &mut Staged,
    values: &[Parameter<'_>],
) -> rusqlite::Result<()> {
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {} VALUES ({places})", quote(&job.staging));
    match connection.prepare_cached(&sql)?.execute(params_from_iter(values)) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            replace(connection, job, staged, values)
        }
        result => result.map(|_| ()),
    }
}

/// The key was delivered before in this set, which DAP says it never does: the later row counts.
fn replace(
    connection: &Connection,
    job: &Job,
    staged: &mut Staged,
    values: &[Parameter<'_>],
) -> rusqlite::Result<()> {
    let schema = &job.request.schema;
    let keys = &schema.columns[..key_count(schema)];
    let same = keys.iter().map(|key| format!("t.{} = ?", quote(&key.name))).collect::<Vec<_>>();
    let from = format!("{} AS t WHERE {}", quote(&job.staging), same.join(" AND "));
    let key_values = params_from_iter(&values[..keys.len()]);
    let old = prove::digest(connection, &schema.columns, &from, key_values)?;
    staged.upserts.subtract(&old);
    staged.superseded += old.rows;
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO {} VALUES ({places})", quote(&job.staging));
    connection.execute(&sql, params_from_iter(values))?;
    Ok(())
}

fn keep_alterations(
    connection: &Connection,
    job: &Job,
    staged: &mut Staged,
    altered: &[Alteration],
) -> rusqlite::Result<()> {
    let request = &job.request;
    for it in altered {
        staged.count_altered(it);
        connection.execute(
            "INSERT INTO stepwell_altered_values VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                request.schema.namespace,
                request.schema.table,
                request.job_id,
                it.key,
                it.column,
                it.reason,
                it.original
            ],
        )?;
    }
    Ok(())
}

fn publish(
    transaction: &Transaction<'_>,
    job: &Job,
    mut staged: Staged,
) -> rusqlite::Result<Published> {
    let before = read_state(transaction, &job.table)?.and_then(|it| it.state().ok());
    let rows_before = rows_before(transaction, job, before.as_ref())?;
    read_back::forget(transaction, &job.table)?;
    let (changes, shape) = settle_rows(transaction, job, &mut staged)?;
    settle_alterations(transaction, job, &staged)?;
    finish_staging(transaction, job, &staged)?;
    let published = staged.published(job.is_whole(), rows_before, changes, shape);
    write_state(
        transaction,
        &job.request,
        &Receipt::new(&job.request, &staged, job.is_whole(), before.as_ref(), published.clone()),
    )?;
    Ok(published)
}

fn rows_before(
    connection: &Connection,
    job: &Job,
    before: Option<&TableState>,
) -> rusqlite::Result<u64> {
    match before.and_then(|it| it.rows) {
        None => Ok(0),
        // A snapshot always counts afresh, also where it is only merged.
        Some(_) if job.request.kind.is_whole() => {
            let count = format!("SELECT count(*) FROM {}", quote(&table_name(&job.table)));
            connection.query_row(&count, [], |row| row.get(0))
        }
        Some(rows) => Ok(rows),
    }
}

/// Brings the rows, and the shape that they need, into the table.
fn settle_rows(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &mut Staged,
) -> rusqlite::Result<(Changes, Vec<String>)> {
    let target = table_name(&job.table);
    if staged.direct {
        let sql = format!("ALTER TABLE {} RENAME TO {}", quote(&job.staging), quote(&target));
        transaction.execute_batch(&sql)?;
        let changes = Changes { inserted: staged.upserts.rows, ..Changes::default() };
        return Ok((changes, Vec::new()));
    }
    let shape = if job.first {
        transaction.execute_batch(&create_table(&target, &job.request.schema))?;
        Vec::new()
    } else {
        shape::evolve(transaction, job)?
    };
    Ok((merge::merge(transaction, job, staged)?, shape))
}

/// The rows' new originals replace those of their former versions.
fn settle_alterations(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &Staged,
) -> rusqlite::Result<()> {
    let schema = &job.request.schema;
    let whole = job.is_whole();
    let replaced = if whole || staged.direct {
        String::new()
    } else {
        let key = quote(&schema.columns[0].name);
        format!(" AND row_key IN (SELECT CAST({key} AS TEXT) FROM {})", quote(&job.staging))
    };
    let name = params![schema.namespace, schema.table];
    let here = "WHERE namespace = ?1 AND name = ?2";
    let forget = format!("DELETE FROM stepwell_altered_values {here} AND job_id = ''{replaced}");
    transaction.execute(&forget, name)?;
    let keep = format!("UPDATE stepwell_altered_values SET job_id = '' {here}");
    transaction.execute(&keep, name)?;
    Ok(())
}

/// The rows of an increment are kept for its proof, until the next load.
fn finish_staging(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &Staged,
) -> rusqlite::Result<()> {
    let schema = &job.request.schema;
    let whole = job.is_whole();
    if whole && !staged.direct {
        transaction.execute_batch(&format!("DROP TABLE {}", quote(&job.staging)))?;
    }
    let sql = "DELETE FROM stepwell_loads WHERE namespace = ?1 AND name = ?2";
    transaction.execute(sql, params![schema.namespace, schema.table])?;
    Ok(())
}
