//! Merging staged rows into a table, set by set.

use rusqlite::{Transaction, params};

use super::layout::table_name;
use super::load::Job;
use super::prove;
use crate::schema::Column;
use crate::target::intake::key_count;
use crate::target::quote::{quote, quote_all};
use crate::target::staged::{Changes, Staged};

/// Rows of the staging table that another row with the same key and a later `meta.ts` replaces. Of two with
/// the same `meta.ts` the one delivered later counts.
const SUPERSEDED: &str = "SELECT stepwell_row FROM (
  SELECT stepwell_row, row_number() OVER (
    PARTITION BY {keys} ORDER BY stepwell_ts DESC, stepwell_row DESC) AS place FROM {staging})
  WHERE place > 1";

/// Applies upserts and deletes; all of a table also deletes what it does not hold.
pub(super) fn merge(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &mut Staged,
) -> rusqlite::Result<Changes> {
    let sql = Sql::new(job);
    transaction.execute_batch(&sql.index())?;
    drop_superseded(transaction, job, staged, &sql)?;
    let delete = if job.is_whole() { sql.delete_absent() } else { sql.delete() };
    let deleted = transaction.execute(&delete, params![])?;
    if sql.has_values() {
        transaction.execute(&sql.update(), params![])?;
    }
    let inserted = transaction.execute(&sql.insert(), params![])? as u64;
    let updated = staged.upserts.rows - inserted;
    Ok(Changes { inserted, updated, deleted: deleted as u64 })
}

fn drop_superseded(
    transaction: &Transaction<'_>,
    job: &Job,
    staged: &mut Staged,
    sql: &Sql,
) -> rusqlite::Result<()> {
    let rows = SUPERSEDED.replace("{keys}", &sql.keys).replace("{staging}", &sql.staging);
    let upserts =
        format!("{} AS t WHERE stepwell_row IN ({rows}) AND stepwell_delete = 0", sql.staging);
    let digest = prove::digest(transaction, &job.request.schema.columns, &upserts, params![])?;
    staged.upserts.subtract(&digest);
    let delete = format!("DELETE FROM {} WHERE stepwell_row IN ({rows})", sql.staging);
    staged.superseded += transaction.execute(&delete, params![])? as u64;
    Ok(())
}

struct Sql {
    target: String,
    staging: String,
    index: String,
    keys: String,
    columns: String,
    same_key: String,
    assignments: String,
}

impl Sql {
    fn new(job: &Job) -> Self {
        let schema = &job.request.schema;
        let (keys, values) = schema.columns.split_at(key_count(schema));
        let assign = |column: &Column| {
            let name = quote(&column.name);
            format!("{name} = s.{name}")
        };
        Self {
            target: quote(&table_name(&job.table)),
            staging: quote(&job.staging),
            index: quote(&format!("{}__key", job.staging)),
            keys: quote_all("", keys.iter().map(|it| it.name.as_str())),
            columns: quote_all("", schema.columns.iter().map(|it| it.name.as_str())),
            same_key: prove::same_key(keys),
            assignments: values.iter().map(assign).collect::<Vec<_>>().join(", "),
        }
    }

    fn has_values(&self) -> bool {
        !self.assignments.is_empty()
    }

    fn index(&self) -> String {
        let Self { index, staging, keys, .. } = self;
        format!("CREATE INDEX IF NOT EXISTS {index} ON {staging} ({keys})")
    }

    fn delete(&self) -> String {
        let Self { target, staging, same_key, .. } = self;
        format!(
            "DELETE FROM {target} AS t WHERE EXISTS \
             (SELECT 1 FROM {staging} AS s WHERE s.stepwell_delete = 1 AND {same_key})"
        )
    }

    fn delete_absent(&self) -> String {
        let Self { target, staging, same_key, .. } = self;
        format!(
            "DELETE FROM {target} AS t WHERE NOT EXISTS (SELECT 1 FROM {staging} AS s WHERE {same_key})"
        )
    }

    fn update(&self) -> String {
        let Self { target, staging, same_key, assignments, .. } = self;
        format!(
            "UPDATE {target} AS t SET {assignments} FROM {staging} AS s \
             WHERE s.stepwell_delete = 0 AND {same_key}"
        )
    }

    fn insert(&self) -> String {
        let Self { target, staging, same_key, columns, .. } = self;
        format!(
            "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staging} AS s \
             WHERE s.stepwell_delete = 0 \
             AND NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {same_key})"
        )
    }
}
