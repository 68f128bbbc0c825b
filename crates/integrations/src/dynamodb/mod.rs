//! Tables with the semantics of DynamoDB: items by a partition key and, where there is one, a sort key.
//!
//! Reads are consistent: what was written is read, by everybody, once the write has returned. Writes of one item are all or
//! nothing; those of several are not one.
//!
//! [`EmbeddedDynamoDb`] serves the protocol of DynamoDB over the same file, with expressions, indexes and transactions.

mod aws;
mod embedded;
mod expression;
mod number;
mod service;
mod value;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::aws::{CallError, Service};

pub use aws::AwsTables;
pub use embedded::EmbeddedTables;
pub use service::{EmbeddedDynamoDb, FACTS};
pub use value::{AttributeValue, ITEM_BYTES_MAX, Item};

/// For operations that [`Tables`] does not have.
pub const SERVICE: Service = Service {
    id: "DynamoDB",
    signing_name: "dynamodb",
    target_prefix: "DynamoDB_20120810",
    json_version: "1.0",
};

/// The tables of one account and region, or of one file.
#[async_trait]
pub trait Tables: fmt::Debug + Send + Sync {
    /// Makes a table that is paid by request, unless it is there, and waits until it can be used. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::OtherKeys`] if there is one with other keys; [`Error::Validation`].
    async fn ensure_table(&self, table: &Table) -> Result<(), Error>;

    /// The keys of a table.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]
    async fn describe_table(&self, table: &str) -> Result<Table, Error>;

    /// Writes an item in the place of the one with its key. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::NoSuchTable`]
    async fn put(&self, table: &str, item: &Item) -> Result<(), Error>;

    /// Writes an item unless there is one with its key, which is returned instead.
    ///
    /// After a lost answer the item that is returned may be the one that this very call has written.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::NoSuchTable`]
    async fn put_if_absent(&self, table: &str, item: &Item) -> Result<Option<Item>, Error>;

    /// Sets attributes of an item and leaves its others; makes the item if it is not there. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Validation`], also if an attribute is part of the key; [`Error::NoSuchTable`].
    async fn update(&self, table: &str, key: &Item, attributes: &Item) -> Result<(), Error>;

    /// The item with a key, as it is now.
    ///
    /// # Errors
    /// [`Error::Validation`] if the key is not the table's; [`Error::NoSuchTable`].
    async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, Error>;

    /// Writes any number of items, each as [`Tables::put`]; no two may have one key. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::NoSuchTable`]. Some may be written; writing all again is harmless.
    async fn batch_put(&self, table: &str, items: &[Item]) -> Result<(), Error>;

    /// Items of one partition key, in the order of their sort keys: one page.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::NoSuchTable`]
    async fn query(&self, query: &Query) -> Result<Page, Error>;

    /// Any items, in no order: one page.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::NoSuchTable`]
    async fn scan(&self, scan: &Scan) -> Result<Page, Error>;

    /// Deletes the item with a key; none is there afterwards. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Validation`] if the key is not the table's; [`Error::NoSuchTable`].
    async fn delete(&self, table: &str, key: &Item) -> Result<(), Error>;

    /// All pages of a query, up to its limit.
    ///
    /// # Errors
    /// As [`Tables::query`].
    async fn query_all(&self, query: &Query) -> Result<Vec<Item>, Error> {
        let (mut items, mut query) = (Vec::new(), query.clone());
        loop {
            let page = self.query(&query).await?;
            query.limit = query.limit.map(|limit| limit - page.items.len().min(limit));
            items.extend(page.items);
            query.start = page.last_key;
            if query.start.is_none() || query.limit == Some(0) {
                return Ok(items);
            }
        }
    }
}

/// A table and its keys.
///
/// Kept as `{"name": "orders", "hash": {"name": "pk", "kind": "S"}, "range": {"name": "sk", "kind": "N"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// 3 to 255 letters, digits, `_`, `.` and `-`; on AWS also an ARN, except for making one.
    pub name: String,
    /// The partition key.
    pub hash: KeyAttribute,
    /// The sort key.
    pub range: Option<KeyAttribute>,
}

