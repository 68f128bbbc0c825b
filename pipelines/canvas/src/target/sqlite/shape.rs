//! Changing a table's shape to that of a new schema, inside the transaction that publishes its rows.
//!
//! Columns and indexes that the user added are left alone, as are views.
//!
//! SQLite keeps a value that it cannot convert as it is, and many types are TEXT to it. So an increment is refused
//! whose types would not keep the stored values; where all of a table is delivered, they are replaced.

use rusqlite::{Connection, Transaction};

use super::error::Unconvertible;
use super::layout::{create_table, read_state, table_name};
use super::load::Job;
use super::values::{Parameter, Sqlite, declared};
use crate::rows::value;
use crate::schema::{Column, TableSchema};
use crate::target::intake::Dialect;
use crate::target::quote::{quote, quote_all};
use crate::target::{TableName, conversion};

/// A column as the table has it.
struct Present {
    name: String,
    declared: String,
}

/// Adds, drops and converts columns. Gives what was done, one sentence each.
pub(super) fn evolve(transaction: &Transaction<'_>, job: &Job) -> rusqlite::Result<Vec<String>> {
    let (schema, table) = (&job.request.schema, &job.table);
    let target = table_name(table);
    let before = columns_before(transaction, table)?;
    let mut done = Vec::new();
    for column in before.iter().filter(|it| find(&schema.columns, &it.name).is_none()) {
        done.push(drop_column(transaction, &target, &column.name)?);
    }
    let present = present_columns(transaction, &target)?;
    if !job.is_whole() {
        // A column that the user renamed has no values any more.
        let kept = |it: &&Column| present.iter().any(|there| there.name == it.name);
        let kept: Vec<Column> = before.iter().filter(kept).cloned().collect();
        refuse_altering(schema, table, &kept)?;
    }
    let mut retyped = Vec::new();
    for column in &schema.columns {
        match present.iter().find(|it| it.name == column.name) {
            None => done.push(add_column(transaction, &target, column)?),
            Some(it) if it.declared != declared(&column.ty) => {
                let (name, from, to) = (&column.name, &it.declared, declared(&column.ty));
                done.push(format!("column `{name}` changed from {from} to {to}"));
                retyped.push(column);
            }
            Some(_) => {}
        }
    }
    if retyped.is_empty() {
        return Ok(done);
    }
    if job.is_whole() && retyped.iter().any(|it| it.key) {
        transaction.execute_batch(&format!("DELETE FROM {}", quote(&target)))?;
    }
    rebuild(transaction, schema, &target)?;
    Ok(done)
}

/// An increment does not bring the values that a conversion would alter.
fn refuse_altering(
    schema: &TableSchema,
    table: &TableName,
    before: &[Column],
) -> rusqlite::Result<()> {
    let was = |column: &Column| find(before, &column.name).map(|it| it.ty.clone());
    let alters = |column: &&Column| {
        was(column).is_some_and(|was| !conversion::keeps_values(&was, &column.ty))
    };
    let Some(column) = schema.columns.iter().find(alters) else { return Ok(()) };
    let cause = format!(
        "the type of column `{}` has changed, and the stored values are not those of the new one",
        column.name
    );
    Err(Unconvertible { table: table.clone(), cause }.into())
}

fn find<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    columns.iter().find(|it| it.name == name)
}

fn present_columns(connection: &Connection, target: &str) -> rusqlite::Result<Vec<Present>> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let read = |row: &rusqlite::Row<'_>| Ok(Present { name: row.get(0)?, declared: row.get(1)? });
    statement.query_map([target], read)?.collect()
}

/// The columns that the table has from the source.
fn columns_before(connection: &Connection, table: &TableName) -> rusqlite::Result<Vec<Column>> {
    let receipt = read_state(connection, table)?.and_then(|state| state.receipt().ok());
    Ok(receipt.map(|it| it.columns).unwrap_or_default())
}

/// SQLite refuses to drop a column that an index, a trigger or a view uses.
fn drop_column(
    transaction: &Transaction<'_>,
    target: &str,
    column: &str,
) -> rusqlite::Result<String> {
    let sql = format!("ALTER TABLE {} DROP COLUMN {}", quote(target), quote(column));
    transaction.execute_batch("SAVEPOINT dropping")?;
    // With the legacy behaviour views are not looked at.
    transaction.pragma_update(None, "legacy_alter_table", "OFF")?;
    let result = transaction.execute_batch(&sql);
    transaction.pragma_update(None, "legacy_alter_table", "ON")?;
    Ok(match result {
        Ok(()) => {
            transaction.execute_batch("RELEASE dropping")?;
            format!("column `{column}` was dropped")
        }
        Err(error) => {
            transaction.execute_batch("ROLLBACK TO dropping; RELEASE dropping")?;
            format!(
                "column `{column}` is gone from the source; it is kept, no longer filled, because of: {error}"
            )
        }
    })
}

fn add_column(
    transaction: &Transaction<'_>,
    target: &str,
    column: &Column,
) -> rusqlite::Result<String> {
    let name = quote(&column.name);
    let sql = format!("ALTER TABLE {} ADD COLUMN {name} {}", quote(target), declared(&column.ty));
    transaction.execute_batch(&sql)?;
    if let Some(default) = &column.default {
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        let value = value::read(Sqlite.reads_as(column), text.into_bytes().into())
            .unwrap_or_else(|it| it.nearest);
        let sql = format!("UPDATE {} SET {name} = ?1", quote(target));
        transaction.execute(&sql, [Parameter(value)])?;
    }
    Ok(format!("column `{}` was added", column.name))
}

/// SQLite cannot change a column's type in place: the table is copied into one of the new shape.
fn rebuild(
    transaction: &Transaction<'_>,
    schema: &TableSchema,
    target: &str,
) -> rusqlite::Result<()> {
    let present = present_columns(transaction, target)?;
    let theirs = |it: &&Present| schema.columns.iter().all(|column| column.name != it.name);
    let own_objects = objects_on(transaction, target)?;
    let copy = format!("stepwell_copy__{target}");
    transaction.execute_batch(&create_table(&copy, schema))?;
    for column in present.iter().filter(theirs) {
        let (name, ty) = (quote(&column.name), &column.declared);
        let sql = format!("ALTER TABLE {} ADD COLUMN {name} {ty}", quote(&copy));
        transaction.execute_batch(&sql)?;
    }
    let columns = quote_all("", present.iter().map(|it| it.name.as_str()));
    let (from, to) = (quote(target), quote(&copy));
    // The column's affinity converts on the way in.
    transaction.execute_batch(&format!(
        "INSERT INTO {to} ({columns}) SELECT {columns} FROM {from}; \
         DROP TABLE {from}; \
         ALTER TABLE {to} RENAME TO {from};"
    ))?;
    own_objects.iter().try_for_each(|sql| transaction.execute_batch(sql))
}

/// The statements that made the indexes and triggers of a table.
fn objects_on(connection: &Connection, target: &str) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT sql FROM sqlite_schema \
               WHERE tbl_name = ?1 AND type IN ('index', 'trigger') AND sql IS NOT NULL";
    connection.prepare(sql)?.query_map([target], |row| row.get(0))?.collect()
}
