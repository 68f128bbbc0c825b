//! How values are kept in SQLite.
//!
//! | DAP | SQLite |
//! | --- | --- |
//! | integers | INTEGER |
//! | boolean | INTEGER, 0 or 1, declared BOOLEAN |
//! | float32, float64 | REAL; `NaN`, `Infinity` and `-Infinity` as text, since SQLite turns NaN into null |
//! | decimal | TEXT, exactly as delivered |
//! | date-time, date, time, duration | TEXT, ISO 8601; date-times in UTC with `Z` |
//! | array, object | TEXT, JSON as delivered |
//! | all others | TEXT |

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::rows::temporal::Spelling;
use crate::rows::value::{self, Misfit, Value};
use crate::schema::{Column, ColumnType};
use crate::target::intake::Dialect;

/// SQLite holds every value of every type.
pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn reads_as<'a>(&self, column: &'a Column) -> &'a ColumnType {
        match &column.ty {
            ColumnType::Array(_) => &ColumnType::Json,
            other => other,
        }
    }

    fn fit<'a>(&self, _column: &Column, value: Value<'a>) -> Result<Value<'a>, Misfit<'a>> {
        Ok(value)
    }
}

/// The declared type. Its affinity decides what SQLite converts on the way in.
pub(super) fn declared(ty: &ColumnType) -> &'static str {
    match ty {
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => "INTEGER",
        ColumnType::Float32 | ColumnType::Float64 => "REAL",
        _ => "TEXT",
    }
}

/// A value as a parameter.
pub(super) struct Parameter<'a>(pub(super) Value<'a>);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match &self.0 {
            Value::Null => borrowed(ValueRef::Null),
            Value::Boolean(it) => borrowed(ValueRef::Integer(i64::from(*it))),
            Value::Integer(it) => borrowed(ValueRef::Integer(*it)),
            Value::Float(it) if it.is_finite() => borrowed(ValueRef::Real(*it)),
            Value::Text(text) | Value::Decimal(text) | Value::Json { text, .. } => {
                borrowed(ValueRef::Text(text.as_bytes()))
            }
            other => written(other).into(),
        })
    }
}

fn borrowed(value: ValueRef<'_>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(value)
}

fn written(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    value.write(Spelling::Iso, &mut out);
    String::from_utf8(out).expect("values are written as UTF-8")
}

/// Reads a value back.
pub(super) fn read<'a>(column: &Column, stored: ValueRef<'a>) -> Value<'a> {
    match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) if column.ty == ColumnType::Boolean => Value::Boolean(it != 0),
        ValueRef::Integer(it) => Value::Integer(it),
        ValueRef::Real(it) => Value::Float(it),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            let value = value::read(Sqlite.reads_as(column), text.into());
            value.unwrap_or_else(|misfit| misfit.nearest)
        }
    }
}
