//! What a table of the source looks like at one schema version: its columns, their types, and how values are drawn.
//!
//! How a schema reads in JSON is [`super::schema_json`]'s business, how values come about [`super::generate`]'s.

use serde_json::Value;

use super::recipe::Recipe;

/// One table at one schema version.
#[derive(Debug, Clone)]
pub(crate) struct TableSchema {
    pub(crate) version: u32,
    pub(crate) title: String,
    pub(crate) key: Column,
    pub(crate) columns: Vec<Column>,
}

impl TableSchema {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// One column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Never null.
    pub(crate) required: bool,
    /// What rows hold that were written before the column was there.
    pub(crate) default: Option<Value>,
    /// Rows that were written before the column was there, or was of this type, hold a value of it all the same.
    pub(crate) filled: bool,
    pub(crate) description: Option<String>,
    pub(crate) recipe: Recipe,
    /// Tells the draws of this column from those of its neighbours.
    pub(crate) salt: u64,
}

/// The types that a DAP schema can express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// `number` without a format: catalog's decimals.
    Number,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Text {
        max_length: Option<usize>,
    },
    /// Text that gives way to `__dap_oversized_truncated__` when it is too large.
    Oversizable {
        max_length: Option<usize>,
    },
    Timestamp,
    Date,
    Time,
    Duration,
    Uuid,
    Ipv4,
    Ipv6,
    Inet,
    /// A closed list; the sentinel `__dap_unspecified__` is its first member unless the list is bare.
    Enum(Vec<String>),
    IntEnum(Vec<i64>),
    OpenEnum(Vec<String>),
    Array(Box<Kind>),
    Object(Vec<Field>),
    Json,
}

/// A member of a nested object; always optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Stands for a value that is not (yet) in an enumeration.
pub(crate) const UNSPECIFIED: &str = "__dap_unspecified__";

/// Stands for a text that was too large to deliver.
pub(crate) const OVERSIZED: &str = "__dap_oversized_truncated__";
