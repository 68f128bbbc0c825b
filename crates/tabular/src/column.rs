//! Columns as people declare them: `amount decimal(18,2) not null from totals.amount`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// The time zone of all timestamps.
pub(crate) const UTC: &str = "UTC";

/// A declared column: `name type`, then `not null` and `from path` where they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// `not null`: a row without a value is rejected.
    pub required: bool,
    /// Where the value stands in a nested record, if not under the name: `address.city`.
    pub path: Option<String>,
}

/// What a column holds, spelled as Glue and Athena spell it; `json` is JSON in a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Bigint,
    /// A binary fraction of 64 bits.
    Double,
    /// An exact number: all digits, and those behind the point.
    Decimal {
        /// At most 38.
        precision: u8,
        /// At most as many as the precision.
        scale: i8,
    },
    /// A day.
    Date,
    /// An instant, in microseconds of UTC.
    Timestamp,
    /// Bytes.
    Binary,
    /// A JSON value as canonical text: keys in order, no spaces, numbers as they are spelled.
    Json,
    /// `array<int>`
    Array(Box<ColumnType>),
    /// `struct<city:string,zip:string>`
    Struct(Vec<(String, ColumnType)>),
}

impl Column {
    /// A column that may be empty and has the name of its field.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self { name: name.into(), kind, required: false, path: None }
    }

    /// The same column, which may not be empty.
    #[must_use]
    pub fn not_null(self) -> Self {
        Self { required: true, ..self }
    }

    /// Where the value stands in a record.
    pub fn place(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.name)
    }
}

impl ColumnType {
    /// The type in Arrow.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::String | Self::Json => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Self::Binary => DataType::Binary,
            Self::Array(items) => DataType::List(item_field(items.to_arrow())),
            Self::Struct(fields) => DataType::Struct(
                fields.iter().map(|(name, kind)| Field::new(name, kind.to_arrow(), true)).collect(),
            ),
        }
    }

    /// The type that holds what this Arrow type holds; none for one that no lake knows (`uint64`, unions).
    pub fn of_arrow(kind: &DataType) -> Option<Self> {
        Some(match kind {
            // Text can also hold times of the day, and a column of nulls alone.
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Null
            | DataType::Time32(_)
            | DataType::Time64(_) => Self::String,
            DataType::Boolean => Self::Boolean,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 => Self::Bigint,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Double,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
                Self::Decimal { precision: *p, scale: *s }
            }
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Binary,
            DataType::List(item) | DataType::LargeList(item) => {
                Self::Array(Box::new(Self::of_arrow(item.data_type())?))
            }
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Some((field.name().clone(), Self::of_arrow(field.data_type())?)))
                    .collect::<Option<_>>()?,
            ),
            DataType::Dictionary(_, value) => Self::of_arrow(value)?,
            _ => return None,
        })
    }

    /// The type as Glue and Athena spell it: [`Self::Json`] is a string there.
    pub fn glue(&self) -> String {
        match self {
            Self::Json => "string".to_owned(),
            Self::Array(items) => format!("array<{}>", items.glue()),
            Self::Struct(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, kind)| format!("{name}:{}", kind.glue())).collect();
                format!("struct<{}>", fields.join(","))
            }
            other => other.to_string(),
        }
    }
}

/// The field of a list's items.
pub(crate) fn item_field(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(kind, true))
}

/// The columns in Arrow. All of them may be null there: `not null` is checked row by row.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<_> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.kind.to_arrow(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Boolean => f.write_str("boolean"),
            Self::Int => f.write_str("int"),
            Self::Bigint => f.write_str("bigint"),
            Self::Double => f.write_str("double"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Binary => f.write_str("binary"),
            Self::Json => f.write_str("json"),
            Self::Array(items) => write!(f, "array<{items}>"),
            Self::Struct(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, kind)| format!("{name}:{kind}")).collect();
                write!(f, "struct<{}>", fields.join(","))
            }
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)?;
        if self.required {
            f.write_str(" not null")?;
        }
        self.path.as_ref().map_or(Ok(()), |path| write!(f, " from {path}"))
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    /// # Errors
    /// [`Error::Wrong`] that names the types there are.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut rest = text;
        let kind = parse(&mut rest).filter(|_| rest.trim().is_empty());
        kind.ok_or_else(|| {
            Error::Wrong(format!(
                "`{text}` is no type of a column; there are string, boolean, int, bigint, double, decimal(18,2), date, \
                 timestamp, binary, json, array<…> and struct<name:…>"
            ))
        })
    }
}

