//! One table in one layout: its names, its types, and the expressions between staged and stored values.
//!
//! | DAP | PostgreSQL |
//! | --- | --- |
//! | int16, int32, int64 | smallint, integer, bigint |
//! | float32, float64 | real, double precision |
//! | decimal | numeric(p, s) |
//! | string | character varying(n), text without a limit |
//! | date-time | timestamp without time zone, UTC |
//! | uuid, IP address, duration | uuid, inet, interval |
//! | enum | text; in layout `instructure` a type `table__column` |
//! | open enum | text; in layout `instructure` an integer that refers to the table `table__column` |
//! | array | an array; of arrays or objects jsonb |
//! | object | jsonb |

use crate::schema::{Column, ColumnType, TableSchema};
use crate::target::intake::key_count;
use crate::target::quote::{quote, quote_all};
use crate::target::{Layout, TableName};

/// stepwell's own schema.
pub(super) const OWN_SCHEMA: &str = "stepwell";

/// PostgreSQL cuts longer names.
const NAME_BYTES_MAX: usize = 63;

/// A table and how it is laid out.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) layout: Layout,
    pub(super) columns: Vec<Column>,
    keys: usize,
}

impl Table {
    pub(super) fn new(schema: &TableSchema, layout: Layout) -> Self {
        Self {
            name: TableName::of(schema),
            layout,
            columns: schema.columns.clone(),
            keys: key_count(schema),
        }
    }

    pub(super) fn of_columns(name: &TableName, columns: Vec<Column>, layout: Layout) -> Self {
        let keys = columns.iter().filter(|it| it.key).count();
        Self { name: name.clone(), layout, columns, keys }
    }

    /// The quoted name of the replica.
    pub(super) fn target(&self) -> String {
        in_schema(&self.name.namespace, &self.name.table)
    }

    /// The quoted name of the table that rows are staged in.
    pub(super) fn staging(&self) -> String {
        in_schema(OWN_SCHEMA, &self.staging_name())
    }

    pub(super) fn staging_name(&self) -> String {
        fitting(format!("load__{}__{}", self.name.namespace, self.name.table))
    }

    /// Staging tables of all namespaces share a schema, and with it the names of their indexes.
    pub(super) fn staging_key_name(&self) -> String {
        fitting(format!("key__{}__{}", self.name.namespace, self.name.table))
    }

    pub(super) fn primary_key_name(&self) -> String {
        fitting(format!("pk_{}", self.name.table))
    }

    pub(super) fn keys(&self) -> &[Column] {
        &self.columns[..self.keys]
    }

    pub(super) fn values(&self) -> &[Column] {
        &self.columns[self.keys..]
    }

    /// The quoted key columns.
    pub(super) fn key_list(&self) -> String {
        quote_all("", self.keys().iter().map(|it| it.name.as_str()))
    }

    /// The quoted columns.
    pub(super) fn column_list(&self) -> String {
        quote_all("", self.columns.iter().map(|it| it.name.as_str()))
    }

    /// `t` and `s` are the same row.
    pub(super) fn same_key(&self) -> String {
        let same = |column: &Column| {
            let name = quote(&column.name);
            format!("t.{name} = s.{name}")
        };
        self.keys().iter().map(same).collect::<Vec<_>>().join(" AND ")
    }

    /// The type of a column, spelled as `format_type` does.
    pub(super) fn column_type(&self, column: &Column) -> String {
        match &column.ty {
            ColumnType::Enum { .. } if self.layout == Layout::Instructure => self.enum_type(column),
            ColumnType::OpenEnum { .. } if self.layout == Layout::Instructure => {
                "integer".to_owned()
            }
            ColumnType::Array(element) if self.has_enum_elements(element) => {
                format!("{}[]", self.enum_type(column))
            }
            other => base_type(other),
        }
    }

    /// The type of a column where rows are staged to be merged: wide enough for any value.
    pub(super) fn staging_type(column: &Column) -> String {
        match &column.ty {
            ColumnType::Text { .. } => "text".to_owned(),
            ColumnType::Array(element) if matches!(**element, ColumnType::Text { .. }) => {
                "text[]".to_owned()
            }
            other => base_type(other),
        }
    }

