//! What PostgreSQL can hold, and how it is spelled in COPY text.

use std::borrow::Cow;

use crate::rows::escape::escape;
use crate::rows::json;
use crate::rows::temporal::Spelling;
use crate::rows::value::{Misfit, Value};
use crate::schema::{Column, ColumnType};
use crate::target::Layout;
use crate::target::intake::{Dialect, Incoming};

use super::table::is_native;

/// The sentinel that DAP itself uses for a value that is not in an enumeration.
const UNSPECIFIED: &str = "__dap_unspecified__";

/// 4714-11-24 BC, the first day of PostgreSQL, in days since 1970. Its timestamps end after ours do.
const FIRST_DAY: i64 = -2_440_588;

/// 5874897-12-31, its last.
const LAST_DAY: i64 = 2_145_042_905;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What PostgreSQL can hold.
pub(super) struct Postgres {
    pub(super) layout: Layout,
}

impl Dialect for Postgres {
    fn reads_as<'a>(&self, column: &'a Column) -> &'a ColumnType {
        match &column.ty {
            ColumnType::Array(element) if !is_native(element) => &ColumnType::Json,
            other => other,
        }
    }

    fn fit<'a>(&self, column: &Column, value: Value<'a>) -> Result<Value<'a>, Misfit<'a>> {
        match value {
            Value::Text(text) if text.contains('\0') => Err(without_nul(&text)),
            Value::Text(text) => self.fit_enum(&column.ty, text),
            Value::Json { digest, text } if !digest.storable => Err(without_unstorable(&text)),
            Value::Timestamp(micros) if micros < FIRST_DAY * MICROS_PER_DAY => Err(Misfit::new(
                "before the first timestamp of PostgreSQL, 4714-11-24 BC",
                Value::Null,
            )),
            Value::Date(days) if !(FIRST_DAY..=LAST_DAY).contains(&days) => {
                Err(Misfit::new("outside the dates of PostgreSQL", Value::Null))
            }
            Value::Array(items) => self.fit_array(column, items),
            other => Ok(other),
        }
    }
}

impl Postgres {
    /// Layout `instructure` has closed types for closed lists.
    fn fit_enum<'a>(&self, ty: &ColumnType, text: Cow<'a, str>) -> Result<Value<'a>, Misfit<'a>> {
        let (Layout::Instructure, ColumnType::Enum { values }) = (self.layout, ty) else {
            return Ok(Value::Text(text));
        };
        if values.iter().any(|value| *value == text) {
            return Ok(Value::Text(text));
        }
        if values.iter().any(|value| value == UNSPECIFIED) {
            let reason = format!("not in the enumeration; {UNSPECIFIED} stands for it");
            return Err(Misfit::new(reason, Value::Text(UNSPECIFIED.into())));
        }
        Err(Misfit::new("not in the enumeration", Value::Null))
    }

    fn fit_array<'a>(
        &self,
        column: &Column,
        items: Vec<Value<'a>>,
    ) -> Result<Value<'a>, Misfit<'a>> {
        let ColumnType::Array(element) = &column.ty else { return Ok(Value::Array(items)) };
        let element = Column { ty: (**element).clone(), ..column.clone() };
        let mut reason = None;
        let mut fit_item = |item| {
            self.fit(&element, item).unwrap_or_else(|misfit| {
                reason = Some(format!("an element is {}", misfit.reason));
                misfit.nearest
            })
        };
        let items = Value::Array(items.into_iter().map(&mut fit_item).collect());
        match reason {
            None => Ok(items),
            Some(reason) => Err(Misfit::new(reason, items)),
        }
    }
}

fn without_nul<'a>(text: &str) -> Misfit<'a> {
    let rest = text.replace('\0', "");
    Misfit::new("text holds NUL, which PostgreSQL cannot; left out", Value::Text(rest.into()))
}

fn without_unstorable<'a>(text: &str) -> Misfit<'a> {
    let rest = json::without_unstorable(text);
    let reason = "JSON holds \\u0000 or half a surrogate pair, which jsonb cannot; left out";
    let value =
        json::digest(&rest).map_or(Value::Null, |digest| Value::Json { text: rest.into(), digest });
    Misfit::new(reason, value)
}

/// True if a text is longer than its column is declared: the column is then widened.
pub(super) fn is_too_long(ty: &ColumnType, value: &Value<'_>) -> bool {
    match (ty, value) {
        (ColumnType::Text { max_length: Some(max) }, Value::Text(text)) => {
            let max = *max as usize;
            text.len() > max && text.chars().count() > max
        }
        (ColumnType::Array(element), Value::Array(items)) => {
            items.iter().any(|item| is_too_long(element, item))
        }
        _ => false,
    }
}

/// Appends a value as a field of COPY text. Fields pass as delivered where PostgreSQL reads them alike.
pub(super) fn write(incoming: &Incoming<'_>, out: &mut Vec<u8>) {
    match (&incoming.value, incoming.field) {
        (Value::Null, _) => out.extend_from_slice(b"\\N"),
        (Value::Boolean(it), _) => out.push(if *it { b't' } else { b'f' }),
        (
            Value::Timestamp(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Interval(_)
            | Value::Uuid(_),
            _,
        ) => {
            incoming.value.write(Spelling::Postgres, out);
        }
        (Value::Array(items), _) => {
            let mut literal = Vec::new();
            write_array(items, &mut literal);
            escape(&literal, out);
        }
        (_, Some(field)) => out.extend_from_slice(field),
        (value, None) => {
            let mut text = Vec::new();
            value.write(Spelling::Postgres, &mut text);
            escape(&text, out);
        }
    }
}

/// `{"a","b",NULL}`: every element in quotes, so that none is taken for syntax.
pub(super) fn write_array(items: &[Value<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_element(item, out);
    }
    out.push(b'}');
}

fn write_element(item: &Value<'_>, out: &mut Vec<u8>) {
    if *item == Value::Null {
        return out.extend_from_slice(b"NULL");
    }
    let mut text = Vec::new();
    item.write(Spelling::Postgres, &mut text);
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::temporal::read_date;

    #[test]
    fn dates_begin_and_end_where_those_of_postgresql_do() {
        assert_eq!(read_date("4714-11-24 BC"), Some(FIRST_DAY));
        assert_eq!(read_date("5874897-12-31"), Some(LAST_DAY));
    }

    #[test]
    fn array_elements_are_never_taken_for_syntax() {
        let texts = ["a,b", "{}", "NULL", "\"", "\\", ""];
        let items: Vec<Value<'_>> =
            texts.iter().map(|it| Value::Text((*it).into())).chain([Value::Null]).collect();
        let mut out = Vec::new();
        write_array(&items, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a,b","{}","NULL","\"","\\","",NULL}"#);
    }
}
