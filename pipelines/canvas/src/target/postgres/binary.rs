//! Reading rows out of the database in COPY's binary format: nothing is printed for us, and nothing parsed.
//!
//! What is not worth a reader of its own (numeric, interval, inet), and every column whose type in the database is
//! not the one that its schema lets expect, comes as text and is read as a delivered field is.
//!
//! Source: PostgreSQL, "COPY, Binary Format"; the send functions of its types.

use std::borrow::Cow;

use futures_util::TryStreamExt;
use tokio_postgres::types::{Kind, Type};

use super::session::Session;
use super::table::Table;
use super::values::Postgres;
use crate::rows::digest::{Digest, RowHasher};
use crate::rows::value::{self, Value};
use crate::schema::{Column, ColumnType};
use crate::target::TargetError;
use crate::target::intake::Dialect;

/// What a file begins with: the signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Rows are read once so much has come in.
const BYTES_READ_AT_ONCE: usize = 256 << 10;

/// PostgreSQL counts from the year 2000.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// How the values of a column come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Boolean,
    Integer,
    Float,
    Timestamp,
    Date,
    Time,
    Uuid,
    Text,
    /// Text after a version number.
    Jsonb,
}

impl Wire {
    /// `None` where text has to be asked for.
    fn of(ty: &ColumnType, sent: &Type) -> Option<Self> {
        Some(match (ty, sent) {
            (ColumnType::Boolean, &Type::BOOL) => Self::Boolean,
            (
                ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64,
                &(Type::INT2 | Type::INT4 | Type::INT8),
            ) => Self::Integer,
            (ColumnType::Float32 | ColumnType::Float64, &(Type::FLOAT4 | Type::FLOAT8)) => {
                Self::Float
            }
            (ColumnType::Timestamp, &Type::TIMESTAMP) => Self::Timestamp,
            (ColumnType::Date, &Type::DATE) => Self::Date,
            (ColumnType::Time, &Type::TIME) => Self::Time,
            (ColumnType::Uuid, &Type::UUID) => Self::Uuid,
            (_, &Type::JSONB) => Self::Jsonb,
            (_, &(Type::TEXT | Type::VARCHAR | Type::JSON)) => Self::Text,
            (_, sent) if matches!(sent.kind(), Kind::Enum(_)) => Self::Text,
            _ => return None,
        })
    }
}

/// Reads rows of one table.
pub(super) struct RowReader<'a> {
    session: &'a Session,
    table: &'a Table,
    dialect: Postgres,
    selected: String,
    wires: Vec<Wire>,
    hasher: RowHasher,
}

impl<'a> RowReader<'a> {
    /// `expressions` are the values of the table's columns as DAP spells them, `from` is what follows `FROM`.
    pub(super) async fn new(
        session: &'a Session,
        table: &'a Table,
        mut expressions: Vec<String>,
        from: &str,
    ) -> Result<Self, TargetError> {
        let probe = format!("SELECT {} FROM {from}", expressions.join(", "));
        let sent = session.column_types("reading rows", &probe).await?;
        let mut wires = Vec::with_capacity(sent.len());
        for ((column, expression), sent) in table.columns.iter().zip(&mut expressions).zip(&sent) {
            wires.push(Wire::of(&column.ty, sent).unwrap_or_else(|| {
                *expression = format!("({expression})::text");
                Wire::Text
            }));
        }
        let keys = table.keys().len();
        Ok(Self {
            session,
            table,
            dialect: Postgres { layout: table.layout },
            selected: expressions.join(", "),
            wires,
            hasher: RowHasher::new(keys),
        })
    }

