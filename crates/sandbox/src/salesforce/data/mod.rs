//! What the organization holds: objects, and their records as they are now.

mod advance;
mod cell;
mod generate;
mod id;
mod schema;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

pub use advance::Advance;
pub(crate) use advance::advance;
pub(crate) use cell::Cell;
pub(crate) use generate::populate;
pub(crate) use schema::Object;

/// How long a deleted record stays in the recycle bin.
const RECYCLE_BIN_MILLIS: i64 = 15 * 24 * 3_600_000;

/// A record as it is now.
///
/// `{"id": "001000000000001AAA", "is_deleted": false, "modified": "2026-02-01T00:00:00Z", "values": {"Name": "Acme", "Balance__c": "10.50"}}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// 18 characters.
    pub id: String,
    /// It lies in the recycle bin.
    pub is_deleted: bool,
    /// `SystemModstamp`, or what the object has in its place.
    pub modified: Timestamp,
    /// Numbers as they are written, times in RFC 3339; what has no value is not there.
    pub values: BTreeMap<String, String>,
}

/// All objects with their records.
pub(crate) struct Organization {
    pub(crate) tables: Vec<Table>,
}

/// The records of one object, in the order of their ids.
pub(crate) struct Table {
    pub(crate) object: Object,
    pub(crate) rows: BTreeMap<String, Row>,
    /// Ids of records that are gone for good, and when they were deleted.
    pub(crate) hard_deleted: Vec<(String, i64)>,
    seed: u64,
    next: u64,
}

/// A record.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// One for each field of the object.
    pub(crate) cells: Vec<Cell>,
    /// The place in the order of creation, from 1.
    number: u64,
    revision: u64,
}

impl Organization {
    pub(crate) fn table(&self, object: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.object.name.eq_ignore_ascii_case(object))
    }

    pub(crate) fn table_mut(&mut self, object: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.object.name.eq_ignore_ascii_case(object))
    }

    /// Takes what lies in the recycle bin for too long out of it.
    pub(crate) fn purge(&mut self, now: i64) {
        self.tables.iter_mut().for_each(|table| table.purge(now));
    }
}

impl Table {
    fn new(object: Object, seed: u64) -> Self {
        Self { object, rows: BTreeMap::new(), hard_deleted: Vec::new(), seed, next: 1 }
    }

    /// Milliseconds of the time of a record's last change; 0 if it has none.
    pub(crate) fn stamp_of(&self, row: &Row) -> i64 {
        match self.object.stamp().map(|field| &row.cells[field]) {
            Some(Cell::Time(millis)) => *millis,
            _ => 0,
        }
    }

    pub(crate) fn is_deleted(&self, row: &Row) -> bool {
        self.object.field("IsDeleted").is_some_and(|field| row.cells[field] == Cell::Bool(true))
    }

    /// A new record of that moment; returns its id.
    pub(crate) fn insert(&mut self, at: i64) -> String {
        let id = id::id(self.object.key_prefix, self.next);
        let cells = generate::cells(&self.object, self.seed, self.next, 0, &id, at);
        self.rows.insert(id.clone(), Row { cells, number: self.next, revision: 0 });
        self.next += 1;
        id
    }

    /// Gives a record other values; false if it is not there, or deleted.
    pub(crate) fn change(&mut self, id: &str, at: i64) -> bool {
        let created = self.object.field("CreatedDate");
        let Some(row) = self.rows.get(id).filter(|row| !self.is_deleted(row)) else { return false };
        let (revision, number) = (row.revision + 1, row.number);
        let mut cells = generate::cells(&self.object, self.seed, number, revision, id, at);
        if let Some(created) = created {
            cells[created] = row.cells[created].clone();
        }
        self.rows.insert(id.to_owned(), Row { cells, number, revision });
        true
    }

    /// Sets one value; false if record or field are not there.
    pub(crate) fn set(&mut self, id: &str, field: &str, value: Cell, at: i64) -> bool {
        let Some(field) = self.object.field(field) else { return false };
        let touched = self.touch(id, at);
        if let Some(row) = self.rows.get_mut(id) {
            row.cells[field] = value;
        }
        touched
    }

    /// Moves a record to the recycle bin; false if it is not there.
    pub(crate) fn delete(&mut self, id: &str, at: i64) -> bool {
        let Some(field) = self.object.field("IsDeleted") else { return self.erase(id, at) };
        let touched = self.touch(id, at);
        if let Some(row) = self.rows.get_mut(id) {
            row.cells[field] = Cell::Bool(true);
        }
        touched
    }

    /// Takes a record away for good; only the list of deleted records tells of it.
    pub(crate) fn erase(&mut self, id: &str, at: i64) -> bool {
        let gone = self.rows.remove(id).is_some();
        if gone {
            self.hard_deleted.push((id.to_owned(), at));
        }
        gone
    }

    /// A record with the time of its last change set.
    fn touch(&mut self, id: &str, at: i64) -> bool {
        let times = ["LastModifiedDate", "SystemModstamp"].map(|name| self.object.field(name));
        let Some(row) = self.rows.get_mut(id) else { return false };
        for field in times.into_iter().flatten() {
            row.cells[field] = Cell::Time(at);
        }
        true
    }

    fn purge(&mut self, now: i64) {
        let due =
            |row: &&Row| self.is_deleted(row) && self.stamp_of(row) + RECYCLE_BIN_MILLIS <= now;
        let due = self.rows.iter().filter(|(_, row)| due(row));
        let due: Vec<_> = due.map(|(id, row)| (id.clone(), self.stamp_of(row))).collect();
        for (id, at) in due {
            self.erase(&id, at);
        }
    }

    pub(crate) fn truth(&self, id: &str, row: &Row) -> Truth {
        let named = self.object.fields.iter().zip(&row.cells);
        Truth {
            id: id.to_owned(),
            is_deleted: self.is_deleted(row),
            modified: Timestamp::from_millisecond(self.stamp_of(row)).unwrap_or_default(),
            values: named
                .filter_map(|(it, cell)| Some((it.name.to_owned(), cell.told()?)))
                .collect(),
        }
    }
}
