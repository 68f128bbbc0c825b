//! What the tenant holds: tables, and their records as they are now.

mod advance;
mod json;
mod make;
mod spec;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use advance::Advance;
pub(crate) use advance::advance;
pub(crate) use json::{Json, Style};
pub(crate) use make::populate;
pub(crate) use spec::{CursorRule, Kind, SPECS, Spec};

/// All tables.
pub(crate) struct Tenant {
    pub(crate) tables: BTreeMap<&'static str, Table>,
    seed: u64,
}

/// The records of a table, in the order in which they were created.
pub(crate) struct Table {
    pub(crate) spec: &'static Spec,
    pub(crate) rows: Vec<Row>,
    next: u64,
}

/// A record.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) value: Json,
    number: u64,
    revision: u64,
}

impl Row {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Json::text).unwrap_or_default()
    }
}

impl Tenant {
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// Adds a record of that moment; returns its place.
    pub(crate) fn insert(&mut self, table: &str, at: Timestamp) -> Option<usize> {
        let number = self.tables.get(table)?.next;
        let value = make::record(self, table, number, 0, at)?;
        let table = self.tables.get_mut(table)?;
        table.rows.push(Row { value, number, revision: 0 });
        table.next += 1;
        Some(table.rows.len() - 1)
    }

    /// Gives a record other values; what says when it was created stays. False if it is not there.
    pub(crate) fn change(&mut self, table: &str, place: usize, at: Timestamp) -> bool {
        let Some(found) = self.tables.get(table) else { return false };
        let Some(row) = found.rows.get(place) else { return false };
        let (number, revision) = (row.number, row.revision + 1);
        let created = found.spec.field(|kind| matches!(kind, Kind::Created));
        let created = created.and_then(|name| Some((name, row.value.get(name)?.clone())));
        let Some(mut value) = make::record(self, table, number, revision, at) else { return false };
        if let Some((name, created)) = created {
            value.set(name, created);
        }
        let row = self.tables.get_mut(table).and_then(|it| it.rows.get_mut(place));
        row.map(|row| *row = Row { value, number, revision }).is_some()
    }

    /// The place of the record whose key or id this is.
    pub(crate) fn place_of(&self, table: &str, key: &str) -> Option<usize> {
        let is_it = |row: &Row| row.text("encodedKey") == key || row.text("id") == key;
        self.tables.get(table)?.rows.iter().position(is_it)
    }

    /// Sets a member of a record. False if it is not there.
    pub(crate) fn set(&mut self, table: &str, place: usize, field: &str, value: Json) -> bool {
        let row = self.tables.get_mut(table).and_then(|it| it.rows.get_mut(place));
        row.map(|row| row.value.set(field, value)).is_some()
    }

    /// A transaction that takes back another one: the first of the two gets a member and keeps its creation date.
    pub(crate) fn adjust(&mut self, table: &str, place: usize, at: Timestamp) -> bool {
        let Some(original) = self.tables.get(table).and_then(|it| it.rows.get(place)) else {
            return false;
        };
        let (key, kind) =
            (original.text("encodedKey").to_owned(), original.text("type").to_owned());
        let (account, amount) = (
            original.value.get("parentAccountKey").cloned(),
            original.value.get("amount").cloned(),
        );
        let Some(adjusting) = self.insert(table, at) else { return false };
        let adjusting_key =
            self.tables.get(table).map(|it| it.rows[adjusting].text("encodedKey").to_owned());
        self.set(table, adjusting, "type", Json::Text(format!("{kind}_ADJUSTMENT")));
        self.set(table, adjusting, "originalTransactionKey", Json::Text(key));
        for (name, value) in [("parentAccountKey", account), ("amount", amount)] {
            if let Some(value) = value {
                self.set(table, adjusting, name, value);
            }
        }
        let key = Json::Text(adjusting_key.unwrap_or_default());
        self.set(table, place, "adjustmentTransactionKey", key)
    }
}
