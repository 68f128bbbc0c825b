//! The schema of a table as DAP describes it, read into what a replica needs to know.

use serde_json::Value;

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
    pub document: Value,
}

impl TableSchema {
    /// Whether a column is a nested object: one with fixed members, of which null ones are not delivered.
    pub fn is_nested_object(&self, column: &str) -> bool {
        let column = self.document.pointer("/properties/value/properties").map(|it| &it[column]);
        column.is_some_and(|column| self.has_fixed_members(column))
    }

    fn has_fixed_members(&self, schema: &Value) -> bool {
        let reference = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        schema.get("properties").is_some()
            || reference
                .and_then(|pointer| self.document.pointer(pointer))
                .into_iter()
                .chain(variants)
                .any(|it| self.has_fixed_members(it))
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
    pub default: Option<Value>,
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
