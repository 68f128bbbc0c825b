//! Enumerations as the official client lays them out: a type for a closed list, a lookup table for an open one.
//!
//! In layout `stepwell` enumerations are text and nothing of this happens.

use super::session::Session;
use super::table::Table;
use crate::schema::{Column, ColumnType};
use crate::target::quote::quote;
use crate::target::{Layout, TargetError};

/// The longest value that a lookup table of the official client has room for.
const LOOKUP_LENGTH: i32 = 64;

/// Adds what a schema adds to closed lists. Not in the publishing transaction: PostgreSQL lets a new value be
/// used only once it is committed. A value too many harms nobody.
pub(super) async fn extend_types(session: &Session, table: &Table) -> Result<(), TargetError> {
    for (column, values) in closed(table) {
        if !type_exists(session, table, column).await? {
            continue;
        }
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        for literal in session.literals(&values).await? {
            let sql =
                format!("ALTER TYPE {} ADD VALUE IF NOT EXISTS {literal}", table.enum_type(column));
            session.batch("adding a value to an enumeration", &sql).await?;
        }
    }
    Ok(())
}

/// Creates the types and lookup tables that are missing.
pub(super) async fn create_missing(session: &Session, table: &Table) -> Result<(), TargetError> {
    for (column, values) in closed(table) {
        if !type_exists(session, table, column).await? {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let literals = session.literals(&values).await?.join(", ");
            let sql = format!("CREATE TYPE {} AS ENUM ({literals})", table.enum_type(column));
            session.batch("creating an enumeration", &sql).await?;
        }
    }
    for column in open(table) {
        if !session.exists(&table.enum_type(column)).await? {
            session.batch("creating a lookup table", &create_lookup(table, column)).await?;
        }
    }
    Ok(())
}

/// Makes columns of open lists refer to their lookup tables.
pub(super) async fn refer(session: &Session, table: &Table) -> Result<(), TargetError> {
    for column in open(table) {
        let name = format!("fk_{}_{}", table.name.table, column.name);
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)";
        if session
            .query_one("looking for a constraint", sql, &[&table.target(), &name])
            .await?
            .get(0)
        {
            continue;
        }
        let sql = format!(
            r#"ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ("id")"#,
            table.target(),
            quote(&name),
            quote(&column.name),
            table.enum_type(column)
        );
        session.batch("adding a constraint", &sql).await?;
    }
    Ok(())
}

/// Adds the staged values of open lists to their lookup tables.
pub(super) async fn fill_lookups(session: &Session, table: &Table) -> Result<(), TargetError> {
    for column in open(table) {
        let (lookup, name, staging) =
            (table.enum_type(column), quote(&column.name), table.staging());
        make_room(session, table, column).await?;
        let sql = format!(
            r#"INSERT INTO {lookup} ("value") SELECT DISTINCT s.{name} FROM {staging} AS s
               WHERE s.{name} IS NOT NULL AND NOT EXISTS
                 (SELECT FROM {lookup} AS l WHERE l."value" = s.{name})"#
        );
        session.execute("adding values to a lookup table", &sql, &[]).await?;
    }
    Ok(())
}

/// The id of a value of an open list, which is added where it is missing.
pub(super) async fn id_of(
    session: &Session,
    table: &Table,
    column: &Column,
    value: &str,
) -> Result<i32, TargetError> {
    let lookup = table.enum_type(column);
    if value.chars().count() > LOOKUP_LENGTH as usize {
        session.batch("widening a lookup table", &widening(&lookup)).await?;
    }
    let doing = "adding a default to a lookup table";
    let insert = format!(r#"INSERT INTO {lookup} ("value") VALUES ($1) ON CONFLICT DO NOTHING"#);
    session.execute(doing, &insert, &[&value]).await?;
    let select = format!(r#"SELECT "id" FROM {lookup} WHERE "value" = $1"#);
    Ok(session.query_one(doing, &select, &[&value]).await?.get(0))
}

fn widening(lookup: &str) -> String {
    format!(r#"ALTER TABLE {lookup} ALTER COLUMN "value" TYPE text"#)
}

async fn make_room(session: &Session, table: &Table, column: &Column) -> Result<(), TargetError> {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM {} WHERE char_length({}) > $1)",
        table.staging(),
        quote(&column.name)
    );
    if session.query_one("looking for long values", &sql, &[&LOOKUP_LENGTH]).await?.get(0) {
        let sql = widening(&table.enum_type(column));
        session.batch("widening a lookup table", &sql).await?;
    }
    Ok(())
}

fn create_lookup(table: &Table, column: &Column) -> String {
    let name = table.enum_name(column);
    format!(
        r#"CREATE TABLE {} ("id" integer GENERATED BY DEFAULT AS IDENTITY, "value" varchar({LOOKUP_LENGTH}) NOT NULL,
           CONSTRAINT {} PRIMARY KEY ("id"), CONSTRAINT {} UNIQUE ("value"))"#,
        table.enum_type(column),
        quote(&format!("pk_{name}")),
        quote(&format!("uq_{name}"))
    )
}

async fn type_exists(
    session: &Session,
    table: &Table,
    column: &Column,
) -> Result<bool, TargetError> {
    let sql = "SELECT to_regtype($1) IS NOT NULL";
    let row =
        session.query_one("looking for an enumeration", sql, &[&table.enum_type(column)]).await?;
    Ok(row.get(0))
}

/// The columns with a type of their own, and its values.
fn closed(table: &Table) -> impl Iterator<Item = (&Column, &Vec<String>)> {
    let columns = table.columns.iter().filter(|_| table.layout == Layout::Instructure);
    columns.filter_map(|column| match &column.ty {
        ColumnType::Enum { values } => Some((column, values)),
        ColumnType::Array(element) => match &**element {
            ColumnType::Enum { values } => Some((column, values)),
            _ => None,
        },
        _ => None,
    })
}

/// The columns with a lookup table.
fn open(table: &Table) -> impl Iterator<Item = &Column> {
    let columns = table.columns.iter().filter(|_| table.layout == Layout::Instructure);
    columns.filter(|column| matches!(column.ty, ColumnType::OpenEnum { .. }))
}
