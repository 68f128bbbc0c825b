//! Tables in a SQLite file, held to DynamoDB's own rules and error messages.
//!
//! They differ from DynamoDB in this: nothing is throttled; numbers are given back without exponent; a batch is written whole or
//! not at all; a page counts the bytes of an item's JSON, not of its values.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter};
use sha2::{Digest as _, Sha256};

use super::number::Number;
use super::value::{check_item, normalized};
use super::{
    AttributeValue, Error, Item, KeyAttribute, KeyKind, Page, Query, RangeCondition, Scan, Table,
    Tables, check_same_keys,
};
use crate::sqlite::{Database, Format};

const FORMAT: Format = Format {
    name: "a file of tables",
    application_id: 0x5357_4431, // "SWD1"
    migrations: &["
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
    "],
};

/// Of one answer. Source: DynamoDB API reference, `Query` and `Scan`.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas".
const HASH_BYTES_MAX: usize = 2048;
const RANGE_BYTES_MAX: usize = 1024;

const TOTAL_SEGMENTS_MAX: u32 = 1_000_000;

/// What DynamoDB says before it says what.
const INVALID: &str = "One or more parameter values were invalid";
const NOT_THE_KEY: &str = "The provided key element does not match the schema";

/// Tables in a SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EmbeddedTables {
    database: Database,
}

