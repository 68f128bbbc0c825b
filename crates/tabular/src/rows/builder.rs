//! One column in the making. Every cell makes it longer by one, also one that does not fit: it leaves a null.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Float64Builder, Int32Builder, Int64Builder, ListArray, NullBufferBuilder, StringBuilder,
    StructArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Cell, json, number, temporal};
use crate::ColumnType;
use crate::column::{UTC, item_field};

pub(super) enum Builder {
    String(StringBuilder),
    Json(StringBuilder),
    Boolean(BooleanBuilder),
    Int(Int32Builder),
    Bigint(Int64Builder),
    Double(Float64Builder),
    Decimal { values: Decimal128Builder, precision: u8, scale: i8 },
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Binary(BinaryBuilder),
    List(Box<ListBuilder>),
    Struct(StructBuilder),
}

pub(super) struct ListBuilder {
    items: Builder,
    item_type: DataType,
    lengths: Vec<usize>,
    validity: NullBufferBuilder,
}

pub(super) struct StructBuilder {
    names: Vec<String>,
    children: Vec<Builder>,
    fields: Fields,
    validity: NullBufferBuilder,
}

/// Appends what was made of a cell, or a null.
macro_rules! append {
    ($values:expr, $made:expr) => {
        match $made {
            Ok(value) => {
                $values.append_value(value);
                Ok(())
            }
            Err(reason) => {
                $values.append_null();
                Err(reason)
            }
        }
    };
}

impl Builder {
    pub(super) fn new(kind: &ColumnType) -> Self {
        match kind {
            ColumnType::String => Self::String(StringBuilder::new()),
            ColumnType::Json => Self::Json(StringBuilder::new()),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Int => Self::Int(Int32Builder::new()),
            ColumnType::Bigint => Self::Bigint(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Decimal { precision, scale } => Self::Decimal {
                values: Decimal128Builder::new().with_data_type(kind.to_arrow()),
                precision: *precision,
                scale: *scale,
            },
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone(UTC))
            }
            ColumnType::Binary => Self::Binary(BinaryBuilder::new()),
            ColumnType::Array(items) => Self::List(Box::new(ListBuilder {
                items: Self::new(items),
                item_type: items.to_arrow(),
                lengths: Vec::new(),
                validity: NullBufferBuilder::new(0),
            })),
            ColumnType::Struct(fields) => {
                let DataType::Struct(arrow) = kind.to_arrow() else {
                    unreachable!("a struct is one")
                };
                Self::Struct(StructBuilder {
                    names: fields.iter().map(|(name, _)| name.clone()).collect(),
                    children: fields.iter().map(|(_, kind)| Self::new(kind)).collect(),
                    fields: arrow,
                    validity: NullBufferBuilder::new(0),
                })
            }
        }
    }

    /// Appends a cell; a null in its place and the reason, if it does not fit.
    pub(super) fn append(&mut self, cell: Cell<'_>) -> Result<(), String> {
        if let Cell::Null = cell {
            self.append_null();
            return Ok(());
        }
        match self {
            Self::String(values) => match cell {
                Cell::Text(text) | Cell::Number(text) => {
                    values.append_value(text);
                    Ok(())
                }
                Cell::Bool(value) => {
                    values.append_value(if value { "true" } else { "false" });
                    Ok(())
                }
                other => {
                    values.append_null();
                    Err(format!("{} is no text", other.what()))
                }
            },
            Self::Json(values) => append!(values, json_text(cell)),
            Self::Boolean(values) => append!(values, boolean(cell)),
            Self::Int(values) => {
                let small = |value: i64| {
                    i32::try_from(value)
                        .map_err(|_| format!("`{value}` is no whole number of 32 bits"))
                };
                append!(values, digits(cell).and_then(number::integer).and_then(small))
            }
            Self::Bigint(values) => append!(values, digits(cell).and_then(number::integer)),
            Self::Double(values) => append!(values, digits(cell).and_then(double)),
            Self::Decimal { values, precision, scale } => {
                append!(
                    values,
                    digits(cell).and_then(|text| number::decimal(text, *precision, *scale))
                )
            }
            Self::Date(values) => append!(values, words(cell).and_then(temporal::date)),
            Self::Timestamp(values) => append!(values, words(cell).and_then(temporal::timestamp)),
            Self::Binary(values) => append!(values, bytes(cell)),
            Self::List(list) => list.append(cell),
            Self::Struct(fields) => fields.append(cell),
        }
    }

    /// Appends a JSON value.
    pub(super) fn append_raw(&mut self, raw: &str) -> Result<(), String> {
        match raw.as_bytes().first() {
            Some(b'n') => self.append(Cell::Null),
            _ if matches!(self, Self::Json(_)) => self.append(Cell::Json(raw)),
            Some(b't') => self.append(Cell::Bool(true)),
            Some(b'f') => self.append(Cell::Bool(false)),
            Some(b'{' | b'[') => self.append(Cell::Json(raw)),
            Some(b'"') => match json::string(raw) {
                Ok(text) => self.append(Cell::Text(&text)),
                Err(reason) => {
                    self.append_null();
                    Err(reason)
                }
            },
            _ => self.append(Cell::Number(raw)),
        }
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::String(values) | Self::Json(values) => values.append_null(),
            Self::Boolean(values) => values.append_null(),
            Self::Int(values) => values.append_null(),
            Self::Bigint(values) => values.append_null(),
            Self::Double(values) => values.append_null(),
            Self::Decimal { values, .. } => values.append_null(),
            Self::Date(values) => values.append_null(),
            Self::Timestamp(values) => values.append_null(),
            Self::Binary(values) => values.append_null(),
            Self::List(list) => list.append_null(),
            Self::Struct(fields) => fields.append_null(),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::String(values) | Self::Json(values) => Arc::new(values.finish()),
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::Int(values) => Arc::new(values.finish()),
            Self::Bigint(values) => Arc::new(values.finish()),
            Self::Double(values) => Arc::new(values.finish()),
            Self::Decimal { values, .. } => Arc::new(values.finish()),
            Self::Date(values) => Arc::new(values.finish()),
            Self::Timestamp(values) => Arc::new(values.finish()),
            Self::Binary(values) => Arc::new(values.finish()),
            Self::List(list) => list.finish(),
            Self::Struct(fields) => fields.finish(),
        }
    }
}