/// Takes a type off the beginning of `rest`.
fn parse(rest: &mut &str) -> Option<ColumnType> {
    let trimmed = rest.trim_start();
    let end = trimmed.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(trimmed.len());
    let (word, after) = trimmed.split_at(end);
    *rest = after;
    Some(match word.to_ascii_lowercase().as_str() {
        "string" => ColumnType::String,
        "boolean" => ColumnType::Boolean,
        "int" => ColumnType::Int,
        "bigint" => ColumnType::Bigint,
        "double" => ColumnType::Double,
        "date" => ColumnType::Date,
        "timestamp" => ColumnType::Timestamp,
        "binary" => ColumnType::Binary,
        "json" => ColumnType::Json,
        "decimal" => parse_decimal(rest)?,
        "array" => {
            take(rest, '<')?;
            let items = parse(rest)?;
            take(rest, '>')?;
            ColumnType::Array(Box::new(items))
        }
        "struct" => parse_struct(rest)?,
        _ => return None,
    })
}

fn parse_decimal(rest: &mut &str) -> Option<ColumnType> {
    take(rest, '(')?;
    let (inside, after) = rest.split_once(')')?;
    *rest = after;
    let (precision, scale) = inside.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let fits = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    fits.then_some(ColumnType::Decimal { precision, scale })
}

fn parse_struct(rest: &mut &str) -> Option<ColumnType> {
    take(rest, '<')?;
    let mut fields: Vec<(String, ColumnType)> = Vec::new();
    loop {
        let (name, after) = rest.split_once(':')?;
        *rest = after;
        let name = name.trim().to_owned();
        if name.is_empty() || fields.iter().any(|(other, _)| *other == name) {
            return None;
        }
        fields.push((name, parse(rest)?));
        if take(rest, ',').is_none() {
            take(rest, '>')?;
            return Some(ColumnType::Struct(fields));
        }
    }
}

fn take(rest: &mut &str, wanted: char) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(wanted)?;
    Some(())
}

impl FromStr for Column {
    type Err = Error;

    /// # Errors
    /// [`Error::Wrong`] with the form that is expected.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Wrong(format!(
                "`{text}` is no column; write `name type`, for instance `amount decimal(18,2)`, then `not null` and \
                 `from path.in.the.record` where they are needed"
            ))
        };
        let (name, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (rest, path) = match rest.split_once(" from ") {
            Some((rest, path)) => (rest, Some(path.trim().to_owned())),
            None => (rest, None),
        };
        let rest = rest.trim();
        let (kind, required) = match rest.strip_suffix("not null") {
            Some(kind) => (kind.trim_end(), true),
            None => (rest, false),
        };
        if kind.is_empty() || path.as_ref().is_some_and(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), kind: kind.parse()?, required, path })
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_as_it_is_shown() {
        for text in [
            "id string",
            "amount decimal(18,2) not null",
            "city string from address.city",
            "tags array<string>",
            "seen timestamp not null from meta.seen",
            "address struct<city:string,geo:struct<lat:double,lon:double>>",
            "lines array<struct<sku:string,price:decimal(10,4)>>",
        ] {
            let column: Column = text.parse().unwrap();
            assert_eq!(column.to_string(), text);
            assert_eq!(
                ColumnType::of_arrow(&column.kind.to_arrow()).map(|kind| kind.glue()),
                Some(column.kind.glue())
            );
        }
        assert_eq!(
            " a   Decimal( 5 , 2 ) ".parse::<Column>().unwrap().to_string(),
            "a decimal(5,2)"
        );
    }

    #[test]
    fn what_is_no_column_is_refused() {
        for text in [
            "",
            "id",
            "id varchar",
            "a decimal",
            "a decimal(39,2)",
            "a decimal(5,6)",
            "a decimal(5,-1)",
            "a array<>",
            "a array<int",
            "a struct<>",
            "a struct<b:int,b:int>",
            "a int b",
            "a int from ",
            "a not null",
        ] {
            assert!(text.parse::<Column>().is_err(), "{text}");
        }
    }
}
