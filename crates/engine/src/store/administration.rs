//! Versions, aliases and what is kept as JSON of a state machine: written and read.

use rusqlite::{Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::archive::{Archive, timestamp};
use super::rows::{AliasRow, StateMachineId, VersionRow};
use crate::error::StoreError;

pub(super) fn write_version(
    transaction: &Transaction<'_>,
    row: &VersionRow,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO version (state_machine, number, definition, description, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            row.state_machine,
            row.number,
            row.definition,
            row.description,
            row.created_at.as_millisecond(),
        ])
        .map(drop)
}

pub(super) fn remove_version(
    transaction: &Transaction<'_>,
    state_machine: StateMachineId,
    number: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM version WHERE state_machine = ?1 AND number = ?2")?
        .execute([state_machine, number])
        .map(drop)
}

pub(super) fn write_alias(transaction: &Transaction<'_>, row: &AliasRow) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO alias (state_machine, name, description, routes, created_at,
                 updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.state_machine,
            row.name,
            row.description,
            to_json(&row.routes),
            row.created_at.as_millisecond(),
            row.updated_at.as_millisecond(),
        ])
        .map(drop)
}

pub(super) fn remove_alias(
    transaction: &Transaction<'_>,
    state_machine: StateMachineId,
    name: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM alias WHERE state_machine = ?1 AND name = ?2")?
        .execute(params![state_machine, name])
        .map(drop)
}

impl Archive {
    /// All versions, by state machine and number.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn versions(&self) -> Result<Vec<VersionRow>, StoreError> {
        let sql = "SELECT state_machine, number, definition, description, created_at
                   FROM version ORDER BY state_machine, number";
        self.all(sql, [], version_row)
    }

    /// The versions of a state machine, newest first.
    pub(crate) fn versions_of(&self, id: StateMachineId) -> Result<Vec<VersionRow>, StoreError> {
        let sql = "SELECT state_machine, number, definition, description, created_at
                   FROM version WHERE state_machine = ?1 ORDER BY number DESC";
        self.all(sql, [id], version_row)
    }

    /// All aliases, by state machine and name.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn aliases(&self) -> Result<Vec<AliasRow>, StoreError> {
        let sql = "SELECT state_machine, name, description, routes, created_at, updated_at
                   FROM alias ORDER BY state_machine, name";
        self.all(sql, [], |row| {
            Ok(AliasRow {
                state_machine: row.get(0)?,
                name: row.get(1)?,
                description: row.get(2)?,
                routes: from_json(row, 3)?,
                created_at: timestamp(row, 4)?,
                updated_at: timestamp(row, 5)?,
            })
        })
    }
}

fn version_row(row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    Ok(VersionRow {
        state_machine: row.get(0)?,
        number: row.get(1)?,
        definition: row.get(2)?,
        description: row.get(3)?,
        created_at: timestamp(row, 4)?,
    })
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data with text keys is JSON")
}

pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
