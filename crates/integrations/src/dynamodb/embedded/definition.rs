//! What a table is: its keys, its indexes, and what else `CreateTable` says of it.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use super::super::{KeyAttribute, Table};
use super::Checked;
use super::rows::from_json;

/// A table.
#[derive(Debug, Clone)]
pub(in crate::dynamodb) struct Definition {
    pub(in crate::dynamodb) table: Table,
    pub(in crate::dynamodb) indexes: Vec<Index>,
    pub(in crate::dynamodb) created_at: Timestamp,
    /// The attribute with the second of 1970 at which an item goes.
    pub(in crate::dynamodb) time_to_live: Option<String>,
    /// Units of reading and writing, of a table that is not paid by request.
    pub(in crate::dynamodb) throughput: Option<(u64, u64)>,
    pub(in crate::dynamodb) is_protected: bool,
}

/// What is kept of it beside its keys: `{"indexes": [..], "created_at": "2026-03-01T09:00:00Z", "time_to_live": "expires"}`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Description {
    indexes: Vec<Index>,
    created_at: Timestamp,
    time_to_live: Option<String>,
    throughput: Option<(u64, u64)>,
    is_protected: bool,
}

/// An index, whose keys are named as those of a table of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::dynamodb) struct Index {
    pub(in crate::dynamodb) keys: Table,
    pub(in crate::dynamodb) is_local: bool,
    pub(in crate::dynamodb) projection: Projection,
    pub(in crate::dynamodb) throughput: Option<(u64, u64)>,
}

/// Which attributes an index has, beside keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::dynamodb) enum Projection {
    All,
    KeysOnly,
    Include(Vec<String>),
}

impl Index {
    pub(in crate::dynamodb) fn name(&self) -> &str {
        &self.keys.name
    }
}

impl Definition {
    /// Of a table that a pipeline makes, of which nothing else is said.
    pub(super) fn of(table: Table) -> Self {
        Self::described(table, Description::default())
    }

    fn described(table: Table, description: Description) -> Self {
        let Description { indexes, created_at, time_to_live, throughput, is_protected } =
            description;
        Self { table, indexes, created_at, time_to_live, throughput, is_protected }
    }

    pub(in crate::dynamodb) fn find(
        transaction: &Transaction<'_>,
        name: &str,
    ) -> rusqlite::Result<Option<Self>> {
        let sql = "SELECT keys, description FROM definition WHERE name = ?1";
        let read =
            |row: &rusqlite::Row<'_>| Ok(Self::described(from_json(row, 0)?, from_json(row, 1)?));
        transaction.prepare_cached(sql)?.query_row([name], read).optional()
    }

    /// Writes it in the place of the one with its name.
    pub(in crate::dynamodb) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let keys = serde_json::to_string(&self.table).expect("a table is JSON");
        let description = serde_json::to_string(&Description {
            indexes: self.indexes.clone(),
            created_at: self.created_at,
            time_to_live: self.time_to_live.clone(),
            throughput: self.throughput,
            is_protected: self.is_protected,
        });
        let description = description.expect("a description is JSON");
        let sql = "INSERT INTO definition VALUES (?1, ?2, ?3)
            ON CONFLICT (name) DO UPDATE SET description = excluded.description";
        transaction.execute(sql, params![self.table.name, keys, description]).map(drop)
    }

    /// Removes it with all of its items.
    pub(in crate::dynamodb) fn remove(
        &self,
        transaction: &Transaction<'_>,
    ) -> rusqlite::Result<()> {
        for sql in [
            "DELETE FROM entry WHERE table_name = ?1",
            "DELETE FROM item WHERE table_name = ?1",
            "DELETE FROM definition WHERE name = ?1",
        ] {
            transaction.execute(sql, [&self.table.name])?;
        }
        Ok(())
    }

    /// The keys of all indexes and of the table, each attribute once.
    pub(in crate::dynamodb) fn key_attributes(&self) -> Vec<&KeyAttribute> {
        let mut all: Vec<&KeyAttribute> = Vec::new();
        let indexes = self.indexes.iter().flat_map(|index| index.keys.keys());
        for key in self.table.keys().chain(indexes) {
            if !all.iter().any(|known| known.name == key.name) {
                all.push(key);
            }
        }
        all
    }
}

/// Source: DynamoDB API reference, `CreateTable`.
pub(in crate::dynamodb) fn check_definition(table: &Table) -> Checked<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(3..=255).contains(&table.name.len()) || !table.name.chars().all(is_allowed) {
        return Err("a name has 3 to 255 letters, digits, `_`, `.` and `-`".to_owned());
    }
    if table.keys().any(|key| !(1..=255).contains(&key.name.len())) {
        return Err("the name of a key has 1 to 255 characters".to_owned());
    }
    if table.range.as_ref().is_some_and(|range| range.name == table.hash.name) {
        return Err(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
                .to_owned(),
        );
    }
    Ok(())
}
