//! Items as rows, with the entries that indexes have of them.

use rusqlite::{OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::super::number::Number;
use super::super::value::{check_item, normalized};
use super::super::{AttributeValue, Item, KeyAttribute, KeyKind, Table};
use super::{Checked, Definition, INVALID, Index};

/// Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas".
pub(super) const HASH_BYTES_MAX: usize = 2048;
pub(super) const RANGE_BYTES_MAX: usize = 1024;

const NOT_THE_KEY: &str = "The provided key element does not match the schema";

/// A key in bytes whose order is that of the values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dynamodb) struct Key {
    pub(in crate::dynamodb) hash: Vec<u8>,
    /// Empty where the table has no sort key.
    pub(in crate::dynamodb) range: Vec<u8>,
}

/// An item that can be written.
pub(in crate::dynamodb) struct Row {
    pub(in crate::dynamodb) key: Key,
    /// As it is read back.
    pub(in crate::dynamodb) item: Item,
}

impl Row {
    pub(in crate::dynamodb) fn new(table: &Table, item: Item) -> Checked<Self> {
        check_item(&item)?;
        let part = |part: &KeyAttribute, max| {
            let missing = || format!("{INVALID}: Missing the key {} in the item", part.name);
            key_bytes(part, item.get(&part.name).ok_or_else(missing)?, max)
        };
        let hash = part(&table.hash, HASH_BYTES_MAX)?;
        let range = table.range.as_ref().map(|range| part(range, RANGE_BYTES_MAX)).transpose()?;
        Ok(Self { key: Key { hash, range: range.unwrap_or_default() }, item: normalized(item) })
    }
}

/// The key in a request, which has these attributes and no others.
pub(in crate::dynamodb) fn exact_key(table: &Table, key: &Item) -> Checked<Key> {
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
pub(super) fn key_bytes(
    part: &KeyAttribute,
    value: &AttributeValue,
    max: usize,
) -> Checked<Vec<u8>> {
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

pub(super) fn distinct(rows: Vec<Row>) -> Checked<Vec<Row>> {
    let mut keys: Vec<_> = rows.iter().map(|row| &row.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("Provided list of item keys contains duplicates".to_owned());
    }
    Ok(rows)
}

pub(in crate::dynamodb) fn select(
    transaction: &Transaction<'_>,
    table: &str,
    key: &Key,
) -> rusqlite::Result<Option<Item>> {
    let sql = "SELECT item FROM item WHERE table_name = ?1 AND hash = ?2 AND range = ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.query_row(params![table, key.hash, key.range], |row| from_json(row, 0)).optional()
}

/// Writes an item in the place of the one with its key.
pub(in crate::dynamodb) fn write(
    transaction: &Transaction<'_>,
    table: &Definition,
    row: &Row,
) -> rusqlite::Result<()> {
    forget(transaction, table, &row.key)?;
    let sql = "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (table_name, hash, range) DO UPDATE SET item = excluded.item";
    let Key { hash, range } = &row.key;
    let item = serde_json::to_string(&row.item).expect("an item is JSON");
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute(params![table.table.name, hash, range, spread(hash), item])?;
    table.indexes.iter().try_for_each(|index| add_entry(transaction, &table.table.name, index, row))
}

/// Deletes the item with a key; none is there afterwards.
pub(in crate::dynamodb) fn delete(
    transaction: &Transaction<'_>,
    table: &Definition,
    key: &Key,
) -> rusqlite::Result<()> {
    forget(transaction, table, key)?;
    let sql = "DELETE FROM item WHERE table_name = ?1 AND hash = ?2 AND range = ?3";
    transaction.execute(sql, params![table.table.name, key.hash, key.range]).map(drop)
}

/// Takes the entries of an item out of all indexes.
fn forget(transaction: &Transaction<'_>, table: &Definition, key: &Key) -> rusqlite::Result<()> {
    if table.indexes.is_empty() {
        return Ok(());
    }
    let Some(item) = select(transaction, &table.table.name, key)? else { return Ok(()) };
    let sql =
        "DELETE FROM entry WHERE table_name = ?1 AND index_name = ?2 AND hash = ?3 AND range = ?4
        AND item_hash = ?5 AND item_range = ?6";
    for index in &table.indexes {
        if let Some(Key { hash, range }) = index.key_of(&item) {
            let at = params![table.table.name, index.name(), hash, range, key.hash, key.range];
            transaction.execute(sql, at)?;
        }
    }
    Ok(())
}

fn add_entry(
    transaction: &Transaction<'_>,
    table: &str,
    index: &Index,
    row: &Row,
) -> rusqlite::Result<()> {
    let Some(Key { hash, range }) = index.key_of(&row.item) else { return Ok(()) };
    let sql = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let at = params![table, index.name(), hash, range, row.key.hash, row.key.range];
    transaction.execute(sql, at).map(drop)
}

impl Index {
    /// Where an item stands in the index; one that has not all of its attributes does not stand there.
    pub(in crate::dynamodb) fn key_of(&self, item: &Item) -> Option<Key> {
        let part = |part: &KeyAttribute, max| key_bytes(part, item.get(&part.name)?, max).ok();
        let hash = part(&self.keys.hash, HASH_BYTES_MAX)?;
        let range = match &self.keys.range {
            Some(range) => part(range, RANGE_BYTES_MAX)?,
            None => Vec::new(),
        };
        Some(Key { hash, range })
    }
}

/// Of a partition key, evenly over all numbers of 31 bits.
fn spread(hash: &[u8]) -> u32 {
    let digest = Sha256::digest(hash);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(index, kind, error.into())
    })
}
