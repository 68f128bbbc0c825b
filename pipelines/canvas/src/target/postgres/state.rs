//! stepwell's own tables: what was published, what is being staged, which values were altered.

use jiff::Timestamp;

use super::instructure;
use super::session::Session;
use super::table::{OWN_SCHEMA, Table};
use crate::rows::temporal;
use crate::target::quote::quote;
use crate::target::staged::{Receipt, Staged};
use crate::target::{Layout, LoadRequest, TableName, TableState, TargetError};

const TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS "stepwell"."tables" (
  "namespace" text NOT NULL,
  "name" text NOT NULL,
  "cursor" timestamp with time zone NOT NULL,
  "schema_version" bigint NOT NULL,
  "receipt" text NOT NULL,
  PRIMARY KEY ("namespace", "name"));
CREATE TABLE IF NOT EXISTS "stepwell"."loads" (
  "namespace" text NOT NULL,
  "name" text NOT NULL,
  "staged" text NOT NULL,
  PRIMARY KEY ("namespace", "name"));
CREATE TABLE IF NOT EXISTS "stepwell"."altered_values" (
  "namespace" text NOT NULL,
  "name" text NOT NULL,
  "job_id" text NOT NULL,
  "row_key" text NOT NULL,
  "column_name" text NOT NULL,
  "reason" text NOT NULL,
  "original" bytea NOT NULL);
CREATE INDEX IF NOT EXISTS "altered_values_row"
  ON "stepwell"."altered_values" ("namespace", "name", "row_key");"#;

/// Creates the own tables where they are missing. Several processes may do so at once.
pub(super) async fn prepare(session: &Session, layout: Layout) -> Result<(), TargetError> {
    let own = session.exists(r#""stepwell"."altered_values""#).await?;
    if own && layout == Layout::Stepwell {
        return Ok(());
    }
    let doing = "creating the state tables";
    begin_alone(session, doing).await?;
    session.ensure_schema(&quote(OWN_SCHEMA)).await?;
    session.batch(doing, TABLES).await?;
    if layout == Layout::Instructure {
        instructure::prepare(session).await?;
    }
    session.batch(doing, "COMMIT").await
}

/// Creates the schema of a namespace where it is missing. Its tables are loaded at the same time, and
/// PostgreSQL refuses the second of two that create a schema at once, so nobody else does so meanwhile.
pub(super) async fn prepare_namespace(session: &Session, quoted: &str) -> Result<(), TargetError> {
    let doing = "creating the schema of the namespace";
    begin_alone(session, doing).await?;
    session.ensure_schema(quoted).await?;
    session.batch(doing, "COMMIT").await
}

async fn begin_alone(session: &Session, doing: &'static str) -> Result<(), TargetError> {
    let sql = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('stepwell state', 0))";
    session.batch(doing, sql).await
}

/// What is known of a replicated table.
pub(super) struct StateRow {
    pub(super) state: TableState,
    /// What the job that was published last left behind; none if the official client went on since.
    pub(super) receipt: Option<Receipt>,
}

/// Reads what is known of a table. In layout `instructure` the cursor is that of the official client.
pub(super) async fn read(
    session: &Session,
    table: &TableName,
    layout: Layout,
) -> Result<Option<StateRow>, TargetError> {
    let own = read_own(session, table).await?;
    match layout {
        Layout::Stepwell => Ok(own),
        Layout::Instructure => {
            let theirs = instructure::read(session, table).await?;
            Ok(theirs.map(|theirs| adopt(theirs, own)))
        }
    }
}

fn adopt(theirs: TableState, own: Option<StateRow>) -> StateRow {
    match own {
        Some(own) if own.state.is_as_current_as(&theirs) => own,
        _ => StateRow { state: theirs, receipt: None },
    }
}

