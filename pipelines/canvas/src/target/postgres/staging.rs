//! Staging tables: their shape, and what is written to them besides rows.

use super::load::Job;
use super::session::Session;
use super::table::{Table, in_schema};
use super::{defaults, state};
use crate::schema::{Column, ColumnType};
use crate::target::quote::quote;
use crate::target::staged::{Alteration, Staged};
use crate::target::{LoadRequest, TargetError};

/// Empties the staging of a table and prepares it for a load.
pub(super) async fn begin(
    session: &Session,
    job: &Job,
    direct: bool,
) -> Result<Staged, TargetError> {
    let doing = "preparing a load";
    let staged = Staged::new(&job.request, direct);
    let table = &job.table;
    let create = if direct {
        create_table(session, table, &table.staging()).await?
    } else {
        create_staging(table)
    };
    session.batch(doing, "BEGIN").await?;
    session.batch(doing, &format!("DROP TABLE IF EXISTS {}; {create}", table.staging())).await?;
    state::discard_unpublished(session, &table.name).await?;
    state::write_staged(session, &job.request, &staged).await?;
    session.batch(doing, "COMMIT").await?;
    Ok(staged)
}

/// `CREATE TABLE` for a replica, without its primary key: rows come faster without. Columns with a default
/// come last, as the official client has them.
pub(super) async fn create_table(
    session: &Session,
    table: &Table,
    name: &str,
) -> Result<String, TargetError> {
    let defaults = defaults::clauses(session, table, &table.columns).await?;
    let define = |(column, default): (&Column, &String)| {
        let null = if column.required || column.key { " NOT NULL" } else { "" };
        let definition =
            format!("{} {}{null}{default}", quote(&column.name), table.column_type(column));
        (!default.is_empty(), definition)
    };
    let mut columns: Vec<(bool, String)> =
        table.columns.iter().zip(&defaults).map(define).collect();
    columns.sort_by_key(|(has_default, _)| *has_default);
    let columns: Vec<String> = columns.into_iter().map(|(_, definition)| definition).collect();
    Ok(format!("CREATE TABLE {name} ({})", columns.join(", ")))
}

/// `CREATE TABLE` for rows that will be merged: upserts and deletes, keys repeated.
fn create_staging(table: &Table) -> String {
    let define =
        |column: &Column| format!("{} {}", quote(&column.name), Table::staging_type(column));
    let columns: Vec<String> = table.columns.iter().map(define).collect();
    format!(
        r#"CREATE TABLE {} ("stepwell_ts" timestamp, "stepwell_delete" boolean NOT NULL, {})"#,
        table.staging(),
        columns.join(", ")
    )
}

/// The COPY that rows are staged with.
pub(super) fn copy_statement(table: &Table, direct: bool) -> String {
    let own = if direct { "" } else { r#""stepwell_ts", "stepwell_delete", "# };
    format!("COPY {} ({own}{}) FROM STDIN", table.staging(), table.column_list())
}

/// Gives a staging table that will become the replica the room that its rows need.
pub(super) async fn reshape(
    session: &Session,
    table: &Table,
    staged: &Staged,
) -> Result<(), TargetError> {
    let widen = table.columns.iter().filter(|it| staged.widened.contains(&it.name));
    let relax = table.columns.iter().filter(|it| staged.relaxed.contains(&it.name));
    let actions: Vec<String> = widen.map(widening).chain(relax.map(relaxing)).collect();
    let sql = format!("ALTER TABLE {} {}", table.staging(), actions.join(", "));
    session.batch("widening a column", &sql).await
}

/// The action that lets a column hold texts of any length.
pub(super) fn widening(column: &Column) -> String {
    let ty = if matches!(column.ty, ColumnType::Array(_)) { "text[]" } else { "text" };
    format!("ALTER COLUMN {} TYPE {ty}", quote(&column.name))
}

/// The action that lets a column hold nulls.
pub(super) fn relaxing(column: &Column) -> String {
    format!("ALTER COLUMN {} DROP NOT NULL", quote(&column.name))
}

/// Keeps the originals of values that are stored otherwise.
pub(super) async fn keep_alterations(
    session: &Session,
    request: &LoadRequest,
    altered: &[Alteration],
) -> Result<(), TargetError> {
    // NUL cannot be in any text of PostgreSQL; keys and reasons are for people, originals are bytes.
    let texts = |text: fn(&Alteration) -> &str| -> Vec<String> {
        altered.iter().map(|it| text(it).replace('\0', "\u{2400}")).collect()
    };
    let keys = texts(|it| &it.key);
    let columns = texts(|it| &it.column);
    let reasons = texts(|it| &it.reason);
    let originals: Vec<&[u8]> = altered.iter().map(|it| it.original.as_slice()).collect();
    let schema = &request.schema;
    let sql = format!(
        "INSERT INTO {} SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::text[], $7::bytea[])",
        in_schema("stepwell", "altered_values")
    );
    let parameters: [super::session::Parameter<'_>; 7] =
        [&schema.namespace, &schema.table, &request.job_id, &keys, &columns, &reasons, &originals];
    session.execute("keeping altered values", &sql, &parameters).await?;
    Ok(())
}