    /// Adds the rows to the digest.
    pub(super) async fn read(
        &mut self,
        from: &str,
        digest: &mut Digest,
    ) -> Result<(), TargetError> {
        let sql = format!("COPY (SELECT {} FROM {from}) TO STDOUT (FORMAT binary)", self.selected);
        let mut stream = std::pin::pin!(self.session.copy_out(&sql).await?);
        let session = self.session;
        let mut bytes = Vec::with_capacity(2 * BYTES_READ_AT_ONCE);
        let mut begun = false;
        while let Some(chunk) =
            stream.try_next().await.map_err(|error| session.explain("reading rows", &error))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= BYTES_READ_AT_ONCE {
                let read = self.rows(&bytes, &mut begun, digest)?;
                bytes.drain(..read);
            }
        }
        let read = self.rows(&bytes, &mut begun, digest)?;
        if begun && bytes[read..] == END { Ok(()) } else { Err(self.damaged("the rows end early")) }
    }

    /// Adds all rows that are whole, and gives how many bytes they are.
    fn rows(
        &mut self,
        bytes: &[u8],
        begun: &mut bool,
        digest: &mut Digest,
    ) -> Result<usize, TargetError> {
        let mut rest = bytes;
        if !*begun {
            rest = bytes.strip_prefix(HEADER).ok_or_else(|| {
                self.damaged("its rows do not begin as COPY's binary format does")
            })?;
            *begun = true;
        }
        while let Some(after) = self.row(rest)? {
            digest.add(self.hasher.finish());
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Hashes the first row, and gives what follows it; `None` if it is not whole, or the last was read.
    fn row<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, TargetError> {
        let Some((count, mut rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if *count == END {
            return Ok(None);
        }
        if usize::from(u16::from_be_bytes(*count)) != self.wires.len() {
            return Err(self.damaged("a row has another number of columns"));
        }
        for (column, wire) in self.table.columns.iter().zip(&self.wires) {
            let Some((field, after)) = field(rest) else {
                self.hasher.clear();
                return Ok(None);
            };
            let value = match field {
                None => Value::Null,
                Some(field) => read_value(&self.dialect, column, *wire, field)
                    .ok_or_else(|| self.damaged("a value has another length than its type"))?,
            };
            self.hasher.value(&value);
            rest = after;
        }
        Ok(Some(rest))
    }

    fn damaged(&self, cause: &str) -> TargetError {
        TargetError::Damaged { place: self.table.name.to_string(), cause: cause.to_owned() }
    }
}

/// Where a row would say how many fields it has.
const END: [u8; 2] = [0xff; 2];

/// A field, null if it is one, and what follows it. `None` if it is not whole.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Err(_) => Some((None, rest)),
        Ok(length) => rest.split_at_checked(length).map(|(field, rest)| (Some(field), rest)),
    }
}

/// `None` if the field does not have the length of its type.
fn read_value<'a>(
    dialect: &Postgres,
    column: &Column,
    wire: Wire,
    field: &'a [u8],
) -> Option<Value<'a>> {
    Some(match wire {
        Wire::Boolean => Value::Boolean(field == [1]),
        Wire::Integer => Value::Integer(integer(field)?),
        Wire::Float => Value::Float(float(&column.ty, field)?),
        Wire::Timestamp => instant(i64::from_be_bytes(field.try_into().ok()?)),
        Wire::Date => Value::Date(
            i64::from(i32::from_be_bytes(field.try_into().ok()?)) + i64::from(EPOCH_DAYS),
        ),
        Wire::Time => Value::Time(i64::from_be_bytes(field.try_into().ok()?)),
        Wire::Uuid => Value::Uuid(field.try_into().ok()?),
        Wire::Text => text(dialect, column, field),
        Wire::Jsonb => text(dialect, column, field.strip_prefix(&[1])?),
    })
}

fn integer(field: &[u8]) -> Option<i64> {
    Some(match field.len() {
        2 => i16::from_be_bytes(field.try_into().ok()?).into(),
        4 => i32::from_be_bytes(field.try_into().ok()?).into(),
        _ => i64::from_be_bytes(field.try_into().ok()?),
    })
}

/// As precise as the schema says, whatever the column could hold.
fn float(ty: &ColumnType, field: &[u8]) -> Option<f64> {
    let value = match field.len() {
        4 => f32::from_be_bytes(field.try_into().ok()?).into(),
        _ => f64::from_be_bytes(field.try_into().ok()?),
    };
    Some(if *ty == ColumnType::Float32 { f64::from(value as f32) } else { value })
}

/// The infinities, which DAP never delivers, are no instants.
fn instant(micros: i64) -> Value<'static> {
    match micros.checked_add(EPOCH_MICROS) {
        Some(micros) if micros > i64::MIN + EPOCH_MICROS => Value::Timestamp(micros),
        _ => Value::Text("infinity".into()),
    }
}

/// What is no value of its type was never delivered, and equals nothing that was.
fn text<'a>(dialect: &Postgres, column: &Column, field: &'a [u8]) -> Value<'a> {
    match value::read(dialect.reads_as(column), Cow::Borrowed(field)) {
        Ok(value) => value,
        Err(_) => Value::Text(String::from_utf8_lossy(field)),
    }
}