    /// The stored value of a staged one.
    pub(super) fn stored(&self, column: &Column) -> String {
        let name = quote(&column.name);
        match &column.ty {
            ColumnType::OpenEnum { .. } if self.layout == Layout::Instructure => format!(
                "(SELECT l.\"id\" FROM {} AS l WHERE l.\"value\" = s.{name})",
                self.lookup(column)
            ),
            _ if Self::staging_type(column) == self.column_type(column) => format!("s.{name}"),
            // A column may be wider than declared: an assignment checks the length, a cast would cut.
            ColumnType::Text { .. } => format!("s.{name}"),
            ColumnType::Array(element) if matches!(**element, ColumnType::Text { .. }) => {
                format!("s.{name}")
            }
            _ => format!("s.{name}::{}", self.column_type(column)),
        }
    }

    /// The value as DAP spells it, of a column of `t`.
    pub(super) fn delivered(&self, column: &Column) -> String {
        let name = quote(&column.name);
        match &column.ty {
            ColumnType::OpenEnum { .. } if self.layout == Layout::Instructure => format!(
                "(SELECT l.\"value\" FROM {} AS l WHERE l.\"id\" = t.{name})",
                self.lookup(column)
            ),
            ColumnType::Array(element) if is_native(element) => format!("array_to_json(t.{name})"),
            _ => format!("t.{name}"),
        }
    }

    /// The value as DAP spells it, of a column of a staging table that is called `t`.
    pub(super) fn staged_as_delivered(column: &Column) -> String {
        let name = quote(&column.name);
        match &column.ty {
            ColumnType::Array(element) if is_native(element) => format!("array_to_json(t.{name})"),
            _ => format!("t.{name}"),
        }
    }

    /// Both sides of a comparison that finds every difference. Intervals are equal to PostgreSQL where
    /// they are only as long as each other.
    pub(super) fn comparable(column: &Column, expression: &str) -> String {
        match &column.ty {
            ColumnType::Duration => format!("{expression}::text"),
            ColumnType::Array(element) if matches!(**element, ColumnType::Text { .. }) => {
                format!("{expression}::text[]")
            }
            _ => expression.to_owned(),
        }
    }

    /// The quoted name of an enum type, or of the lookup table of an open enum.
    pub(super) fn enum_type(&self, column: &Column) -> String {
        in_schema(&self.name.namespace, &self.enum_name(column))
    }

    pub(super) fn enum_name(&self, column: &Column) -> String {
        fitting(format!("{}__{}", self.name.table, column.name))
    }

    fn lookup(&self, column: &Column) -> String {
        self.enum_type(column)
    }

    fn has_enum_elements(&self, element: &ColumnType) -> bool {
        self.layout == Layout::Instructure && matches!(element, ColumnType::Enum { .. })
    }
}

/// A quoted name in a schema.
pub(super) fn in_schema(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// Cuts a name that is too long, with a hash in place of what was cut.
fn fitting(name: String) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let hash = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    let kept = name.floor_char_boundary(NAME_BYTES_MAX - 18);
    format!("{}__{hash:016x}", &name[..kept])
}

/// True where an array of the type is a PostgreSQL array, not jsonb.
pub(super) fn is_native(element: &ColumnType) -> bool {
    !matches!(element, ColumnType::Array(_) | ColumnType::Json)
}

fn base_type(ty: &ColumnType) -> String {
    let name = match ty {
        ColumnType::Boolean => "boolean",
        ColumnType::Int16 => "smallint",
        ColumnType::Int32 => "integer",
        ColumnType::Int64 => "bigint",
        ColumnType::Float32 => "real",
        ColumnType::Float64 => "double precision",
        ColumnType::Decimal { precision, scale } => return format!("numeric({precision},{scale})"),
        ColumnType::Text { max_length: Some(length) } => {
            return format!("character varying({length})");
        }
        ColumnType::Text { max_length: None }
        | ColumnType::Enum { .. }
        | ColumnType::OpenEnum { .. } => "text",
        ColumnType::Timestamp => "timestamp without time zone",
        ColumnType::Date => "date",
        ColumnType::Time => "time without time zone",
        ColumnType::Duration => "interval",
        ColumnType::Uuid => "uuid",
        ColumnType::Inet => "inet",
        ColumnType::Array(element) if is_native(element) => {
            return format!("{}[]", base_type(element));
        }
        ColumnType::Array(_) | ColumnType::Json => "jsonb",
    };
    name.to_owned()
}
