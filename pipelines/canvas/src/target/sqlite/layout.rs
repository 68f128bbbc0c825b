//! The tables of a replica and the rows of the state.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::values::declared;
use crate::schema::{ColumnType, TableSchema};
use crate::target::intake::key_count;
use crate::target::quote::{quote, quote_all};
use crate::target::staged::Receipt;
use crate::target::{LoadRequest, TableName, TableState, TargetError};

/// Where a table's replica is.
pub(super) fn table_name(table: &TableName) -> String {
    format!("{}__{}", table.namespace, table.table)
}

/// Where a table's rows are staged.
pub(super) fn staging_name(table: &TableName) -> String {
    format!("stepwell_load__{}", table_name(table))
}

/// `CREATE TABLE` for a replica.
pub(super) fn create_table(name: &str, schema: &TableSchema) -> String {
    let keys = &schema.columns[..key_count(schema)];
    let mut parts: Vec<String> = columns(schema).collect();
    // `INTEGER PRIMARY KEY` is the row's own address, which a table constraint on one column is as well.
    parts.push(format!("PRIMARY KEY ({})", quote_all("", keys.iter().map(|it| it.name.as_str()))));
    format!("CREATE TABLE {} ({})", quote(name), parts.join(", "))
}

/// `CREATE TABLE` for rows that will be merged: upserts and deletes, keys repeated.
pub(super) fn create_staging(name: &str, schema: &TableSchema) -> String {
    let own = [
        "stepwell_row INTEGER PRIMARY KEY",
        "stepwell_ts INTEGER",
        "stepwell_delete INTEGER NOT NULL",
    ];
    let parts: Vec<String> = own.iter().map(|it| (*it).to_owned()).chain(columns(schema)).collect();
    format!("CREATE TABLE {} ({})", quote(name), parts.join(", "))
}

fn columns(schema: &TableSchema) -> impl Iterator<Item = String> {
    schema.columns.iter().map(|column| {
        // Only keys are declared as never null: a null in a required column is reported, not refused.
        let null = if column.key && column.ty != ColumnType::Json { " NOT NULL" } else { "" };
        format!("{} {}{null}", quote(&column.name), declared(&column.ty))
    })
}

/// What is kept of a published table.
pub(super) struct StateRow {
    table: TableName,
    cursor: String,
    schema_version: i64,
    receipt: String,
}

impl StateRow {
    pub(super) fn state(&self) -> Result<TableState, TargetError> {
        let cursor: Timestamp = self.cursor.parse().map_err(|error| self.damaged(&error))?;
        Ok(self.receipt()?.state(cursor, self.schema_version))
    }

    pub(super) fn receipt(&self) -> Result<Receipt, TargetError> {
        serde_json::from_str(&self.receipt).map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, cause: &dyn std::fmt::Display) -> TargetError {
        TargetError::Damaged {
            place: format!("{} in `stepwell_tables`", self.table),
            cause: cause.to_string(),
        }
    }
}

/// Reads the state row of a table.
pub(super) fn read_state(
    connection: &Connection,
    table: &TableName,
) -> rusqlite::Result<Option<StateRow>> {
    let sql = "SELECT cursor, schema_version, receipt FROM stepwell_tables \
               WHERE namespace = ?1 AND name = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(StateRow {
            table: table.clone(),
            cursor: row.get(0)?,
            schema_version: row.get(1)?,
            receipt: row.get(2)?,
        })
    };
    connection.query_row(sql, params![table.namespace, table.table], read).optional()
}

/// Writes the state row of a table.
pub(super) fn write_state(
    connection: &Connection,
    request: &LoadRequest,
    receipt: &Receipt,
) -> rusqlite::Result<()> {
    let schema = &request.schema;
    connection.execute(
        "INSERT OR REPLACE INTO stepwell_tables VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            schema.namespace,
            schema.table,
            request.cursor().to_string(),
            schema.version,
            receipt.to_json(),
        ],
    )?;
    Ok(())
}

/// Keeps whether a proof held, unless another job was published meanwhile.
pub(super) fn write_proven(
    connection: &Connection,
    table: &TableName,
    receipt: &Receipt,
) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE stepwell_tables SET receipt = ?3 \
         WHERE namespace = ?1 AND name = ?2 AND receipt ->> '$.job_id' = ?4",
        params![table.namespace, table.table, receipt.to_json(), receipt.job_id],
    )?;
    Ok(())
}