impl Table {
    fn keys(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// The key of an item that has one.
    fn key_of(&self, item: &Item) -> Item {
        let part = |key: &KeyAttribute| Some((key.name.clone(), item.get(&key.name)?.clone()));
        self.keys().filter_map(part).collect()
    }
}

/// An attribute that is part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: KeyKind,
}

impl KeyAttribute {
    /// A text.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: KeyKind::S }
    }

    /// A number.
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: KeyKind::N }
    }
}

/// The types that keys can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyKind {
    /// Text.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
}

/// Which items of a partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: String,
    /// The partition key, name and value.
    pub partition: (String, AttributeValue),
    /// What holds for the sort key, by its name.
    pub range: Option<(String, RangeCondition)>,
    /// The largest sort key first.
    pub descending: bool,
    /// Items at most; at least 1.
    pub limit: Option<usize>,
    /// Goes on behind this key, the [`Page::last_key`] of the page before.
    pub start: Option<Item>,
}

impl Query {
    /// All items of a partition key, the smallest sort key first.
    pub fn new(table: impl Into<String>, name: impl Into<String>, value: AttributeValue) -> Self {
        let partition = (name.into(), value);
        Self {
            table: table.into(),
            partition,
            range: None,
            descending: false,
            limit: None,
            start: None,
        }
    }
}

/// What holds for a sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeCondition {
    /// `= x`
    Equal(AttributeValue),
    /// `< x`
    Below(AttributeValue),
    /// `<= x`
    AtMost(AttributeValue),
    /// `>= x`
    AtLeast(AttributeValue),
    /// `> x`
    Above(AttributeValue),
    /// `BETWEEN x AND y`, both included.
    Between(AttributeValue, AttributeValue),
    /// `begins_with(x)`, for text and bytes.
    BeginsWith(AttributeValue),
}

/// Which page of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The table.
    pub table: String,
    /// A share of the table, so that several readers read all of it.
    pub segment: Option<Segment>,
    /// Items at most; at least 1.
    pub limit: Option<usize>,
    /// Goes on behind this key, the [`Page::last_key`] of the page before.
    pub start: Option<Item>,
}

/// One share of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Counted from 0.
    pub number: u32,
    /// 1 to 1,000,000.
    pub total: u32,
}

/// One page of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// As many as fit into 1 MB, perhaps none.
    pub items: Vec<Item>,
    /// Where the next page starts; without it this was the last.
    pub last_key: Option<Item>,
}

/// What a table can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `ResourceNotFoundException`: there is no such table.
    #[error(
        "there is no table `{table}` in this account and region; create it or correct its name"
    )]
    NoSuchTable {
        /// As it was named.
        table: String,
    },
    /// The table has other keys than it is asked for with.
    #[error("table `{table}` has the keys {found}, not {expected}; name another table")]
    OtherKeys {
        /// Its name.
        table: String,
        /// `pk (S), sk (N)`
        found: String,
        /// The same.
        expected: String,
    },
    /// `ValidationException`: an item, a key or a condition that DynamoDB does not take; nothing was written.
    #[error("table `{table}` does not take it: {message}")]
    Validation {
        /// Its name.
        table: String,
        /// DynamoDB's own words.
        message: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The embedded file could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::NoSuchTable { .. } | Self::OtherKeys { .. } | Self::Validation { .. } => false,
        }
    }

    /// For what DynamoDB says to a request on a table.
    fn validation(table: &str) -> impl Fn(String) -> Self {
        move |message| Self::Validation { table: table.to_owned(), message }
    }
}

/// A table that was there already.
fn check_same_keys(found: &Table, expected: &Table) -> Result<(), Error> {
    if found.hash == expected.hash && found.range == expected.range {
        return Ok(());
    }
    let told = |table: &Table| {
        let keys = table.keys().map(|key| format!("{} ({:?})", key.name, key.kind));
        keys.collect::<Vec<_>>().join(", ")
    };
    Err(Error::OtherKeys {
        table: expected.name.clone(),
        found: told(found),
        expected: told(expected),
    })
}
