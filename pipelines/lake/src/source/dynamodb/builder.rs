//! Columns while they grow: [`Cell`]s in, Arrow arrays out. Appending cannot fail, because a cell was made for its
//! column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBufferBuilder, BooleanBuilder, Date32Builder,
    Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, ListArray, StringBuilder,
    StructArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};

use super::cell::Cell;

/// One column.
pub(super) enum Builder {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    List { item: FieldRef, offsets: Vec<i32>, valid: BooleanBufferBuilder, items: Box<Builder> },
    Struct { fields: Fields, valid: BooleanBufferBuilder, members: Vec<Builder> },
}

impl Builder {
    /// A builder of a type that [`super::cell::Member::of`] took.
    pub(super) fn of(field: &Field) -> Self {
        match field.data_type() {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int32 => Self::Int(Int32Builder::new()),
            DataType::Int64 => Self::BigInt(Int64Builder::new()),
            DataType::Float64 => Self::Double(Float64Builder::new()),
            kind @ DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(kind.clone()))
            }
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            kind @ DataType::Timestamp(..) => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(kind.clone()))
            }
            DataType::List(item) => Self::List {
                item: item.clone(),
                offsets: vec![0],
                valid: BooleanBufferBuilder::new(0),
                items: Box::new(Self::of(item)),
            },
            DataType::Struct(fields) => Self::Struct {
                fields: fields.clone(),
                valid: BooleanBufferBuilder::new(0),
                members: fields.iter().map(|it| Self::of(it)).collect(),
            },
            other => unreachable!("a column of {other} is refused when a dataset is opened"),
        }
    }

    pub(super) fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(value),
            (Self::Int(builder), Cell::Int(value)) => builder.append_value(value),
            (Self::BigInt(builder), Cell::BigInt(value)) => builder.append_value(value),
            (Self::Double(builder), Cell::Double(value)) => builder.append_value(value),
            (Self::Decimal(builder), Cell::Decimal(value)) => builder.append_value(value),
            (Self::Binary(builder), Cell::Binary(value)) => builder.append_value(value),
            (Self::Date(builder), Cell::Date(value)) => builder.append_value(value),
            (Self::Timestamp(builder), Cell::Timestamp(value)) => builder.append_value(value),
            (Self::List { offsets, valid, items, .. }, Cell::List(cells)) => {
                valid.append(true);
                let start = offsets.last().copied().unwrap_or_default();
                offsets
                    .push(start + i32::try_from(cells.len()).expect("a record has at most 400 KB"));
                for it in cells {
                    items.append(it);
                }
            }
            (Self::Struct { valid, members, .. }, Cell::Struct(cells)) => {
                valid.append(true);
                members.iter_mut().zip(cells).for_each(|(member, it)| member.append(it));
            }
            (builder, Cell::Null) => builder.append_null(),
            (_, cell) => unreachable!("{cell:?} was made for another column"),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::BigInt(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::List { offsets, valid, .. } => {
                valid.append(false);
                offsets.push(offsets.last().copied().unwrap_or_default());
            }
            Self::Struct { valid, members, .. } => {
                valid.append(false);
                members.iter_mut().for_each(Self::append_null);
            }
        }
    }

    /// The rows so far; the builder is empty again.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List { item, offsets, valid, items } => {
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                let nulls = NullBuffer::new(valid.finish());
                Arc::new(ListArray::new(item.clone(), offsets, items.finish(), Some(nulls)))
            }
            Self::Struct { fields, valid, members } => {
                let members = members.iter_mut().map(Self::finish).collect();
                Arc::new(StructArray::new(
                    fields.clone(),
                    members,
                    Some(NullBuffer::new(valid.finish())),
                ))
            }
        }
    }
}