/// Reads the own row of a table.
pub(super) async fn read_own(
    session: &Session,
    table: &TableName,
) -> Result<Option<StateRow>, TargetError> {
    if !session.exists(r#""stepwell"."tables""#).await? {
        return Ok(None);
    }
    let sql = r#"SELECT "cursor"::text, "schema_version", "receipt" FROM "stepwell"."tables"
                 WHERE "namespace" = $1 AND "name" = $2"#;
    let rows = session.query("reading the state", sql, &[&table.namespace, &table.table]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let damaged = |cause: String| TargetError::Damaged {
        place: format!("{table} in `stepwell.tables`"),
        cause,
    };
    let receipt: Receipt =
        serde_json::from_str(row.get(2)).map_err(|error| damaged(error.to_string()))?;
    let cursor =
        read_cursor(row.get(0)).ok_or_else(|| damaged("the cursor is no timestamp".into()))?;
    Ok(Some(StateRow { state: receipt.state(cursor, row.get(1)), receipt: Some(receipt) }))
}

/// A timestamp as PostgreSQL prints it.
pub(super) fn read_cursor(text: &str) -> Option<Timestamp> {
    Timestamp::from_microsecond(temporal::read_timestamp(text)?.value).ok()
}

/// Writes the state row of a table.
pub(super) async fn write(
    session: &Session,
    request: &LoadRequest,
    receipt: &Receipt,
    layout: Layout,
) -> Result<(), TargetError> {
    let sql = r#"INSERT INTO "stepwell"."tables" VALUES ($1, $2, $3::text::timestamptz, $4, $5)
                 ON CONFLICT ("namespace", "name") DO UPDATE SET "cursor" = excluded."cursor",
                 "schema_version" = excluded."schema_version", "receipt" = excluded."receipt""#;
    let schema = &request.schema;
    let (cursor, receipt) = (request.cursor().to_string(), receipt.to_json());
    let parameters: [super::session::Parameter<'_>; 5] =
        [&schema.namespace, &schema.table, &cursor, &schema.version, &receipt];
    session.execute("writing the state", sql, &parameters).await?;
    match layout {
        Layout::Stepwell => Ok(()),
        Layout::Instructure => instructure::write(session, request).await,
    }
}

/// Keeps whether a proof held, unless another job was published meanwhile.
pub(super) async fn write_proven(
    session: &Session,
    table: &TableName,
    receipt: &Receipt,
) -> Result<(), TargetError> {
    let sql = r#"UPDATE "stepwell"."tables" SET "receipt" = $3
                 WHERE "namespace" = $1 AND "name" = $2 AND "receipt"::json ->> 'job_id' = $4"#;
    let parameters: [super::session::Parameter<'_>; 4] =
        [&table.namespace, &table.table, &receipt.to_json(), &receipt.job_id];
    session.execute("writing the state", sql, &parameters).await?;
    Ok(())
}

/// What a load has staged, as of its last checkpoint.
pub(super) async fn read_staged(
    session: &Session,
    request: &LoadRequest,
    direct: bool,
) -> Result<Option<Staged>, TargetError> {
    let sql = r#"SELECT "staged" FROM "stepwell"."loads" WHERE "namespace" = $1 AND "name" = $2"#;
    let schema = &request.schema;
    let rows =
        session.query("reading the progress", sql, &[&schema.namespace, &schema.table]).await?;
    Ok(rows.first().and_then(|row| Staged::resume(row.get(0), request, direct)))
}

/// True if a load has begun that is not published.
pub(super) async fn is_loading(session: &Session, table: &TableName) -> Result<bool, TargetError> {
    let sql =
        r#"SELECT EXISTS (SELECT FROM "stepwell"."loads" WHERE "namespace" = $1 AND "name" = $2)"#;
    let row =
        session.query_one("reading the progress", sql, &[&table.namespace, &table.table]).await?;
    Ok(row.get(0))
}

/// Writes what a load has staged.
pub(super) async fn write_staged(
    session: &Session,
    request: &LoadRequest,
    staged: &Staged,
) -> Result<(), TargetError> {
    let sql = r#"INSERT INTO "stepwell"."loads" VALUES ($1, $2, $3)
                 ON CONFLICT ("namespace", "name") DO UPDATE SET "staged" = excluded."staged""#;
    let schema = &request.schema;
    let text = staged.to_json();
    session.execute("a checkpoint", sql, &[&schema.namespace, &schema.table, &text]).await?;
    Ok(())
}

/// The load is published.
pub(super) async fn forget_staged(session: &Session, table: &TableName) -> Result<(), TargetError> {
    let sql = r#"DELETE FROM "stepwell"."loads" WHERE "namespace" = $1 AND "name" = $2"#;
    session.execute("publishing", sql, &[&table.namespace, &table.table]).await?;
    Ok(())
}

/// Alterations of published rows carry no job: it is taken away when they are published.
pub(super) async fn discard_unpublished(
    session: &Session,
    table: &TableName,
) -> Result<(), TargetError> {
    let sql = r#"DELETE FROM "stepwell"."altered_values"
                 WHERE "namespace" = $1 AND "name" = $2 AND "job_id" <> ''"#;
    session.execute("discarding rows", sql, &[&table.namespace, &table.table]).await?;
    Ok(())
}

/// The originals of the published rows replace those of their former versions: of all rows, or of those that
/// are staged.
pub(super) async fn publish_alterations(
    session: &Session,
    table: &Table,
    whole: bool,
) -> Result<(), TargetError> {
    let key = quote(&table.columns[0].name);
    let replaced = if whole {
        String::new()
    } else {
        format!(r#" AND "row_key" IN (SELECT {key}::text FROM {})"#, table.staging())
    };
    let here = r#"WHERE "namespace" = $1 AND "name" = $2"#;
    let name: [super::session::Parameter<'_>; 2] = [&table.name.namespace, &table.name.table];
    let forget =
        format!(r#"DELETE FROM "stepwell"."altered_values" {here} AND "job_id" = ''{replaced}"#);
    session.execute("publishing", &forget, &name).await?;
    let keep = format!(
        r#"UPDATE "stepwell"."altered_values" SET "job_id" = '' {here} AND "job_id" <> ''"#
    );
    session.execute("publishing", &keep, &name).await?;
    Ok(())
}
