//! Merging staged rows into a table, set by set.

use super::load::Job;
use super::session::Session;
use super::table::Table;
use super::{enums, prove};
use crate::schema::Column;
use crate::target::TargetError;
use crate::target::quote::quote;
use crate::target::staged::{Changes, Staged};

/// Applies upserts and deletes; all of a table also deletes what it does not hold.
///
/// Rows that are as they were cost no write. Counts are those of the delivered rows all the same.
pub(super) async fn merge(
    session: &Session,
    job: &Job,
    staged: &mut Staged,
) -> Result<Changes, TargetError> {
    let table = &job.table;
    session.batch("merging", &format!("ANALYZE {}", table.staging())).await?;
    drop_superseded(session, table, staged).await?;
    enums::fill_lookups(session, table).await?;
    let delete = if job.is_whole() { delete_absent(table) } else { delete_delivered(table) };
    let deleted = session.execute("deleting rows", &delete, &[]).await?;
    if !table.values().is_empty() {
        session.execute("updating rows", &update(table), &[]).await?;
    }
    let inserted = session.execute("inserting rows", &insert_new(table), &[]).await?;
    Ok(Changes { inserted, updated: staged.upserts.rows - inserted, deleted })
}

/// Leaves one row per key in the staging table: the one with the latest `meta.ts`, of several the one that was
/// delivered last. What was counted of the others is taken back.
pub(super) async fn drop_superseded(
    session: &Session,
    table: &Table,
    staged: &mut Staged,
) -> Result<(), TargetError> {
    let (staging, keys) = (table.staging(), table.key_list());
    let repeated =
        format!("SELECT EXISTS (SELECT FROM {staging} GROUP BY {keys} HAVING count(*) > 1)");
    if !session.query_one("looking for repeated keys", &repeated, &[]).await?.get::<_, bool>(0) {
        return Ok(());
    }
    let latest = if staged.direct { "" } else { r#""stepwell_ts" DESC NULLS LAST, "# };
    let rows = format!(
        "SELECT r FROM (SELECT ctid AS r, row_number() OVER \
         (PARTITION BY {keys} ORDER BY {latest}ctid DESC) AS place FROM {staging}) AS ranked WHERE place > 1"
    );
    let upserts = if staged.direct { "" } else { r#" AND NOT t."stepwell_delete""# };
    let columns: Vec<String> = table.columns.iter().map(Table::staged_as_delivered).collect();
    let from = format!("{staging} AS t WHERE t.ctid IN ({rows}){upserts}");
    staged.upserts.subtract(&prove::digest(session, table, columns, &from).await?);
    let delete = format!("DELETE FROM {staging} WHERE ctid IN ({rows})");
    staged.superseded += session.execute("dropping repeated keys", &delete, &[]).await?;
    Ok(())
}

/// Fills an empty table.
pub(super) async fn insert_all(session: &Session, table: &Table) -> Result<u64, TargetError> {
    session.execute("inserting rows", &insert(table), &[]).await
}

fn insert(table: &Table) -> String {
    let stored: Vec<String> = table.columns.iter().map(|column| table.stored(column)).collect();
    format!(
        r#"INSERT INTO {} ({}) SELECT {} FROM {} AS s WHERE NOT s."stepwell_delete""#,
        table.target(),
        table.column_list(),
        stored.join(", "),
        table.staging()
    )
}

fn insert_new(table: &Table) -> String {
    let (target, same_key) = (table.target(), table.same_key());
    format!("{} AND NOT EXISTS (SELECT FROM {target} AS t WHERE {same_key})", insert(table))
}

fn update(table: &Table) -> String {
    let assign = |column: &Column| format!("{} = {}", quote(&column.name), table.stored(column));
    let assignments: Vec<String> = table.values().iter().map(assign).collect();
    let mine = |column: &Column| Table::comparable(column, &format!("t.{}", quote(&column.name)));
    let theirs = |column: &Column| Table::comparable(column, &table.stored(column));
    let row = |side: &dyn Fn(&Column) -> String| {
        table.values().iter().map(side).collect::<Vec<_>>().join(", ")
    };
    format!(
        r#"UPDATE {} AS t SET {} FROM {} AS s WHERE {} AND NOT s."stepwell_delete"
           AND ROW({}) IS DISTINCT FROM ROW({})"#,
        table.target(),
        assignments.join(", "),
        table.staging(),
        table.same_key(),
        row(&mine),
        row(&theirs)
    )
}

fn delete_delivered(table: &Table) -> String {
    format!(
        r#"DELETE FROM {} AS t USING {} AS s WHERE {} AND s."stepwell_delete""#,
        table.target(),
        table.staging(),
        table.same_key()
    )
}

fn delete_absent(table: &Table) -> String {
    format!(
        "DELETE FROM {} AS t WHERE NOT EXISTS (SELECT FROM {} AS s WHERE {})",
        table.target(),
        table.staging(),
        table.same_key()
    )
}
