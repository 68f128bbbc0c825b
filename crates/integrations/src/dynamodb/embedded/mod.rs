//! Tables in a SQLite file, held to DynamoDB's own rules and error messages.
//!
//! They differ from DynamoDB in this: nothing is throttled; numbers are given back without exponent; a batch is written whole or
//! not at all; a page counts the bytes of an item's JSON, not of its values.

mod definition;
mod pages;
pub(super) mod rows;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::Transaction;

use super::{Error, Item, Page, Query, Scan, Table, Tables, check_same_keys};
use crate::sqlite::{Database, Format};

pub(super) use definition::{Definition, Index, Projection, check_definition};
pub(super) use pages::Selection;
pub(super) use rows::{Key, Row, exact_key};

const FORMAT: Format = Format {
    name: "a file of tables",
    application_id: 0x5357_4431, // "SWD1"
    migrations: &[
        "
        CREATE TABLE definition (
            name TEXT PRIMARY KEY,
            keys TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE item (
            table_name TEXT NOT NULL REFERENCES definition (name),
            hash BLOB NOT NULL,
            range BLOB NOT NULL,
            spread INTEGER NOT NULL,
            item TEXT NOT NULL,
            PRIMARY KEY (table_name, hash, range)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        ALTER TABLE definition ADD COLUMN description TEXT NOT NULL DEFAULT '{}';
        CREATE TABLE entry (
            table_name TEXT NOT NULL REFERENCES definition (name),
            index_name TEXT NOT NULL,
            hash BLOB NOT NULL,
            range BLOB NOT NULL,
            item_hash BLOB NOT NULL,
            item_range BLOB NOT NULL,
            PRIMARY KEY (table_name, index_name, hash, range, item_hash, item_range)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE token (
            token TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
    ],
};

/// What DynamoDB says before it says what.
pub(super) const INVALID: &str = "One or more parameter values were invalid";

/// Tables in a SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EmbeddedTables {
    pub(super) database: Database,
}

/// An error that is DynamoDB's `ValidationException`.
pub(super) type Checked<T> = Result<T, String>;

impl EmbeddedTables {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { database: Database::open(path, FORMAT)? })
    }

    /// Runs `work` in one transaction with the keys of a table.
    async fn with<T: Send + 'static>(
        &self,
        table: &str,
        work: impl FnOnce(&Transaction<'_>, &Definition) -> rusqlite::Result<Checked<T>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let name = table.to_owned();
        self.database
            .change(move |transaction| {
                let Some(table) = Definition::find(transaction, &name)? else {
                    return Ok(Err(Error::NoSuchTable { table: name }));
                };
                Ok(work(transaction, &table)?.map_err(Error::validation(&name)))
            })
            .await
    }
}

#[async_trait]
impl Tables for EmbeddedTables {
    async fn ensure_table(&self, table: &Table) -> Result<(), Error> {
        check_definition(table).map_err(Error::validation(&table.name))?;
        let table = table.clone();
        self.database
            .change(move |transaction| {
                if let Some(found) = Definition::find(transaction, &table.name)? {
                    return Ok(check_same_keys(&found.table, &table));
                }
                Definition::of(table).write(transaction).map(Ok)
            })
            .await
    }

    async fn describe_table(&self, table: &str) -> Result<Table, Error> {
        self.with(table, |_, table| Ok(Ok(table.table.clone()))).await
    }

    async fn put(&self, table: &str, item: &Item) -> Result<(), Error> {
        self.batch_put(table, std::slice::from_ref(item)).await
    }

    async fn put_if_absent(&self, table: &str, item: &Item) -> Result<Option<Item>, Error> {
        let item = item.clone();
        self.with(table, move |transaction, table| {
            let row = match Row::new(&table.table, item) {
                Ok(row) => row,
                Err(problem) => return Ok(Err(problem)),
            };
            let found = rows::select(transaction, &table.table.name, &row.key)?;
            if found.is_none() {
                rows::write(transaction, table, &row)?;
            }
            Ok(Ok(found))
        })
        .await
    }

    async fn update(&self, table: &str, key: &Item, attributes: &Item) -> Result<(), Error> {
        let (key, attributes) = (key.clone(), attributes.clone());
        self.with(table, move |transaction, table| {
            let found = match exact_key(&table.table, &key) {
                Ok(key) => rows::select(transaction, &table.table.name, &key)?,
                Err(problem) => return Ok(Err(problem)),
            };
            if let Some(part) = table.table.keys().find(|part| attributes.contains_key(&part.name))
            {
                let name = &part.name;
                let problem =
                    format!("Cannot update attribute {name}. This attribute is part of the key");
                return Ok(Err(format!("{INVALID}: {problem}")));
            }
            let mut item = found.unwrap_or(key);
            item.extend(attributes);
            match Row::new(&table.table, item) {
                Ok(row) => rows::write(transaction, table, &row).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, Error> {
        let key = key.clone();
        self.with(table, move |transaction, table| match exact_key(&table.table, &key) {
            Ok(key) => rows::select(transaction, &table.table.name, &key).map(Ok),
            Err(problem) => Ok(Err(problem)),
        })
        .await
    }

    async fn batch_put(&self, table: &str, items: &[Item]) -> Result<(), Error> {
        let items = items.to_vec();
        self.with(table, move |transaction, table| {
            let rows: Checked<Vec<_>> =
                items.into_iter().map(|item| Row::new(&table.table, item)).collect();
            let rows = match rows.and_then(rows::distinct) {
                Ok(rows) => rows,
                Err(problem) => return Ok(Err(problem)),
            };
            rows.iter().try_for_each(|row| rows::write(transaction, table, row)).map(Ok)
        })
        .await
    }

    async fn query(&self, query: &Query) -> Result<Page, Error> {
        let query = query.clone();
        self.with(&query.table.clone(), move |transaction, table| {
            match Selection::of_query(&table.table, &query) {
                Ok(selection) => selection.page(transaction, &table.table).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        let scan = scan.clone();
        self.with(&scan.table.clone(), move |transaction, table| {
            match Selection::of_scan(&table.table, &scan) {
                Ok(selection) => selection.page(transaction, &table.table).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn delete(&self, table: &str, key: &Item) -> Result<(), Error> {
        let key = key.clone();
        self.with(table, move |transaction, table| match exact_key(&table.table, &key) {
            Ok(key) => rows::delete(transaction, table, &key).map(Ok),
            Err(problem) => Ok(Err(problem)),
        })
        .await
    }
}