impl ListBuilder {
    fn append(&mut self, cell: Cell<'_>) -> Result<(), String> {
        let items = match cell {
            Cell::Json(raw) | Cell::Text(raw) if raw.trim_start().starts_with('[') => {
                json::items(raw).map_err(|error| format!("the array cannot be read: {error}"))
            }
            other => Err(format!("{} is no array", other.what())),
        };
        let items = match items {
            Ok(items) => items,
            Err(reason) => {
                self.append_null();
                return Err(reason);
            }
        };
        self.lengths.push(items.len());
        self.validity.append_non_null();
        let appended = items.iter().map(|item| self.items.append_raw(item.get()));
        // Every item is appended, whatever is wrong with one before it.
        appended.fold(Ok(()), Result::and)
    }

    fn append_null(&mut self) {
        self.lengths.push(0);
        self.validity.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths));
        let (items, validity) = (self.items.finish(), self.validity.finish());
        Arc::new(ListArray::new(item_field(self.item_type.clone()), offsets, items, validity))
    }
}

impl StructBuilder {
    fn append(&mut self, cell: Cell<'_>) -> Result<(), String> {
        let object = match cell {
            Cell::Json(raw) | Cell::Text(raw) if raw.trim_start().starts_with('{') => raw,
            other => {
                self.append_null();
                return Err(format!("{} is no object", other.what()));
            }
        };
        let mut values: Vec<Option<&str>> = vec![None; self.names.len()];
        let read = json::members(object, |name, value| {
            if let Some(index) = self.names.iter().position(|known| known == name) {
                values[index] = Some(value);
            }
        });
        self.validity.append_non_null();
        let mut outcome = read.map_err(|error| format!("the object cannot be read: {error}"));
        for ((child, value), name) in self.children.iter_mut().zip(values).zip(&self.names) {
            let appended = child.append_raw(value.unwrap_or("null"));
            outcome = outcome.and(appended.map_err(|reason| format!("`{name}`: {reason}")));
        }
        outcome
    }

    fn append_null(&mut self) {
        self.children.iter_mut().for_each(Builder::append_null);
        self.validity.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        let children: Vec<_> = self.children.iter_mut().map(Builder::finish).collect();
        let length = children.first().map_or(0, Array::len);
        debug_assert!(children.iter().all(|child| child.len() == length));
        Arc::new(StructArray::new(self.fields.clone(), children, self.validity.finish()))
    }
}

fn json_text(cell: Cell<'_>) -> Result<String, String> {
    match cell {
        Cell::Json(raw) | Cell::Text(raw) | Cell::Number(raw) => {
            json::canonical(raw).map_err(|error| format!("it is no JSON: {error}"))
        }
        Cell::Bool(value) => Ok(value.to_string()),
        other => Err(format!("{} is no JSON", other.what())),
    }
}

fn boolean(cell: Cell<'_>) -> Result<bool, String> {
    match cell {
        Cell::Bool(value) => Ok(value),
        Cell::Text("true" | "TRUE" | "True" | "t" | "1") | Cell::Number("1") => Ok(true),
        Cell::Text("false" | "FALSE" | "False" | "f" | "0") | Cell::Number("0") => Ok(false),
        other => Err(format!("{} is neither true nor false", other.what())),
    }
}

fn bytes(cell: Cell<'_>) -> Result<Vec<u8>, String> {
    match cell {
        Cell::Bytes(bytes) => Ok(bytes.to_owned()),
        Cell::Text(text) => {
            STANDARD.decode(text).map_err(|error| format!("it is no base64: {error}"))
        }
        other => Err(format!("{} is no base64", other.what())),
    }
}

fn digits(cell: Cell<'_>) -> Result<&str, String> {
    match cell {
        Cell::Number(text) | Cell::Text(text) => Ok(text),
        other => Err(format!("{} is no number", other.what())),
    }
}

fn words(cell: Cell<'_>) -> Result<&str, String> {
    match cell {
        Cell::Text(text) => Ok(text),
        other => Err(format!("{} is no time", other.what())),
    }
}

fn double(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    // `Infinity` is one; 1e400 is not.
    let is_too_large = number.is_infinite() && text.bytes().any(|it| it.is_ascii_digit());
    if is_too_large { Err(format!("`{text}` is too large for a double")) } else { Ok(number) }
}