/// An error that is DynamoDB's `ValidationException`.
type Checked<T> = Result<T, String>;

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
        work: impl FnOnce(&Transaction<'_>, &Table) -> rusqlite::Result<Checked<T>> + Send + 'static,
    ) -> Result<T, Error> {
        let name = table.to_owned();
        self.database
            .change(move |transaction| {
                let Some(table) = find(transaction, &name)? else {
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
                if let Some(found) = find(transaction, &table.name)? {
                    return Ok(check_same_keys(&found, &table));
                }
                let keys = serde_json::to_string(&table).expect("a table is JSON");
                transaction
                    .execute("INSERT INTO definition VALUES (?1, ?2)", params![table.name, keys])?;
                Ok(Ok(()))
            })
            .await
    }

    async fn describe_table(&self, table: &str) -> Result<Table, Error> {
        self.with(table, |_, table| Ok(Ok(table.clone()))).await
    }

    async fn put(&self, table: &str, item: &Item) -> Result<(), Error> {
        self.batch_put(table, std::slice::from_ref(item)).await
    }

    async fn put_if_absent(&self, table: &str, item: &Item) -> Result<Option<Item>, Error> {
        let item = item.clone();
        self.with(table, move |transaction, table| {
            let row = match Row::new(table, item) {
                Ok(row) => row,
                Err(problem) => return Ok(Err(problem)),
            };
            let found = select(transaction, table, &row.key)?;
            if found.is_none() {
                write(transaction, table, &row)?;
            }
            Ok(Ok(found))
        })
        .await
    }

    async fn update(&self, table: &str, key: &Item, attributes: &Item) -> Result<(), Error> {
        let (key, attributes) = (key.clone(), attributes.clone());
        self.with(table, move |transaction, table| {
            let found = match exact_key(table, &key) {
                Ok(key) => select(transaction, table, &key)?,
                Err(problem) => return Ok(Err(problem)),
            };
            if let Some(part) = table.keys().find(|part| attributes.contains_key(&part.name)) {
                let name = &part.name;
                let problem =
                    format!("Cannot update attribute {name}. This attribute is part of the key");
                return Ok(Err(format!("{INVALID}: {problem}")));
            }
            let mut item = found.unwrap_or(key);
            item.extend(attributes);
            match Row::new(table, item) {
                Ok(row) => write(transaction, table, &row).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, Error> {
        let key = key.clone();
        self.with(table, move |transaction, table| match exact_key(table, &key) {
            Ok(key) => select(transaction, table, &key).map(Ok),
            Err(problem) => Ok(Err(problem)),
        })
        .await
    }

    async fn batch_put(&self, table: &str, items: &[Item]) -> Result<(), Error> {
        let items = items.to_vec();
        self.with(table, move |transaction, table| {
            let rows: Checked<Vec<_>> =
                items.into_iter().map(|item| Row::new(table, item)).collect();
            let rows = match rows.and_then(distinct) {
                Ok(rows) => rows,
                Err(problem) => return Ok(Err(problem)),
            };
            rows.iter().try_for_each(|row| write(transaction, table, row)).map(Ok)
        })
        .await
    }

    async fn query(&self, query: &Query) -> Result<Page, Error> {
        let query = query.clone();
        self.with(&query.table.clone(), move |transaction, table| {
            match Selection::of_query(table, &query) {
                Ok(selection) => selection.page(transaction, table).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        let scan = scan.clone();
        self.with(&scan.table.clone(), move |transaction, table| {
            match Selection::of_scan(table, &scan) {
                Ok(selection) => selection.page(transaction, table).map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        })
        .await
    }

    async fn delete(&self, table: &str, key: &Item) -> Result<(), Error> {
        let key = key.clone();
        self.with(table, move |transaction, table| {
            let Key { hash, range } = match exact_key(table, &key) {
                Ok(key) => key,
                Err(problem) => return Ok(Err(problem)),
            };
            let sql = "DELETE FROM item WHERE table_name = ?1 AND hash = ?2 AND range = ?3";
            transaction.execute(sql, params![table.name, hash, range])?;
            Ok(Ok(()))
        })
        .await
    }
}

/// A key in bytes whose order is that of the values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    hash: Vec<u8>,
    /// Empty where the table has no sort key.
    range: Vec<u8>,
}

/// An item that can be written.
struct Row {
    key: Key,
    item: String,
}

impl Row {
    fn new(table: &Table, item: Item) -> Checked<Self> {
        check_item(&item)?;
        let part = |part: &KeyAttribute, max| {
            let missing = || format!("{INVALID}: Missing the key {} in the item", part.name);
            key_bytes(part, item.get(&part.name).ok_or_else(missing)?, max)
        };
        let hash = part(&table.hash, HASH_BYTES_MAX)?;
        let range = table.range.as_ref().map(|range| part(range, RANGE_BYTES_MAX)).transpose()?;
        let item = serde_json::to_string(&normalized(item)).expect("an item is JSON");
        Ok(Self { key: Key { hash, range: range.unwrap_or_default() }, item })
    }
}

/// The key in a request, which has these attributes and no others.
fn exact_key(table: &Table, key: &Item) -> Checked<Key> {
    if key.len() != table.keys().count() {
        return Err(NOT_THE_KEY.to_owned());
    }
    let part = |part: &KeyAttribute, max| match key.get(&part.name) {
        Some(value) if value.type_name() == format!("{:?}", part.kind) => {
            key_bytes(part, value, max)
        }
        _ => Err(NOT_THE_KEY.to_owned()),
    };
    let hash = part(&table.hash, HASH_BYTES_MAX)?;
    let range = table.range.as_ref().map(|range| part(range, RANGE_BYTES_MAX)).transpose()?;
    Ok(Key { hash, range: range.unwrap_or_default() })
}

/// A value as part of a key.
fn key_bytes(part: &KeyAttribute, value: &AttributeValue, max: usize) -> Checked<Vec<u8>> {
    let name = &part.name;
    let bytes = match (part.kind, value) {
        (KeyKind::S, AttributeValue::S(text)) => text.as_bytes().to_vec(),
        (KeyKind::B, AttributeValue::B(bytes)) => bytes.clone(),
        (KeyKind::N, AttributeValue::N(text)) => {
            return Ok(Number::parse(text)?.sort_key().to_vec());
        }
        (kind, value) => {
            let actual = value.type_name();
            return Err(format!(
                "{INVALID}: Type mismatch for key {name} expected: {kind:?} actual: {actual}"
            ));
        }
    };
    if bytes.is_empty() {
        let kind = if part.kind == KeyKind::S { "string" } else { "binary" };
        return Err(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
        ));
    }
    if bytes.len() > max {
        return Err(format!(
            "{INVALID}: Size of key {name} has exceeded the maximum size limit of {max} bytes"
        ));
    }
    Ok(bytes)
}

fn distinct(rows: Vec<Row>) -> Checked<Vec<Row>> {
    let mut keys: Vec<_> = rows.iter().map(|row| &row.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("Provided list of item keys contains duplicates".to_owned());
    }
    Ok(rows)
}

/// Source: DynamoDB API reference, `CreateTable`.
fn check_definition(table: &Table) -> Checked<()> {
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

fn find(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Table>> {
    let sql = "SELECT keys FROM definition WHERE name = ?1";
    let read = |row: &rusqlite::Row<'_>| from_json(row, 0);
    transaction.prepare_cached(sql)?.query_row([name], read).optional()
}

fn select(
    transaction: &Transaction<'_>,
    table: &Table,
    key: &Key,
) -> rusqlite::Result<Option<Item>> {
    let sql = "SELECT item FROM item WHERE table_name = ?1 AND hash = ?2 AND range = ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    statement
        .query_row(params![table.name, key.hash, key.range], |row| from_json(row, 0))
        .optional()
}

fn write(transaction: &Transaction<'_>, table: &Table, row: &Row) -> rusqlite::Result<()> {
    let sql = "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (table_name, hash, range) DO UPDATE SET item = excluded.item";
    let Key { hash, range } = &row.key;
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute(params![table.name, hash, range, spread(hash), row.item]).map(drop)
}

/// Of a partition key, evenly over all numbers of 31 bits.
fn spread(hash: &[u8]) -> u32 {
    let digest = Sha256::digest(hash);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1
}

fn from_json<T: serde::de::DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, error.into())
    })
}

/// Which rows of a table, in which order, and how many.
struct Selection {
    conditions: Vec<&'static str>,
    values: Vec<Sql>,
    descending: bool,
    limit: usize,
}

impl Selection {
    fn of_query(table: &Table, query: &Query) -> Checked<Self> {
        let (name, value) = &query.partition;
        if *name != table.hash.name {
            let missing = &table.hash.name;
            return Err(format!("Query condition missed key schema element: {missing}"));
        }
        let mut selection = Self::new(query.limit, query.descending)?;
        let hash = condition_bytes(&table.hash, value, HASH_BYTES_MAX)?;
        selection.add("hash = ?", [hash]);
        if let Some((name, condition)) = &query.range {
            let range = table.range.as_ref().filter(|range| range.name == *name);
            let range = range.ok_or_else(|| {
                format!("Query key condition not supported: `{name}` is not the sort key")
            })?;
            selection.add_range(range, condition)?;
        }
        if let Some(start) = &query.start {
            let key = start_key(table, start)?;
            let behind = if query.descending { "range < ?" } else { "range > ?" };
            selection.add(behind, [key.range]);
        }
        Ok(selection)
    }

    fn of_scan(table: &Table, scan: &Scan) -> Checked<Self> {
        let mut selection = Self::new(scan.limit, false)?;
        if let Some(segment) = scan.segment {
            if !(1..=TOTAL_SEGMENTS_MAX).contains(&segment.total) || segment.number >= segment.total
            {
                return Err("The Segment parameter is zero-based and must be less than parameter TotalSegments, which is 1 to 1000000".to_owned());
            }
            selection.conditions.push("spread % ? = ?");
            let numbers = [segment.total, segment.number];
            selection.values.extend(numbers.map(|number| Sql::Integer(number.into())));
        }
        if let Some(start) = &scan.start {
            let Key { hash, range } = start_key(table, start)?;
            selection.add("(hash, range) > (?, ?)", [hash, range]);
        }
        Ok(selection)
    }

    fn new(limit: Option<usize>, descending: bool) -> Checked<Self> {
        if limit == Some(0) {
            return Err("Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1".to_owned());
        }
        let limit = limit.unwrap_or(usize::MAX);
        Ok(Self { conditions: Vec::new(), values: Vec::new(), descending, limit })
    }

    fn add(&mut self, condition: &'static str, values: impl IntoIterator<Item = Vec<u8>>) {
        self.conditions.push(condition);
        self.values.extend(values.into_iter().map(Sql::Blob));
    }

    fn add_range(&mut self, range: &KeyAttribute, condition: &RangeCondition) -> Checked<()> {
        let bytes = |value| condition_bytes(range, value, RANGE_BYTES_MAX);
        match condition {
            RangeCondition::Equal(value) => self.add("range = ?", [bytes(value)?]),
            RangeCondition::Below(value) => self.add("range < ?", [bytes(value)?]),
            RangeCondition::AtMost(value) => self.add("range <= ?", [bytes(value)?]),
            RangeCondition::AtLeast(value) => self.add("range >= ?", [bytes(value)?]),
            RangeCondition::Above(value) => self.add("range > ?", [bytes(value)?]),
            RangeCondition::Between(low, high) => {
                let (low, high) = (bytes(low)?, bytes(high)?);
                if low > high {
                    return Err("Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound".to_owned());
                }
                self.add("range BETWEEN ? AND ?", [low, high]);
            }
            RangeCondition::BeginsWith(_) if range.kind == KeyKind::N => {
                return Err("Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N".to_owned());
            }
            RangeCondition::BeginsWith(value) => {
                let prefix = bytes(value)?;
                self.add("range >= ?", [prefix.clone()]);
                self.add("substr(range, 1, length(?)) = ?", [prefix.clone(), prefix]);
            }
        }
        Ok(())
    }

    /// The rows from the start, until the limit or the size of a page.
    fn page(self, transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<Page> {
        let direction = if self.descending { "DESC" } else { "ASC" };
        let conditions = [&["table_name = ?"][..], &self.conditions].concat().join(" AND ");
        let sql = format!(
            "SELECT item FROM item WHERE {conditions} ORDER BY hash {direction}, range {direction}"
        );
        let mut statement = transaction.prepare_cached(&sql)?;
        let values = std::iter::once(Sql::Text(table.name.clone())).chain(self.values);
        let mut rows = statement.query(params_from_iter(values))?;
        let (mut page, mut bytes) = (Page::default(), 0);
        while let Some(row) = rows.next()? {
            bytes += row.get_ref(0)?.as_str()?.len();
            page.items.push(from_json(row, 0)?);
            if page.items.len() == self.limit || bytes >= PAGE_BYTES_MAX {
                page.last_key = page.items.last().map(|item| table.key_of(item));
                break;
            }
        }
        Ok(page)
    }
}

/// A value that a key is compared with.
fn condition_bytes(part: &KeyAttribute, value: &AttributeValue, max: usize) -> Checked<Vec<u8>> {
    if value.type_name() != format!("{:?}", part.kind) {
        return Err(format!("{INVALID}: Condition parameter type does not match schema type"));
    }
    key_bytes(part, value, max)
}

fn start_key(table: &Table, start: &Item) -> Checked<Key> {
    exact_key(table, start).map_err(|_| "The provided starting key is invalid".to_owned())
}
