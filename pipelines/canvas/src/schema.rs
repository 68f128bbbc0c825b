//! The schema of a table as DAP describes it, read into what a replica needs to know.

pub mod parse;

/// One table at one schema version.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    /// For instance `canvas`.
    pub namespace: String,
    /// For instance `users`.
    pub table: String,
    /// Rises by one or more with every change.
    pub version: i64,
    /// `title` of the table.
    pub title: Option<String>,
    /// `description` of the table.
    pub description: Option<String>,
    /// Key column first, then the value columns in the schema's order.
    pub columns: Vec<Column>,
    /// The schema document as DAP sent it.
    pub document: serde_json::Value,
}

impl TableSchema {
    /// Whether a column is an object with fixed members, which the mode `expanded` takes apart.
    pub fn has_nested_objects(&self) -> bool {
        fn fixed(schema: &serde_json::Value) -> bool {
            schema.get("properties").is_some()
                || schema.get("$ref").is_some()
                || schema.get("oneOf").and_then(|it| it.as_array()).into_iter().flatten().any(fixed)
        }
        let value = self.document.pointer("/properties/value/properties");
        let columns = value.and_then(|columns| columns.as_object());
        // The flat form is old enough for nothing to be known of it.
        columns.is_none_or(|columns| columns.values().any(fixed))
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// The bare name: `id`, not `key.id`.
    pub name: String,
    /// True for the column from the `key` section.
    pub key: bool,
    /// Its type.
    pub ty: ColumnType,
    /// True if it stands in `required`: never null.
    pub required: bool,
    /// The `default` of a column that was added as required.
    pub default: Option<serde_json::Value>,
    /// `title`, else `description`.
    pub description: Option<String>,
}

/// The types that a DAP schema can express.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ColumnType {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Text {
        max_length: Option<u32>,
    },
    /// `date-time`, UTC.
    Timestamp,
    Date,
    Time,
    Duration,
    Uuid,
    /// `ipv4`, `ipv6` or either.
    Inet,
    /// Closed enumeration.
    Enum {
        values: Vec<String>,
    },
    /// `oneOf [enum, string]`: values outside the list are legal.
    OpenEnum {
        values: Vec<String>,
        max_length: Option<u32>,
    },
    Array(Box<ColumnType>),
    /// Nested object or free-form JSON.
    Json,
}
